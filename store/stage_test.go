package store

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// A file is of a format that builds without staged frames refuse exactly while it has some, whatever
// commits come between, whatever fails, and whichever process ends.
func TestFormatWhileFramesAreStaged(t *testing.T) {
	fail := false
	path := filepath.Join(t.TempDir(), "state.db")
	open := func() *Store {
		s, err := Open(path, Options{NoSync: true, Failpoint: func(name string) error {
			if fail && name == "step.stage" {
				return errors.New("no room")
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	is := func(what string, want uint32) {
		t.Helper()
		err := s.view(func(tx *bolt.Tx) error {
			v, err := readFormat(tx.Bucket(bucketMeta))
			if v != want {
				t.Errorf("%s: the format is %d instead of %d", what, v, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	frames := func(from, to uint64) (out []state.OutboxFrame) {
		for n := from; n <= to; n++ {
			out = append(out, state.OutboxFrame{Output: "o", First: n, Last: n, Rows: 1, Data: make([]byte, stageBytes/2)})
		}
		return out
	}
	commit := func(e state.Epoch, frames ...state.OutboxFrame) {
		t.Helper()
		if _, err := s.Commit(&state.Commit{Epoch: e, Append: frames, Manifest: []byte("m")}); err != nil {
			t.Fatal(err)
		}
	}
	staged := frames(2, 6)
	if err := s.Stage(staged); err != nil {
		t.Fatal(err)
	}
	is("staged", formatStaged)
	commit(1, frames(1, 1)...) // of the step before
	is("a commit of what came before", formatStaged)
	more := frames(7, 8)
	fail = true
	if err := s.Stage(more); err == nil || more[0].Staged > 0 || more[0].Data == nil {
		t.Fatalf("it is not said that nothing was staged: %v", err)
	}
	fail = false
	commit(2, append(staged, more...)...)
	is("all is counted", formatVersion)
	if st, err := s.OutboxStats("o"); err != nil || st.Last != 8 || st.Bytes != 8*stageBytes/2 {
		t.Fatalf("%+v, %v", st, err)
	}
	if err := s.Stage(frames(9, 9)); err != nil {
		t.Fatal(err)
	}
	is("staged again", formatStaged)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	is("started anew", formatVersion)
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Fatal(err)
	}
}
