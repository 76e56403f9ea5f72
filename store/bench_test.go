package store_test

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

const benchKeys = 1_000_000

// hotLoop is an engine's loop over benchKeys keys that are all hot.
type hotLoop struct {
	table   *state.Table
	keys    []byte
	offs    []uint32
	rows    []state.Row
	created []bool
	rand    *rand.Rand
}

func newHotLoop(tab *state.Table) *hotLoop {
	h := &hotLoop{table: tab, keys: make([]byte, 8000), rows: make([]state.Row, 1000), created: make([]bool, 1000), rand: rand.New(rand.NewPCG(1, 0))}
	for i := range 1001 {
		h.offs = append(h.offs, uint32(8*i))
	}
	return h
}

// batch updates 1,000 random rows and returns how long that took.
func (h *hotLoop) batch() time.Duration {
	for i := 0; i < len(h.keys); i += 8 {
		binary.LittleEndian.PutUint64(h.keys[i:], h.rand.Uint64N(benchKeys))
	}
	start := time.Now()
	h.table.UpsertBatch(h.keys, h.offs, h.rows, h.created)
	for _, r := range h.rows {
		v := h.table.MutValue(r)
		binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
	}
	return time.Since(start)
}

// BenchmarkHotCheckpoints updates 1,000,000 keys at full speed with a checkpoint
// each second; b.N counts checkpoints (-benchtime 20x). stall-p99-ms is the
// longest batch within a second after a barrier less the median batch.
func BenchmarkHotCheckpoints(b *testing.B) {
	s, err := store.Open(filepath.Join(b.TempDir(), "state.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a, tab := newTable(b, s)
	for i := range uint64(benchKeys) {
		set(tab, i, i)
	}
	commit(b, s, a, &state.Commit{Epoch: 1})
	h := newHotLoop(tab)
	type answer struct {
		stats state.CommitStats
		err   error
	}
	answers := make(chan answer, 1)
	var batches, stalls []time.Duration
	var commits, barriers time.Duration
	b.ResetTimer()
	for i := range b.N {
		epoch := state.Epoch(i + 2)
		start := time.Now()
		delta := a.Barrier(epoch)
		barriers = max(barriers, time.Since(start))
		go func() {
			stats, err := s.Commit(&state.Commit{Epoch: epoch, Delta: delta})
			answers <- answer{stats, err}
		}()
		var longest time.Duration
		for running := true; running || time.Since(start) < time.Second; {
			d := h.batch()
			batches = append(batches, d)
			longest = max(longest, d)
			select {
			case r := <-answers:
				if r.err != nil {
					b.Fatal(r.err)
				}
				delta.Done()
				running = false
				commits += r.stats.Capture + r.stats.Sync
			default:
			}
		}
		stalls = append(stalls, longest)
	}
	b.StopTimer()
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	slices.Sort(batches)
	slices.Sort(stalls)
	median := batches[len(batches)/2]
	b.ReportMetric(ms(median), "batch-median-ms")
	b.ReportMetric(ms(batches[len(batches)*99/100]), "batch-p99-ms")
	b.ReportMetric(ms(stalls[len(stalls)*99/100]-median), "stall-p99-ms")
	b.ReportMetric(ms(stalls[len(stalls)/2]-median), "stall-median-ms")
	b.ReportMetric(ms(barriers), "barrier-max-ms")
	b.ReportMetric(ms(commits/time.Duration(b.N)), "commit-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRestore opens a file with 1,000,000 keys and reads all of it.
func BenchmarkRestore(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	s, err := store.Open(path, store.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	a, tab := newTable(b, s)
	for i := range uint64(benchKeys) {
		set(tab, i, i)
	}
	commit(b, s, a, &state.Commit{Epoch: 1})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		s, err := store.Open(path, store.Options{NoSync: true})
		if err != nil {
			b.Fatal(err)
		}
		r, err := s.Load()
		if err != nil {
			b.Fatal(err)
		}
		a, err := state.NewArena(state.Options{})
		if err == nil {
			err = a.Restore(r.Roots, s.Pages)
		}
		if err != nil {
			b.Fatal(err)
		}
		if n := a.Lookup("op").Table("t", tab.Spec()).Len(); n != benchKeys {
			b.Fatal(n)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
