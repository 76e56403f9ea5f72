// Package nexmark is a source of the events of the Nexmark benchmark: people, auctions and
// bids of an online auction house, in the manner of Apache Beam's generator.
//
// Terms: an event has a number, from 0 (or 'first-event.number'); its event time follows
// from the number and the rate.
//
// Invariants: an event depends on its number and the options alone: each draws from a
// random generator that is seeded with the number. So any event can be sought, reading again
// after a position gives the same events, and a field has the same value whatever other
// fields a query uses. Without a rate limit events arrive at their event time.
//
// The package imports dataflow of the project, and connector/internal/with.
package nexmark

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Source makes events. It is a dataflow.RowSource.
type Source struct {
	gen  *generator
	cols []column
	// started tells that startMs, when the first event arrives, is known.
	started bool
	startMs int64
	// done is the number of events made, limit the number of events there are.
	done, limit uint64
	// paced tells that 'emit.rate' counts from pacedMs, when pacedDone events were made.
	paced     bool
	pacedMs   int64
	pacedDone uint64

	vals []vec.Datum
	row  []byte
}

// column is what is read of an event: its type (kind eventKinds), a field of a kind, or a
// row of fields.
type column struct {
	kind   int
	field  int           // -1 for a row
	fields []types.Field // of the row, and where each is among the kind's
	at     []int
}

// New makes a source whose rows have the schema's columns: event_type, and person, auction
// and bid or fields of them.
func New(o Options, s format.Schema) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	src := &Source{gen: newGenerator(o), limit: math.MaxUint64}
	if o.EventsNum > 0 {
		src.limit = uint64(o.EventsNum)
	}
	if o.StopAt >= 0 {
		src.limit = min(src.limit, uint64(max(o.StopAt-o.FirstNumber, 0)))
	}
	for _, c := range s.Columns {
		path := c.Path
		if len(path) == 0 {
			path = []string{c.Name}
		}
		col, err := src.column(path, c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", strings.Join(path, "."), err)
		}
		src.cols = append(src.cols, col)
	}
	return src, nil
}

// column finds what a path names, and notes how much of its kind has to be drawn.
func (s *Source) column(path []string, t types.Type) (column, error) {
	if len(path) == 1 && path[0] == "event_type" {
		if !t.IsInteger() {
			return column{}, fmt.Errorf("event_type is an INT, not %s", t)
		}
		return column{kind: eventKinds}, nil
	}
	kind := slices.Index(kindNames[:], path[0])
	if kind < 0 || len(path) > 2 {
		return column{}, fmt.Errorf("nexmark has the columns event_type, person, auction and bid")
	}
	if len(path) == 2 {
		field, err := s.field(kind, path[1], t)
		return column{kind: kind, field: field}, err
	}
	if t.Kind != types.Row {
		return column{}, fmt.Errorf("%s is a ROW, not %s", path[0], t)
	}
	c := column{kind: kind, field: -1, fields: t.Fields}
	for _, f := range t.Fields {
		at, err := s.field(kind, f.Name, f.Type)
		if err != nil {
			return c, err
		}
		c.at = append(c.at, at)
	}
	return c, nil
}

func (s *Source) field(kind int, name string, t types.Type) (int, error) {
	i := slices.Index(fieldNames[kind], name)
	if i < 0 {
		return 0, fmt.Errorf("a nexmark %s has no field %s: it has %s", kindNames[kind], name, strings.Join(fieldNames[kind], ", "))
	}
	want, ok := "BIGINT", t.Kind == types.BigInt
	switch name {
	case "dateTime", "expires":
		want, ok = "TIMESTAMP(3)", t.Kind == types.Timestamp && t.Phys() == types.I64
	case "name", "emailAddress", "creditCard", "city", "state", "extra", "itemName", "description", "channel", "url":
		want, ok = "VARCHAR", t.Kind == types.Varchar
	}
	if !ok {
		return 0, fmt.Errorf("field %s is a %s, not %s", name, want, t)
	}
	s.gen.last[kind] = max(s.gen.last[kind], i+1)
	return i, nil
}

