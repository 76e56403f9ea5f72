package expr

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// setTypes are types of elements, and makers of the i-th of few values of each.
var setTypes = map[string]struct {
	t  types.Type
	at func(i int) vec.Datum
}{
	"BIGINT": {types.TBigInt, func(i int) vec.Datum { return vec.IntDatum(int64(i)) }},
	"STRING": {types.TString, func(i int) vec.Datum { return vec.StringDatum(strings.Repeat("x", i)) }},
	"DOUBLE": {types.TDouble, func(i int) vec.Datum {
		return vec.FloatDatum([]float64{math.Copysign(0, -1), 0, math.NaN(), math.Inf(1), 1.5}[i%5] * float64(1+i/5))
	}},
	"DECIMAL": {types.DecimalOf(30, 2), func(i int) vec.Datum { return vec.Datum{I: int64(i / 3), Hi: int64(i % 3)} }},
	"ARRAY": {types.ArrayOf(types.TInt), func(i int) vec.Datum {
		return vec.BytesDatum(vec.AppendArray(nil, types.TInt, []vec.Datum{vec.IntDatum(int64(i / 4)), vec.NullDatum, vec.IntDatum(int64(i % 4))}[:1+i%3]))
	}},
	"ROW": {types.RowOf(types.Field{Name: "f", Type: types.TDouble}, types.Field{Name: "s", Type: types.TString}), func(i int) vec.Datum {
		fields := []types.Field{{Name: "f", Type: types.TDouble}, {Name: "s", Type: types.TString}}
		return vec.BytesDatum(vec.AppendRow(nil, fields, []vec.Datum{vec.FloatDatum(math.Copysign(0, float64(i%2)-0.5)), vec.StringDatum(fmt.Sprint(i / 2))}))
	}},
	"MAP": {types.MapOf(types.TString, types.TInt), func(i int) vec.Datum {
		keys, vals := []vec.Datum{vec.StringDatum("a"), vec.StringDatum("b"), vec.StringDatum("c")}, []vec.Datum{vec.IntDatum(1), vec.NullDatum, vec.IntDatum(int64(i / 6))}
		for n, k := range rand.New(rand.NewSource(int64(i))).Perm(3) { // equal maps in other orders
			keys[n], keys[k], vals[n], vals[k] = keys[k], keys[n], vals[k], vals[n]
		}
		return vec.BytesDatum(vec.AppendMap(nil, types.TString, types.TInt, keys, vals))
	}},
}

// TestValueSetFindsWhatIsEqual compares sets of values, also of many, with looking through them.
func TestValueSetFindsWhatIsEqual(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for name, c := range setTypes {
		for _, oneNaN := range []bool{false, true} {
			var s valueSet
			for _, n := range []int{4, 30, 200} {
				s.begin(c.t, oneNaN)
				var want []vec.Datum
				for range 2 * n {
					d := c.at(r.Intn(n))
					if r.Intn(20) == 0 {
						d = vec.NullDatum
					}
					place := -1
					for i := range want {
						nan := oneNaN && c.t.Phys() == types.F64 && want[i].F != want[i].F && d.F != d.F && want[i].Null == d.Null
						if nan || sameValue(c.t, want[i], d) {
							place = i
							break
						}
					}
					if s.has(d) != (place >= 0) {
						t.Fatalf("%s: %d values: %s is there: %v", name, len(want), dump(c.t, d), place < 0)
					}
					if place < 0 {
						place = len(want)
						want = append(want, d)
					}
					if got, _ := s.add(d); got != place {
						t.Fatalf("%s: %s is at %d, want %d of %d", name, dump(c.t, d), got, place, len(want))
					}
				}
			}
		}
	}
}

func dump(t types.Type, d vec.Datum) string { return string(FormatDatum(nil, d, t, &Env{})) }

// TestValueSetLooksAtFew counts comparisons.
func TestValueSetLooksAtFew(t *testing.T) {
	var x valueIndex
	var nans uint64
	bigint, double := types.TBigInt, types.TDouble
	const n = 50_000
	compared := 0
	same := func(int) bool { compared++; return false }
	for i := range n {
		for _, h := range []uint64{hashValue(&bigint, vec.IntDatum(int64(i)), nil), hashValue(&double, vec.FloatDatum(math.NaN()), &nans)} {
			if x.find(h, same) >= 0 {
				t.Fatal("found")
			}
			x.note(h)
		}
	}
	if compared > 100 {
		t.Errorf("%d comparisons for %d values, all of which differ", compared, 2*n)
	}
}

