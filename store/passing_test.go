package store_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// tired is a file system that fails to open the state file now and then.
type tired struct {
	store.OS
	err   error
	fails int
}

func (f *tired) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if strings.HasSuffix(name, ".db") && f.fails > 0 {
		f.fails--
		return nil, &os.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.OS.OpenFile(name, flag, perm)
}

// Errors of the system say nothing of the file: it stays where it is, for a start that meets none.
func TestPassingErrorsAreNoDamage(t *testing.T) {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.EINTR} {
		d := filled(t)
		o := d.opt
		o.FS = &tired{err: e, fails: 1}
		_, err := store.Open(d.path, o)
		var damaged *store.DamagedError
		if !errors.Is(err, e) || errors.As(err, &damaged) {
			t.Errorf("%v: %v", e, err)
		}
		s, err := store.Open(d.path, d.opt)
		if err != nil {
			t.Fatalf("%v: the next start: %v", e, err)
		}
		s.Close()
	}
}

// The making of a file that a full disk or a loss of power cut short: the next start begins again.
// A file that is as short has had the name, and is damaged.
func TestUnfinishedFileIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	begun, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used, err := os.ReadFile(filled(t).path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"nothing": nil, "a byte": begun[:1], "a page": begun[:4096], "a page and more": begun[:5000], "three pages": begun[:12288],
		"zeros": make([]byte, 4096), "zeros to the end": make([]byte, 16384), "cut": used[:8192], "other bytes": []byte("other bytes"),
	} {
		fresh := newDisk(t, store.Options{})
		if err := os.MkdirAll(filepath.Dir(fresh.path), 0o700); err != nil {
			t.Fatal(err)
		}
		open := func(path string) error {
			t.Helper()
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(fresh.path, fresh.opt)
			if err != nil {
				return err
			}
			return s.Close()
		}
		unfinished := fresh.path + ".new"
		if err := open(unfinished); err != nil {
			t.Errorf("%s: not made anew: %v", name, err)
		}
		if _, err := os.Stat(unfinished); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: what was unfinished stays: %v", name, err)
		}
		var damaged *store.DamagedError
		if err := open(fresh.path); !errors.As(err, &damaged) {
			t.Errorf("%s: not damaged: %v", name, err)
		}
	}
}

// Once a damaged file is set aside, what is put in its place is another file, whether the damaged
// one is kept or not.
func TestBackupIsPutBack(t *testing.T) {
	d := filled(t)
	good, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.path, 5000); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(d.path, d.opt)
	var damaged *store.DamagedError
	if !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(damaged.MovedTo), os.WriteFile(d.path, good, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(d.path, d.opt)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// The newest savepoint is the one that was made last: epochs begin anew with a reset.
func TestNewestSavepoint(t *testing.T) {
	d := newDisk(t, store.Options{SavepointDir: filepath.Join(t.TempDir(), "sp")})
	take := func(name string, commits state.Epoch) {
		s := d.Open(t)
		a, tab := newTable(t, s)
		for e := state.Epoch(1); e <= commits; e++ {
			set(tab, 1, uint64(e))
			commit(t, s, a, &state.Commit{Epoch: e})
		}
		if _, err := store.CreateSavepoint(s, filepath.Join(d.opt.SavepointDir, name+store.SavepointSuffix)); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	take("before", 9)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(d.opt.SavepointDir, "before"+store.SavepointSuffix), long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ResetState(d.path, d.opt); err != nil {
		t.Fatal(err)
	}
	take("after", 5)
	if err := os.Truncate(d.path, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(d.path, d.opt); err == nil || !strings.Contains(err.Error(), "after"+store.SavepointSuffix) {
		t.Error(err)
	}
}

// unreadable is a disk that answers with an error, after so many bytes.
type unreadable struct{ r io.Reader }

func (u unreadable) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err == io.EOF {
		err = syscall.EIO
	}
	return n, err
}

// A savepoint that cannot be read is not taken for one that is damaged.
func TestUnreadableSavepoint(t *testing.T) {
	d := filled(t)
	s := d.Open(t)
	defer s.Close()
	var whole strings.Builder
	if _, err := s.Savepoint(&whole); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 20, whole.Len() / 2} {
		_, err := store.ReadSavepoint(unreadable{strings.NewReader(whole.String()[:n])}, store.SavepointSink{})
		if !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrSavepoint) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if _, err := store.ReadSavepoint(strings.NewReader(whole.String()[:n]), store.SavepointSink{}); !errors.Is(err, store.ErrSavepoint) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}
