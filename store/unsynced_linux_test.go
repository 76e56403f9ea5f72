package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"unsafe"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// writeAt is the function that bbolt writes the state file with.
func writeAt(t *testing.T, s *Store) *func([]byte, int64) (int, error) {
	t.Helper()
	v := reflect.ValueOf(s.db).Elem().FieldByName("ops").FieldByName("writeAt")
	if !v.IsValid() {
		t.Skip("this bbolt writes otherwise")
	}
	return (*func([]byte, int64) (int, error))(unsafe.Pointer(v.UnsafeAddr()))
}

// A meta page whose sync failed is not written again by the kernel, so that a loss of power takes it
// away. Whenever that comes, the file is whole: no transaction has taken pages of the state that is
// on the disk before a newer meta page was.
func TestPowerLossAfterAFailedSync(t *testing.T) {
	for name, txBytes := range map[string]int64{"one transaction": 0, "several transactions": 256 << 10} {
		t.Run(name, func(t *testing.T) { failedSync(t, Options{TxBytesMax: txBytes}) })
	}
}

func failedSync(t *testing.T, o Options) {
	const rows = 8000
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fs := &keepFile{}
	o.FS = fs
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path, o)
	must(err)
	table := func(r *state.Roots, pages func(func(state.PageID, []byte) error) error) (*state.Arena, *state.Table) {
		a, err := state.NewArena(state.Options{})
		must(err)
		if r != nil {
			must(a.Restore(*r, pages))
		}
		sp, err := a.Space("s", state.Layout{})
		must(err)
		return a, sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 48})
	}
	value := func(i uint64, e state.Epoch) uint64 { return i*uint64(e)*0x9e3779b97f4a7c15 + 1 }
	a, tab := table(nil, nil)
	commit := func(e state.Epoch) error {
		for i := range uint64(rows) {
			r, _ := tab.Upsert(binary.LittleEndian.AppendUint64(nil, i))
			binary.LittleEndian.PutUint64(tab.MutValue(r), value(i, e))
		}
		d := a.Barrier(e)
		_, err := s.Commit(&state.Commit{Epoch: e, Generation: 1, Delta: d, Manifest: []byte("m")})
		if err != nil {
			d.Abort()
		} else {
			d.Done()
		}
		return err
	}
	for e := state.Epoch(1); e <= 4; e++ {
		must(commit(e))
	}

	// The first meta page of epoch 5 is written, and the file's descriptor is a pipe's then, which
	// cannot be synced. older is what the disk has in the page's place.
	hook := writeAt(t, s)
	real, fd := *hook, int(fs.file.Fd())
	saved, err := syscall.Dup(fd)
	must(err)
	defer syscall.Close(saved)
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	defer w.Close()
	older, olderAt := make([]byte, boltPage), int64(-1)
	*hook = func(b []byte, off int64) (int, error) {
		if off >= 2*boltPage || olderAt >= 0 {
			return real(b, off)
		}
		olderAt = off
		_, err := fs.file.ReadAt(older, off)
		must(err)
		n, err := real(b, off)
		must(syscall.Dup3(int(r.Fd()), fd, syscall.O_CLOEXEC))
		return n, err
	}
	err = commit(5)
	must(syscall.Dup3(saved, fd, syscall.O_CLOEXEC))
	*hook = real
	if err == nil {
		t.Fatal("the commit that could not be synced succeeded")
	}
	if errors.Is(err, ErrUnsynced) { // the pipeline starts anew, and goes by what is there
		must(s.Close())
		s, err = Open(path, o)
		must(err)
		hook = writeAt(t, s)
		real = *hook
		got, err := s.Load()
		must(err)
		a, tab = table(&got.Roots, s.Pages)
	}

	// The power fails before a write of the next commit, as long as the page was not written again.
	var images [][]byte
	writes, again := 0, false
	*hook = func(b []byte, off int64) (int, error) {
		if writes++; !again && (writes%8 == 0 || off < 2*boltPage) {
			image, err := os.ReadFile(path)
			must(err)
			copy(image[olderAt:], older)
			images = append(images, image)
		}
		n, err := real(b, off)
		again = again || off == olderAt
		return n, err
	}
	must(commit(6))
	*hook = real
	must(s.Close())
	if len(images) == 0 {
		t.Fatal("the power never failed")
	}
	for k, image := range images {
		after := filepath.Join(t.TempDir(), "state.db")
		must(os.WriteFile(after, image, 0o600))
		s, err := Open(after, Options{})
		if err != nil {
			t.Fatalf("image %d of %d: %v", k, len(images), err)
		}
		must(s.Check())
		got, err := s.Load()
		must(err)
		_, tab := table(&got.Roots, s.Pages)
		for i := range uint64(rows) {
			r, ok := tab.Get(binary.LittleEndian.AppendUint64(nil, i))
			if !ok || !bytes.Equal(tab.Value(r)[:8], binary.LittleEndian.AppendUint64(nil, value(i, got.Epoch))) {
				t.Fatalf("image %d of %d: row %d of epoch %d is another", k, len(images), i, got.Epoch)
			}
		}
		must(s.Close())
	}
}
