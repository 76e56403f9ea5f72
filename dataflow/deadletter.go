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

// letter is a diverted event or row, as its output carries it: one JSON object each.
type letter struct {
	Reason   string `json:"reason"`
	Operator string `json:"operator,omitempty"`
	Source   string `json:"source,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Row is the row's index in a message of many.
	Row       uint32 `json:"row,omitempty"`
	Subject   string `json:"subject,omitempty"`
	ArrivalMs int64  `json:"arrival_ms"`
	// Offset is where in the message the event begins, in bytes.
	Offset int `json:"offset,omitempty"`
	// Event is an undecodable event as text, EventBase64 one that is not UTF-8.
	Event       *string `json:"event,omitempty"`
	EventBase64 []byte  `json:"event_base64,omitempty"`
	// Columns is a decoded row, by column, as CAST to STRING prints it.
	Columns map[string]*string `json:"columns,omitempty"`
}

func (l *letter) has(column string) bool {
	_, ok := l.Columns[column]
	return ok
}

// deadLetters takes what cannot be decoded or computed, and late rows.
type deadLetters struct {
	policy  plan.RowErrorPolicy
	out     *Output
	env     *expr.Env
	sources []*ingest
	// failure is the first error under the policy `fail`.
	failure error
}

func (d *deadLetters) put(out *Output, l *letter) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	out.append(b, nil, vec.Insert, 0, l.ArrivalMs)
	return nil
}

// event makes the letter of an event that its decoder refused, for put; nil when the policy
// is to fail.
func (d *deadLetters) event(n *plan.Source, m *Message, event []byte, offset int, reason error) *letter {
	if d.policy == plan.RowErrorFail {
		d.fail(fmt.Errorf("source %s: message %d: %w (%w)", n.Table.Name, m.Seq, reason, ErrRow))
		return nil
	}
	l := &letter{Reason: reason.Error(), Source: n.Table.Name, Sequence: m.Seq, Subject: string(m.Subject), ArrivalMs: m.ArrivalMs, Offset: offset}
	if utf8.Valid(event) {
		s := string(event)
		l.Event = &s
	} else {
		l.EventBase64 = bytes.Clone(event)
	}
	return l
}

func (d *deadLetters) fail(err error) {
	if d.failure == nil {
		d.failure = err
	}
}

// row diverts row i of a batch with the given columns.
func (d *deadLetters) row(out *Output, kind string, schema plan.Schema, b *vec.Batch, i int, reason string) error {
	l := &letter{Reason: reason, Operator: kind, ArrivalMs: b.ArrivalAt(i), Columns: make(map[string]*string, len(schema))}
	if i < len(b.Origin) {
		o := b.Origin[i]
		l.Sequence, l.Row = o.Seq, o.Row
		if int(o.Source) < len(d.sources) {
			l.Source = d.sources[o.Source].node.Table.Name
		}
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
	return r.letters.row(r.letters.out, r.node.Kind(), r.schema(len(b.Cols)), b, row, err.Error())
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
		if err := l.letters.row(l.out, l.node.Kind(), l.schema, b, b.Row(k), "late"); err != nil {
			return err
		}
	}
	return nil
}

// Watermark has no meaning for late rows.
func (l *lateRows) Watermark(int64) error { return nil }

// Tick has no meaning for late rows.
func (l *lateRows) Tick(int64) error { return nil }
