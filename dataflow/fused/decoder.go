package fused

import (
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Decoder is what a generated decoder shares at run time: values that have no short form,
// and the counts of the event in hand, which become the format's only when the event has
// been taken.
type Decoder struct {
	// Odd tells that the event in hand needed more than its short form: Commit is due once
	// it has been taken, Begin before the next one is decoded.
	Odd bool

	stats   *format.Stats
	values  *format.Values
	unknown uint64
	missing []int
}

// Bind makes the decoder for a host's source.
func (d *Decoder) Bind(h *Host) error {
	t := h.Head.Source.Table
	var s format.Schema
	for _, c := range h.Head.Source.Columns {
		s.Columns = append(s.Columns, format.Column{Name: t.Columns[c.Column].Name, Type: c.Type, Path: c.Path})
	}
	for _, c := range t.Columns {
		if c.Kind == plan.PhysicalColumn {
			s.Declared = append(s.Declared, types.Field{Name: c.Name, Type: c.Type})
		}
	}
	d.stats = h.Stats
	d.missing = make([]int, 0, len(s.Columns))
	var err error
	d.values, err = format.NewValues(t.Options["format"], s, format.Options{Table: t.Options}, h.Stats)
	if err != nil {
		return err
	}
	if h.ValueMax > 0 {
		d.values.Limit(h.ValueMax)
	}
	return nil
}

// Begin forgets an odd event.
func (d *Decoder) Begin() {
	d.Odd, d.unknown, d.missing = false, 0, d.missing[:0]
	d.values.Begin()
}

// Unknown counts a field that is not declared.
func (d *Decoder) Unknown(n int) {
	d.Odd = true
	d.unknown += uint64(n)
}

// Missing counts a column that the event lacks.
func (d *Decoder) Missing(col int) {
	d.Odd = true
	d.missing = append(d.missing, col)
}

// Commit adds the event's counts to the format's.
func (d *Decoder) Commit() {
	d.stats.Unknown += d.unknown
	for _, c := range d.missing {
		d.stats.Missing[c]++
	}
	d.unknown, d.missing = 0, d.missing[:0]
	d.values.Commit()
}

// Int reads the value of a column of class types.I64 at i; end is -1 when it cannot be
// read.
func (d *Decoder) Int(col int, b []byte, i int) (v int64, null bool, end int) {
	x, end := d.value(col, b, i)
	return x.I, x.Null && end >= 0, end
}

// Float reads the value of a column of class types.F64.
func (d *Decoder) Float(col int, b []byte, i int) (v float64, null bool, end int) {
	x, end := d.value(col, b, i)
	return x.F, x.Null && end >= 0, end
}

// Bytes reads the value of a column of class types.Bytes. It lies in b, or in scratch that
// is valid until Begin.
func (d *Decoder) Bytes(col int, b []byte, i int) (v []byte, null bool, end int) {
	x, end := d.value(col, b, i)
	return x.B, x.Null && end >= 0, end
}

// Wide reads the value of a column of class types.Wide.
func (d *Decoder) Wide(col int, b []byte, i int) (lo, hi int64, null bool, end int) {
	x, end := d.value(col, b, i)
	return x.I, x.Hi, x.Null && end >= 0, end
}

func (d *Decoder) value(col int, b []byte, i int) (vec.Datum, int) {
	d.Odd = true
	return d.values.Value(col, b, i)
}
