package golden

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// load plans the pipeline of a golden package.
func load(t testing.TB, name string) *plan.Plan {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(name, "pipeline.sql"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sql.Parse(name, string(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tape is a message source over a log, of which it hands out what comes before stop.
type tape struct {
	log      []dataflow.Message
	at, stop int
	bounded  bool
	buf      []byte
	fast     bool // messages are handed out as they are
}

func (s *tape) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	s.at = 0
	if len(position) == 8 {
		s.at = int(binary.LittleEndian.Uint64(position))
	}
	return dataflow.OpenReport{Resumed: position != nil}, nil
}

// Poll hands out messages whose bytes the next Poll overwrites.
func (s *tape) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	size, n := 0, min(limit, s.stop-s.at)
	if s.fast {
		dst = append(dst, s.log[s.at:s.at+n]...)
		s.at += n
		return s.end(dst)
	}
	for i := range s.buf {
		s.buf[i] = '#'
	}
	for _, m := range s.log[s.at : s.at+n] {
		size += len(m.Data)
	}
	if size > cap(s.buf) {
		s.buf = make([]byte, 0, size)
	}
	s.buf = s.buf[:0]
	for _, m := range s.log[s.at : s.at+n] {
		s.buf = append(s.buf, m.Data...)
		m.Data = s.buf[len(s.buf)-len(m.Data):]
		s.at++
		m.Seq = uint64(s.at)
		dst = append(dst, m)
	}
	return s.end(dst)
}

func (s *tape) end(dst []dataflow.Message) ([]dataflow.Message, uint64, error) {
	if s.bounded && s.at == len(s.log) {
		return dst, 0, io.EOF
	}
	return dst, uint64(s.stop - s.at), nil
}

func (s *tape) Position(dst []byte, m *dataflow.Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}
func (s *tape) Committed([]byte) {}
func (s *tape) Close() error     { return nil }

// lines is a FrameWriter of "OUTPUT KIND PAYLOAD" lines; what is sealed goes to sealed.
type lines struct {
	name  string
	rows  int
	buf   []byte
	quiet bool // keeps nothing
}

func (f *lines) Append(payload, key []byte, kind vec.RowKind, at int64) {
	f.rows++
	if !f.quiet {
		f.buf = fmt.Appendf(f.buf, "%s %s %s %s %d\n", f.name, kind, key, payload, at)
	}
}
func (f *lines) Len() int  { return len(f.buf) }
func (f *lines) Rows() int { return f.rows }
func (f *lines) Seal(uint64) []byte {
	b := bytes.Clone(f.buf)
	f.rows, f.buf = 0, f.buf[:0]
	return b
}

// rig runs an engine over tapes, and keeps what is committed.
type rig struct {
	t     testing.TB
	plan  *plan.Plan
	tapes map[string]*tape
	quiet bool

	engine   *dataflow.Engine
	arena    *state.Arena
	epoch    state.Epoch
	pages    map[state.PageID][]byte
	roots    state.Roots
	manifest []byte
	rows     bytes.Buffer
	taken    int64 // events that generated code took
	frames   []*lines
	print    bool // rows are printed with their arrival time, not committed
	env      *expr.Env
}

func (r *rig) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	return &dataflow.SourceBinding{Messages: r.tapes[n.Table.Name], Metadata: dataflow.NewMetadataReader(n.Columns),
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		}}, nil
}

func (r *rig) Sink(n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	if r.print {
		r.env = env
		return &dataflow.SinkBinding{Printer: r}, nil
	}
	var s format.Schema
	for _, i := range dataflow.SinkColumns(n) {
		c := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	enc, err := format.NewEncoder("json", s, format.Options{})
	return &dataflow.SinkBinding{Encoder: enc, Frames: r.writer(n.Name)}, err
}

func (r *rig) Diverted(output string) (dataflow.FrameWriter, error) { return r.writer(output), nil }

func (r *rig) writer(name string) *lines {
	f := &lines{name: name, quiet: r.quiet}
	r.frames = append(r.frames, f)
	return f
}

// Print keeps rows with their arrival time.
func (r *rig) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		i := b.Row(k)
		fmt.Fprintf(&r.rows, "%s@%d\n", op.FormatRow(b, i, r.env), b.ArrivalAt(i))
	}
	return nil
}

