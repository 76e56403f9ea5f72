package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// fieldExec takes a member out of a ROW.
type fieldExec struct {
	in     exec
	fields []types.Field
	index  int
	out    *vec.Vector
}

func (e *fieldExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	in := e.in.eval(c, b, sel)
	e.out.Reset()
	for k := range rows(b.N, sel) {
		i := row(sel, k)
		if in.IsNull(i) {
			e.out.SetNull(i)
			continue
		}
		e.out.Set(i, vec.RowAt(in.Bytes(i), e.fields, e.index))
	}
	return c.within(e.out, b.N, sel)
}

// rows is the number of rows that count, row the k-th of them.
func rows(n int, sel []int32) int {
	if sel != nil {
		return len(sel)
	}
	return n
}

func row(sel []int32, k int) int {
	if sel != nil {
		return int(sel[k])
	}
	return k
}

// logicExec is AND or OR. Argument k is evaluated for the rows that the former left
// undecided; decided rows have the value or (FALSE for AND, TRUE for OR).
type logicExec struct {
	or   bool
	args []exec
	out  *vec.Vector
	rest [][]int32
}

func newLogicExec(or bool, args []exec) *logicExec {
	e := &logicExec{or: or, args: args, out: vec.New(types.TBoolean), rest: make([][]int32, len(args))}
	for i := range e.rest {
		e.rest[i] = make([]int32, 0, vec.BatchSize)
	}
	return e
}

func (e *logicExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	var decided int64
	if e.or {
		decided = 1
	}
	out := e.out
	out.ClearNulls()
	for a, arg := range e.args {
		v := arg.eval(c, b, sel)
		rest := e.rest[a][:0]
		for k := range rows(b.N, sel) {
			i := row(sel, k)
			switch {
			case v.IsNull(i):
				out.SetNull(i)
				rest = append(rest, int32(i))
			case v.I64[i] == decided:
				out.I64[i] = decided
				out.SetNotNull(i)
			default:
				// An earlier NULL stays.
				out.I64[i] = 1 - decided
				rest = append(rest, int32(i))
			}
		}
		e.rest[a] = rest
		if len(rest) < rows(b.N, sel) {
			sel = rest
		}
		if len(rest) == 0 {
			break
		}
	}
	return out
}

// selectAll is the AND as a filter: a row stays as long as every argument is TRUE.
func (e *logicExec) selectAll(c *Ctx, b *vec.Batch, sel, dst []int32) []int32 {
	for a, arg := range e.args {
		if a == len(e.args)-1 {
			return selectTrue(arg, c, b, sel, dst)
		}
		e.rest[a] = selectTrue(arg, c, b, sel, e.rest[a][:0])
		sel = e.rest[a]
		if len(sel) == 0 {
			return dst
		}
	}
	return dst
}

// coalesceExec is the first argument that is not NULL; each is evaluated for the rows
// where the former are NULL.
type coalesceExec struct {
	args []exec
	out  *vec.Vector
	rest [][]int32
}

func (e *coalesceExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	all := sel
	e.out.Reset()
	for a, arg := range e.args {
		v := arg.eval(c, b, sel)
		if a == 0 && !v.HasNulls() && v.Type.Kind == e.out.Type.Kind && v.Type.Prec == e.out.Type.Prec {
			return v // of another precision it would print otherwise
		}
		rest := e.rest[a][:0]
		for k := range rows(b.N, sel) {
			i := row(sel, k)
			if v.IsNull(i) {
				rest = append(rest, int32(i))
				continue
			}
			e.out.Copy(i, v, i)
		}
		e.rest[a] = rest
		sel = rest
		if len(rest) == 0 {
			break
		}
	}
	for _, i := range sel {
		e.out.SetNull(int(i))
	}
	return c.within(e.out, b.N, all)
}

// caseExec evaluates condition k for the rows that no former condition took, and value k
// for the rows it takes.
type caseExec struct {
	conds, vals []exec
	other       exec
	out         *vec.Vector
	hit, rest   [][]int32
}

func (k *compiler) buildCase(n *Case, cond bool) (exec, error) {
	conds, err := k.compileAll(n.Conds, func(i int) bool { return cond || i > 0 })
	if err != nil {
		return nil, err
	}
	vals, err := k.compileAll(n.Vals, func(int) bool { return true })
	if err != nil {
		return nil, err
	}
	e := &caseExec{conds: conds, vals: vals, out: vec.New(n.T), hit: make([][]int32, len(conds)), rest: make([][]int32, len(conds))}
	if n.Else != nil {
		e.other, err = k.compile(n.Else, true)
	}
	return e, err
}

func (e *caseExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	e.out.Reset()
	e.fill(c, b, sel)
	return c.within(e.out, b.N, sel)
}

// fill makes the cells of out.
func (e *caseExec) fill(c *Ctx, b *vec.Batch, sel []int32) {
	for a, cond := range e.conds {
		v := cond.eval(c, b, sel)
		hit, rest := e.hit[a][:0], e.rest[a][:0]
		for k := range rows(b.N, sel) {
			i := row(sel, k)
			if v.I64[i] != 0 && !v.IsNull(i) {
				hit = append(hit, int32(i))
			} else {
				rest = append(rest, int32(i))
			}
		}
		e.hit[a], e.rest[a] = hit, rest
		if len(hit) > 0 {
			scatter(e.out, e.vals[a].eval(c, b, hit), hit)
		}
		sel = rest
		if len(rest) == 0 {
			return
		}
	}
	if e.other != nil {
		scatter(e.out, e.other.eval(c, b, sel), sel)
		return
	}
	setNulls(e.out, b.N, sel, 0)
}

// scatter copies the cells of the selected rows.
func scatter(out, v *vec.Vector, sel []int32) {
	if v.HasNulls() || v.Phys == types.Bytes || v.Phys == types.Wide {
		for _, i := range sel {
			out.Copy(int(i), v, int(i))
		}
		return
	}
	if v.Phys == types.F64 {
		for _, i := range sel {
			out.F64[i] = v.F64[i]
		}
		return
	}
	for _, i := range sel {
		out.I64[i] = v.I64[i]
	}
}
