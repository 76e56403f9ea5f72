package agent

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// StateOptions say what InspectState does; none of them prints a summary.
type StateOptions struct {
	Check, Dump, Compact, Outbox bool
	// Rekey writes the file anew with the first key of StateKey, Decrypt in the clear.
	Rekey, Decrypt bool
	// StateKey is a reference to the keys of encrypted state, as in Options.
	StateKey string
}

// InspectState inspects the state of pipelines that are not running: that of one state file, or
// of all below a data folder.
func InspectState(w io.Writer, path string, o StateOptions) error {
	keys, err := StateKeys(o.StateKey)
	if err != nil {
		return err
	}
	files, err := stateFiles(path)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := inspect(w, f, keys, o); err != nil {
			return err
		}
	}
	return nil
}

// stateFiles lists the state files that a path stands for.
func stateFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	var out []string
	for _, pattern := range []string{stateFile, "*/" + stateFile, "pipelines/*/" + stateFile} {
		m, err := fs.Glob(os.DirFS(path), pattern) // a folder's own name may look like a pattern
		if err != nil {
			return nil, err
		}
		for _, file := range m {
			out = append(out, filepath.Join(path, file))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no %s below %s: name a data folder (--data of `edgeflow run`), a pipeline's folder, or the file", stateFile, path)
	}
	return out, nil
}

// loadState opens a state file and restores it into an arena.
func loadState(file string, keys *store.Keys) (*store.Store, *state.Arena, *state.Restored, *dataflow.Manifest, error) {
	st, err := store.Open(file, store.Options{SavepointDir: filepath.Join(filepath.Dir(file), savepointDir), Keys: keys})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	fail := func(err error) (*store.Store, *state.Arena, *state.Restored, *dataflow.Manifest, error) {
		st.Close()
		return nil, nil, nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	restored, err := st.Load()
	if err != nil {
		return fail(err)
	}
	arena, err := state.NewArena(state.Options{Pager: st})
	if err != nil {
		return fail(err)
	}
	m := &dataflow.Manifest{}
	if restored.Manifest != nil {
		if m, err = dataflow.DecodeManifest(restored.Manifest); err != nil {
			return fail(err)
		}
		restored.Roots.InUse = m.Pages
		if err := arena.Restore(restored.Roots, st.Pages); err != nil {
			return fail(err)
		}
	}
	return st, arena, restored, m, nil
}

func inspect(w io.Writer, file string, keys *store.Keys, o StateOptions) error {
	if o.Rekey || o.Decrypt {
		if err := changeKey(w, file, keys, o); err != nil {
			return err
		}
		if o.Decrypt {
			keys = nil
		}
	}
	st, arena, restored, m, err := loadState(file, keys)
	if err != nil {
		return err
	}
	defer st.Close()
	summarise(w, file, arena, restored, m)
	ids, err := st.Sealed()
	if err != nil {
		return err
	}
	printKeys(w, ids)
	if o.Outbox {
		if err := printOutbox(w, st, restored); err != nil {
			return err
		}
	}
	if o.Dump {
		bw := bufio.NewWriter(w)
		if err := arena.Dump(bw); err != nil {
			return err
		}
		if err := bw.Flush(); err != nil {
			return err
		}
	}
	if o.Check {
		if err := st.Check(); err != nil {
			return err
		}
		if err := arena.Check(); err != nil {
			return err
		}
		fmt.Fprintln(w, "check: ok, every page is owned once and every structure holds")
	}
	if o.Compact {
		if err := st.Compact(); err != nil {
			return err
		}
		fmt.Fprintln(w, "compacted")
	}
	return nil
}

func summarise(w io.Writer, file string, arena *state.Arena, restored *state.Restored, m *dataflow.Manifest) {
	fmt.Fprintf(w, "%s\n  pipeline %s, epoch %d, generation %d, %d bytes of state\n", file, m.Pipeline, restored.Epoch, restored.Generation, arena.Stats().Bytes)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range m.Sources {
		fmt.Fprintf(tw, "  source\t%s\tread %d\tarrival %s\n", s.Table, s.Ledger.Read, instant(s.ArrivalMs))
	}
	for _, s := range arena.Spaces() {
		fmt.Fprintf(tw, "  operator\t%s\t%s\n", s.ID(), strings.Join(s.Names(), ", "))
	}
	for _, o := range restored.Outboxes {
		fmt.Fprintf(tw, "  outbox\t%s\t%d rows\t%d bytes\n", o.Output, o.Rows, o.Bytes)
	}
	tw.Flush()
}

// printOutbox prints the rows that wait, a line each.
func printOutbox(w io.Writer, st *store.Store, restored *state.Restored) error {
	for _, o := range restored.Outboxes {
		err := st.OutboxScan(o.Output, 0, func(f state.OutboxFrame) (bool, error) {
			return true, eachEntry(f, func(seq uint64, kind, payload string) {
				fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", o.Output, seq, kind, payload)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
