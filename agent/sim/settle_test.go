package sim

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// TestDamageBesideACommit damages a frame of a real file's outbox while a commit is paused.
// Who reads it closes the store, and waits for the commit in there: the commit ends first.
func TestDamageBesideACommit(t *testing.T) {
	for seed := uint64(1); ; seed++ {
		w, err := newWorld(Options{Seed: seed}, newInput(seed))
		if err != nil {
			t.Fatal(err)
		}
		found := w.class == classDamage && w.outputMax == 0 && damagedBeside(t, w)
		if err := w.end(nil); err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
	}
}

// damagedBeside lives through a world until it can damage a frame beside a commit; it tells
// whether it could.
func damagedBeside(t *testing.T, w *world) bool {
	for range 400 {
		if err := w.turn(); err != nil {
			t.Fatal(err)
		}
		if h := w.main; h == nil || h.write == nil || w.struck {
			continue
		}
		for _, output := range w.main.engine.Outputs() {
			if !damageFrame(t, w.disk, output) {
				continue
			}
			w.struck = true
			err := w.disk.OutboxScan(output, 0, func(state.OutboxFrame) (bool, error) { return true, nil })
			if errors.Is(err, store.ErrClosed) {
				return false // the commit found it
			}
			var damaged *store.DamagedError
			if !errors.As(err, &damaged) || w.main.write != nil {
				t.Errorf("seed %d: %v", w.seed, err)
			}
			return true
		}
	}
	return false
}

// damageFrame changes the end of an output's first frame, where there is one, in the file.
func damageFrame(t *testing.T, d *disk, output string) bool {
	var frame []byte
	err := d.Store.OutboxScan(output, 0, func(f state.OutboxFrame) (bool, error) {
		frame = bytes.Clone(f.Data)
		return false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(d.file.path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, frame)
	if len(frame) == 0 || at < 0 {
		return false
	}
	f, err := os.OpenFile(d.file.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{frame[len(frame)-1] ^ 1}, int64(at+len(frame)-1))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}
