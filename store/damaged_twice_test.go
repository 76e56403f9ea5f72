package store

import (
	"errors"
	"path/filepath"
	"testing"
)

// Of several that find damage at the same time each is told what became of the file.
func TestDamageFoundByTwo(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "state.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var damaged *DamagedError
		if err := s.asideIf(&damage{errors.New("a page")}); !errors.As(err, &damaged) || damaged.MovedTo == "" {
			t.Fatalf("%v", err)
		}
	}
}
