package dataflow

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// entry is a message of a scripted log.
type entry struct {
	at   int64 // arrival, in ms
	data string
	hdr  string
	// subject is s and the sequence where it is empty.
	subject string
	seq     uint64 // the message's; its place in the log where it is 0
}

// script is the log behind a message source, and how it is handed out.
type script struct {
	log     []entry
	bounded bool
	eager   bool // the end is told with the last message, not by the Poll after it
	limit   int  // most messages of a Poll; 0 is any number
	// stalls is the number of Polls that hand out nothing though messages wait.
	stalls  int
	start   []byte // StartPosition
	moved   bool   // reading goes on at start, whatever the position
	openErr error
	// advanced is a place that the source has reached without messages.
	advanced []byte

	opened    [][]byte
	polls     int
	committed []byte
	closed    int
}

// scriptSource reads a script. The bytes of a Poll are overwritten by the next one.
type scriptSource struct {
	*script
	at  int
	buf []byte
}

func (s *scriptSource) Open(_ context.Context, position []byte) (OpenReport, error) {
	s.opened = append(s.opened, position)
	if len(position) == 8 {
		s.at = int(binary.LittleEndian.Uint64(position))
	}
	if s.moved {
		s.at = int(binary.LittleEndian.Uint64(s.start))
		return OpenReport{Resumed: true, Moved: true, Gap: 1}, s.openErr
	}
	return OpenReport{Resumed: position != nil}, s.openErr
}

func (s *scriptSource) Poll(dst []Message, limit int, _ time.Duration) ([]Message, uint64, error) {
	s.polls++
	for i := range s.buf {
		s.buf[i] = '#'
	}
	s.buf = make([]byte, 0, len(s.buf))
	if s.limit > 0 {
		limit = min(limit, s.limit)
	}
	if s.stalls > 0 && s.at < len(s.log) {
		s.stalls--
		limit = 0
	}
	size := 0
	for _, e := range s.log[s.at:min(s.at+limit, len(s.log))] {
		size += len(e.data) + len(e.hdr)
	}
	s.buf = make([]byte, 0, size)
	keep := func(text string) []byte {
		from := len(s.buf)
		s.buf = append(s.buf, text...)
		return s.buf[from:]
	}
	for ; limit > 0 && s.at < len(s.log); limit-- {
		e := &s.log[s.at]
		s.at++
		m := Message{Data: keep(e.data), Seq: uint64(s.at), ArrivalMs: e.at, Subject: fmt.Appendf(nil, "s.%d", s.at)}
		if e.seq != 0 {
			m.Seq = e.seq
		}
		if e.subject != "" {
			m.Subject = []byte(e.subject)
		}
		if e.hdr != "" {
			m.Header = keep(e.hdr)
		}
		dst = append(dst, m)
	}
	if s.bounded && s.at == len(s.log) && (s.eager || len(dst) == 0) {
		return dst, 0, io.EOF
	}
	return dst, uint64(len(s.log) - s.at), nil
}

func (s *scriptSource) Position(dst []byte, m *Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}
func (s *scriptSource) Committed(p []byte) { s.committed = append(s.committed[:0], p...) }
func (s *scriptSource) Close() error       { s.closed++; return nil }

func (s *scriptSource) Advanced(dst []byte) []byte { return append(dst, s.advanced...) }

func (s *scriptSource) StartPosition(dst []byte) []byte { return append(dst, s.start...) }

// series is a RowSource of the numbers from 1 to n, one arriving each stepMs.
type series struct {
	n, limit, stepMs int64
	startMs          int64
	at               int64
}

func (s *series) Open(_ context.Context, position []byte) (OpenReport, error) {
	if len(position) == 8 {
		s.at = int64(binary.LittleEndian.Uint64(position))
	}
	return OpenReport{}, nil
}

func (s *series) Next(b *vec.Batch, limit int, nowMs int64) (uint64, error) {
	if s.limit > 0 {
		limit = int(s.limit)
	}
	for ; limit > 0 && s.at < s.n; limit-- {
		s.at++
		b.Cols[0].Set(b.N, vec.IntDatum(s.at))
		b.Arrival = append(b.Arrival, s.startMs+s.at*s.stepMs)
		b.Origin = append(b.Origin, vec.Origin{Seq: uint64(s.at)})
		b.N++
	}
	if s.at == s.n {
		return 0, io.EOF
	}
	return uint64(s.n - s.at), nil
}

