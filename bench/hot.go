package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/bench/memory"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/edgeflow/edgeflow/store"
)

// stateEvents encodes an event for each id, 100 a message.
func stateEvents(ids []int) []dataflow.Message {
	var out []dataflow.Message
	var data []byte
	for i, id := range ids {
		data = append(data, 0x82, 0xa2, 'i', 'd', 0xd3)
		data = binary.BigEndian.AppendUint64(data, uint64(id))
		data = append(data, 0xa1, 'v', 0x01)
		if (i+1)%100 == 0 || i == len(ids)-1 {
			out = append(out, dataflow.Message{Data: data, Seq: uint64(len(out) + 1), ArrivalMs: int64(len(out)) + 1})
			data = nil
		}
	}
	return out
}

// messagesPerBatch makes batches of 1,000 events.
const messagesPerBatch = 10

// hot is an engine with a store, run as the agent runs one.
type hot struct {
	store  *store.Store
	arena  *state.Arena
	source *memory.Source
	engine *dataflow.Engine
	sink   *updates
	epoch  state.Epoch
	// collector is the process's, as in the agent.
	collector store.Collector
	// delay is of the thread that the engine runs on.
	delay *runDelay
	// rest is how long it sleeps after each batch, as one that waits for events does.
	rest time.Duration

	inFlight *dataflow.Checkpoint
	began    time.Time
	barriers histogram
	commits  chan commitDone
	commitMs []float64
	stored   []float64
	last     state.CommitStats
}

// updates counts the rows that replace others.
type updates struct{ retracted int64 }

// Print counts.
func (u *updates) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		if b.Kind(b.Row(k)).Retracts() {
			u.retracted++
		}
	}
	return nil
}

// Close does nothing.
func (u *updates) Close() error { return nil }

type commitDone struct {
	stats state.CommitStats
	err   error
}

func openHot(path string) (h *hot, err error) {
	h = &hot{commits: make(chan commitDone, 1), sink: &updates{}, source: &memory.Source{PollMax: messagesPerBatch, Endless: true}}
	if h.store, err = store.Open(path, store.Options{}); err != nil {
		return nil, err
	}
	restored, err := h.store.Load()
	if err != nil {
		return nil, err
	}
	if h.arena, err = state.NewArena(state.Options{Pager: h.store}); err != nil {
		return nil, err
	}
	o := memory.Options{Script: stateScript, Source: h.source, Sink: h.sink, Arena: h.arena}
	if restored.Manifest != nil {
		if o.Restored, err = dataflow.DecodeManifest(restored.Manifest); err != nil {
			return nil, err
		}
		h.epoch = restored.Epoch
		if err := h.arena.Restore(restored.Roots, h.store.Pages); err != nil {
			return nil, err
		}
	}
	h.engine, err = memory.New(o)
	return h, err
}

// batch takes in 1,000 events.
func (h *hot) batch() error {
	if _, err := h.engine.Step(0, 0); err != nil {
		return err
	}
	h.arena.Maintain()
	return nil
}

// barrier begins a checkpoint that is written in the background.
func (h *hot) barrier() error {
	h.epoch++
	h.began = time.Now()
	h.inFlight = h.engine.Barrier(h.epoch)
	m, err := h.inFlight.Manifest.MarshalMsg(nil)
	if err != nil {
		return err
	}
	h.barriers.add(time.Since(h.began))
	c := &state.Commit{Epoch: h.epoch, Generation: 1, Delta: h.inFlight.Delta, Manifest: m}
	go func() {
		st, err := h.store.Commit(c)
		h.commits <- commitDone{st, err}
		h.collector.AfterCommit()
	}()
	return nil
}

// settle takes in a checkpoint that has been written; it waits for it when told to.
func (h *hot) settle(wait bool) error {
	if h.inFlight == nil {
		return nil
	}
	var d commitDone
	if wait {
		d = <-h.commits
	} else {
		select {
		case d = <-h.commits:
		default:
			return nil
		}
	}
	if d.err != nil {
		return d.err
	}
	h.inFlight.Delta.Done()
	h.inFlight = nil
	h.last = d.stats
	h.commitMs = append(h.commitMs, float64(time.Since(h.began).Microseconds())/1000)
	h.stored = append(h.stored, float64(d.stats.StoredBytes))
	return nil
}

func (h *hot) close() error {
	if err := h.engine.Close(); err != nil {
		return err
	}
	return h.store.Close()
}

