package dataflow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Options configure an Engine.
type Options struct {
	Plan       *plan.Plan
	Connectors Connectors
	// Arena holds the operators' state, empty or restored.
	Arena *state.Arena
	// Restored is the manifest that belongs to the arena's pages; nil at a first start.
	Restored *Manifest
	// StartMs is the arrival time before the first row, in ms since 1970.
	StartMs int64
	// Interpret leaves registered fragments of generated code aside.
	Interpret bool
	// LetterSubject is the subject of dead letters and late rows of a kind at their target;
	// nil where they have none.
	LetterSubject func(kind string) []byte
	// OutputMemoryMax is how much memory output may take between two barriers, in bytes, until Stage
	// is given its frames, in the midst of a step; 0 is any amount, and so is no Stage. Where it
	// cannot store them, they stay in memory until the next barrier, and it is not asked before.
	OutputMemoryMax int64
	Stage           func([]state.OutboxFrame) error
	// Suspend turns the future guard off while the host's clock cannot be trusted.
	SuspendGuard bool
}

// Engine runs one pipeline's plan. All methods are called from one goroutine.
type Engine struct {
	plan     *plan.Plan
	arena    *state.Arena
	env      *expr.Env
	sources  []*ingest
	vertices []*vertex
	outputs  []*Output
	letters  *deadLetters
	late     *Output
	nowMs    int64
	arrived  bool // a row or a message has ever arrived
	started  bool
	ended    bool
	advanced bool // a source's place has moved since the last barrier without messages
	guardOff bool
	// interpret leaves generated code aside.
	interpret bool
	conns     Connectors
	spill     spill
	migrated  []Migrated
	notes     [2]*notes // of the newest checkpoint, and of the one before
}

// vertex is an operator of the running plan with the edges that leave it.
type vertex struct {
	node plan.Node
	op   op.Operator
	out  fanout
	// input is the one that brought the newest batch, came the number of rows so far, began
	// what the operator had counted before.
	input int
	came  int64
	began op.Audit
}

