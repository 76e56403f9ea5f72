package expr

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// must unwraps a constructor's result in tests.
func must(n Node, err error) Node {
	if err != nil {
		panic(err)
	}
	return n
}

func call(name string, args ...Node) Node { return must(NewCall(name, args...)) }

func cast(n Node, t types.Type) Node { return must(NewCast(n, t, false)) }

// text evaluates a constant expression and prints it; errors print as "error".
func text(t *testing.T, n Node, env *Env) string {
	t.Helper()
	d, err := Constant(n, env)
	if err != nil {
		return "error"
	}
	return string(FormatDatum(nil, d, n.Type(), env))
}

// testBatch has the columns a BIGINT, b BIGINT, x DOUBLE, s STRING; b is NULL in every
// third row, 0 in every fifth.
func testBatch(n int) (*vec.Batch, []Node) {
	ts := []types.Type{types.TBigInt, types.TBigInt, types.TDouble, types.TString}
	b := vec.NewBatch(ts)
	b.N = n
	for i := range n {
		b.Cols[0].I64[i] = int64(i)
		b.Cols[1].I64[i] = int64(i % 5)
		if i%3 == 0 {
			b.Cols[1].SetNull(i)
		}
		b.Cols[2].F64[i] = float64(i) / 4
		b.Cols[3].SetString(i, "row "+string(rune('a'+i%26)))
	}
	return b, []Node{NewCol(0, "a", ts[0]), NewCol(1, "b", ts[1]), NewCol(2, "x", ts[2]), NewCol(3, "s", ts[3])}
}

func TestSelectionNarrowsBranches(t *testing.T) {
	b, col := testBatch(100)
	env := &Env{Zone: time.UTC}
	zero := call("=", col[1], NewInt(0))
	quotient := call("/", col[0], col[1])
	safe := must(NewCase([]Node{zero}, []Node{NewInt(-1)}, quotient))
	guarded := must(NewAnd(call("<>", col[1], NewInt(0)), call(">", quotient, NewInt(10))))
	for _, n := range []Node{safe, guarded} {
		p, err := Compile(n, env)
		if err != nil {
			t.Fatal(err)
		}
		c := &Ctx{Env: env}
		v := p.Eval(c, b, nil)
		if len(c.Errs) != 0 {
			t.Fatalf("%s: a branch not taken failed: %v", n, c.Errs[0])
		}
		for i := range b.N {
			if b.Cols[1].IsNull(i) != v.IsNull(i) {
				t.Fatalf("%s: row %d: NULL is %v", n, i, v.IsNull(i))
			}
		}
	}
	p, err := Compile(guarded, env)
	if err != nil {
		t.Fatal(err)
	}
	var want []int32
	for i := range int32(100) {
		if i%3 != 0 && i%5 != 0 && i/(i%5) > 10 {
			want = append(want, i)
		}
	}
	got := p.EvalSel(&Ctx{Env: env}, b, nil, nil)
	if len(got) != len(want) {
		t.Fatalf("selected %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("selected %v, want %v", got, want)
		}
	}
}

func TestDivisionByZeroFailsTheRow(t *testing.T) {
	b, col := testBatch(10)
	p, err := Compile(call("/", col[0], col[1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &Ctx{}
	p.Eval(c, b, nil)
	if len(c.Errs) != 1 || c.Errs[0].Row != 5 || !errors.Is(c.Errs[0].Err, errDivZero) {
		t.Fatalf("errors %v", c.Errs)
	}
	// A DOUBLE that is zero gives an infinity; a zero that the query writes is refused.
	if got := text(t, call("/", NewFloat(1), call("LN", NewFloat(1))), nil); got != "Infinity" {
		t.Fatalf("1e0 / LN(1) = %s", got)
	}
	if _, err := NewCall("/", NewFloat(1), NewFloat(0)); !errors.Is(err, errDivZero) {
		t.Fatalf("1e0 / 0e0: %v", err)
	}
}

func TestInt128Division(t *testing.T) {
	for _, a := range []string{"0", "7", "99999999999999999999999999999999999999", "-170141183460469231731687303715884105727", "12345678901234567890123"} {
		for _, b := range []string{"3", "-18446744073709551616", "18446744073709551615", "99999999999999999999999999", "36893488147419103233"} {
			x, _ := ParseInt128([]byte(a), 0)
			y, _ := ParseInt128([]byte(b), 0)
			q, r := x.QuoRem(y)
			p, ok := q.Mul(y)
			if !ok || p.Add(r) != x {
				t.Errorf("%s / %s: quotient %s remainder %s", a, b, q.Append(nil, 0), r.Append(nil, 0))
			}
			if m, _ := r.abs(); m.Cmp(func() Int128 { v, _ := y.abs(); return v }()) >= 0 {
				t.Errorf("%s / %s: remainder %s is too large", a, b, r.Append(nil, 0))
			}
		}
	}
	if f := Int128Of(math.MaxInt64).Float(2); f != 92233720368547758.07 {
		t.Errorf("float %v", f)
	}
}