const positionVersion = 1

// Open goes on after the position.
func (s *Source) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	s.started, s.startMs, s.done, s.paced = false, 0, 0, false
	if len(position) == 0 {
		return dataflow.OpenReport{}, nil
	}
	if len(position) != 17 || position[0] != positionVersion {
		return dataflow.OpenReport{}, fmt.Errorf("nexmark: a position of %d bytes and version %d is not known: was it written by a newer program, or by another connector?", len(position), position[0])
	}
	s.started = true
	s.startMs = int64(binary.LittleEndian.Uint64(position[1:]))
	s.done = binary.LittleEndian.Uint64(position[9:])
	return dataflow.OpenReport{Resumed: true}, nil
}

// Position appends the position after an event: when the first one arrived and how many
// there were.
func (s *Source) Position(dst []byte, seq uint64) []byte {
	dst = append(dst, positionVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.startMs))
	return binary.LittleEndian.AppendUint64(dst, seq)
}

// arrival is when an event arrives.
func (s *Source) arrival(n, eventMs int64) int64 {
	if !s.gen.opt.RateLimited {
		return eventMs
	}
	return s.startMs + eventMs - s.gen.timeOf(s.gen.opt.FirstNumber)
}

// allowed is how many events 'emit.rate' lets out at nowMs.
func (s *Source) allowed(nowMs int64) int64 {
	if !s.paced {
		s.paced, s.pacedMs, s.pacedDone = true, nowMs, s.done
	}
	seconds, ms := (nowMs-s.pacedMs)/1000, (nowMs-s.pacedMs)%1000
	rate := s.gen.opt.EmitRate
	if seconds >= math.MaxInt64/rate-1 {
		return math.MaxInt64
	}
	return max(0, seconds*rate+ms*rate/1000-int64(s.done-s.pacedDone))
}

// Next makes the events that are due at nowMs. Those that 'emit.rate' holds count as
// pending, so that arrival time waits for them.
func (s *Source) Next(b *vec.Batch, limit int, nowMs int64) (pending uint64, err error) {
	if !s.started {
		s.started, s.startMs = true, nowMs
	}
	if s.gen.opt.EmitRate > 0 {
		limit = int(min(int64(limit), s.allowed(nowMs)))
	}
	g := s.gen
	waits := false
	for s.done < s.limit && limit > 0 && b.N < vec.BatchSize {
		n := g.opt.FirstNumber + int64(s.done)
		at := s.arrival(n, g.timeOf(n))
		if waits = at > nowMs; waits {
			break
		}
		kind, _ := g.event(n)
		for i := range s.cols {
			s.put(&s.cols[i], b.Cols[i], b.N, kind)
		}
		s.done++
		limit--
		b.Arrival = append(b.Arrival, at)
		b.Origin = append(b.Origin, vec.Origin{Seq: s.done})
		b.N++
	}
	switch {
	case s.done < s.limit && waits:
		return 0, nil
	case s.done < s.limit:
		return 1, nil
	case g.opt.KeepAlive:
		return 0, nil
	}
	return 0, io.EOF
}

// put writes a column of the newest event.
func (s *Source) put(c *column, v *vec.Vector, row, kind int) {
	f := s.gen.fields
	switch {
	case c.kind == eventKinds:
		v.Set(row, vec.Datum{I: int64(kind)})
	case c.kind != kind:
		v.SetNull(row)
	case c.field >= 0:
		v.Set(row, f[c.field])
	default:
		s.vals = s.vals[:0]
		for _, at := range c.at {
			s.vals = append(s.vals, f[at])
		}
		s.row = vec.AppendRow(s.row[:0], c.fields, s.vals)
		v.SetBytes(row, s.row)
		v.SetNotNull(row)
	}
}

// Close has nothing to close.
func (s *Source) Close() error { return nil }
