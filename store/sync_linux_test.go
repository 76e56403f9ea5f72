package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"unsafe"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// keepFile opens files as the host does, and keeps the state file.
type keepFile struct {
	OS
	file *os.File
}

func (k *keepFile) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := k.OS.OpenFile(name, flag, perm)
	if filepath.Ext(name) == ".db" {
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
	write := reflect.ValueOf(s.db).Elem().FieldByName("ops").FieldByName("writeAt")
	if !write.IsValid() {
		t.Skip("this bbolt writes otherwise")
	}
	hook := (*func([]byte, int64) (int, error))(unsafe.Pointer(write.UnsafeAddr()))
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
