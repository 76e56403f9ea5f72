// Package datagen is a source that makes rows, with the options of Flink's datagen.
//
// Terms: a row has a number, from 1; its arrival time is the start plus what the rate
// gives for its number.
//
// Invariants: a row depends on the seed, its number and the start alone, so that reading
// again after a position gives the same rows; a field has the same values whatever other
// fields a query uses. Rows that are not due stay behind. Where the options name no start,
// it is moved on when more than a second's rows are due, as after a stop, or when the clock
// is set ahead: what was missed is not made up for.
//
// The package imports dataflow of the project, and connector/internal/with.
package datagen

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/nearest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Source makes rows. It is a dataflow.RowSource.
type Source struct {
	opt  Options
	cols []*generator
	// started tells that startMs is known.
	started bool
	startMs int64
	// done is the number of rows made, limit the number of rows there are.
	done, limit uint64
	pace        pace
}

// New makes a source whose rows have the schema's columns. The schema's declaration tells
// which fields the options may name.
func New(o Options, s format.Schema) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	declared := s.Declared
	if declared == nil {
		for _, c := range s.Columns {
			declared = append(declared, types.Field{Name: c.Name, Type: c.Type})
		}
	}
	src := &Source{opt: o, limit: math.MaxUint64}
	if o.NumberOfRows > 0 {
		src.limit = uint64(o.NumberOfRows)
	}
	b := builder{opt: &o, used: map[string]bool{}}
	byName := map[string]*generator{}
	for _, f := range declared {
		g, err := b.build(f.Name, f.Type)
		if err != nil {
			return nil, err
		}
		byName[f.Name] = g
		src.limit = min(src.limit, g.limit())
	}
	if err := b.unused(); err != nil {
		return nil, err
	}
	for _, c := range s.Columns {
		path := c.Path
		if len(path) == 0 {
			path = []string{c.Name}
		}
		g, err := byName[path[0]].below(path)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		src.cols = append(src.cols, g)
	}
	return src, nil
}

// below is the generator of a nested field, which is NULL where one of its parents is.
func (g *generator) below(path []string) (*generator, error) {
	if g == nil {
		return nil, fmt.Errorf("datagen has no field %s", path[0])
	}
	for _, name := range path[1:] {
		i := g.t.FieldIndex(name)
		if i < 0 || g.t.Kind != types.Row && g.t.Kind != types.Structured {
			return nil, fmt.Errorf("datagen has no field %s", strings.Join(path, "."))
		}
		sub := *g.fields[i]
		sub.parents = append(append([]*generator(nil), g.parents...), g)
		g = &sub
	}
	return g, nil
}

const positionVersion = 1

// Open goes on after the position.
func (s *Source) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	s.started, s.startMs, s.done, s.pace = s.opt.StartMs != 0, s.opt.StartMs, 0, pace{}
	if len(position) == 0 {
		return dataflow.OpenReport{}, nil
	}
	if len(position) != 17 || position[0] != positionVersion {
		return dataflow.OpenReport{}, fmt.Errorf("datagen: a position of %d bytes and version %d is not known: was it written by a newer program, or by another connector?", len(position), position[0])
	}
	start := int64(binary.LittleEndian.Uint64(position[1:]))
	s.done = binary.LittleEndian.Uint64(position[9:])
	r := dataflow.OpenReport{Resumed: true}
	if s.started && start != s.startMs {
		r.Warning = "'datagen.start-time' was changed: rows keep the start that they began with"
	}
	s.started, s.startMs = true, start
	return r, nil
}

// Position appends the position after a row.
func (s *Source) Position(dst []byte, seq uint64) []byte {
	dst = append(dst, positionVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.startMs))
	return binary.LittleEndian.AppendUint64(dst, seq)
}

// arrival is the arrival time of row n, from 1.
func (s *Source) arrival(n uint64) int64 {
	k, rate := n-1, uint64(s.opt.RowsPerSecond)
	return s.startMs + int64(k/rate)*1000 + int64(k%rate*1000/rate)
}

// due is the number of rows whose arrival time is not after now.
func (s *Source) due(nowMs int64) uint64 {
	if nowMs < s.startMs {
		return 0
	}
	passed, rate := uint64(nowMs-s.startMs), uint64(s.opt.RowsPerSecond)
	// Row n is due when ((n-1) % rate) * 1000 / rate, rounded down, has passed.
	within := (passed%1000*rate + rate + 999) / 1000
	return min(s.limit, passed/1000*rate+min(within, rate))
}

// Next makes the rows that are due at nowMs.
func (s *Source) Next(b *vec.Batch, limit int, nowMs int64) (pending uint64, err error) {
	if !s.started {
		s.started, s.startMs = true, nowMs
	}
	least := nowMs
	if s.done > 0 { // the clock may have been set back since
		least = s.arrival(s.done)
	}
	nowMs = s.pace.at(nowMs, least)
	if s.opt.StartMs == 0 {
		s.startMs += max(0, nowMs-burstMs-s.arrival(s.done+1))
	}
	due := s.due(nowMs)
	for s.done < due && limit > 0 && b.N < vec.BatchSize {
		s.done++
		limit--
		at := s.arrival(s.done)
		for i, g := range s.cols {
			g.fill(b.Cols[i], b.N, s.done-1, at)
		}
		b.Arrival = append(b.Arrival, at)
		b.Origin = append(b.Origin, vec.Origin{Seq: s.done})
		b.N++
	}
	if s.done >= s.limit {
		return 0, io.EOF
	}
	return due - min(due, s.done), nil
}

// Close has nothing to close.
func (s *Source) Close() error { return nil }

// builder makes generators and remembers which field options it used.
type builder struct {
	opt  *Options
	used map[string]bool
	// collections counts the collections around the field being built.
	collections int
}

// unused refuses options of fields that the table does not have.
func (b *builder) unused() error {
	var names, missing []string
	for n := range b.used {
		names = append(names, n)
	}
	for n := range b.opt.Fields {
		if !b.used[n] {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	first := missing[0]
	for _, m := range missing {
		first = min(first, m)
	}
	e := &with.OptionError{Key: "fields." + first + ".*", Problem: "the table has no such field"}
	sort.Strings(names)
	if n := nearest.Name(first, names); n != "" {
		e.Nearest = "fields." + n + ".*"
	}
	return e
}