// TestEqualMapsInAnyOrder compares maps with the same entries in other orders, and such that
// differ in one.
func TestEqualMapsInAnyOrder(t *testing.T) {
	mt := types.MapOf(types.TInt, types.TString)
	for _, n := range []int{0, 1, 5, 9, 1000} {
		keys, vals := make([]vec.Datum, n), make([]vec.Datum, n)
		for i := range n {
			keys[i], vals[i] = vec.IntDatum(int64(i)), vec.StringDatum(fmt.Sprint(i/2))
		}
		a := vec.AppendMap(nil, *mt.Key, *mt.Elem, keys, vals)
		rand.New(rand.NewSource(int64(n))).Shuffle(n, func(i, j int) {
			keys[i], keys[j], vals[i], vals[j] = keys[j], keys[i], vals[j], vals[i]
		})
		b := vec.AppendMap(nil, *mt.Key, *mt.Elem, keys, vals)
		check := func(want bool) {
			t.Helper()
			if equalMaps(a, b, mt) != want || sameEntries(*mt.Key, *mt.Elem, a, b) != want || equalMaps(b, a, mt) != want {
				t.Errorf("%d entries: equal is not %v", n, want)
			}
		}
		check(true)
		if n == 0 {
			continue
		}
		vals[n/2] = vec.NullDatum
		b = vec.AppendMap(nil, *mt.Key, *mt.Elem, keys, vals)
		check(false)
		vals[n/2] = vec.StringDatum(fmt.Sprint(keys[n/2].I / 2))
		keys[n/2] = vec.IntDatum(-1)
		b = vec.AppendMap(nil, *mt.Key, *mt.Elem, keys, vals)
		check(false)
	}
}

// TestCollectionsOfVeryManyElements computes functions that look values up over 100,000 of them.
// Pair by pair each would take minutes.
func TestCollectionsOfVeryManyElements(t *testing.T) {
	const n = 100_000
	var text strings.Builder
	ints, rows, back := make([]vec.Datum, n), make([]vec.Datum, n), make([]vec.Datum, n)
	row := types.RowOf(types.Field{Name: "i", Type: types.TBigInt})
	for i := range n {
		fmt.Fprintf(&text, "%d=%d,", i, -i)
		ints[i], back[n-1-i] = vec.IntDatum(int64(i)), vec.IntDatum(int64(i))
		rows[i] = vec.BytesDatum(vec.AppendRow(nil, row.Fields, ints[i:i+1]))
	}
	at, rt := types.ArrayOf(types.TBigInt), types.ArrayOf(row)
	array, reverse := vec.BytesDatum(vec.AppendArray(nil, types.TBigInt, ints)), vec.BytesDatum(vec.AppendArray(nil, types.TBigInt, back))
	nested := vec.BytesDatum(vec.AppendArray(nil, row, rows))
	b := vec.NewBatch([]types.Type{types.TString, at, at, rt})
	b.N = 1
	b.Cols[0].SetString(0, text.String())
	b.Cols[1].Set(0, array)
	b.Cols[2].Set(0, reverse)
	b.Cols[3].Set(0, nested)
	call := func(name string, args ...Node) Node {
		t.Helper()
		c, err := NewCall(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s, x, y, z := NewCol(0, "s", types.TString), NewCol(1, "x", at), NewCol(2, "y", at), NewCol(3, "z", rt)
	for _, c := range []struct {
		n    Node
		want int64
	}{
		{call("CARDINALITY", call("STR_TO_MAP", s)), n},
		{call("CARDINALITY", call("MAP_FROM_ARRAYS", x, y)), n},
		{call("CARDINALITY", call("MAP_UNION", call("MAP_FROM_ARRAYS", x, y), call("MAP_FROM_ARRAYS", y, x))), n},
		{call("CARDINALITY", call("ARRAY_EXCEPT", x, y)), 0},
		{call("CARDINALITY", call("ARRAY_INTERSECT", x, y)), n},
		{call("CARDINALITY", call("ARRAY_UNION", x, y)), n},
		{call("CARDINALITY", call("ARRAY_DISTINCT", z)), n},
		{call("CARDINALITY", call("ARRAY_UNION", z, z)), n},
		{call("=", call("MAP_FROM_ARRAYS", x, y), call("MAP_FROM_ARRAYS", y, x)), 1},
		{call("ARRAY_POSITION", call("ARRAY", call("MAP_FROM_ARRAYS", x, x), call("MAP_FROM_ARRAYS", x, y)), call("MAP_FROM_ARRAYS", y, x)), 2},
	} {
		p, err := Compile(c.n, testEnv)
		if err != nil {
			t.Fatal(err)
		}
		ctx := &Ctx{Env: testEnv}
		if got := p.Eval(ctx, b, nil).I64[0]; got != c.want || len(ctx.Errs) > 0 {
			t.Errorf("%s: %d, want %d %v", c.n, got, c.want, ctx.Errs)
		}
	}
}