func (s *series) Position(dst []byte, seq uint64) []byte {
	return binary.LittleEndian.AppendUint64(dst, seq)
}
func (s *series) Close() error { return nil }

// lines is a FrameWriter of "KIND PAYLOAD" lines.
type lines struct {
	rows []string
	size int
	lose bool // the next row vanishes
}

func (f *lines) Append(payload, _ []byte, kind vec.RowKind, _ int64) {
	if f.lose {
		f.lose = false
		return
	}
	f.rows = append(f.rows, kind.String()+" "+string(payload))
	f.size += len(payload)
}
func (f *lines) Len() int  { return f.size }
func (f *lines) Rows() int { return len(f.rows) }
func (f *lines) Seal(uint64) []byte {
	b := []byte(strings.Join(f.rows, "\n"))
	f.rows, f.size = nil, 0
	return b
}

// printed is a Printer that keeps rows with their arrival time.
type printed struct {
	env    *expr.Env
	rows   []string
	closed int
}

func (p *printed) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		i := b.Row(k)
		p.rows = append(p.rows, fmt.Sprintf("%s@%d", op.FormatRow(b, i, p.env), b.ArrivalAt(i)))
	}
	return nil
}
func (p *printed) Close() error { p.closed++; return nil }

// rig runs an engine over scripts, with a store of its own: what is committed survives a
// crash, nothing else does.
type rig struct {
	t       testing.TB
	plan    *plan.Plan
	scripts map[string]*script
	series  map[string]*series
	prints  map[string]*printed
	frames  map[string]*lines
	engine  *Engine
	arena   *state.Arena
	epoch   state.Epoch
	now     int64
	suspend bool // the future guard

	pages    map[state.PageID][]byte
	roots    state.Roots
	manifest []byte
	carry    []state.OutboxFrame
	outbox   map[string][]string
	last     map[string]uint64
	decoded  func(format.Decoder) format.Decoder // wraps decoders when set
	subject  func([]byte, *vec.Batch, int) ([]byte, error)
	takes    func([]byte) error
}

