// Package storetest is the contract of state.Store as a test suite, which every
// implementation passes.
package storetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Disk is a place where a store lives through restarts.
type Disk interface {
	// Open opens the store. The one opened before is closed or dead.
	Open(t testing.TB) state.Store
	// Kill ends the open store as the end of its process does.
	Kill(t testing.TB)
	// Import makes the store at this disk, which has none, from a savepoint.
	Import(t testing.TB, savepoint []byte) error
}

// Run runs the suite on disks that newDisk makes.
func Run(t *testing.T, newDisk func(t testing.TB) Disk) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, newDisk func(t testing.TB) Disk)
	}{
		{"new store is empty", newIsEmpty},
		{"commits come back", commitsComeBack},
		{"a failed commit leaves nothing", failedCommit},
		{"the outbox has no holes", outboxHasNoHoles},
		{"the outbox is scanned in order and trimmed", outboxScan},
		{"frames of the outbox are replaced", outboxReplace},
		{"frames are staged ahead of their commit", outboxStage},
		{"commit without pages", withoutPages},
		{"savepoint is a copy", savepointIsACopy},
		{"a closed store says so", closedStore},
		{"random commits and restarts", randomRestarts},
		{"pages are read back", readBack},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newDisk) })
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func closeChecked(t testing.TB, s state.Store) {
	t.Helper()
	must(t, s.Check())
	must(t, s.Close())
}

// table returns an arena with one table in it.
func table(t testing.TB) (*state.Arena, *state.Table) {
	a, err := state.NewArena(state.Options{})
	must(t, err)
	return a, bind(t, a)
}

func bind(t testing.TB, a *state.Arena) *state.Table {
	s, err := a.Space("op", state.Layout{Version: 1})
	must(t, err)
	return s.Table("t", state.TableSpec{KeySize: 8, ValueSize: 100})
}

func put(tab *state.Table, k, v uint64) {
	row, _ := tab.Upsert(binary.LittleEndian.AppendUint64(nil, k))
	w := tab.MutValue(row)
	for i := 0; i+8 <= len(w); i += 8 {
		binary.LittleEndian.PutUint64(w[i:], v)
		v = v*6364136223846793005 + 1
	}
}

// contents returns the table's rows.
func contents(tab *state.Table) map[uint64]uint64 {
	m := map[uint64]uint64{}
	tab.Scan(func(r state.Row) bool {
		m[binary.LittleEndian.Uint64(tab.Key(r))] = binary.LittleEndian.Uint64(tab.Value(r))
		return true
	})
	return m
}

// restore returns the table of the store's last commit.
func restore(t testing.TB, s state.Store, o state.Options) (*state.Arena, *state.Table, *state.Restored) {
	t.Helper()
	r, err := s.Load()
	must(t, err)
	a, err := state.NewArena(o)
	must(t, err)
	must(t, a.Restore(r.Roots, s.Pages))
	must(t, a.Check())
	return a, bind(t, a), r
}

func commit(t testing.TB, s state.Store, a *state.Arena, c state.Commit) {
	t.Helper()
	c.Delta = a.Barrier(c.Epoch)
	if c.Manifest == nil {
		c.Manifest = fmt.Appendf(nil, "manifest of %d", c.Epoch)
	}
	_, err := s.Commit(&c)
	must(t, err)
	c.Delta.Done()
}

func frame(output string, first, last uint64) state.OutboxFrame {
	return state.OutboxFrame{
		Output: output, First: first, Last: last, Rows: int(last - first + 1), Created: int64(first) * 10,
		Data: bytes.Repeat(fmt.Appendf(nil, "%s %d-%d;", output, first, last), int(first%7)),
	}
}

func newIsEmpty(t *testing.T, newDisk func(t testing.TB) Disk) {
	s := newDisk(t).Open(t)
	r, err := s.Load()
	must(t, err)
	if r.Manifest != nil || r.Epoch != 0 || r.Generation != 0 || len(r.Outboxes) != 0 {
		t.Fatalf("%+v", r)
	}
	must(t, s.Pages(func(p state.PageID, _ []byte) error { return fmt.Errorf("page %d", p) }))
	if _, err := s.ReadPage(0, nil); !errors.Is(err, state.ErrNoPage) {
		t.Fatal(err)
	}
	st, err := s.OutboxStats("none")
	must(t, err)
	if st.First != 1 || st.Last != 0 || st.Frames != 0 {
		t.Fatalf("%+v", st)
	}
	must(t, s.OutboxScan("none", 0, func(state.OutboxFrame) (bool, error) { return false, errors.New("a frame") }))
	closeChecked(t, s)
}

