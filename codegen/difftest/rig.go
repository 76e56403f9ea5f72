package difftest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// source hands out the part of a log that arrived by a time, in polls of random sizes. The
// bytes of a poll are overwritten by the next one.
type source struct {
	log    Log
	shown  int // messages that have arrived
	closed bool
	at     int
	polls  *rand.Rand
	buf    []byte
}

func (s *source) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	if len(position) == 8 {
		s.at = int(binary.LittleEndian.Uint64(position))
	}
	return dataflow.OpenReport{Resumed: position != nil}, nil
}

func (s *source) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	for i := range s.buf {
		s.buf[i] = '#'
	}
	if s.polls != nil {
		limit = min(limit, []int{1, 2, 7, 30, 200, 1024}[s.polls.IntN(6)])
	}
	end := min(s.shown, s.at+limit)
	size := 0
	for _, m := range s.log[s.at:end] {
		size += len(m.Data)
	}
	if s.buf = s.buf[:0]; cap(s.buf) < size {
		s.buf = make([]byte, 0, size)
	}
	for ; s.at < end; s.at++ {
		m := &s.log[s.at]
		from := len(s.buf)
		s.buf = append(s.buf, m.Data...)
		dst = append(dst, dataflow.Message{Data: s.buf[from:len(s.buf):len(s.buf)], Seq: uint64(s.at + 1), ArrivalMs: m.Arrival})
	}
	if s.closed && s.at == len(s.log) {
		return dst, 0, io.EOF
	}
	return dst, uint64(s.shown - s.at), nil
}

func (s *source) Position(dst []byte, m *dataflow.Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}
func (s *source) Committed([]byte) {}
func (s *source) Close() error     { return nil }

// lines is a FrameWriter of lines "KIND PAYLOAD".
type lines struct {
	rows []string
	size int
	mute bool
}

func (f *lines) Append(payload, subject []byte, kind vec.RowKind, windowEndMs int64) {
	if f.mute {
		return
	}
	f.rows = append(f.rows, fmt.Sprintf("%s %s %s %d", kind, payload, subject, windowEndMs))
	f.size += len(payload)
}
func (f *lines) Len() int  { return f.size }
func (f *lines) Rows() int { return len(f.rows) }
func (f *lines) Seal(uint64) []byte {
	b := []byte(strings.Join(f.rows, "\x1e"))
	f.rows, f.size = nil, 0
	return b
}

// printer keeps rows with their arrival time.
type printer struct {
	env  *expr.Env
	rows []string
	mute bool
}

func (p *printer) Print(b *vec.Batch) error {
	if p.mute {
		return nil
	}
	for k := range b.Rows() {
		i := b.Row(k)
		p.rows = append(p.rows, fmt.Sprintf("%s@%d", op.FormatRow(b, i, p.env), b.ArrivalAt(i)))
	}
	return nil
}
func (p *printer) Close() error { return nil }

// rig runs an engine over logs, with a store of its own: what is committed survives a
// crash, nothing else does.
type rig struct {
	plan *plan.Plan
	logs map[string]Log
	// shown is the arrival time up to which messages are there.
	shown  int64
	closed bool
	polls  *rand.Rand

	engine   *dataflow.Engine
	arena    *state.Arena
	sources  map[string]*source
	decoders map[string]format.Decoder
	prints   map[string]*printer
	epoch    state.Epoch
	failure  error
	mute     bool             // rows are thrown away
	shares   []dataflow.Share // of engines that crashed

	pages    map[state.PageID][]byte
	roots    state.Roots
	manifest []byte
	outbox   map[string][]string
	printed  map[string]int // committed rows, by print
}

func newRig(p *plan.Plan, logs map[string]Log, polls *rand.Rand) *rig {
	return &rig{plan: p, logs: logs, polls: polls, pages: map[state.PageID][]byte{}, outbox: map[string][]string{},
		prints: map[string]*printer{}, printed: map[string]int{}}
}

