package state

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Dump writes the state in a canonical form: spaces by identity, structures by
// name, rows by key, so that equal state gives equal text however it came about.
// Every NaN in the state of an aggregate is the same: its bits follow from the
// processor and from the order of operands, and mean nothing.
// Fields that the layout names are written by name and type; a field in the heap
// is written as the bytes it refers to. What no column covers is written as hex.
func (a *Arena) Dump(w io.Writer) error {
	d := &dumper{w: w}
	for _, s := range a.spaces {
		d.space(s)
	}
	return d.err
}

// Dump writes one space as Arena.Dump does.
func (s *Space) Dump(w io.Writer) error {
	d := &dumper{w: w}
	d.space(s)
	return d.err
}

type dumper struct {
	w   io.Writer
	err error
	buf strings.Builder
}

func (d *dumper) line(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

func (d *dumper) space(s *Space) {
	d.line("space %q layout %d/%016x", s.id, s.layout.Version, s.layout.Hash)
	roots := slices.Clone(s.roots)
	sort.Slice(roots, func(i, j int) bool { return roots[i].Name < roots[j].Name })
	for _, e := range roots {
		cols := columnsOf(s.layout, e.Name)
		switch h := s.open(e).(type) {
		case *Table:
			d.line("  table %q %d rows", e.Name, h.Len())
			d.table(h, cols, "    ")
		case *Panes:
			d.line("  panes %q %d", e.Name, h.Len())
			h.Ascend(-1<<63, func(start int64, t *Table) bool {
				d.line("    pane %d %d rows", start, t.Len())
				d.table(t, cols, "      ")
				return d.err == nil
			})
		case *Ordered:
			d.line("  ordered %q %d entries", e.Name, h.Len())
			it := h.Iter()
			for ok := it.First(); ok && d.err == nil; ok = it.Next() {
				d.line("    %s", d.row(it.Key(), it.Value(), cols, &h.heap))
			}
		case *rootedHeap:
			d.line("  heap %q %d values, %d bytes", e.Name, h.Len(), h.Bytes())
		case *Scalars:
			d.line("  scalars %q %s", e.Name, d.row(nil, h.Read(), cols, nil))
		}
	}
}

func columnsOf(l Layout, structure string) []Column {
	var cols []Column
	for _, c := range l.Columns {
		if c.Structure == structure {
			cols = append(cols, c)
		}
	}
	sort.SliceStable(cols, func(i, j int) bool {
		if cols[i].Key != cols[j].Key {
			return cols[i].Key
		}
		return cols[i].Offset < cols[j].Offset
	})
	return cols
}

func (d *dumper) table(t *Table, cols []Column, indent string) {
	rows := make([]Row, 0, t.Len())
	t.Scan(func(r Row) bool {
		rows = append(rows, r)
		return true
	})
	sort.Slice(rows, func(i, j int) bool { return bytes.Compare(t.Key(rows[i]), t.Key(rows[j])) < 0 })
	for _, r := range rows {
		d.line("%s%s", indent, d.row(t.Key(r), t.Value(r), cols, &t.heap))
	}
}

// row formats a key and a value.
func (d *dumper) row(key, value []byte, cols []Column, h *Heap) string {
	d.buf.Reset()
	d.part("key", key, true, cols, h)
	if key != nil {
		d.buf.WriteString(" -> ")
	}
	d.part("value", value, false, cols, h)
	return d.buf.String()
}

// part formats the named fields of a key or a value, or all of it as hex when
// none is named.
func (d *dumper) part(name string, b []byte, key bool, cols []Column, h *Heap) {
	n := 0
	for i := 0; i < len(cols); i++ {
		c := cols[i]
		if c.Key != key || c.Offset < 0 || c.Size < 0 || c.Offset+c.Size > len(b) {
			continue
		}
		if n++; n > 1 {
			d.buf.WriteByte(' ')
		}
		// Columns that one value in the heap holds, encoded together, are written as one.
		for i+1 < len(cols) && c.Heap && cols[i+1].Heap && cols[i+1].Key == key && cols[i+1].Offset == c.Offset {
			i++
			c.Name, c.Type = c.Name+","+cols[i].Name, "row"
		}
		f := b[c.Offset : c.Offset+c.Size]
		if c.Heap && h != nil && len(f) == 8 {
			ref := Ref(binary.LittleEndian.Uint64(f))
			if f = nil; ref != 0 {
				f = h.Get(ref)
			}
		}
		if c.Refs|c.Floats != 0 && h != nil {
			d.buf.WriteString(c.Name + "=")
			d.words(c, f, h)
			continue
		}
		fmt.Fprintf(&d.buf, "%s=%s", c.Name, formatField(c, f))
	}
	if n == 0 && len(b) > 0 {
		fmt.Fprintf(&d.buf, "%s=%s", name, hex.EncodeToString(b))
	}
}

// words formats a field as hex with the values that it refers to in brackets in the place of
// the references, and NaN in that of every NaN.
func (d *dumper) words(c Column, f []byte, h *Heap) {
	for i := 0; i < len(f); i += 8 {
		w := f[i:min(i+8, len(f))]
		ref, float := c.Refs>>(i/8)&1 != 0 && len(w) == 8, c.Floats>>(i/8)&1 != 0 && len(w) == 8
		switch {
		case ref && binary.LittleEndian.Uint64(w) != 0:
			fmt.Fprintf(&d.buf, "[%x]", h.Get(Ref(binary.LittleEndian.Uint64(w))))
		case float && math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(w))):
			d.buf.WriteString("NaN")
		default:
			d.buf.WriteString(hex.EncodeToString(w))
		}
	}
}

// formatField prints numbers as such and everything else as hex or, when it is
// text in the heap, quoted.
func formatField(c Column, f []byte) string {
	switch {
	case c.Heap && f == nil:
		return "nil"
	case c.Heap && (strings.HasPrefix(c.Type, "VARCHAR") || strings.HasPrefix(c.Type, "CHAR") || c.Type == "STRING"):
		return strconv.Quote(string(f))
	case c.Heap:
		return hex.EncodeToString(f)
	case isInteger(c.Type) && len(f) == 8:
		return strconv.FormatInt(int64(binary.LittleEndian.Uint64(f)), 10)
	case isInteger(c.Type) && len(f) == 4:
		return strconv.FormatInt(int64(int32(binary.LittleEndian.Uint32(f))), 10)
	}
	return hex.EncodeToString(f)
}

func isInteger(t string) bool {
	return t == "BIGINT" || t == "INT" || t == "INTEGER"
}