func commitsComeBack(t *testing.T, newDisk func(t testing.TB) Disk) {
	d := newDisk(t)
	s := d.Open(t)
	a, tab := table(t)
	for e := state.Epoch(1); e <= 5; e++ {
		for i := range uint64(300) {
			put(tab, i*uint64(e), uint64(e))
		}
		commit(t, s, a, state.Commit{Epoch: e * 2, Generation: 7})
	}
	want := contents(tab)
	put(tab, 1, 99) // never committed
	d.Kill(t)
	s = d.Open(t)
	_, got, r := restore(t, s, state.Options{})
	if !maps.Equal(contents(got), want) {
		t.Fatal("the rows differ")
	}
	if r.Epoch != 10 || r.Generation != 7 || string(r.Manifest) != "manifest of 10" {
		t.Fatalf("%+v", r)
	}
	last := -1
	must(t, s.Pages(func(p state.PageID, img []byte) error {
		if int(p) <= last || len(img) != int(r.Roots.PageSize) {
			return fmt.Errorf("page %d after %d, %d bytes", p, last, len(img))
		}
		last = int(p)
		return nil
	}))
	closeChecked(t, s)
}

func failedCommit(t *testing.T, newDisk func(t testing.TB) Disk) {
	d := newDisk(t)
	s := d.Open(t)
	a, tab := table(t)
	put(tab, 1, 1)
	commit(t, s, a, state.Commit{Epoch: 1, Append: []state.OutboxFrame{frame("o", 1, 4)}})
	before := contents(tab)
	put(tab, 2, 2)
	delta := a.Barrier(2)
	_, err := s.Commit(&state.Commit{Epoch: 2, Delta: delta, Manifest: []byte("bad"), Append: []state.OutboxFrame{frame("o", 5, 6), frame("o", 9, 9)}})
	if err == nil {
		t.Fatal("a hole is accepted")
	}
	delta.Abort()
	if _, err := s.Commit(&state.Commit{Epoch: 1}); err == nil {
		t.Fatal("an old epoch is accepted")
	}
	_, got, r := restore(t, s, state.Options{})
	if r.Epoch != 1 || string(r.Manifest) != "manifest of 1" || !maps.Equal(contents(got), before) {
		t.Fatalf("%+v", r)
	}
	if st, _ := s.OutboxStats("o"); st.Last != 4 || st.Frames != 1 {
		t.Fatalf("%+v", st)
	}
	commit(t, s, a, state.Commit{Epoch: 2, Append: []state.OutboxFrame{frame("o", 5, 6)}})
	if _, got, _ := restore(t, s, state.Options{}); !maps.Equal(contents(got), contents(tab)) {
		t.Fatal("the aborted delta is lost")
	}
	closeChecked(t, s)
}

func outboxHasNoHoles(t *testing.T, newDisk func(t testing.TB) Disk) {
	s := newDisk(t).Open(t)
	for e, f := range []state.OutboxFrame{frame("o", 2, 3), frame("o", 0, 3), {Output: "o", First: 1}, {First: 1, Last: 1, Output: ""}} {
		if f.Output == "" {
			f.Last = 0
		}
		if _, err := s.Commit(&state.Commit{Epoch: state.Epoch(e + 1), Append: []state.OutboxFrame{f}}); err == nil {
			t.Errorf("frame from %d to %d is accepted", f.First, f.Last)
		}
	}
	closeChecked(t, s)
}

func scan(t testing.TB, s state.Store, output string, after uint64) (frames []state.OutboxFrame) {
	must(t, s.OutboxScan(output, after, func(f state.OutboxFrame) (bool, error) {
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
		return true, nil
	}))
	return frames
}

