package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// smallFile makes a file of two commits with outboxes that are full, half sent and empty. The
// files in testdata are what the builds that wrote formats 1 and 2 made by it.
func smallFile(t *testing.T, o store.Options) []byte {
	t.Helper()
	d := newDisk(t, o)
	s := d.Open(t)
	a, tab := newTable(t, s)
	for e := state.Epoch(1); e <= 2; e++ {
		for i := range uint64(100) {
			set(tab, i*uint64(e), i)
		}
		c := &state.Commit{Epoch: e, Generation: 7, Delta: a.Barrier(e)}
		for _, out := range []string{"sent", "half", "full"} {
			for n := 2*uint64(e) - 1; n <= 2*uint64(e); n++ {
				c.Append = append(c.Append, state.OutboxFrame{Output: out, First: n, Last: n, Rows: 1, Created: int64(e), Data: fmt.Appendf(nil, "row %d of %s", n, out)})
			}
		}
		c.Trim = []state.OutboxTrim{{Output: "sent", UpTo: 4}, {Output: "half", UpTo: 2}}
		c.Manifest = fmt.Appendf(nil, "epoch %d: sent %d, half %d, full %d, %d pages", e, 2*e, 2*e, 2*e, a.InUse())
		if _, err := s.Commit(c); err != nil {
			t.Fatal(err)
		}
		c.Delta.Done()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// earlier puts a file of an earlier format in place.
func earlier(t *testing.T, format int, o store.Options) (d *disk, file []byte) {
	t.Helper()
	file, err := os.ReadFile(fmt.Sprintf("testdata/format%d.db", format))
	if err != nil {
		t.Fatal(err)
	}
	d = newDisk(t, o)
	put(t, d, file)
	return d, file
}

func put(t *testing.T, d *disk, file []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(d.path), 0o700)
	if err = errors.Join(err, os.WriteFile(d.path, file, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// TestEarlierFormats opens what earlier builds wrote: the content is the same, and from then
// on it is a file as this build writes it.
func TestEarlierFormats(t *testing.T) {
	for format, o := range map[int]store.Options{1: {}, 2: {Keys: keys(t, 0x5a), Scope: "p"}} {
		made := newDisk(t, o)
		put(t, made, smallFile(t, o))
		d, file := earlier(t, format, o)
		if format == 2 {
			var key *store.KeyError
			if _, err := store.Open(d.path, store.Options{}); !errors.As(err, &key) {
				t.Fatal(err)
			}
			if now, err := os.ReadFile(d.path); err != nil || !bytes.Equal(now[:len(file)], file) {
				t.Fatalf("a file that is refused has changed, %v", err)
			}
		}
		for range 2 {
			want, wantErr := readAll(made.path, made.opt)
			got, err := readAll(d.path, d.opt) // and commits
			if err != nil || wantErr != nil {
				t.Fatal(format, err, wantErr)
			}
			want.restored.Roots.Format = 1 // the pages are as they were written
			if !got.equal(want) {
				t.Fatalf("format %d: other contents", format)
			}
		}
		now, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := regionsOf(now)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(r.spans["outbox counters"], r.spans["format-sum"][0], r.spans["format"][0]) {
			now[s.start] ^= 4
			put(t, d, now)
			var damaged *store.DamagedError
			if _, err := store.Open(d.path, d.opt); !errors.As(err, &damaged) {
				t.Errorf("format %d: damage at %d is not found: %v", format, s.start, err)
			}
			now[s.start] ^= 4
		}
	}
}

// TestDamagedEarlierFormat damages a file of an earlier format: what is set aside is what was
// found, and not what an upgrade made of it.
func TestDamagedEarlierFormat(t *testing.T) {
	for _, region := range []string{"outbox counters", "manifest", "format"} {
		d, file := earlier(t, 1, store.Options{})
		r, err := regionsOf(file)
		if err != nil {
			t.Fatal(err)
		}
		file[r.spans[region][0].start+3] ^= 1
		put(t, d, file)
		var damaged *store.DamagedError
		if _, err := store.Open(d.path, d.opt); !errors.As(err, &damaged) {
			t.Fatalf("%s: %v", region, err)
		}
		if kept, err := os.ReadFile(damaged.MovedTo); err != nil || !bytes.Equal(kept[:len(file)], file) {
			t.Errorf("%s: another file is set aside, %v", region, err)
		}
	}
}
