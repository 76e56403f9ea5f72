package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// filled returns a closed state file with some pages and frames.
func filled(t testing.TB) *disk {
	t.Helper()
	d := newDisk(t, store.Options{})
	s := d.Open(t)
	a, tab := newTable(t, s)
	for e := state.Epoch(1); e <= 3; e++ {
		for i := range uint64(2000) {
			set(tab, i*uint64(e), i)
		}
		commit(t, s, a, &state.Commit{Epoch: e, Append: []state.OutboxFrame{{Output: "o", First: uint64(e), Last: uint64(e), Rows: 1, Data: make([]byte, 500)}}})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func newTable(t testing.TB, p state.Pager) (*state.Arena, *state.Table) {
	t.Helper()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sp, err := a.Space("op", state.Layout{})
	if err != nil {
		t.Fatal(err)
	}
	return a, sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 48})
}

func set(tab *state.Table, k, v uint64) {
	row, _ := tab.Upsert(binary.LittleEndian.AppendUint64(nil, k))
	w := tab.MutValue(row)
	binary.LittleEndian.PutUint64(w, v)
	binary.LittleEndian.PutUint64(w[8:], v*0x9e3779b97f4a7c15)
}

func commit(t testing.TB, s state.Store, a *state.Arena, c *state.Commit) state.CommitStats {
	t.Helper()
	c.Delta = a.Barrier(c.Epoch)
	if c.Manifest == nil {
		c.Manifest = []byte("m")
	}
	st, err := s.Commit(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Delta.Done()
	return st
}

// useAll opens the file and reads all of it.
func useAll(d *disk) error {
	s, err := store.Open(d.path, d.opt)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.Load()
	if err != nil {
		return err
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		return err
	}
	if err := a.Restore(r.Roots, s.Pages); err != nil {
		return err
	}
	err = s.OutboxScan("o", 0, func(state.OutboxFrame) (bool, error) { return true, nil })
	return errors.Join(err, a.Check(), s.Check())
}

func TestDamageIsFoundAndSetAside(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	good := filled(t)
	image, err := os.ReadFile(good.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := useAll(good); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(b []byte) []byte{
		"cut in half":     func(b []byte) []byte { return b[:len(b)/2] },
		"cut to a page":   func(b []byte) []byte { return b[:4096] },
		"other bytes":     func(b []byte) []byte { return []byte(strings.Repeat("not a state file ", 2000)) },
		"no meta pages":   func(b []byte) []byte { clear(b[:8192]); return b },
		"cleared inside":  func(b []byte) []byte { clear(b[8192 : len(b)/2]); return b },
		"end of the file": func(b []byte) []byte { clear(b[8192:]); return b },
	}
	for i := range 40 {
		at, change := 8192+r.IntN(len(image)-8192-64), make([]byte, 16)
		for j := range change {
			change[j] = byte(r.Uint32())
		}
		cases[fmt.Sprintf("random %d", i)] = func(b []byte) []byte {
			for j, c := range change {
				b[at+j] ^= c
			}
			return b
		}
	}
	found := 0
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, store.Options{})
			if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
				t.Fatal(err)
			}
			bad := change(append([]byte(nil), image...))
			if err := os.WriteFile(d.path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			err := useAll(d)
			if err == nil && strings.HasPrefix(name, "random") {
				return // it hit bytes that nothing uses
			}
			if err == nil {
				t.Fatal("no error")
			}
			found++
			var de *store.DamagedError
			if !errors.As(err, &de) {
				// Frames and bbolt's own rules are checked, not relied on to start.
				t.Logf("%v", err)
				return
			}
			if !strings.Contains(err.Error(), "--reset-state") || de.Path != d.path {
				t.Errorf("message: %v", err)
			}
			if kept, err := os.ReadFile(de.MovedTo); err != nil || string(kept) != string(bad) {
				t.Errorf("the file set aside is another one: %v", err)
			}
			if err := useAll(d); !errors.As(err, &de) {
				t.Fatalf("the next start begins empty: %v", err)
			}
			if _, err := store.ResetState(d.path, d.opt); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(d.path, d.opt)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.Load(); err != nil || r.Manifest != nil {
				t.Fatal(r, err)
			}
			s.Close()
		})
	}
	if found < 10 {
		t.Errorf("damage was found %d times only", found)
	}
}