// stallProgram fills the state, updates all keys in random order with a checkpoint each
// second, then without, and at last writes a checkpoint of one changed row.
func stallProgram(j stateJob) (r stallReport, err error) {
	h, err := openHot(j.Path)
	if err != nil {
		return r, err
	}
	if r.HeapObjects, err = h.fill(j.Keys); err != nil {
		return r, err
	}
	random := rand.New(rand.NewPCG(1, 0))
	h.source.Load(stateEvents(append(random.Perm(j.Keys), random.Perm(j.Keys)...)))
	runtime.LockOSThread() // CPU time is the thread's
	defer runtime.UnlockOSThread()
	if h.delay, err = openRunDelay(); err != nil {
		return r, err
	}
	defer h.delay.close()
	h.rest = time.Duration(j.RestUs) * time.Microsecond
	var warm, with, without series
	if err := h.seconds(2, true, &warm); err != nil {
		return r, err
	}
	h.commitMs, h.stored, h.barriers = nil, nil, histogram{}
	m := newMeter()
	if err := m.begin(j.Profile); err != nil {
		return r, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	load := loadNow(nil)
	if err := h.seconds(j.Barriers, true, &with); err != nil {
		return r, err
	}
	r.Others, r.Stolen = loadNow(nil).since(load)
	r.EventsPerS = float64(len(with.wall)*messagesPerBatch*100) / time.Since(began).Seconds()
	runtime.ReadMemStats(&after)
	r.AllocatedBytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(j.Barriers)
	r.AllocatedObjects = float64(after.Mallocs-before.Mallocs) / float64(j.Barriers)
	r.Collections = int(after.NumGC - before.NumGC)
	m.end()
	if err := writeAllocs(j.Allocs); err != nil {
		return r, err
	}
	r.CommitMs, r.CommitBytes = spreadOf(h.commitMs), spreadOf(h.stored)
	stop := make(chan struct{})
	go busy(stop)
	err = h.seconds(j.Barriers, false, &without)
	r.Empty = emptySeconds(min(j.Barriers, 10), h.rest)
	close(stop)
	if err != nil {
		return r, err
	}
	r.describe(&with, &without)
	r.BarrierMaxMs, r.Barriers = milliseconds(h.barriers.max), h.barriers.String()
	if err := h.oneRow(&r); err != nil {
		return r, err
	}
	r.StateBytes, r.FileBytes = h.arena.Stats().Bytes, h.last.FileBytes
	r.PeakRSSBytes = memoryOf(os.Getpid(), "VmHWM")
	return r, h.close()
}

// writeAllocs writes the profile of all allocations into a file when one is named.
func writeAllocs(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// fill makes a row for every key and returns the number of heap objects with a thousandth
// of them and with all, without those of the messages.
func (h *hot) fill(keys int) (objects [2]int, err error) {
	from := 0
	for i, n := range []int{keys / 1000, keys} {
		ids := make([]int, 0, n-from)
		for ; from < n; from++ {
			ids = append(ids, from)
		}
		h.source.Load(stateEvents(ids))
		for range (len(h.source.Messages) + messagesPerBatch - 1) / messagesPerBatch {
			if err := h.batch(); err != nil {
				return objects, err
			}
		}
		h.source.Load(nil)
		if err := h.barrier(); err != nil {
			return objects, err
		}
		if err := h.settle(true); err != nil {
			return objects, err
		}
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // pools give their objects up at the second
		runtime.ReadMemStats(&s)
		objects[i] = int(s.HeapObjects)
	}
	return objects, nil
}

// sample is a moment of the engine's thread: wall time, CPU time, and the time for which it
// has waited for a core.
type sample struct {
	at        time.Time
	cpu, wait time.Duration
}

// now samples the calling thread, to which the goroutine must be locked.
func (h *hot) now() sample { return sample{time.Now(), threadTime(), h.delay.now()} }

// series holds durations of batches, and the longest of each second: by the clock, without
// the time for which the thread waited for a core, and by CPU time.
type series struct {
	wall, served, cpu          []time.Duration
	wallMax, servedMax, cpuMax []time.Duration
}

// seconds runs n times a second of batches. With barriers, each second begins with one, and
// lasts longer where the checkpoint takes longer; the first batch after a barrier includes
// it, and each what the engine's goroutine does for the end of a checkpoint. The longest
// batch is that of those which began within a second.
func (h *hot) seconds(n int, barriers bool, s *series) error {
	for range n {
		start := h.now()
		if barriers {
			if err := h.barrier(); err != nil {
				return err
			}
		}
		var wallMax, servedMax, cpuMax time.Duration
		for at := start; time.Since(start.at) < time.Second || h.inFlight != nil; {
			if err := h.batch(); err != nil {
				return err
			}
			if err := h.settle(false); err != nil {
				return err
			}
			end := h.now()
			wall, cpu := end.at.Sub(at.at), end.cpu-at.cpu
			served := wall - (end.wait - at.wait)
			s.wall, s.served, s.cpu = append(s.wall, wall), append(s.served, served), append(s.cpu, cpu)
			if at.at.Sub(start.at) < time.Second {
				wallMax, servedMax, cpuMax = max(wallMax, wall), max(servedMax, served), max(cpuMax, cpu)
			}
			if at = end; h.rest > 0 {
				pauseInTurn(h.rest)
				at = h.now()
			}
		}
		s.wallMax, s.servedMax, s.cpuMax = append(s.wallMax, wallMax), append(s.servedMax, servedMax), append(s.cpuMax, cpuMax)
	}
	return nil
}

// emptySeconds reads the clock for n seconds, with the engine's rests, and returns the
// longest time between two readings of each: for how long the machine leaves a thread
// without a core.
func emptySeconds(n int, rest time.Duration) stall {
	const batch = 400 * time.Microsecond
	var longest []time.Duration
	for range n {
		start, most := time.Now(), time.Duration(0)
		for at, batchAt := start, start; at.Sub(start) < time.Second; {
			next := time.Now()
			most, at = max(most, next.Sub(at)), next
			if rest > 0 && at.Sub(batchAt) > batch {
				pauseInTurn(rest)
				at = time.Now()
				batchAt = at
			}
		}
		longest = append(longest, most)
	}
	return stallOf(longest, []time.Duration{0})
}

// busy keeps a core busy until it is closed, as a checkpoint does.
func busy(stop <-chan struct{}) {
	page, sum := make([]byte, 4096), uint32(0)
	for {
		select {
		case <-stop:
			return
		default:
			sum += crc32.ChecksumIEEE(page)
			page[sum%4096]++
		}
	}
}

// stall is the longest batch of a second less the median batch, in ms.
type stall struct {
	MedianMs float64 `json:"median_ms"`
	P99Ms    float64 `json:"p99_ms"`
	MaxMs    float64 `json:"max_ms"`
}

// part is the value below which so many percent of a sorted slice lie.
func part(d []time.Duration, percent int) time.Duration { return d[len(d)*percent/100] }

func stallOf(longest, batches []time.Duration) stall {
	slices.Sort(longest)
	slices.Sort(batches)
	median := part(batches, 50)
	return stall{milliseconds(part(longest, 50) - median), milliseconds(part(longest, 99) - median), milliseconds(longest[len(longest)-1] - median)}
}

// stallsOf is the histogram of what stallOf sums up; the slices are sorted.
func stallsOf(longest, batches []time.Duration) string {
	var h histogram
	for _, d := range longest {
		h.add(d - part(batches, 50))
	}
	return h.String()
}

// describe computes medians and percentiles.
func (r *stallReport) describe(with, without *series) {
	r.Stall, r.StallCPU = stallOf(with.wallMax, with.wall), stallOf(with.cpuMax, with.cpu)
	r.Stalls, r.StallsCPU = stallsOf(with.wallMax, with.wall), stallsOf(with.cpuMax, with.cpu)
	r.StallServed, r.IdleServed = stallOf(with.servedMax, with.served), stallOf(without.servedMax, without.served)
	r.Idle, r.IdleCPU = stallOf(without.wallMax, without.wall), stallOf(without.cpuMax, without.cpu)
	r.Batches = len(with.wall)
	r.BatchMedianMs, r.BatchP99Ms = milliseconds(part(with.wall, 50)), milliseconds(part(with.wall, 99))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// oneRow writes a checkpoint of everything, changes one row, and writes another.
func (h *hot) oneRow(r *stallReport) error {
	checkpoint := func() error {
		if err := h.barrier(); err != nil {
			return err
		}
		return h.settle(true)
	}
	if err := checkpoint(); err != nil {
		return err
	}
	h.source.Load(stateEvents([]int{471}))
	if err := h.batch(); err != nil {
		return err
	}
	if err := checkpoint(); err != nil {
		return err
	}
	r.OneRowPages, r.OneRowStored, r.OneRowWritten = h.last.Pages, h.last.StoredBytes, h.last.WrittenBytes
	return nil
}

// restoreProgram opens the file that stallProgram left behind, until the engine could take
// in its first event. Then it updates every key once, to see that all of them are there.
func restoreProgram(j stateJob) (r restoreReport, err error) {
	began := time.Now()
	h, err := openHot(j.Path)
	if err != nil {
		return r, err
	}
	r.RestoreMs = milliseconds(time.Since(began))
	ids := make([]int, j.Keys)
	for i := range ids {
		ids[i] = i
	}
	h.source.Load(stateEvents(ids))
	for range (len(h.source.Messages) + messagesPerBatch - 1) / messagesPerBatch {
		if err := h.batch(); err != nil {
			return r, err
		}
	}
	r.Keys = h.sink.retracted
	r.StateBytes = h.arena.Stats().Bytes
	r.PeakRSSBytes = memoryOf(os.Getpid(), "VmHWM")
	return r, h.close()
}
