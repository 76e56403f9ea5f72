package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// openStore opens the pipeline's state file, after setting it aside or filling it from a
// savepoint when told to.
func (r *runner) openStore() (*state.Restored, error) {
	if err := os.MkdirAll(r.p.dir, 0o750); err != nil {
		return nil, &configError{fmt.Errorf("--data: the pipeline's folder cannot be made: %w", err)}
	}
	path := filepath.Join(r.p.dir, stateFile)
	opts := store.Options{Logger: r.p.log, SavepointDir: filepath.Join(r.p.dir, savepointDir), Keys: r.p.agent.keys, Scope: r.p.name}
	if err := r.prepare(path, opts); err != nil {
		return nil, err
	}
	st, err := store.Open(path, opts)
	if err != nil {
		return nil, err
	}
	r.store = st
	return st.Load()
}

// sameEnds compares where each output goes on, as the manifest says, with where its outbox
// ends. An outbox that is empty has nothing else to tell that its end is right.
func sameEnds(m *dataflow.Manifest, restored *state.Restored) error {
	ends := map[string]uint64{}
	for _, o := range restored.Outboxes {
		ends[o.Output] = o.Last
	}
	for _, o := range m.Outputs {
		if ends[o.Name]+1 != o.Next {
			return fmt.Errorf("the outbox of %q ends with row %d, and the next row is %d", o.Name, ends[o.Name], o.Next)
		}
	}
	return nil
}

// prepare sets existing state aside or fills it from a savepoint, when told to, before the
// first attempt that gets so far.
func (r *runner) prepare(path string, opts store.Options) error {
	if r.p.prepared {
		return nil
	}
	if r.p.agent.opt.ResetState {
		aside, err := store.ResetState(path, opts)
		if err != nil {
			return err
		}
		if aside != "" {
			r.p.log.Warn("existing state was set aside", "file", aside)
		}
		if err := r.divertedAside(); err != nil {
			return err
		}
	}
	if from := r.p.agent.opt.FromSavepoint; from != "" {
		switch _, err := os.Stat(path); {
		case errors.Is(err, os.ErrNotExist):
			if err := restoreSavepoint(from, path, opts); err != nil {
				return &configError{fmt.Errorf("--from-savepoint %s: %w", from, err)}
			}
			if err := r.divertedAside(); err != nil {
				return err
			}
			r.p.log.Info("starting from a savepoint", "file", from)
		case err == nil:
			r.p.log.Warn("--from-savepoint is left out: there is state already, and it goes on; --reset-state sets it aside", "file", path)
		}
	}
	r.p.prepared = true
	return nil
}

// divertedAside sets the folders of dead letters and late rows aside: their rows are
// numbered by the state that was there before.
func (r *runner) divertedAside() error {
	for _, name := range []string{dataflow.DeadLetters, dataflow.LateRows} {
		path := filepath.Join(r.p.dir, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		aside := path + ".before-" + r.now().UTC().Format("20060102T150405.000Z")
		if err := os.Rename(path, aside); err != nil {
			return err
		}
		r.p.log.Warn("the folder was set aside with the state that it belongs to", "folder", aside)
	}
	return nil
}

// The names in a pipeline's folder.
const (
	stateFile    = "state.db"
	swapFile     = "state.swap"
	savepointDir = "savepoints"
)

func restoreSavepoint(from, path string, opts store.Options) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = store.RestoreSavepoint(path, f, opts)
	return err
}
