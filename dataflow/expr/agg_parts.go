package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// AggKind says what adding a row does to a part of an AggSet's state, for code that does it
// in place. Numbers are little-endian.
type AggKind uint8

const (
	// AggOther is added to by AggSet.Add alone.
	AggOther AggKind = iota
	// AggCount is {rows i64}: rows in which none of Cols is NULL.
	AggCount
	// AggSumInt is {values i64, sum i64}, which wraps.
	AggSumInt
	// AggSumFloat is {values i64, sum f64}; with Single the sum is rounded to 32 bits after
	// each addition.
	AggSumFloat
	// AggSumDecimal is {values i64, low u64, high i64, overflows i64}: the unscaled sum, and
	// how often it left 128 bits upwards less how often downwards.
	AggSumDecimal
	// AggExtreme is {set u64, value}: the least value, or with Max the greatest, where Phys
	// is types.I64 or types.F64, the latter ordered by OrderedFloat. Of equal values the
	// first stays.
	AggExtreme
)

// AggPart describes a part of an AggSet's state, which several calls may read.
type AggPart struct {
	AggField
	Kind AggKind
	// Cols are the columns that the part reads, of which those from AggSet.Width on are
	// literals; Filter is the BOOLEAN column that must be TRUE, or -1.
	Cols   []int
	Filter int
	// Phys is that of the first of Cols.
	Phys        types.Phys
	Max, Single bool
}

// Parts lists the parts of the state in order, without the group id.
func (s *AggSet) Parts() []AggPart {
	out := make([]AggPart, len(s.parts))
	for i, p := range s.parts {
		d := AggPart{AggField: AggField{Name: p.name, Text: p.text, Offset: p.off, Size: p.impl.size()}, Cols: p.cols, Filter: p.filter}
		switch a := p.impl.(type) {
		case *countAgg:
			d.Kind = AggCount
		case *sumInt:
			d.Kind = AggSumInt
		case *sumFloat:
			d.Kind, d.Phys, d.Single = AggSumFloat, types.F64, a.single
		case *sumDecimal:
			d.Kind, d.Phys = AggSumDecimal, a.arg.Phys()
		case *extremeAgg:
			d.Phys, d.Max = a.slot.phys, a.max
			if d.Phys == types.I64 || d.Phys == types.F64 {
				d.Kind = AggExtreme
			}
		}
		out[i] = d
	}
	return out
}

// Width is the number of columns of the input up to the last one that the calls refer to;
// literal arguments are the columns behind it.
func (s *AggSet) Width() int { return s.width }

// Literals are the literal arguments, each a column that holds the same in every row.
func (s *AggSet) Literals() []*vec.Vector { return s.consts }

// Add takes the rows sel of b into a part of the state, whatever its filter; the columns
// of b from Width on are Literals. st is as for Update.
func (s *AggSet) Add(part int, m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	s.parts[part].impl.add(m, b, st, sel)
}

// OrderedFloat maps floats to numbers in the order in which MIN and MAX compare them: -0 is
// 0, and NaN is above all.
func OrderedFloat(f float64) uint64 { return orderedFloat(f) }

// argCols are the columns among the arguments of a call.
func argCols(c *AggCall) []int {
	var out []int
	for _, a := range c.Args {
		if col, ok := a.(*Col); ok {
			out = append(out, col.Index)
		}
	}
	return out
}
