package agent

import (
	"os"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// meter keeps the figures of a runner's status.
type meter struct {
	pending  uint64
	lastAt   time.Time
	lastRead int64
	perSec   int64
	// swapFails tells that the swap takes no more, and that this was said.
	swapFails bool
	shownAt   time.Time

	checkpoints, failures, checkpointMs, checkpointBytes, checkpointAtMs, fileBytes int64
	// writtenBytes went to the disk since the start, for changedBytes of pages and frames.
	writtenBytes, changedBytes int64
	committedEpoch             uint64
}

func (m *meter) start(now time.Time, l *dataflow.Ledger) { m.lastAt, m.lastRead = now, read(l) }

func read(l *dataflow.Ledger) (n int64) {
	for _, s := range l.Sources {
		n += s.Read
	}
	return n
}

func (m *meter) committed(c committed, now time.Time) {
	m.checkpoints++
	m.checkpointMs = c.took.Milliseconds()
	m.checkpointBytes = c.Stats.StoredBytes + c.Stats.FrameBytes
	m.writtenBytes += c.Stats.WrittenBytes
	m.changedBytes += c.Stats.PageBytes + c.Stats.FrameBytes
	m.checkpointAtMs = now.UnixMilli()
	m.fileBytes = c.Stats.FileBytes
	m.committedEpoch = uint64(c.Commit.Epoch)
}

// publish makes a new status snapshot, a few times a second.
func (r *runner) publish(now time.Time, force bool) {
	m := &r.meter
	if !force && now.Sub(m.shownAt) < statusEvery {
		return
	}
	m.shownAt = now
	events := r.engine.Events()
	if d := now.Sub(m.lastAt); d >= time.Second || m.perSec == 0 && d > 0 {
		m.perSec = int64(float64(events-m.lastRead) / d.Seconds())
		m.lastAt, m.lastRead = now, events
	}
	st := &Status{
		Pipeline: r.p.name, State: Running, Started: r.p.started, Restarts: r.p.restarts, HeldBy: r.heldBy,
		Events: events, PerSec: m.perSec, Pending: int64(m.pending),
		ArrivalMs: r.engine.NowMs(), WatermarkMs: r.engine.WatermarkMs(),
		Epoch: m.committedEpoch, Checkpoints: m.checkpoints, CheckpointFailures: m.failures, CheckpointMs: m.checkpointMs,
		CheckpointBytes: m.checkpointBytes, CheckpointAtMs: m.checkpointAtMs, OutputMemory: r.checks.OutputMemory(), QueueBytes: r.engine.QueuedBytes(),
		WrittenBytes: m.writtenBytes, ChangedBytes: m.changedBytes, StretchMs: r.checks.Stretched().Milliseconds(),
		FileBytes: m.fileBytes, RestoreMs: r.restoreTook.Milliseconds(), Ledger: r.ledger,
	}
	held := r.arena.Stats()
	page := int64(r.arena.PageSize())
	st.StateBytes, st.SpilledBytes, st.SwappedBytes = held.Bytes, int64(held.Spilled)*page, held.Swapped*page
	if (held.SwapErr != nil) != m.swapFails {
		if m.swapFails = !m.swapFails; m.swapFails {
			r.p.log.Error("a step of the pipeline has no room on the disk for the state that it changes, and takes memory above edgeflow.memory.max", "error", held.SwapErr)
		}
	}
	if up := now.Sub(st.Started); up >= time.Minute {
		st.WrittenPerDay = int64(float64(m.writtenBytes) / up.Hours() * 24)
	}
	if r.heldBy != "" {
		st.State = Backpressure
	}
	if st.Epoch == 0 {
		st.Epoch = uint64(r.checks.Epoch)
	}
	switch {
	case m.pending > 0 && m.perSec > 0:
		st.EtaMs = int64(m.pending) * 1000 / m.perSec
	case m.pending > 0:
		st.EtaMs = -1
	}
	st.Imbalances = r.ledger.Imbalances()
	st.Sources = r.conns.sources()
	r.outputStatus(st, now)
	r.p.status.Store(st)
	r.progress(now)
}

func (r *runner) outputStatus(st *Status, now time.Time) {
	for _, s := range r.fwd.Statuses(now) {
		o := OutputStatus{
			Name: s.Name, Link: linkUp, Guarantee: "exactly-once", Confirmed: s.Cursor, Rows: int64(s.Last - s.Done()),
			Bytes: s.Bytes, OldestMs: s.OldestMs, Dropped: int64(s.Dropped), Merged: int64(s.Merged), Generation: s.Generation, DrainMs: s.Drain.Milliseconds(),
			Removed: r.conns.removedLetters(s.Name),
		}
		if s.Drain < 0 {
			o.DrainMs = -1
		}
		if s.Err != nil {
			o.Link, o.Error = linkDown, s.Err.Error()
		}
		if s.Full {
			o.Link = "full"
		}
		for _, l := range r.ledger.Outputs {
			if l.Name == s.Name {
				o.Emitted = l.Emitted
			}
		}
		st.Outputs = append(st.Outputs, o)
	}
	for _, l := range r.ledger.Outputs {
		if l.Uncommitted {
			st.Outputs = append(st.Outputs, OutputStatus{Name: l.Name, Link: linkUp, Guarantee: "uncommitted", Emitted: l.Emitted, DrainMs: -1})
		}
	}
}

// progress logs a catch-up that takes long: rate, lag, estimate.
func (r *runner) progress(now time.Time) {
	const every, lag = 10 * time.Second, 100_000
	if r.meter.pending < lag {
		r.caughtUpAt = now
		return
	}
	if now.Sub(r.caughtUpAt) < every {
		return
	}
	r.caughtUpAt = now
	eta := time.Duration(-1)
	if r.meter.perSec > 0 {
		eta = time.Duration(r.meter.pending) * time.Second / time.Duration(r.meter.perSec)
	}
	r.p.log.Info("catching up", "pending", r.meter.pending, "events_per_second", r.meter.perSec, "eta", eta.Round(time.Second))
}

// clockSuspect tells that the host's clock reads earlier than this program's file was
// written, as after a boot without a real-time clock: what is too far ahead cannot be told.
func (a *Agent) clockSuspect(now time.Time) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	info, err := os.Stat(self)
	if err != nil || !now.Before(info.ModTime().Add(-24*time.Hour)) {
		return false
	}
	a.log.Error("the host's clock reads earlier than this program is old: the future guard is suspended until the next start", "clock", now)
	return true
}