// Who finds damage waits for a commit under way, which would go on with a file that is closed.
func TestDamageBesideACommit(t *testing.T) {
	found := make(chan error, 1)
	d := newDisk(t, store.Options{})
	d.opt.Failpoint = func(name string) error {
		if name == "checkpoint.after-commit" {
			go func() { found <- d.open.Damaged(errors.New("found beside a commit")) }()
			for range 1000 {
				if len(found) == 0 {
					runtime.Gosched()
				}
			}
		}
		return nil
	}
	s := d.Open(t)
	a, tab := newTable(t, s)
	set(tab, 1, 1)
	if st := commit(t, s, a, &state.Commit{Epoch: 1}); st.FileBytes == 0 {
		t.Errorf("%+v", st)
	}
	var damaged *store.DamagedError
	if err := <-found; !errors.As(err, &damaged) {
		t.Error(err)
	}
	if _, err := s.Load(); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func TestDamagedStateNamesTheNewestSavepoint(t *testing.T) {
	d := filled(t)
	d.opt.SavepointDir = t.TempDir()
	s := d.Open(t)
	for _, name := range []string{"a", "b"} {
		if _, err := store.CreateSavepoint(s, filepath.Join(d.opt.SavepointDir, name+store.SavepointSuffix)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(&state.Commit{Epoch: 4, Manifest: []byte("four")}); err != nil && name == "a" {
			t.Fatal(err)
		}
	}
	if _, err := store.CreateSavepoint(s, filepath.Join(d.opt.SavepointDir, "b"+store.SavepointSuffix)); !errors.Is(err, os.ErrExist) {
		t.Fatal("a savepoint is overwritten")
	}
	s.Close()
	newest := filepath.Join(d.opt.SavepointDir, "b"+store.SavepointSuffix)
	if err := os.WriteFile(filepath.Join(d.opt.SavepointDir, "c"+store.SavepointSuffix), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := store.ListSavepoints(d.opt.SavepointDir)
	if err != nil || len(list) != 3 || list[0].Err == nil || list[2].Path != newest || list[2].Epoch != 4 || list[2].Err != nil {
		t.Fatalf("%v %+v", err, list)
	}
	if info, err := store.VerifySavepoint(newest, nil); err != nil || info.Epoch != 4 || info.Frames != 3 {
		t.Fatal(info, err)
	}
	if err := os.Truncate(d.path, 10_000); err != nil {
		t.Fatal(err)
	}
	err = useAll(d)
	if err == nil || !strings.Contains(err.Error(), newest) {
		t.Fatalf("the newest savepoint is not named: %v", err)
	}
	f, err := os.Open(newest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := store.RestoreSavepoint(d.path, f, d.opt); err != nil {
		t.Fatal(err)
	}
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	if _, err := store.RestoreSavepoint(d.path, f, d.opt); !errors.Is(err, os.ErrExist) {
		t.Fatal("a state file is overwritten")
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	d := filled(t)
	s := d.Open(t)
	if _, err := store.Open(d.path, d.opt); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), d.path) {
		t.Fatal(err)
	}
	if _, err := store.ResetState(d.path, d.opt); !errors.Is(err, store.ErrLocked) {
		t.Fatal(err)
	}
	if err := s.Compact(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(d.path, d.opt); !errors.Is(err, store.ErrLocked) {
		t.Fatal("the lock is lost in a compaction")
	}
	s.Close()
	d.Open(t)
}

func TestNewerFormatIsRefused(t *testing.T) {
	d := filled(t)
	db, err := bolt.Open(d.path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, word := tx.Bucket([]byte("meta")), []byte{9, 0, 0, 0}
		sum := crc32.Checksum(append([]byte("format"), word...), crc32.MakeTable(crc32.Castagnoli))
		return errors.Join(meta.Put([]byte("format"), word), meta.Put([]byte("format-sum"), binary.LittleEndian.AppendUint32(nil, sum)))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(d.path, d.opt)
	var fe *store.FormatError
	if !errors.As(err, &fe) || fe.Found != 9 {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.path); err != nil {
		t.Fatal("the file is gone")
	}
}

func TestResetStateKeepsTheFile(t *testing.T) {
	d := filled(t)
	moved, err := store.ResetState(d.path, d.opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(moved); err != nil {
		t.Fatal(err)
	}
	if again, err := store.ResetState(d.path, d.opt); err != nil || again != "" {
		t.Fatal(again, err)
	}
	s := d.Open(t)
	if r, err := s.Load(); err != nil || r.Epoch != 0 {
		t.Fatal(r, err)
	}
}

func TestPanicsOfCallersGoOn(t *testing.T) {
	d := filled(t)
	s := d.Open(t)
	for name, fn := range map[string]func(){
		"Pages":      func() { s.Pages(func(state.PageID, []byte) error { panic("mine") }) },
		"OutboxScan": func() { s.OutboxScan("o", 0, func(state.OutboxFrame) (bool, error) { panic("mine") }) },
	} {
		func() {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("%s: %v", name, p)
				}
			}()
			fn()
		}()
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}
