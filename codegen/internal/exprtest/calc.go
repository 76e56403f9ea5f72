package exprtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// CalcCase is a Calc over the columns; Filter may be empty.
type CalcCase struct {
	Filter  string
	Project []string
}

// Node makes the Calc of a case.
func (c CalcCase) Node() (*plan.Calc, error) {
	in, n := &plan.Source{}, &plan.Calc{}
	for i, t := range Columns() {
		in.Base().Schema = append(in.Base().Schema, plan.Column{Name: fmt.Sprint(i), Type: t})
	}
	n.Base().Inputs = []plan.Node{in}
	var err error
	if c.Filter != "" {
		if n.Filter, err = Parse(c.Filter); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Project {
		e, err := Parse(text)
		if err != nil {
			return nil, err
		}
		n.Project = append(n.Project, e)
	}
	return n, nil
}

// calcRun is a Calc with both ways to run it.
type calcRun struct {
	code    op.CalcCode
	filter  *expr.Program
	project []*expr.Program
	out     []*vec.Vector
	ctx     expr.Ctx
	sel     []int32
	dst     [vec.BatchSize]int32
}

func newCalcRun(c CalcCase) (*calcRun, error) {
	n, err := c.Node()
	if err != nil {
		return nil, err
	}
	r := &calcRun{ctx: expr.Ctx{Env: Env()}, sel: make([]int32, 0, vec.BatchSize)}
	if r.code, err = fused.BindCalc(n, Env()); err != nil {
		return nil, err
	}
	if r.code == nil {
		return nil, fmt.Errorf("no code is registered")
	}
	if n.Filter != nil {
		if r.filter, err = expr.Compile(n.Filter, Env()); err != nil {
			return nil, err
		}
	}
	for _, e := range n.Project {
		p, err := expr.Compile(e, Env())
		if err != nil {
			return nil, err
		}
		r.project = append(r.project, p)
		v := vec.New(e.Type())
		if expr.PassesOn(e) {
			v = nil
		}
		r.out = append(r.out, v)
	}
	return r, nil
}

// generated is the number of rows that pass, or -1.
func (r *calcRun) generated(b *vec.Batch, sel []int32) int {
	for _, v := range r.out {
		if v != nil {
			v.Reset()
		}
	}
	return r.code.Rows(b, sel, r.out, r.dst[:])
}

// interpreted is the rows that pass, and their projections.
func (r *calcRun) interpreted(b *vec.Batch, sel []int32, out []*vec.Vector) []int32 {
	r.ctx.Errs = r.ctx.Errs[:0]
	if r.filter != nil {
		r.sel = r.filter.EvalSel(&r.ctx, b, sel, r.sel[:0])
		sel = r.sel
		if len(sel) == 0 {
			return sel
		}
	}
	for i, p := range r.project {
		out[i] = p.Eval(&r.ctx, b, sel)
	}
	return sel
}

func (r *calcRun) compare(b *vec.Batch, sel []int32) string {
	want := make([]*vec.Vector, len(r.project))
	pass := r.interpreted(b, sel, want)
	n := r.generated(b, sel)
	if n < 0 {
		if len(r.ctx.Errs) == 0 {
			return fmt.Sprintf("rows %v are refused, though the interpreter computes them", sel)
		}
		return ""
	}
	if len(r.ctx.Errs) > 0 || n != len(pass) {
		return fmt.Sprintf("rows %v: %d pass, while the interpreter has %d and %v", sel, n, len(pass), r.ctx.Errs)
	}
	for k, i := range pass {
		if r.dst[k] != i {
			return fmt.Sprintf("row %d passes, while the interpreter has %d", r.dst[k], i)
		}
		for c, v := range r.out {
			if v != nil && !same(want[c].Get(int(i)), v.Get(int(i)), v.Phys) {
				return fmt.Sprintf("row %d, projection %d: %v, while the interpreter has %v", i, c, v.Get(int(i)), want[c].Get(int(i)))
			}
		}
	}
	return ""
}

// RunCalcs compares generated code with the interpreter, row by row, and over those rows that
// neither fails for; of the first timed cases it prints what a row takes either way. It
// exits with status 1 when they differ, or generated code allocates where the interpreter
// does not.
func RunCalcs(cases []CalcCase, timed int) {
	b, _ := rows(rand.New(rand.NewPCG(3, 4)))
	bad := 0
	for k, c := range cases {
		r, err := newCalcRun(c)
		if err != nil {
			fmt.Println(c, err)
			os.Exit(1)
		}
		problem := ""
		var clean []int32
		for i := int32(0); i < int32(b.N); i += 3 {
			if p := r.compare(b, []int32{i}); p != "" && problem == "" {
				problem = p
			}
			if r.generated(b, []int32{i}) >= 0 {
				clean = append(clean, i)
			}
		}
		if p := r.compare(b, clean); p != "" && problem == "" {
			problem = p
		}
		if n := r.allocations(b, clean); n > 0 && problem == "" {
			problem = fmt.Sprintf("%v allocations", n)
		}
		if problem != "" {
			bad++
			fmt.Printf("%v\n\t%s\n", c, problem)
			continue
		}
		if k >= timed {
			continue
		}
		g, i := r.times(b, clean)
		fmt.Printf("%6.1f ns a row, interpreted %6.1f, %4d rows: %q %q\n", g, i, len(clean), c.Filter, c.Project)
	}
	fmt.Printf("%d cases, %d differ\n", len(cases), bad)
	if bad > 0 {
		os.Exit(1)
	}
}

// allocations are those of generated code, where the interpreter has none. (Quotients and
// products of DECIMALs beyond 127 bits are computed by math/big either way.) Enough runs are made
// that the few of the runtime's own count for none.
func (r *calcRun) allocations(b *vec.Batch, sel []int32) float64 {
	const allocRuns = 20
	out := make([]*vec.Vector, len(r.project))
	if testing.AllocsPerRun(allocRuns, func() { r.interpreted(b, sel, out) }) > 0 {
		return 0
	}
	return testing.AllocsPerRun(allocRuns, func() { r.generated(b, sel) })
}

// times is what a row takes in ns.
func (r *calcRun) times(b *vec.Batch, sel []int32) (generated, interpreted float64) {
	out := make([]*vec.Vector, len(r.project))
	measure := func(fn func()) float64 {
		best := time.Duration(1 << 62)
		for range 20 {
			start := time.Now()
			for range 20 {
				fn()
			}
			best = min(best, time.Since(start))
		}
		return float64(best.Nanoseconds()) / 20 / float64(len(sel))
	}
	return measure(func() { r.generated(b, sel) }), measure(func() { r.interpreted(b, sel, out) })
}
