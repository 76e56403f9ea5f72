package expr

import (
	"sort"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// partBytes is how many bytes the results of one expression may have for the rows that are
// computed together: a function may make much of little, for each of many rows.
const partBytes = 1 << 20

// part is the rows that are computed together. Where results are large it ends before the batch
// does. A row with a result above partBytes is a part of its own.
type part struct {
	first, end int
	large      int // bytes of the results of the first row that are above partBytes
}

// Begin begins a part, the rows that EvalPart is then asked for by the programs of one caller.
func (c *Ctx) Begin() { c.part.large = 0 }

// Large tells whether a result of the first row of the part is above partBytes.
func (c *Ctx) Large() bool { return c.part.large > 0 }

// over is asked for a result of n bytes with which a part exceeds partBytes. The part ends before
// the row, and it is not taken, unless it is the first one. The error is that its results
// exceed maxRowBytes.
func (c *Ctx) over(row, n int) (taken bool, err error) {
	if row > c.part.first {
		c.part.end = min(c.part.end, row)
		return false, nil
	}
	if c.part.large += n; c.part.large > maxRowBytes {
		err = errLargeRow
	}
	return true, err
}

// within lets the part end where the cells that an expression has made exceed partBytes. Cells
// behind that are NULL.
func (c *Ctx) within(v *vec.Vector, n int, sel []int32) *vec.Vector {
	if v.Held() <= partBytes {
		return v
	}
	held := 0
	for k := range rows(n, sel) {
		i := row(sel, k)
		if v.IsNull(i) {
			continue
		}
		if held += int(v.Str[i].Len); held <= partBytes {
			continue
		}
		taken, err := c.over(i, held)
		if !taken {
			setNulls(v, n, sel, k)
			break
		}
		if err != nil {
			c.Fail(i, err)
			v.SetNull(i)
		}
	}
	return v
}

// setNulls makes the cells of the selected rows from the k-th on NULL.
func setNulls(v *vec.Vector, n int, sel []int32, k int) {
	for ; k < rows(n, sel); k++ {
		v.SetNull(row(sel, k))
	}
}

// EvalPart is Eval for as many rows as have no more results than a part may: those before end,
// which is b.N for all. What it records of rows from end on does not count.
func (p *Program) EvalPart(c *Ctx, b *vec.Batch, sel []int32) (v *vec.Vector, end int) {
	p.gen++
	p.sel = sel
	c.enter(b, sel)
	return p.root.eval(c, b, sel), c.part.end
}

func (c *Ctx) enter(b *vec.Batch, sel []int32) {
	c.part.first, c.part.end = 0, b.N
	if len(sel) > 0 {
		c.part.first = int(sel[0])
	}
}

// Eval computes the expression for the rows in sel (nil: all b.N rows). Row i of the
// result is row i of b; other rows hold anything. The result is valid until the next Eval
// and, for a column, is the batch's own vector. A row that cannot be computed is NULL and
// recorded in c.Errs. Who asks for strings of many rows asks for them by EvalPart.
func (p *Program) Eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	c.Begin()
	errs := len(c.Errs)
	v, end := p.EvalPart(c, b, sel)
	if end >= b.N {
		return v
	}
	if p.whole == nil {
		p.whole = vec.New(p.t)
	}
	p.whole.Reset()
	for {
		done := Before(sel, end)
		for _, i := range done {
			p.whole.Copy(int(i), v, int(i))
		}
		if end >= b.N {
			return p.whole
		}
		c.Forget(errs, end)
		errs, sel = len(c.Errs), After(sel, end, b.N)
		c.Begin()
		v, end = p.EvalPart(c, b, sel)
	}
}

// EvalSel appends to dst the rows of sel (nil: all b.N rows) for which a BOOLEAN
// expression is TRUE.
func (p *Program) EvalSel(c *Ctx, b *vec.Batch, sel, dst []int32) []int32 {
	for {
		p.gen++
		p.sel = sel
		c.Begin()
		c.enter(b, sel)
		errs, before := len(c.Errs), len(dst)
		dst = selectTrue(p.root, c, b, sel, dst)
		end := c.part.end
		if end >= b.N {
			return dst
		}
		c.Forget(errs, end)
		dst = dst[:before+len(Before(dst[before:], end))]
		sel = After(sel, end, b.N)
	}
}

// Forget takes the failures of rows from end on out of c.Errs, of which it looks at those from
// the given one on.
func (c *Ctx) Forget(from, end int) {
	kept := c.Errs[:from]
	for _, e := range c.Errs[from:] {
		if e.Row < end {
			kept = append(kept, e)
		}
	}
	c.Errs = kept
}

// Before is the rows of sel (nil: all rows) before end.
func Before(sel []int32, end int) []int32 {
	if sel == nil {
		return allRows[:end]
	}
	return sel[:place(sel, end)]
}

// After is the rows of sel (nil: all n rows) from end on.
func After(sel []int32, end, n int) []int32 {
	if sel == nil {
		return allRows[end:n]
	}
	return sel[place(sel, end):]
}

func place(sel []int32, end int) int {
	return sort.Search(len(sel), func(k int) bool { return int(sel[k]) >= end })
}

// allRows is the selection of all rows.
var allRows = func() (s [vec.BatchSize]int32) {
	for i := range s {
		s[i] = int32(i)
	}
	return s
}()