func outboxReplace(t *testing.T, newDisk func(t testing.TB) Disk) {
	d := newDisk(t)
	s := d.Open(t)
	_, err := s.Commit(&state.Commit{Epoch: 1, Append: []state.OutboxFrame{frame("o", 1, 10), frame("o", 11, 20), frame("o", 21, 30), frame("p", 1, 5)}})
	must(t, err)
	before := fmt.Sprint(scan(t, s, "o", 0), scan(t, s, "p", 0))
	for _, r := range []state.OutboxReplace{
		{Output: "o", First: 11, Last: 20},
		{Output: "o", First: 11, Last: 20, Frames: []state.OutboxFrame{frame("o", 11, 19)}},
		{Output: "o", First: 11, Last: 20, Frames: []state.OutboxFrame{frame("o", 11, 14), frame("o", 16, 20)}},
		{Output: "o", First: 11, Last: 20, Frames: []state.OutboxFrame{frame("p", 11, 20)}},
		{Output: "o", First: 12, Last: 20, Frames: []state.OutboxFrame{frame("o", 12, 20)}},
		{Output: "o", First: 11, Last: 25, Frames: []state.OutboxFrame{frame("o", 11, 25)}},
		{Output: "o", First: 21, Last: 40, Frames: []state.OutboxFrame{frame("o", 21, 40)}},
		{Output: "q", First: 1, Last: 5, Frames: []state.OutboxFrame{frame("q", 1, 5)}},
	} {
		if _, err := s.Commit(&state.Commit{Epoch: 2, Replace: []state.OutboxReplace{r}}); err == nil {
			t.Fatalf("%+v is accepted", r)
		}
	}
	if after := fmt.Sprint(scan(t, s, "o", 0), scan(t, s, "p", 0)); after != before {
		t.Fatalf("refused commits changed %s to %s", before, after)
	}
	wide := frame("o", 11, 30)
	_, err = s.Commit(&state.Commit{
		Epoch: 2, Append: []state.OutboxFrame{frame("o", 31, 31)}, Trim: []state.OutboxTrim{{Output: "o", UpTo: 10}},
		Replace: []state.OutboxReplace{{Output: "o", First: 11, Last: 30, Frames: []state.OutboxFrame{wide}}},
	})
	must(t, err)
	d.Kill(t)
	s = d.Open(t)
	if got, want := fmt.Sprint(scan(t, s, "o", 0)), fmt.Sprint([]state.OutboxFrame{wide, frame("o", 31, 31)}); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	st, err := s.OutboxStats("o")
	must(t, err)
	if st.First != 11 || st.Last != 31 || st.Frames != 2 || st.Rows != 21 || st.Bytes != int64(len(wide.Data)+len(frame("o", 31, 31).Data)) {
		t.Fatalf("%+v", st)
	}
	must(t, s.Check())
}

func outboxScan(t *testing.T, newDisk func(t testing.TB) Disk) {
	d := newDisk(t)
	s := d.Open(t)
	commitFrames := func(e state.Epoch, trim uint64, fs ...state.OutboxFrame) {
		c := &state.Commit{Epoch: e, Append: fs, Manifest: []byte{}}
		if trim > 0 {
			c.Trim = []state.OutboxTrim{{Output: "o", UpTo: trim}, {Output: "unknown", UpTo: 5}}
		}
		_, err := s.Commit(c)
		must(t, err)
	}
	commitFrames(1, 0, frame("o", 1, 10), frame("other", 1, 1), frame("o", 11, 11))
	commitFrames(2, 0, frame("o", 12, 300))
	d.Kill(t)
	s = d.Open(t)
	for after, want := range map[uint64]int{0: 3, 9: 3, 10: 2, 11: 1, 299: 1, 300: 0, 1 << 63: 0, ^uint64(0): 0} {
		got := scan(t, s, "o", after)
		if len(got) != want {
			t.Fatalf("%d frames after %d, want %d", len(got), after, want)
		}
		for _, f := range got {
			if w := frame("o", f.First, f.Last); fmt.Sprint(w) != fmt.Sprint(f) {
				t.Fatalf("%+v, want %+v", f, w)
			}
		}
	}
	n := 0
	errStop := errors.New("stop")
	if err := s.OutboxScan("o", 0, func(state.OutboxFrame) (bool, error) { n++; return true, errStop }); !errors.Is(err, errStop) || n != 1 {
		t.Fatal(err, n)
	}
	must(t, s.OutboxScan("o", 0, func(state.OutboxFrame) (bool, error) { n++; return false, nil }))
	if n != 2 {
		t.Fatal("the scan does not stop")
	}
	commitFrames(3, 15)
	st, err := s.OutboxStats("o")
	must(t, err)
	if st.First != 12 || st.Last != 300 || st.Frames != 1 || st.Rows != 289 || st.OldestCreated != 120 || st.Bytes != int64(len(frame("o", 12, 300).Data)) {
		t.Fatalf("%+v", st)
	}
	commitFrames(4, 300, frame("o", 301, 305))
	commitFrames(5, 400)
	d.Kill(t)
	s = d.Open(t)
	r, err := s.Load()
	must(t, err)
	if len(r.Outboxes) != 2 || r.Outboxes[0].Output != "o" || r.Outboxes[1].Output != "other" {
		t.Fatalf("%+v", r.Outboxes)
	}
	if o := r.Outboxes[0]; o.First != 306 || o.Last != 305 || o.Frames != 0 || o.Bytes != 0 || o.Rows != 0 || o.OldestCreated != 0 {
		t.Fatalf("an empty outbox forgets where it was: %+v", o)
	}
	commitFrames(6, 0, frame("o", 306, 306))
	closeChecked(t, s)
}