func compile(t testing.TB, text string) *plan.Plan {
	t.Helper()
	s, err := sql.Parse("test.sql", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newRig compiles a pipeline whose tables read the scripts of their names. A table with
// 'connector' = 'print' prints; others have an outbox.
func newRig(t testing.TB, text string, scripts map[string]*script) *rig {
	t.Helper()
	r := &rig{t: t, plan: compile(t, text), scripts: scripts, series: map[string]*series{}, prints: map[string]*printed{},
		pages: map[state.PageID][]byte{}, outbox: map[string][]string{}, last: map[string]uint64{}}
	return r
}

func (r *rig) Source(n *plan.Source, _ *expr.Env) (*SourceBinding, error) {
	if s := r.series[n.Table.Name]; s != nil {
		fresh := *s
		return &SourceBinding{Rows: &fresh}, nil
	}
	s := r.scripts[n.Table.Name]
	if s == nil {
		return nil, fmt.Errorf("no script of table %s", n.Table.Name)
	}
	return &SourceBinding{
		Messages: &scriptSource{script: s},
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			d, err := format.NewDecoder(n.Table.Options["format"], DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
			if err == nil && r.decoded != nil {
				d = r.decoded(d)
			}
			return d, err
		},
		Metadata: NewMetadataReader(n.Columns),
	}, nil
}

func (r *rig) Sink(n *plan.Sink, env *expr.Env) (*SinkBinding, error) {
	if n.Table.Connector() == "print" {
		p := r.prints[n.Name]
		if p == nil {
			p = &printed{env: env}
			r.prints[n.Name] = p
		}
		return &SinkBinding{Printer: p}, nil
	}
	var s format.Schema
	for _, i := range SinkColumns(n) {
		c := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	enc, err := format.NewEncoder("json", s, format.Options{})
	if err != nil {
		return nil, err
	}
	f, _ := r.Diverted(n.Name)
	return &SinkBinding{Encoder: enc, Frames: f, Subject: r.subject, Takes: r.takes}, nil
}

func (r *rig) Diverted(output string) (FrameWriter, error) {
	f := &lines{}
	r.frames[output] = f
	return f, nil
}

// open starts an engine from what is committed.
func (r *rig) open() error {
	r.frames = map[string]*lines{}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		return err
	}
	var m *Manifest
	if r.manifest != nil {
		if m, err = DecodeManifest(r.manifest); err != nil {
			return err
		}
		err = arena.Restore(r.roots, func(fn func(state.PageID, []byte) error) error {
			for p, image := range r.pages {
				if err := fn(p, image); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	r.arena, r.carry = arena, nil
	e, err := New(Options{Plan: r.plan, Connectors: r, Arena: arena, Restored: m, StartMs: r.now, SuspendGuard: r.suspend})
	if err != nil {
		return err
	}
	if _, err := e.Open(context.Background()); err != nil {
		return errors.Join(err, e.Close())
	}
	r.engine = e
	return nil
}

func (r *rig) start() *rig {
	r.t.Helper()
	if err := r.open(); err != nil {
		r.t.Fatal(err)
	}
	return r
}

func (r *rig) step() Progress {
	r.t.Helper()
	p, err := r.engine.Step(0, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// settle steps until nothing is pending, and returns the number of steps.
func (r *rig) settle() int {
	r.t.Helper()
	for n := 1; n < 1_000_000; n++ {
		if p := r.step(); p.Ended || !p.Taken && p.Pending == 0 {
			return n
		}
	}
	r.t.Fatal("the pipeline does not come to rest")
	return 0
}

func (r *rig) tick(now int64) {
	r.t.Helper()
	if err := r.engine.Tick(now); err != nil {
		r.t.Fatal(err)
	}
}

// commit takes a checkpoint.
func (r *rig) commit() *Checkpoint {
	r.t.Helper()
	r.epoch++
	c := r.engine.Barrier(r.epoch)
	err := errors.Join(
		c.Delta.Each(func(p state.PageID, image []byte) error {
			r.pages[p] = slices.Clone(image)
			return nil
		}),
		c.Delta.Freed(func(p state.PageID) error {
			delete(r.pages, p)
			return nil
		}))
	if err != nil {
		r.t.Fatal(err)
	}
	if r.manifest, err = c.Manifest.MarshalMsg(nil); err != nil {
		r.t.Fatal(err)
	}
	r.roots = c.Delta.Roots()
	for _, f := range append(r.carry, c.Frames...) {
		if f.First != r.last[f.Output]+1 || int(f.Last-f.First)+1 != f.Rows {
			r.t.Fatalf("output %s: a frame of rows %d to %d (%d rows) after row %d", f.Output, f.First, f.Last, f.Rows, r.last[f.Output])
		}
		r.last[f.Output] = f.Last
		r.outbox[f.Output] = append(r.outbox[f.Output], strings.Split(string(f.Data), "\n")...)
	}
	r.carry = nil
	for _, o := range c.Manifest.Outputs {
		if o.Next != r.last[o.Name]+1 || o.Emitted != int64(r.last[o.Name]) {
			r.t.Fatalf("output %s: the manifest says next %d, emitted %d, after row %d", o.Name, o.Next, o.Emitted, r.last[o.Name])
		}
	}
	c.Delta.Done()
	r.engine.Committed(c.Manifest)
	return c
}

// decline takes a checkpoint whose commit fails.
func (r *rig) decline() {
	r.epoch++
	c := r.engine.Barrier(r.epoch)
	r.carry = append(r.carry, c.Frames...)
	c.Delta.Abort()
}

// crash forgets what is not committed and starts again.
func (r *rig) crash() {
	r.t.Helper()
	if err := r.engine.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.start()
}

// ledger is the engine's, with what the outboxes hold.
func (r *rig) ledger() *Ledger {
	l := r.engine.Ledger()
	for i := range l.Outputs {
		l.Outputs[i].InOutbox = int64(len(r.outbox[l.Outputs[i].Name]))
	}
	return l
}

// balanced wants a ledger without imbalance, after a commit.
func (r *rig) balanced() {
	r.t.Helper()
	for _, bad := range r.ledger().Imbalances() {
		r.t.Error(bad)
	}
}

// letters decodes the committed rows of an output that the engine writes itself.
func (r *rig) letters(output string) []Letter {
	r.t.Helper()
	var out []Letter
	for _, row := range r.outbox[output] {
		var l Letter
		if err := json.Unmarshal([]byte(strings.TrimPrefix(row, "+I ")), &l); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

func wantRows(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// numbers is a log of {"n": from} to {"n": to}, a message each, arriving stepMs apart.
func numbers(from, to int, startMs, stepMs int64) (log []entry) {
	for i := from; i <= to; i++ {
		log = append(log, entry{at: startMs + int64(i-from)*stepMs, data: fmt.Sprintf(`{"n":%d}`, i)})
	}
	return log
}