// New builds the operators of a plan and binds their state. It opens no source yet.
func New(o Options) (*Engine, error) {
	e := &Engine{notes: [2]*notes{{}, {}}, plan: o.Plan, arena: o.Arena, env: o.Plan.Config.Env(), nowMs: o.StartMs, guardOff: o.SuspendGuard, interpret: o.Interpret, conns: o.Connectors}
	e.spill = spill{max: o.OutputMemoryMax, stage: o.Stage}
	w, err := o.Connectors.Diverted(DeadLetters)
	if err != nil {
		return nil, err
	}
	e.letters = &deadLetters{policy: o.Plan.Config.OnRowError, pipeline: o.Plan.Config.Name, subject: o.LetterSubject,
		out: newOutput(DeadLetters, w), env: e.env}
	if w, err = o.Connectors.Diverted(LateRows); err != nil {
		return nil, err
	}
	e.late = newOutput(LateRows, w)
	e.outputs = []*Output{e.letters.out, e.late}
	if err := e.build(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	for _, o := range e.outputs {
		o.sealAt, o.grown = e.spill.frame(), e.relieveOutput
	}
	e.interleave()
	if o.Restored != nil {
		if err := e.restore(o.Restored); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	for _, v := range e.vertices {
		if v.op == nil {
			continue
		}
		if err := v.op.Open(e.context(v)); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", v.node.Kind(), err), e.Close())
		}
		if a, ok := v.op.(op.Audited); ok {
			v.began = a.Audit()
		}
	}
	for _, in := range e.sources {
		in.began = in.ledger.Decoded
	}
	if err := e.bindHeads(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) restore(m *Manifest) error {
	// The host's clock has no part in arrival time: it may be wrong.
	e.nowMs, e.started = m.NowMs, true
	for _, s := range m.Sources {
		in := e.source(s.ID)
		if in == nil {
			continue
		}
		in.position, in.arrivalMs, in.ledger = s.Position, s.ArrivalMs, s.Ledger
		in.closed = s.Ended
		in.ended = s.Ended
		e.arrived = e.arrived || s.ArrivalMs > 0
	}
	// Rows of others were not read before the tables for lookups had been loaded.
	if slices.ContainsFunc(e.sources, func(in *ingest) bool { return !in.loading && in.ledger.Messages+in.ledger.Read > 0 }) {
		for _, in := range e.sources {
			in.loading = false
		}
	}
	// A query that was given another source goes on though it had ended.
	e.ended = m.Ended && e.allClosed()
	for _, r := range m.Outputs {
		for _, o := range e.outputs {
			if o.Name == r.Name {
				o.next, o.first, o.emitted = r.Next, r.Next, r.Emitted
			}
		}
	}
	return nil
}

func (e *Engine) source(id string) *ingest {
	for _, in := range e.sources {
		if in.node.Base().ID == id {
			return in
		}
	}
	return nil
}

// Open opens the sources at their positions and emits what needs no input.
func (e *Engine) Open(ctx context.Context) ([]OpenReport, error) {
	var reports []OpenReport
	for _, in := range e.sources {
		if in.closed {
			continue
		}
		r, err := in.open(ctx)
		if err != nil {
			return reports, err
		}
		reports = append(reports, r)
	}
	if !e.started {
		e.started = true
		for _, v := range e.vertices {
			if s, ok := v.op.(interface{ Start() error }); ok {
				if err := s.Start(); err != nil {
					return reports, err
				}
			}
		}
	}
	return reports, nil
}

// Progress is what a Step did.
type Progress struct {
	// Rows is the number of events decoded. Taken tells that anything was taken in at all:
	// a message may hold no event, or none that can be decoded.
	Rows  int
	Taken bool
	// Pending is the number of messages known to wait at the sources; 0 when nothing was
	// taken means that every source reports nothing pending.
	Pending uint64
	// Ended tells that every source has ended and the last watermark went through.
	Ended bool
}

// Step takes in and processes at most a batch of each source. Where nothing is at hand it
// waits for messages, at most wait. nowMs is the host's clock, which paces sources that
// make rows by themselves; operators never see it.
//
// Several sources are merged by (arrival time, ordinal, sequence) while any has a backlog;
// one that reports nothing pending does not hold the others. A table that is read for lookups
// alone is loaded before all else, and until it is has no part in arrival time; then its
// changes are merged like the others.
func (e *Engine) Step(wait time.Duration, nowMs int64) (Progress, error) {
	var p Progress
	if e.ended {
		p.Ended = true
		return p, nil
	}
	next, upTo, err := e.pick(wait, nowMs)
	if err != nil {
		return p, err
	}
	// The end of a source comes before what the others have behind it.
	if err := e.closeEnded(); err != nil {
		return p, err
	}
	if next != nil {
		floor := int64(math.MinInt64)
		if e.arrived {
			floor = e.nowMs
		}
		p.Taken = true
		if p.Rows, err = next.run(upTo, floor); err != nil {
			return p, err
		}
		if !next.loading {
			if !e.arrived {
				e.nowMs, e.arrived = next.arrivalMs, true
			}
			e.nowMs = max(e.nowMs, next.arrivalMs)
		}
	}
	if e.letters.failure != nil {
		return p, e.letters.failure
	}
	if err := e.closeEnded(); err != nil {
		return p, err
	}
	for _, in := range e.sources {
		p.Pending += in.waiting()
	}
	p.Ended = e.allClosed()
	e.ended = p.Ended
	return p, nil
}

// closeEnded passes on the end of the sources that have ended and have nothing at hand.
func (e *Engine) closeEnded() error {
	for _, in := range e.sources {
		if !in.ended || in.buffered() || in.closed {
			continue
		}
		in.closed = true
		if err := in.out.Watermark(op.EndOfInput); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) allClosed() bool {
	for _, in := range e.sources {
		if !in.closed {
			return false
		}
	}
	return true
}

// pick polls the sources and returns the one that goes next, with the arrival time up to
// which it may go; nil when nothing is at hand.
func (e *Engine) pick(wait time.Duration, nowMs int64) (*ingest, int64, error) {
	if in, loaded, err := e.load(wait, nowMs); !loaded {
		return in, math.MaxInt64, err
	}
	open := 0
	for _, in := range e.sources {
		if !in.closed {
			open++
		}
	}
	var next *ingest
	for try := 0; ; try++ {
		next = nil
		upTo := int64(math.MaxInt64)
		hold := false
		for _, in := range e.sources {
			w := time.Duration(0)
			if try > 0 && open > 0 {
				w = wait / time.Duration(open)
			} else if open == 1 {
				w = wait
			}
			if err := in.fill(w, nowMs); err != nil {
				return nil, 0, err
			}
			if !in.buffered() {
				hold = hold || in.pending > 0 && !in.ended
				continue
			}
			if next == nil || in.head() < next.head() {
				next = in
			}
		}
		// A source with a backlog but nothing at hand might hold earlier rows: it is asked
		// once more, then goes on without being waited for.
		if hold && try == 0 || next == nil && try == 0 && open > 1 && wait > 0 {
			continue
		}
		if next == nil {
			return nil, 0, nil
		}
		for _, in := range e.sources {
			if in != next && in.buffered() {
				limit := in.head()
				if in.ordinal < next.ordinal {
					limit--
				}
				upTo = min(upTo, limit)
			}
		}
		return next, max(upTo, next.head()), nil
	}
}

// load polls the tables that are still being loaded for lookups, and tells whether all are: a
// table is once it reports nothing pending, however long what is pending takes to come. Until
// then it returns one with rows at hand, or nil.
func (e *Engine) load(wait time.Duration, nowMs int64) (next *ingest, loaded bool, err error) {
	loaded = true
	for _, in := range e.sources {
		for try := 0; in.loading && try < 2; try++ {
			if err := in.fill(time.Duration(try)*wait, nowMs); err != nil {
				return nil, false, err
			}
			if in.buffered() {
				return in, false, nil
			}
			in.loading = in.pending > 0 && !in.ended
		}
		loaded = loaded && !in.loading
	}
	return nil, loaded, nil
}

// NowMs is the newest arrival time, of a row or a tick.
func (e *Engine) NowMs() int64 { return e.nowMs }

// Tick moves arrival time on while nothing arrives. The host issues it when every source
// reports nothing pending, with the last arrival plus the monotonic time elapsed since.
// Before the first arrival there is no arrival time to move on, and a tick does nothing.
func (e *Engine) Tick(nowMs int64) error {
	if nowMs <= e.nowMs || e.ended || !e.arrived {
		return nil
	}
	e.nowMs = nowMs
	for _, in := range e.sources {
		if in.closed {
			continue
		}
		in.arrivalMs = max(in.arrivalMs, nowMs)
		if err := in.out.Tick(nowMs); err != nil {
			return err
		}
	}
	return e.letters.failure
}

// Watermark makes a table's source deliver a watermark of its own, in ms since 1970.
func (e *Engine) Watermark(table string, t int64) error {
	for _, in := range e.sources {
		if in.node.Table.Name == table {
			if err := in.out.Watermark(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Drain ends every source where it stands, so that all windows fire.
func (e *Engine) Drain() error {
	for _, in := range e.sources {
		if in.closed {
			continue
		}
		in.ended, in.closed = true, true
		if err := in.out.Watermark(op.EndOfInput); err != nil {
			return err
		}
	}
	e.ended = true
	return e.letters.failure
}

// Checkpoint is what an epoch commits. It belongs to the engine, and is valid until the
// barrier after the next one.
type Checkpoint struct {
	Epoch    state.Epoch
	Delta    *state.Delta
	Manifest *Manifest
	Frames   []state.OutboxFrame
}

// Barrier ends an epoch between two batches: it notes positions, output cuts and ledger,
// and takes the dirty pages. The checkpoint is written while the engine goes on; afterwards
// the host calls Committed, or Delta.Abort.
func (e *Engine) Barrier(epoch state.Epoch) *Checkpoint {
	// One is written while the engine fills the other.
	e.notes[0], e.notes[1] = e.notes[1], e.notes[0]
	c := &e.notes[0].Checkpoint
	clear(c.Frames)
	*c = Checkpoint{Epoch: epoch, Manifest: &e.notes[0].manifest, Frames: c.Frames[:0]}
	for _, o := range e.outputs {
		c.Frames = o.cut(c.Frames)
	}
	e.spill.failed = false
	e.manifest(c.Manifest) // after the cut, which numbers the rows of upsert sinks
	c.Manifest.Pages = uint32(e.arena.InUse())
	c.Delta = e.arena.Barrier(epoch)
	return c
}

// notes is a checkpoint with what its parts are kept in, for one after it to use again.
type notes struct {
	Checkpoint
	manifest Manifest
}

// manifest fills in a manifest, over what an older one held.
func (e *Engine) manifest(m *Manifest) {
	sources, outputs := m.Sources, m.Outputs[:0]
	*m = Manifest{Version: ManifestVersion, Pipeline: e.plan.Config.Name, NowMs: e.nowMs, Ended: e.ended}
	if e.plan.Source != nil {
		m.SQL = e.plan.Source.Text
	}
	if sources == nil {
		sources = make([]SourceManifest, len(e.sources))
	}
	e.Advanced()
	e.advanced = false
	for i, in := range e.sources {
		sources[i] = SourceManifest{
			ID: in.node.Base().ID, Table: in.node.Table.Name, Position: append(sources[i].Position[:0], in.position...),
			ArrivalMs: in.arrivalMs, Ended: in.closed, Ledger: in.ledger,
		}
	}
	for _, o := range e.outputs {
		outputs = append(outputs, OutputManifest{Name: o.Name, Next: o.next, Emitted: o.emitted})
	}
	m.Sources, m.Outputs = sources, outputs
}

// Advanced tells whether a source has moved on since the last barrier without messages.
func (e *Engine) Advanced() bool {
	for _, in := range e.sources {
		e.advanced = in.advance() || e.advanced
	}
	return e.advanced
}

// Committed tells the sources that a checkpoint is durable.
func (e *Engine) Committed(m *Manifest) {
	for _, s := range m.Sources {
		if in := e.source(s.ID); in != nil && in.bind.Messages != nil && len(s.Position) > 0 && !in.closed {
			in.bind.Messages.Committed(s.Position)
		}
	}
}

// PendingBytes is the size of the output rows that wait for the next barrier.
func (e *Engine) PendingBytes() int64 {
	var n int64
	for _, o := range e.outputs {
		n += o.pendingBytes()
	}
	return n
}

// OutputBytes is the part of PendingBytes that belongs to an output.
func (e *Engine) OutputBytes(name string) int64 {
	for _, o := range e.outputs {
		if o.Name == name {
			return o.pendingBytes()
		}
	}
	return 0
}

// Waits tells whether a Step with nothing at hand waits for messages. Sources that make
// rows by themselves do not: when there are no others the host waits.
func (e *Engine) Waits() bool {
	for _, in := range e.sources {
		if !in.ended && in.bind.Messages != nil {
			return true
		}
	}
	return false
}

// Outputs lists the names of the outputs that have an outbox.
func (e *Engine) Outputs() []string {
	out := make([]string, len(e.outputs))
	for i, o := range e.outputs {
		out[i] = o.Name
	}
	return out
}

// Close closes sources and operators.
func (e *Engine) Close() error {
	var errs []error
	for _, in := range e.sources {
		errs = append(errs, in.close())
	}
	for _, v := range e.vertices {
		if v.op != nil {
			errs = append(errs, v.op.Close())
		}
	}
	return errors.Join(errs...)
}

// Events is the number of events read so far.
func (e *Engine) Events() int64 {
	var n int64
	for _, in := range e.sources {
		n += in.ledger.Read
	}
	return n
}

// WatermarkMs is the lowest watermark that a source's assigner has emitted, in ms since
// 1970; 0 before the first, and without event time.
func (e *Engine) WatermarkMs() int64 {
	low := int64(0)
	for _, v := range e.vertices {
		w, ok := v.op.(interface{ CurrentWatermark() (int64, bool) })
		if !ok {
			continue
		}
		if t, has := w.CurrentWatermark(); has && (low == 0 || t < low) {
			low = t
		}
	}
	return low
}