// Close does nothing.
func (r *rig) Close() error { return nil }

// open starts an engine from what is committed.
func (r *rig) open(interpret bool) {
	r.t.Helper()
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	var m *dataflow.Manifest
	if r.manifest != nil {
		if m, err = dataflow.DecodeManifest(r.manifest); err != nil {
			r.t.Fatal(err)
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
			r.t.Fatal(err)
		}
	}
	e, err := dataflow.New(dataflow.Options{Plan: r.plan, Connectors: r, Arena: arena, Restored: m, StartMs: startMs, Interpret: interpret})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := e.Open(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.arena, r.engine = arena, e
}

// close closes the engine, and counts what generated code took.
func (r *rig) close() {
	r.t.Helper()
	for _, s := range r.engine.Shares() {
		r.taken += s.Taken
	}
	if err := r.engine.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// settle steps until nothing is pending.
func (r *rig) settle() {
	r.t.Helper()
	for {
		p, err := r.engine.Step(0, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		if p.Ended || !p.Taken && p.Pending == 0 {
			return
		}
	}
}

// commit takes a checkpoint.
func (r *rig) commit() {
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
	for _, f := range c.Frames {
		r.rows.Write(f.Data)
	}
	c.Delta.Done()
	r.engine.Committed(c.Manifest)
}

// refs are the heap addresses in the state of sketches, and of the texts that package
// literals keeps: where those lie depends on the order of allocations within a batch, which
// the interpreter makes part by part. What they refer to shows in the rows.
var refs = regexp.MustCompile("(APPROX_PERCENTILE\\([^)]*\\)=)[0-9a-f]{32}|((?:MAX|FIRST_VALUE)\\((?:name|`\\$f7`)\\)[^=]*=[0-9a-f]{16})[0-9a-f]{16}")

// dump is the state in canonical form, and the account of all events.
func (r *rig) dump() string {
	r.t.Helper()
	var b bytes.Buffer
	if err := r.arena.Dump(&b); err != nil {
		r.t.Fatal(err)
	}
	l := r.engine.Ledger()
	fmt.Fprintf(&b, "sources %+v\noperators %+v\nflows %+v\noutputs %+v\n", l.Sources, l.Operators, l.Flows, l.Outputs)
	return refs.ReplaceAllString(b.String(), "$1$2")
}

// outcome is what a run shows of itself: rows, and state and accounts at each barrier.
type outcome struct {
	rows  string
	dumps []string
	taken int64
}

// part is how a part of the logs is run: by the interpreter alone or not, and whether the
// engine is restored from its checkpoint before.
type part struct{ interpret, restore bool }

// run runs logs in parts, with a checkpoint after each. Rows are committed, or printed.
func run(t testing.TB, p *plan.Plan, logs map[string][]dataflow.Message, print bool, parts []part) outcome {
	t.Helper()
	r := &rig{t: t, plan: p, print: print, pages: map[state.PageID][]byte{}, tapes: map[string]*tape{}}
	for name, log := range logs {
		r.tapes[name] = &tape{log: log}
	}
	var out outcome
	for i, part := range parts {
		for _, s := range r.tapes {
			s.stop = len(s.log) * (i + 1) / len(parts)
			s.bounded = i == len(parts)-1
		}
		if i > 0 && part.restore {
			r.close()
		}
		if i == 0 || part.restore {
			r.open(part.interpret)
		}
		r.settle()
		r.commit()
		out.dumps = append(out.dumps, r.dump())
	}
	r.close()
	out.rows, out.taken = r.rows.String(), r.taken
	return out
}
