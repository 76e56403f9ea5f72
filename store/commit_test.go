package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/store"
)

func TestFullDiskDeclinesTheCheckpoint(t *testing.T) {
	d := newDisk(t, store.Options{FileBytesMax: 8 << 20})
	s := d.Open(t)
	a, tab := newTable(t, s)
	set(tab, 1, 1)
	commit(t, s, a, &state.Commit{Epoch: 1})
	random := randomBytes(16 << 20)
	big := state.OutboxFrame{Output: "o", First: 1, Last: 1, Data: random}
	for range 3 {
		set(tab, 2, 2)
		delta := a.Barrier(2)
		if _, err := s.Commit(&state.Commit{Epoch: 2, Delta: delta, Append: []state.OutboxFrame{big}}); err == nil {
			t.Fatal("16 MiB fit a file of 8")
		}
		delta.Abort()
	}
	if a.Stats().Dirty == 0 {
		t.Fatal("the changes are lost")
	}
	big.Data = random[:1000]
	commit(t, s, a, &state.Commit{Epoch: 2, Append: []state.OutboxFrame{big}})
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestFailpointsFailCommits(t *testing.T) {
	for _, tx := range []int64{0, 30_000} {
		for _, point := range []string{"checkpoint.page-write", "checkpoint.before-commit"} {
			t.Run(fmt.Sprint(point, tx), func(t *testing.T) {
				hits, failAt := 0, 0
				d := newDisk(t, store.Options{TxBytesMax: tx, Failpoint: func(name string) error {
					if name == point {
						if hits++; hits == failAt {
							return failpoint.ErrInjected
						}
					}
					return nil
				}})
				s := d.Open(t)
				a, tab := newTable(t, s)
				for i := range uint64(2000) {
					set(tab, i, i)
				}
				commit(t, s, a, &state.Commit{Epoch: 1})
				for i := range uint64(2000) {
					set(tab, i, 2*i)
				}
				delta := a.Barrier(2)
				hits = 0
				if failAt = 1; point == "checkpoint.page-write" {
					failAt = delta.Len()
				}
				if _, err := s.Commit(&state.Commit{Epoch: 2, Delta: delta}); !errors.Is(err, failpoint.ErrInjected) {
					t.Fatal(err)
				}
				delta.Abort()
				// A restart at this point finds epoch 1.
				s.Close()
				s = d.Open(t)
				r, err := s.Load()
				if err != nil || r.Epoch != 1 {
					t.Fatal(r, err)
				}
				b, err := state.NewArena(state.Options{})
				if err == nil {
					err = b.Restore(r.Roots, s.Pages)
				}
				if err = errors.Join(err, b.Check(), s.Check()); err != nil {
					t.Fatal(err)
				}
				commit(t, s, a, &state.Commit{Epoch: 2})
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestKilledCommits kills a process inside commits at every step and looks at
// what it leaves.
func TestKilledCommits(t *testing.T) {
	if path := os.Getenv("EDGEFLOW_STORE_TEST"); path != "" {
		killMe(path)
		os.Exit(3)
	}
	points := []string{
		"checkpoint.page-write=kill:1", "checkpoint.page-write=kill:20", "checkpoint.page-write=kill:150",
		"checkpoint.before-commit=kill:1", "checkpoint.before-commit=kill:3",
		"checkpoint.after-commit=kill:1", "checkpoint.after-commit=kill:2",
	}
	for _, tx := range []string{"0", "100000"} {
		d := newDisk(t, store.Options{})
		last := state.Epoch(0)
		for _, point := range points {
			cmd := exec.Command(os.Args[0], "-test.run=TestKilledCommits")
			cmd.Env = append(os.Environ(), "EDGEFLOW_STORE_TEST="+d.path, "EDGEFLOW_STORE_TX="+tx, failpoint.Env+"="+point)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() == 3 {
				t.Fatalf("%s: %v: %s", point, err, out)
			}
			s := d.Open(t)
			r, err := s.Load()
			if err != nil {
				t.Fatal(err)
			}
			if r.Epoch < last {
				t.Fatalf("%s: epoch %d after %d", point, r.Epoch, last)
			}
			last = r.Epoch
			if r.Epoch > 0 {
				a, err := state.NewArena(state.Options{})
				if err == nil {
					err = a.Restore(r.Roots, s.Pages)
				}
				if err = errors.Join(err, a.Check(), s.Check()); err != nil {
					t.Fatalf("%s: %v", point, err)
				}
				checkEpochRows(t, a, r)
			}
			s.Close()
		}
		if last < 4 {
			t.Fatalf("only %d epochs were committed", last)
		}
	}
}

// killMe commits epochs whose rows all hold the epoch, until a failpoint kills it.
func killMe(path string) {
	must := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	}
	must(failpoint.EnableFromEnv())
	var tx int64
	fmt.Sscan(os.Getenv("EDGEFLOW_STORE_TX"), &tx)
	s, err := store.Open(path, store.Options{TxBytesMax: tx})
	must(err)
	r, err := s.Load()
	must(err)
	a, err := state.NewArena(state.Options{})
	must(err)
	if r.Manifest != nil {
		must(a.Restore(r.Roots, s.Pages))
	}
	sp, err := a.Space("op", state.Layout{})
	must(err)
	tab := sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 48})
	for e := r.Epoch + 1; e < r.Epoch+10; e++ {
		for i := range uint64(5000) {
			set(tab, i, uint64(e))
		}
		d := a.Barrier(e)
		_, err := s.Commit(&state.Commit{
			Epoch: e, Delta: d, Manifest: fmt.Appendf(nil, "%d", e),
			Append: []state.OutboxFrame{{Output: "o", First: uint64(e), Last: uint64(e), Rows: 1}},
			Trim:   []state.OutboxTrim{{Output: "o", UpTo: uint64(e) - 1}},
		})
		must(err)
		d.Done()
	}
}

func checkEpochRows(t *testing.T, a *state.Arena, r *state.Restored) {
	t.Helper()
	if string(r.Manifest) != fmt.Sprint(r.Epoch) {
		t.Fatalf("manifest %q in epoch %d", r.Manifest, r.Epoch)
	}
	if o := r.Outboxes[0]; o.First != uint64(r.Epoch) || o.Last != uint64(r.Epoch) {
		t.Fatalf("epoch %d: %+v", r.Epoch, o)
	}
	tab := a.Lookup("op").Table("t", state.TableSpec{KeySize: 8, ValueSize: 48})
	n := 0
	tab.Scan(func(row state.Row) bool {
		n++
		if tab.Value(row)[0] != byte(r.Epoch) {
			t.Fatalf("epoch %d holds a row of epoch %d", r.Epoch, tab.Value(row)[0])
		}
		return true
	})
	if n != 5000 {
		t.Fatalf("%d rows", n)
	}
}

func TestOneChangedRowIsASmallCheckpoint(t *testing.T) {
	keys := uint64(1_000_000)
	if testing.Short() {
		keys = 100_000
	}
	d := newDisk(t, store.Options{})
	s := d.Open(t)
	a, tab := newTable(t, s)
	for i := range keys {
		set(tab, i, i)
	}
	commit(t, s, a, &state.Commit{Epoch: 1})
	for i := range keys {
		set(tab, i, i+1)
	}
	commit(t, s, a, &state.Commit{Epoch: 2}) // leaves many free pages in the file
	set(tab, keys/2, 0)
	st := commit(t, s, a, &state.Commit{Epoch: 3})
	t.Logf("one row of %d: %d page, %d bytes stored, %d bytes written", keys, st.Pages, st.StoredBytes, st.WrittenBytes)
	if st.Pages != 1 || st.WrittenBytes >= 64<<10 {
		t.Errorf("%+v", st)
	}
}

func TestFileReturnsToItsFloorAfterABacklog(t *testing.T) {
	d := newDisk(t, store.Options{CompactMinBytes: 1 << 20})
	s := d.Open(t)
	a, tab := newTable(t, s)
	set(tab, 1, 1)
	floor := commit(t, s, a, &state.Commit{Epoch: 1}).FileBytes
	epoch, last := state.Epoch(1), uint64(0)
	data := randomBytes(200_000)
	var most int64
	for range 100 {
		epoch++
		last++
		for i := range uint64(1000) {
			set(tab, last*1000+i, i)
		}
		st := commit(t, s, a, &state.Commit{Epoch: epoch, Append: []state.OutboxFrame{{Output: "o", First: last, Last: last, Data: data[last:]}}})
		most = st.FileBytes
	}
	pages := a.Stats().Pages
	for up := uint64(10); up <= last; up += 10 {
		epoch++
		for i := range uint64(10_000) {
			tab.Delete(le8((up-9)*1000 + i))
		}
		commit(t, s, a, &state.Commit{Epoch: epoch, Trim: []state.OutboxTrim{{Output: "o", UpTo: up}}})
	}
	epoch++
	end := commit(t, s, a, &state.Commit{Epoch: epoch})
	t.Logf("file: %d bytes at the floor, %d with the backlog, %d afterwards; pages: %d with the backlog, %d afterwards",
		floor, most, end.FileBytes, pages, a.Stats().Pages)
	if end.FileBytes > floor+8<<20 || most < 3*end.FileBytes || a.Stats().Pages > 20 {
		t.Errorf("the file keeps its size")
	}
	if err := errors.Join(s.Check(), a.Check()); err != nil {
		t.Fatal(err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(b)
	return b
}

func le8(v uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return b
}

func TestSavepointsWhileRunning(t *testing.T) {
	d := newDisk(t, store.Options{})
	s := d.Open(t)
	a, tab := newTable(t, s)
	done := make(chan error, 1)
	for e := state.Epoch(1); e <= 20; e++ {
		for i := range uint64(5000) {
			set(tab, i, uint64(e))
		}
		if e == 10 {
			go func() {
				var b bytes.Buffer
				_, err := s.Savepoint(&b)
				if err == nil {
					_, err = store.ReadSavepoint(&b, store.SavepointSink{})
				}
				done <- err
			}()
		}
		commit(t, s, a, &state.Commit{Epoch: e})
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Savepoint(failingWriter{}); err == nil {
		t.Fatal("a write error is lost")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestMessages(t *testing.T) {
	e := &store.DamagedError{Path: "p.db", MovedTo: "p.db.damaged-1", Err: errors.New("cause")}
	for _, want := range []string{"p.db is damaged (cause)", "p.db.damaged-1", "nothing was deleted", "There is no savepoint", "--reset-state"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q lacks %q", e.Error(), want)
		}
	}
	if _, err := store.Open("x", store.Options{TxBytesMax: -1}); err == nil {
		t.Error("a negative limit is accepted")
	}
}
