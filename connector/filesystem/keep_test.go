package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
)

const keptSubject = "cursor.p.i.out"

// keepRig publishes a row a part, with a clock of its own.
type keepRig struct {
	t     *testing.T
	dir   string
	now   time.Time
	keep  Keep
	s     *Sink
	calls []Removed
}

func newKeepRig(t *testing.T, k Keep) *keepRig {
	r := &keepRig{t: t, dir: t.TempDir(), now: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), keep: k}
	r.start()
	return r
}

// start is a process that begins.
func (r *keepRig) start() {
	r.t.Helper()
	k := r.keep
	k.OnRemoved = func(now, _ Removed) { r.calls = append(r.calls, now) }
	var err error
	if r.s, err = NewSink(Options{Path: r.dir, Format: "json", Keep: k, Now: func() time.Time { return r.now }}, lines); err != nil {
		r.t.Fatal(err)
	}
}

// publish publishes the rows that are missing up to last, as the forwarder does after a start.
func (r *keepRig) publish(last uint64) error {
	r.t.Helper()
	data, place, err := r.s.ReadCursor(context.Background(), keptSubject)
	if err != nil {
		r.t.Fatal(err)
	}
	var done uint64
	if place > 0 {
		c, err := forward.DecodeRecord(data)
		if err != nil {
			r.t.Fatal(err)
		}
		done = c.Outbox
	}
	for done < last {
		done++
		if place, err = r.s.Publish(context.Background(), batch(1, place, done, done)); err != nil {
			return err
		}
		for _, f := range r.files() { // files have the time of the rig's clock
			path := filepath.Join(r.dir, f)
			if strings.Contains(f, fmt.Sprintf("-%012d.", done)) {
				if err := os.Chtimes(path, r.now, r.now); err != nil {
					r.t.Fatal(err)
				}
			}
		}
	}
	return nil
}

func (r *keepRig) files() (names []string) {
	r.t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	return names
}

func (r *keepRig) want(rows string, removed int64) {
	r.t.Helper()
	if got := visible(r.t, r.dir); got != rows {
		r.t.Errorf("rows %q, want %q", got, rows)
	}
	all, err := RemovedFrom(r.dir, keptSubject)
	if err != nil || all.Rows != removed || all.Files != removed {
		r.t.Errorf("removed %+v, %v; want %d", all, err, removed)
	}
}

func (r *keepRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// Small files count for a block each; the oldest go, an eighth more than asked for, and what a
// folder already has counts after a start.
func TestKeepBytes(t *testing.T) {
	r := newKeepRig(t, Keep{Bytes: 16 * fileBytesMin})
	r.must(r.publish(16))
	r.want("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ", 0)
	r.must(r.publish(17))
	r.want("4 5 6 7 8 9 10 11 12 13 14 15 16 17 ", 3)
	r.start()
	r.must(r.publish(19))
	r.want("4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ", 3)
	r.must(r.publish(20))
	r.want("7 8 9 10 11 12 13 14 15 16 17 18 19 20 ", 6)
	if len(r.calls) != 2 || r.calls[0].Rows != 3 || r.calls[1].Rows != 3 {
		t.Errorf("told %v", r.calls)
	}
	// Files of others stay and do not count.
	write(t, r.dir, "notes.txt", strings.Repeat("x", 100*fileBytesMin))
	r.start()
	r.must(r.publish(21))
	r.must(os.Remove(filepath.Join(r.dir, "notes.txt")))
	r.want("7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 ", 6)
	// The newest stays, whatever it takes.
	r.keep.Bytes = 1
	r.start()
	r.must(r.publish(22))
	r.want("22 ", 21)
	r.must(r.publish(23))
	r.want("23 ", 22)
}

func TestKeepAge(t *testing.T) {
	day := 24 * time.Hour
	r := newKeepRig(t, Keep{Age: 30 * day})
	for n := uint64(1); n <= 30; n++ {
		r.must(r.publish(n))
		r.now = r.now.Add(day)
	}
	if n := len(r.files()); n != 30 {
		t.Fatalf("%d files before any is old", n)
	}
	r.now = r.now.Add(10 * day)
	r.must(r.publish(31))
	if names := r.files(); len(names) != 21 || !strings.Contains(names[0], "-000000000011.") {
		t.Errorf("%d files are left: %v", len(names), names)
	}
	// A file of a host whose clock was not set has no age, nor has one of the future.
	r.must(os.Chtimes(filepath.Join(r.dir, r.files()[0]), time.Unix(60, 0), time.Unix(60, 0)))
	r.now = r.now.Add(20 * day)
	r.must(r.publish(32))
	if n := len(r.files()); n != 22 {
		t.Errorf("%d files are left", n)
	}
	r.now = time.Unix(100, 0)
	r.start()
	r.must(r.publish(33))
	if n := len(r.files()); n != 23 {
		t.Errorf("%d files are left", n)
	}
}

// A crash at any step of a publish that removes: no row comes twice, none that is kept is gone,
// and what was removed is counted once.
func TestKeepCrash(t *testing.T) {
	defer failpoint.Enable("")
	for _, point := range []string{"after-part", "before-manifest", "after-manifest", "after-reveal"} {
		r := newKeepRig(t, Keep{Bytes: 8 * fileBytesMin})
		r.must(r.publish(8))
		if err := failpoint.Enable("filesystem." + point + "=error:1"); err != nil {
			t.Fatal(err)
		}
		if err := r.publish(9); !errors.Is(err, failpoint.ErrInjected) {
			t.Fatalf("%s: %v", point, err)
		}
		r.start()
		r.must(r.publish(9))
		r.want("3 4 5 6 7 8 9 ", 2)
		r.must(r.publish(10))
		r.want("3 4 5 6 7 8 9 10 ", 2)
		if left, _ := filepath.Glob(filepath.Join(r.dir, ".part-*")); len(left) > 0 {
			t.Errorf("%s: %q left", point, left)
		}
	}
}

// Files that somebody took away hold nothing up, and those of other outputs stay.
func TestKeepBesideOthers(t *testing.T) {
	r := newKeepRig(t, Keep{Bytes: 4 * fileBytesMin})
	r.must(r.publish(4))
	names := r.files()
	r.must(os.Remove(filepath.Join(r.dir, names[1])))
	r.must(r.publish(5))
	r.must(r.publish(6))
	r.want("4 5 6 ", 2)
	// Another output's files in the same folder are not this one's.
	other := strings.Replace(r.files()[0], outputID(keptSubject)[:6], "abcdef", 1)
	write(t, r.dir, other, "other")
	r.must(r.publish(9))
	if !slices.Contains(r.files(), other) {
		t.Error("a file of another output is gone")
	}
}

func TestKeepExcludes(t *testing.T) {
	o := Options{Path: "x", Format: "json", Keep: Keep{Bytes: 1}, Partitions: Partitions{By: []string{"dt"}}}
	if _, err := NewSink(o, lines); err == nil || !strings.Contains(err.Error(), "limits") {
		t.Error(err)
	}
}