// Source binds a table to its log.
func (r *rig) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	name := n.Table.Name
	s := &source{log: r.logs[name], polls: r.polls}
	r.sources[name] = s
	return &dataflow.SourceBinding{
		Messages: s,
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			d, err := format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
			if r.decoders[name] == nil { // later ones look again at what was refused
				r.decoders[name] = d
			}
			return d, err
		},
		Metadata: dataflow.NewMetadataReader(n.Columns),
	}, nil
}

// Sink binds a table to a list of rows, printed at once or committed.
func (r *rig) Sink(n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	if n.Table.Connector() == "print" {
		p := r.prints[n.Name]
		if p == nil {
			p = &printer{env: env, mute: r.mute}
			r.prints[n.Name] = p
		}
		return &dataflow.SinkBinding{Printer: p}, nil
	}
	var s format.Schema
	for _, i := range dataflow.SinkColumns(n) {
		c := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	enc, err := format.NewEncoder("json", s, format.Options{})
	if err != nil {
		return nil, err
	}
	return &dataflow.SinkBinding{Encoder: enc, Frames: &lines{mute: r.mute}}, nil
}

// Diverted binds dead letters and late rows.
func (r *rig) Diverted(string) (dataflow.FrameWriter, error) { return &lines{mute: r.mute}, nil }

// open starts an engine from what is committed.
func (r *rig) open(interpret bool) error {
	r.sources, r.decoders = map[string]*source{}, map[string]format.Decoder{}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		return err
	}
	var m *dataflow.Manifest
	if r.manifest != nil {
		if m, err = dataflow.DecodeManifest(r.manifest); err != nil {
			return err
		}
		err = arena.Restore(r.roots, func(fn func(state.PageID, []byte) error) error {
			for _, p := range sortedPages(r.pages) {
				if err := fn(p, r.pages[p]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for name, p := range r.prints {
		p.rows = p.rows[:r.printed[name]]
	}
	r.arena = arena
	e, err := dataflow.New(dataflow.Options{Plan: r.plan, Connectors: r, Arena: arena, Restored: m, StartMs: start, Interpret: interpret})
	if err != nil {
		return err
	}
	if _, err := e.Open(context.Background()); err != nil {
		return errors.Join(err, e.Close())
	}
	r.engine = e
	return nil
}

func sortedPages(pages map[state.PageID][]byte) []state.PageID {
	var out []state.PageID
	for p := range pages {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// show lets the messages that arrived by a time be read.
func (r *rig) show(upTo int64, closed bool) {
	r.shown, r.closed = upTo, closed
	r.apply()
}

func (r *rig) apply() {
	for _, s := range r.sources {
		n, newest := 0, int64(0)
		for n < len(s.log) {
			if newest = max(newest, s.log[n].Arrival); newest > r.shown {
				break
			}
			n++
		}
		s.shown, s.closed = n, r.closed
	}
}

// settle steps until nothing is pending. A failure of the pipeline is kept.
func (r *rig) settle() error {
	for range 10_000_000 {
		p, err := r.engine.Step(0, r.shown)
		if err != nil {
			r.failure = err
			return nil
		}
		if p.Ended || !p.Taken && p.Pending == 0 {
			return nil
		}
	}
	return errors.New("the pipeline does not come to rest")
}

// commit takes a checkpoint.
func (r *rig) commit() error {
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
		return err
	}
	if r.manifest, err = c.Manifest.MarshalMsg(nil); err != nil {
		return err
	}
	r.roots = c.Delta.Roots()
	for _, f := range c.Frames {
		r.outbox[f.Output] = append(r.outbox[f.Output], strings.Split(string(f.Data), "\x1e")...)
	}
	for name, p := range r.prints {
		r.printed[name] = len(p.rows)
	}
	c.Delta.Done()
	r.engine.Committed(c.Manifest)
	return nil
}

// crash forgets what is not committed and starts again.
func (r *rig) crash(interpret bool) error {
	r.shares = append(r.shares, r.engine.Shares()...)
	if err := r.engine.Close(); err != nil {
		return err
	}
	if err := r.open(interpret); err != nil {
		return err
	}
	r.apply()
	return nil
}