func withoutPages(t *testing.T, newDisk func(t testing.TB) Disk) {
	s := newDisk(t).Open(t)
	a, tab := table(t)
	put(tab, 5, 5)
	commit(t, s, a, state.Commit{Epoch: 1})
	_, err := s.Commit(&state.Commit{Epoch: 2, Manifest: []byte("m"), Append: []state.OutboxFrame{frame("o", 1, 1)}})
	must(t, err)
	_, got, r := restore(t, s, state.Options{})
	if len(contents(got)) != 1 || string(r.Manifest) != "m" || r.Epoch != 2 {
		t.Fatalf("%+v", r)
	}
	closeChecked(t, s)
}

func savepointIsACopy(t *testing.T, newDisk func(t testing.TB) Disk) {
	s := newDisk(t).Open(t)
	a, tab := table(t)
	for i := range uint64(1000) {
		put(tab, i, i)
	}
	commit(t, s, a, state.Commit{Epoch: 3, Generation: 2, Append: []state.OutboxFrame{frame("o", 1, 9), frame("p", 1, 2), frame("p", 3, 3)}})
	commit(t, s, a, state.Commit{Epoch: 4, Generation: 2, Trim: []state.OutboxTrim{{Output: "o", UpTo: 9}, {Output: "p", UpTo: 2}}})
	want := contents(tab)
	var b bytes.Buffer
	info, err := s.Savepoint(&b)
	must(t, err)
	if info.Epoch != 4 || info.Generation != 2 || info.Bytes != int64(b.Len()) || info.Frames != 1 {
		t.Fatalf("%+v, %d bytes", info, b.Len())
	}
	put(tab, 1, 77)
	commit(t, s, a, state.Commit{Epoch: 5})
	closeChecked(t, s)

	d := newDisk(t)
	must(t, d.Import(t, b.Bytes()))
	c := d.Open(t)
	_, got, r := restore(t, c, state.Options{})
	if r.Epoch != 4 || r.Generation != 2 || string(r.Manifest) != "manifest of 4" || !maps.Equal(contents(got), want) {
		t.Fatalf("%+v", r)
	}
	if fs := scan(t, c, "p", 0); len(fs) != 1 || fmt.Sprint(fs[0]) != fmt.Sprint(frame("p", 3, 3)) {
		t.Fatalf("%+v", fs)
	}
	if st, _ := c.OutboxStats("o"); st.First != 10 || st.Last != 9 {
		t.Fatalf("%+v", st)
	}
	closeChecked(t, c)

	for _, cut := range []int{0, 10, b.Len() / 2, b.Len() - 1} {
		if err := newDisk(t).Import(t, b.Bytes()[:cut]); err == nil {
			t.Errorf("a savepoint cut at %d is accepted", cut)
		}
	}
	for i := 30; i < b.Len(); i += b.Len()/7 + 1 {
		bad := bytes.Clone(b.Bytes())
		bad[i] ^= 4
		if err := newDisk(t).Import(t, bad); err == nil {
			t.Errorf("a savepoint with byte %d changed is accepted", i)
		}
	}
}

