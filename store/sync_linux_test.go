package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// keepFile opens files as the host does, and keeps the state file.
type keepFile struct {
	OS
	file *os.File
}

func (k *keepFile) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := k.OS.OpenFile(name, flag, perm)
	if ext := filepath.Ext(name); ext == ".db" || ext == createSuffix {
		k.file = f
	}
	return f, err
}

// A meta page that is written and cannot be synced is seen by all that comes later. The error
// says so, since what was declined by it would be there all the same.
func TestCommitThatCannotBeSynced(t *testing.T) {
	fs := &keepFile{}
	s, err := Open(filepath.Join(t.TempDir(), "state.db"), Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	commit := func(e state.Epoch) error {
		_, err := s.Commit(&state.Commit{Epoch: e, Generation: 1, Manifest: []byte("m")})
		return err
	}
	if err := commit(1); err != nil {
		t.Fatal(err)
	}
	// bbolt writes through a function of its own. After a meta page was written, the file's
	// descriptor is made a pipe's, which cannot be synced.
	hook := writeAt(t, s)
	real := *hook
	fd := int(fs.file.Fd())
	saved, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(saved)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	swap := func(to int) {
		if err := syscall.Dup3(to, fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
	}
	*hook = func(b []byte, off int64) (int, error) {
		n, err := real(b, off)
		if off < 2*4096 {
			swap(int(r.Fd()))
		}
		return n, err
	}
	err = commit(2)
	swap(saved)
	*hook = real
	if !errors.Is(err, ErrUnsynced) {
		t.Fatalf("the commit returns %v", err)
	}
	if got, err := s.Load(); err != nil || got.Epoch != 2 {
		t.Fatalf("epoch %d, %v: the test is without point when the commit is not seen", got.Epoch, err)
	}
	// Before anything is written a failure leaves nothing.
	*hook = func([]byte, int64) (int, error) { return 0, syscall.EIO }
	err = commit(3)
	*hook = real
	if err == nil || errors.Is(err, ErrUnsynced) {
		t.Fatalf("the commit returns %v", err)
	}
	if err := commit(4); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

// Damage that a commit runs into sets the file aside, and leaves no lock behind.
func TestDamageFoundByCommit(t *testing.T) {
	fs := &keepFile{}
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path, Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	frames := func(e state.Epoch) error {
		first := uint64(e)
		_, err := s.Commit(&state.Commit{Epoch: e, Generation: 1, Manifest: []byte("m"), Append: []state.OutboxFrame{{Output: "o", First: first, Last: first, Rows: 1, Data: make([]byte, 3000)}}})
		return err
	}
	for e := state.Epoch(1); e < 20; e++ {
		if err := frames(e); err != nil {
			t.Fatal(err)
		}
	}
	info, err := fs.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, 4096)
	for i := range junk {
		junk[i] = 0xfe
	}
	for off := int64(2 * 4096); off < min(info.Size(), 1<<20); off += 4096 {
		if _, err := fs.file.WriteAt(junk, off); err != nil {
			t.Fatal(err)
		}
	}
	err = frames(20)
	var damaged *DamagedError
	if !errors.As(err, &damaged) {
		t.Fatalf("the commit returns %v", err)
	}
	if _, err := os.Stat(damaged.MovedTo); err != nil {
		t.Error(err)
	}
	if err := frames(21); !errors.Is(err, ErrClosed) {
		t.Errorf("the next commit returns %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(path, Options{}); !errors.As(err, &damaged) {
		t.Errorf("a start returns %v", err)
	}
}
