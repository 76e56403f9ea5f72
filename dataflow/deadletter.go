package dataflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The outputs that the engine writes by itself, beside those of the plan's sinks.
const (
	DeadLetters = "dead-letters"
	LateRows    = "late"
)

// ErrRow is returned, wrapped, for an event that cannot be decoded or computed under
// 'edgeflow.on-row-error' = 'fail'. Trying again fails the same way.
var ErrRow = errors.New("'edgeflow.on-row-error' is 'fail'")

// The kinds of letters.
const (
	KindDead  = "dead"  // an event that cannot be decoded or computed, a row that its target refuses
	KindLate  = "late"  // a row that is late for every window
	KindClock = "clock" // an event of a device whose clock is ahead
)

// The classes of reasons why there is a letter.
const (
	ClassDecode   = "decode"
	ClassCompute  = "compute"
	ClassTooLarge = "too-large"
	ClassLate     = "late"
	ClassClock    = "clock"
)

// Letter is a diverted event or row, as its output carries it: one JSON object each. What
// does not apply is left out.
type Letter struct {
	Pipeline string `json:"pipeline,omitempty"`
	// Kind is one of dead, late and clock, Class what is wrong in one word, Reason in a sentence.
	Kind     string `json:"kind,omitempty"`
	Class    string `json:"class,omitempty"`
	Reason   string `json:"reason"`
	Operator string `json:"operator,omitempty"`
	// Source is the table that the event came from, Log what the table reads, such as a
	// stream's name, and Sequence the message's place there.
	Source   string `json:"source,omitempty"`
	Log      string `json:"log,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Row is the index of the row among those that its message yields.
	Row       uint32 `json:"row,omitempty"`
	Subject   string `json:"subject,omitempty"`
	ArrivalMs int64  `json:"arrival_ms"`
	// Offset is where in the message the event begins, in bytes.
	Offset int `json:"offset,omitempty"`
	// Event is the event's bytes as text, EventBase64 when they are not UTF-8. Rows that an
	// operator has put together have none.
	Event       *string `json:"event,omitempty"`
	EventBase64 []byte  `json:"event_base64,omitempty"`
	// Head is how a message, a field or, of a nested value, its event begins that is larger than
	// its limit, and Size how many bytes it has. There is no Event then: it is to be had from the log.
	Head string `json:"head,omitempty"`
	Size int    `json:"size,omitempty"`
	// Header is what has to stand before the event to decode it alone: the header line of CSV.
	Header string `json:"header,omitempty"`
	// Replay is set for an event that was sent to its source again: the ID under which it was.
	Replay string `json:"replay,omitempty"`
	// Columns is a decoded row, by column, as CAST to STRING prints it.
	Columns map[string]*string `json:"columns,omitempty"`
}

// Raw is what can be sent to the source again: the event's bytes behind its header. It is
// nil when the letter has none.
func (l *Letter) Raw() []byte {
	switch {
	case l.Event != nil:
		return []byte(l.Header + *l.Event)
	case l.EventBase64 != nil:
		return append([]byte(l.Header), l.EventBase64...)
	}
	return nil
}

// HeaderReplay is the header of a message that was sent to its source again: an ID.
const HeaderReplay = "Edgeflow-Replay"

// from notes what is beside a message's data.
func (l *Letter) from(m *Message) {
	l.Subject = string(m.Subject)
	eachHeader(m.Header, func(k, v []byte) bool {
		if string(k) == HeaderReplay {
			l.Replay = string(v)
		}
		return l.Replay == ""
	})
}

// setEvent sets the event's bytes, of which it keeps a copy.
func (l *Letter) setEvent(event []byte) {
	if utf8.Valid(event) {
		s := string(event)
		l.Event = &s
	} else {
		l.EventBase64 = bytes.Clone(event)
	}
}

func (l *Letter) has(column string) bool {
	_, ok := l.Columns[column]
	return ok
}

// deadLetters takes what cannot be decoded or computed, and late rows.
type deadLetters struct {
	policy   plan.RowErrorPolicy
	pipeline string
	// subject is where letters of a kind go at their target; nil where they have no subject.
	subject func(kind string) []byte
	out     *Output
	env     *expr.Env
	sources []*ingest
	// failure is the first error under the policy `fail`.
	failure error
}

func (d *deadLetters) put(out *Output, l *Letter) error {
	l.Pipeline = d.pipeline
	var subject []byte
	if d.subject != nil {
		subject = d.subject(l.Kind)
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	out.append(b, subject, vec.Insert, 0, l.ArrivalMs)
	return nil
}

// event makes the letter of an event that its decoder refused, for put; nil when the policy
// is to fail.
func (d *deadLetters) event(in *ingest, event []byte, offset int, reason error) *Letter {
	t, m := in.node.Table, in.current
	if d.policy == plan.RowErrorFail {
		d.fail(fmt.Errorf("source %s: message %d: %w (%w)", t.Name, m.Seq, reason, ErrRow))
		return nil
	}
	l := &Letter{Kind: KindDead, Class: ClassDecode, Reason: reason.Error(), Source: t.Name, Log: in.bind.Log, Sequence: m.Seq,
		ArrivalMs: m.ArrivalMs, Offset: offset}
	l.from(m)
	l.setEvent(event)
	if h := headerOf(t.Options, m.Data); offset >= len(h) {
		l.Header = string(h)
	}
	return l
}

// lettersMax bounds the letters of one message: one that is no events at all may look like
// one bad event a byte.
const lettersMax = 1000

// others makes the letter that stands for the events of a message beyond lettersMax.
func (d *deadLetters) others(in *ingest) *Letter {
	m := in.current
	l := &Letter{Kind: KindDead, Class: ClassDecode, Source: in.node.Table.Name, Log: in.bind.Log, Sequence: m.Seq, ArrivalMs: m.ArrivalMs,
		Reason: fmt.Sprintf("%d more events of the message cannot be decoded; they have no letters of their own", in.unlisted)}
	l.from(m)
	return l
}

func (d *deadLetters) fail(err error) {
	if d.failure == nil {
		d.failure = err
	}
}

// row diverts row i of a batch with the given columns. l has the reason and the operator.
func (d *deadLetters) row(out *Output, l *Letter, schema plan.Schema, b *vec.Batch, i int) error {
	l.ArrivalMs, l.Columns = b.ArrivalAt(i), make(map[string]*string, len(schema))
	if i < len(b.Origin) {
		d.origin(l, b.Origin[i])
	}
	for c, col := range schema[:min(len(schema), len(b.Cols))] {
		name := col.Name
		for n := 0; l.has(name); n++ {
			name = col.Name + strconv.Itoa(n)
		}
		v := b.Cols[c].Get(i)
		if v.Null {
			l.Columns[name] = nil
			continue
		}
		s := string(expr.FormatDatum(nil, v, col.Type, d.env))
		l.Columns[name] = &s
	}
	return d.put(out, l)
}

// origin says in l where a row came from.
func (d *deadLetters) origin(l *Letter, o vec.Origin) {
	l.Sequence, l.Row = o.Seq, o.Row
	if int(o.Source) >= len(d.sources) {
		return
	}
	in := d.sources[o.Source]
	l.Source, l.Log = in.node.Table.Name, in.bind.Log
	if in.bind.Messages == nil {
		return
	}
	if in.events == nil {
		in.events = &events{in: in}
	}
	event, header, offset, m := in.events.find(o)
	if m == nil {
		return
	}
	l.from(m)
	l.Offset, l.Header = offset, string(header)
	l.setEvent(event)
}

// rowErrors is the dead letter entrance of one operator.
type rowErrors struct {
	letters *deadLetters
	node    plan.Node
	schemas []plan.Schema // of its inputs
	input   *int          // the one that the newest batch came from; nil with one input
}

// schema is that of a batch with so many columns: of the newest input, or of all of them
// side by side, where an operator joins rows before it computes.
func (r *rowErrors) schema(cols int) plan.Schema {
	if len(r.schemas) < 2 || r.input == nil {
		return slices.Concat(r.schemas...)
	}
	if s := r.schemas[*r.input]; len(s) == cols {
		return s
	}
	return slices.Concat(r.schemas...)
}

// RowError diverts a row that cannot be computed, or fails the pipeline.
func (r *rowErrors) RowError(b *vec.Batch, row int, err error) error {
	if r.letters.policy == plan.RowErrorFail {
		return fmt.Errorf("%s: %w (%w)", r.node.Kind(), err, ErrRow)
	}
	l := &Letter{Kind: KindDead, Class: ClassCompute, Reason: err.Error(), Operator: r.node.Kind()}
	if errors.Is(err, op.ErrAhead) {
		l.Kind, l.Class = KindClock, ClassClock
	}
	return r.letters.row(r.letters.out, l, r.schema(len(b.Cols)), b, row)
}

// lateRows takes the rows that are late for every window of an operator.
type lateRows struct {
	letters *deadLetters
	out     *Output
	node    plan.Node
	schema  plan.Schema
}

var _ op.Output = (*lateRows)(nil)

// Process diverts the rows of b.
func (l *lateRows) Process(b *vec.Batch) error {
	for k := range b.Rows() {
		letter := &Letter{Kind: KindLate, Class: ClassLate, Reason: "late", Operator: l.node.Kind()}
		if err := l.letters.row(l.out, letter, l.schema, b, b.Row(k)); err != nil {
			return err
		}
	}
	return nil
}

// Watermark has no meaning for late rows.
func (l *lateRows) Watermark(int64) error { return nil }

// Tick has no meaning for late rows.
func (l *lateRows) Tick(int64) error { return nil }