func closedStore(t *testing.T, newDisk func(t testing.TB) Disk) {
	s := newDisk(t).Open(t)
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.Load(); err == nil {
		t.Error("Load")
	}
	if _, err := s.Commit(&state.Commit{Epoch: 1}); err == nil {
		t.Error("Commit")
	}
	if _, err := s.ReadPage(1, nil); err == nil {
		t.Error("ReadPage")
	}
}

// randomRestarts commits random changes beside the engine's writes, kills the
// store at random points, and compares with a model.
func randomRestarts(t *testing.T, newDisk func(t testing.TB) Disk) {
	r := rand.New(rand.NewPCG(11, 0))
	d := newDisk(t)
	s := d.Open(t)
	a, tab := table(t)
	committed := contents(tab)
	var last uint64
	epoch := state.Epoch(0)
	for range 40 {
		change := func() {
			for range r.IntN(400) {
				if k := r.Uint64N(2000); r.IntN(3) == 0 {
					tab.Delete(binary.LittleEndian.AppendUint64(nil, k))
				} else {
					put(tab, k, r.Uint64())
				}
			}
		}
		change()
		epoch++
		n := uint64(r.IntN(5) + 1)
		c := &state.Commit{
			Epoch: epoch, Delta: a.Barrier(epoch), Manifest: []byte("m"),
			Append: []state.OutboxFrame{frame("o", last+1, last+n)},
			Trim:   []state.OutboxTrim{{Output: "o", UpTo: last - min(last, uint64(r.IntN(8)))}},
		}
		if r.IntN(5) == 0 {
			c.Append[0].First += 2
		}
		at := contents(tab)
		done := make(chan error, 1)
		go func() {
			_, err := s.Commit(c)
			done <- err
		}()
		change()
		if err := <-done; err != nil {
			c.Delta.Abort()
		} else {
			c.Delta.Done()
			committed = at
			last += n
		}
		if r.IntN(3) == 0 {
			d.Kill(t)
			s = d.Open(t)
			var res *state.Restored
			a, tab, res = restore(t, s, state.Options{})
			if !maps.Equal(contents(tab), committed) || len(res.Outboxes) > 0 && res.Outboxes[0].Last != last {
				t.Fatalf("epoch %d: the restored state is another one", epoch)
			}
			must(t, s.Check())
			epoch = res.Epoch
		}
	}
	closeChecked(t, s)
}

// readBack runs an arena whose state is larger than its memory.
func readBack(t *testing.T, newDisk func(t testing.TB) Disk) {
	r := rand.New(rand.NewPCG(12, 0))
	s := newDisk(t).Open(t)
	a, err := state.NewArena(state.Options{MemoryMax: 4 << 20, Pager: s})
	must(t, err)
	tab := bind(t, a)
	want := map[uint64]uint64{}
	epoch := state.Epoch(0)
	for range 30 {
		for range 4000 {
			k, v := r.Uint64N(80_000), r.Uint64()
			put(tab, k, v)
			want[k] = v
		}
		epoch++
		commit(t, s, a, state.Commit{Epoch: epoch})
		a.Maintain()
		if st := a.Stats(); st.Bytes > 5<<20 {
			t.Fatalf("epoch %d: %+v", epoch, st)
		}
	}
	if st := a.Stats(); st.Spilled == 0 || st.ReadBack == 0 {
		t.Fatalf("nothing was dropped: %+v", st)
	}
	if !maps.Equal(contents(tab), want) {
		t.Fatal("the rows differ")
	}
	a2, tab2, _ := restore(t, s, state.Options{MemoryMax: 4 << 20, Pager: s})
	if !maps.Equal(contents(tab2), want) {
		t.Fatal("the restored rows differ")
	}
	a2.Maintain()
	if st := a2.Stats(); st.Bytes > 5<<20 {
		t.Fatalf("restored: %+v", st)
	}
	closeChecked(t, s)
}
