package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/store"
)

// TestSetAsideInterrupted has a process die between the mark of a damaged file and its new
// name: the next one goes on with it, and nobody begins with empty state.
func TestSetAsideInterrupted(t *testing.T) {
	d := filled(t)
	if err := os.Truncate(d.path, 10_000); err != nil {
		t.Fatal(err)
	}
	dying := d.opt
	dying.Failpoint = func(name string) error {
		if name == "aside.before-rename" {
			return failpoint.ErrInjected
		}
		return nil
	}
	if _, err := store.Open(d.path, dying); !errors.Is(err, failpoint.ErrInjected) {
		t.Fatal(err)
	}
	var damaged *store.DamagedError
	for range 2 {
		if err := useAll(d); !errors.As(err, &damaged) {
			t.Fatalf("the next start: %v", err)
		}
		if info, err := os.Stat(damaged.MovedTo); err != nil || info.Size() != 10_000 {
			t.Fatalf("what was set aside: %v %v", info, err)
		}
		if _, err := os.Stat(d.path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the damaged file is still there: %v", err)
		}
	}
}

// TestMarkOfARestoredFile has a process die between a restored file's name and the removal of
// the mark: the file is used.
func TestMarkOfARestoredFile(t *testing.T) {
	d := filled(t)
	good, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.path, 10_000); err != nil {
		t.Fatal(err)
	}
	var damaged *store.DamagedError
	if err := useAll(d); !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := useAll(d); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeftoversAreRemoved wants a start to remove what processes that died were making, and
// nothing else.
func TestLeftoversAreRemoved(t *testing.T) {
	d := filled(t)
	d.opt.SavepointDir = t.TempDir()
	gone := []string{d.path + ".compact", d.path + ".restore", d.path + ".rekey", filepath.Join(d.opt.SavepointDir, "a"+store.SavepointSuffix+".tmp")}
	kept := []string{d.path + ".reset-1", filepath.Join(d.opt.SavepointDir, "a"+store.SavepointSuffix), filepath.Join(d.opt.SavepointDir, "b.tmp")}
	for _, name := range append(gone, kept...) {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range kept {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
