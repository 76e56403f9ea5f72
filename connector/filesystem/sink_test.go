package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
)

var lines = format.Framing{Separator: []byte("\n")}

func newSink(t *testing.T, dir string) *Sink {
	t.Helper()
	s, err := NewSink(Options{Path: dir, Format: "json"}, lines)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// batch is rows first to last of an output, two a message, behind a cursor.
func batch(generation, expect, first, last uint64) *forward.Batch {
	b := &forward.Batch{Move: forward.Move{Output: "out/1", Subject: "cursor.p.i.out", Expect: expect, Cursor: forward.Record{Generation: generation, From: first - 1, Outbox: last}}}
	for n := first; n <= last; n += 2 {
		m := forward.Message{First: n, Last: min(n+1, last), Data: []byte(fmt.Sprint(n))}
		if n < last {
			m.Data = fmt.Appendf(m.Data, "\n%d", n+1)
		}
		b.Messages = append(b.Messages, m)
	}
	return b
}

// visible is the content of the directory as a reader sees it.
func visible(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	var out strings.Builder
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		out.Write(data)
	}
	return strings.ReplaceAll(out.String(), "\n", " ")
}

func TestPartsAndCursor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	s := newSink(t, dir)
	ctx := context.Background()
	if data, place, err := s.ReadCursor(ctx, "cursor.p.i.out"); data != nil || place != 0 || err != nil {
		t.Fatalf("cursor of a new directory: %x %d %v", data, place, err)
	}
	claim := batch(1, 0, 1, 0)
	place, err := s.Publish(ctx, claim)
	if err != nil || place != 1 || visible(t, dir) != "" {
		t.Fatalf("claim: %d %v", place, err)
	}
	if place, err = s.Publish(ctx, batch(1, 1, 1, 3)); err != nil || place != 2 {
		t.Fatal(place, err)
	}
	if place, err = s.Publish(ctx, batch(1, 2, 4, 5)); err != nil || place != 3 {
		t.Fatal(place, err)
	}
	if got := visible(t, dir); got != "1 2 3 4 5 " {
		t.Errorf("rows %q", got)
	}
	data, place, err := s.ReadCursor(ctx, "cursor.p.i.out")
	r, derr := forward.DecodeRecord(data)
	if err = errors.Join(err, derr); err != nil || place != 3 || r.Outbox != 5 || r.Generation != 1 {
		t.Errorf("cursor %+v at %d: %v", r, place, err)
	}
	// An instance that does not know of the newest cursor stores nothing.
	var guard *forward.GuardError
	if _, err := s.Publish(ctx, batch(1, 2, 6, 6)); !errors.As(err, &guard) || guard.Place != 3 || visible(t, dir) != "1 2 3 4 5 " {
		t.Errorf("a stale guard: %v", err)
	}
	update := batch(1, 3, 6, 6)
	update.Messages[0].Kind = "-U"
	var refused *forward.RefusedError
	if _, err := s.Publish(ctx, update); !errors.As(err, &refused) {
		t.Errorf("an update: %v", err)
	}
	// Old files are not overwritten when the manifest is gone.
	if err := os.Remove(filepath.Join(dir, manifestName("cursor.p.i.out"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(ctx, batch(1, 0, 1, 3)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("an existing part: %v", err)
	}
	write(t, dir, filepath.Base(filepath.Join(dir, manifestName("cursor.p.i.out"))), `{"version":99}`)
	if _, _, err := s.ReadCursor(ctx, "cursor.p.i.out"); err == nil || !strings.Contains(err.Error(), "use a newer one") {
		t.Errorf("a newer manifest: %v", err)
	}
}

func TestHeaderOfEachPart(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSink(Options{Path: dir, Format: "csv"}, format.Framing{Header: []byte("a,b\n"), Separator: []byte("\n")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(context.Background(), batch(1, 0, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if got := visible(t, dir); got != "a,b 1 2 " {
		t.Errorf("%q", got)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	unlock, err := lock(root, ".edgeflow-"+outputID("cursor.p.i.out")+".lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(context.Background(), batch(1, 0, 1, 2)); !errors.Is(err, ErrBusy) {
		t.Errorf("while locked: %v", err)
	}
	unlock()
	if _, err := s.Publish(context.Background(), batch(1, 0, 1, 2)); err != nil {
		t.Error(err)
	}
}

// TestCrashAtEveryStep fails at each step of each publish, starts a new sink, and goes on
// from the cursor as the forwarder does: every row is there once.
func TestCrashAtEveryStep(t *testing.T) {
	defer failpoint.Enable("")
	const rows = 20
	var want strings.Builder
	for n := 1; n <= rows; n++ {
		fmt.Fprintf(&want, "%d ", n)
	}
	for _, point := range []string{"after-part", "before-manifest", "after-manifest", "after-reveal"} {
		for hit := 1; hit <= 5; hit++ {
			dir := t.TempDir()
			if err := failpoint.Enable(fmt.Sprintf("filesystem.%s=error:%d", point, hit)); err != nil {
				t.Fatal(err)
			}
			crashes := 0
			s := newSink(t, dir)
			for {
				data, place, err := s.ReadCursor(context.Background(), "cursor.p.i.out")
				if err != nil {
					t.Fatal(err)
				}
				var done uint64
				if place > 0 {
					r, err := forward.DecodeRecord(data)
					if err != nil {
						t.Fatal(err)
					}
					done = r.Outbox
				}
				if got := visible(t, dir); got != want.String()[:len(got)] || strings.Count(got, " ") != int(done) {
					t.Fatalf("%s, hit %d: %q at cursor %d", point, hit, got, done)
				}
				if done == rows {
					break
				}
				for done < rows {
					last := min(done+3, rows)
					if place, err = s.Publish(context.Background(), batch(1, place, done+1, last)); err != nil {
						break
					}
					done = last
				}
				if err != nil {
					if !errors.Is(err, failpoint.ErrInjected) {
						t.Fatal(err)
					}
					crashes++
					s = newSink(t, dir)
				}
			}
			if crashes != 1 {
				t.Errorf("%s, hit %d: %d crashes", point, hit, crashes)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".part-*")); len(left) > 0 {
				t.Errorf("%s, hit %d: %q left", point, hit, left)
			}
		}
	}
}
