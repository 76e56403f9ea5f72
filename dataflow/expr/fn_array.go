package expr

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "ARRAY_APPEND", Signature: "ARRAY_APPEND(array, element)", Category: "collection",
			Doc: "The array with an element behind its last.", Resolve: resolveArrayAdd("ARRAY_APPEND", true)},
		&Func{Name: "ARRAY_PREPEND", Signature: "ARRAY_PREPEND(array, element)", Category: "collection",
			Doc: "The array with an element before its first.", Resolve: resolveArrayAdd("ARRAY_PREPEND", false)},
		&Func{Name: "ARRAY_CONTAINS", Signature: "ARRAY_CONTAINS(array, element)", Category: "collection",
			Doc: "Whether an element is in the array; NULL is looked for as a value.", Resolve: resolveNeedle("ARRAY_CONTAINS", true, ifFirst(types.TBoolean), arrayContainsRow)},
		&Func{Name: "ARRAY_POSITION", Signature: "ARRAY_POSITION(array, element)", Category: "collection",
			Doc: "The position of the first such element, 0 when there is none.", Resolve: resolveNeedle("ARRAY_POSITION", false, ifArgs(types.TInt), arrayPositionRow)},
		&Func{Name: "ARRAY_REMOVE", Signature: "ARRAY_REMOVE(array, element)", Category: "collection",
			Doc: "The array without such elements; NULL removes the NULLs.", Resolve: resolveNeedle("ARRAY_REMOVE", true, func(ts []types.Type) types.Type { return ts[0].Plain() }, arrayRemoveRow)},
		rowDef{name: "ARRAY_DISTINCT", sig: "ARRAY_DISTINCT(array)", doc: "The array with the first of equal elements only.", category: "collection",
			args: []argSpec{argArray("array")}, result: sameAsFirst, row: arrayDistinctRow}.fn(),
		rowDef{name: "ARRAY_REVERSE", sig: "ARRAY_REVERSE(array)", doc: "The array from its last element to its first.", category: "collection",
			args: []argSpec{argArray("array")}, result: sameAsFirst, row: arrayReverseRow}.fn(),
		rowDef{name: "ARRAY_SLICE", sig: "ARRAY_SLICE(array, from [, to])", doc: "The elements from a position to another, both included; negative ones count from the end.", category: "collection",
			args: []argSpec{argArray("array"), argInt("from"), argInt("to")}, min: 2, result: sameAsFirst, row: arraySliceRow}.fn(),
		rowDef{name: "ARRAY_JOIN", sig: "ARRAY_JOIN(array, delimiter [, nullReplacement])", doc: "The strings of the array with a delimiter between them; NULLs are left out or replaced.", category: "collection",
			args: []argSpec{argOf("an ARRAY of character strings", types.ArrayOf(types.TString), func(t types.Type) bool {
				return t.Kind == types.Array && (t.Elem.IsString() || t.Elem.Kind == types.Null)
			})("array"), argString("delimiter"), argString("nullReplacement")}, min: 2, result: ifArgs(types.TString), row: arrayJoinRow}.fn(),
		rowDef{name: "ARRAY_MAX", sig: "ARRAY_MAX(array)", doc: "The largest element that is not NULL.", category: "collection",
			args: []argSpec{argOrdered("array")}, result: elemNullable, row: arrayExtremeRow(1)}.fn(),
		rowDef{name: "ARRAY_MIN", sig: "ARRAY_MIN(array)", doc: "The smallest element that is not NULL.", category: "collection",
			args: []argSpec{argOrdered("array")}, result: elemNullable, row: arrayExtremeRow(-1)}.fn(),
		rowDef{name: "ARRAY_SORT", sig: "ARRAY_SORT(array [, ascending [, nullsFirst]])", doc: "The array in order; NULLs come first when ascending, last when descending, or as told.", category: "collection",
			args: []argSpec{argOrdered("array"), argBool("ascending"), argBool("nullsFirst")}, min: 1, result: sameAsFirst, row: arraySortRow}.fn(),
		arraysFunc("ARRAY_CONCAT", 1, "The arrays one behind the other.", arrayConcat),
		arraysFunc("ARRAY_UNION", 2, "The elements of both arrays, each once.", arrayUnion),
		arraysFunc("ARRAY_EXCEPT", 2, "The elements of the first array that are not in the second, each once.", arrayMembers(false)),
		arraysFunc("ARRAY_INTERSECT", 2, "The elements of the first array that are in the second, each once.", arrayMembers(true)),
	)
}

// argOrdered takes arrays whose elements have an order: numbers, strings and times.
var argOrdered = argOf("an ARRAY of numbers, strings, dates, times or timestamps", types.ArrayOf(types.TString), func(t types.Type) bool {
	if t.Kind != types.Array {
		return false
	}
	e := t.Elem
	return e.IsNumeric() || e.IsString() || e.IsBinary() || e.IsTimestamp() || e.IsInterval() || e.Kind == types.Date || e.Kind == types.Time
})

func elemNullable(ts []types.Type) types.Type { return ts[0].Elem.Nullable() }

// resolveNeedle resolves a function of an array and an element of it.
func resolveNeedle(name string, nullOK bool, result func([]types.Type) types.Type, row RowFunc) func([]Node) (Resolved, error) {
	return func(args []Node) (Resolved, error) {
		if len(args) != 2 {
			return Resolved{}, countError(name, name+"(array, element)", len(args))
		}
		at, err := argArray("array").take(name, 0, args[0])
		if err != nil {
			return Resolved{}, err
		}
		nt, err := needleType(name, at, args[1].Type())
		if err != nil {
			return Resolved{}, err
		}
		return Resolved{Type: result([]types.Type{at, nt}), Args: []types.Type{at, nt}, Impl: Impl{Row: row, CallsOnNull: nullOK}}, nil
	}
}

// needleType is the type that an element to look for or to add takes.
func needleType(fn string, array, t types.Type) (types.Type, error) {
	elem := *array.Elem
	switch {
	case t.Kind == types.Null:
		return elem.Nullable(), nil
	case sameLayout(elem, t):
		return t, nil
	case t.Kind == elem.Kind && t.IsNested() || CanImplicit(t, elem) && elem.IsString() == t.IsString():
		return elem.WithNull(t.NotNull), nil
	}
	return t, argError(fn, 1, "element", "an element of the array, "+elem.Nullable().String(), t)
}

func resolveArrayAdd(name string, atEnd bool) func([]Node) (Resolved, error) {
	result := func(ts []types.Type) types.Type {
		e := *ts[0].Elem
		if e.IsString() || e.IsBinary() {
			e.Prec = max(e.Prec, ts[1].Prec)
		}
		return types.ArrayOf(e.WithNull(e.NotNull && ts[1].NotNull)).WithNull(ts[0].NotNull)
	}
	return resolveNeedle(name, true, result, func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		if args[0].Null {
			return vec.NullDatum, nil
		}
		elem, vals := *c.ArgTypes[0].Elem, rowScratch(c)
		if !atEnd {
			vals = append(vals, args[1])
		}
		vals = appendElems(vals, args[0].B, elem)
		if atEnd {
			vals = append(vals, args[1])
		}
		return doneArray(c, elem, vals)
	})
}

// find is the index of the first such element, or -1.
func find(c *RowCtx, args []vec.Datum) int {
	elem := *c.ArgTypes[0].Elem
	for i := range vec.ArrayLen(args[0].B) {
		if sameValue(elem, vec.ArrayAt(args[0].B, elem, i), args[1]) {
			return i
		}
	}
	return -1
}

func arrayContainsRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null {
		return vec.NullDatum, nil
	}
	return vec.BoolDatum(find(c, args) >= 0), nil
}

func arrayPositionRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	return vec.IntDatum(int64(find(c, args)) + 1), nil
}

func arrayRemoveRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null {
		return vec.NullDatum, nil
	}
	elem, vals := *c.ArgTypes[0].Elem, rowScratch(c)
	for i := range vec.ArrayLen(args[0].B) {
		if d := vec.ArrayAt(args[0].B, elem, i); !sameValue(elem, d, args[1]) {
			vals = append(vals, d)
		}
	}
	return doneArray(c, elem, vals)
}

// beginSet is the row's scratch as an empty set. Of plain elements NaNs are one.
func beginSet(c *RowCtx, elem types.Type) *valueSet {
	s := &memoOf(c).set
	s.begin(elem, !elem.IsNested())
	return s
}

// doneSet returns the elements of a set as an ARRAY.
func doneSet(c *RowCtx, s *valueSet) (vec.Datum, error) {
	return done(c, vec.AppendArray(c.Buf[:0], s.t, s.vals))
}

func arrayDistinctRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s := beginSet(c, *c.ArgTypes[0].Elem)
	s.addAll(args[0].B)
	return doneSet(c, s)
}

func arrayReverseRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	elem := *c.ArgTypes[0].Elem
	vals := appendElems(rowScratch(c), args[0].B, elem)
	slices.Reverse(vals)
	return doneArray(c, elem, vals)
}

func arraySliceRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	elem, n := *c.ArgTypes[0].Elem, int64(vec.ArrayLen(args[0].B))
	from, to := args[1].I, n
	if len(args) == 3 {
		to = args[2].I
	}
	if from < 0 {
		from += n + 1
	}
	if to < 0 {
		to += n + 1
	}
	from = max(1, from)
	if to == 0 {
		to = 1
	}
	vals := rowScratch(c)
	for i := from; i <= min(to, n); i++ {
		vals = append(vals, vec.ArrayAt(args[0].B, elem, int(i-1)))
	}
	return doneArray(c, elem, vals)
}

func arrayJoinRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	b, some := c.Buf[:0], false
	for i := range vec.ArrayLen(args[0].B) {
		d := vec.ArrayAt(args[0].B, *c.ArgTypes[0].Elem, i)
		if d.Null {
			if len(args) < 3 {
				continue
			}
			d = args[2]
		}
		if some {
			b = append(b, args[1].B...)
		}
		b, some = append(b, d.B...), true
	}
	return done(c, b)
}

// compareValues orders two values of a type with an order, neither NULL.
func compareValues(t types.Type, a, b vec.Datum) int {
	switch t.Phys() {
	case types.I64:
		return cmp.Compare(a.I, b.I)
	case types.F64:
		return compareFloats(a.F, b.F)
	case types.Wide:
		if t.Kind == types.Decimal {
			return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(uint64(a.I), uint64(b.I)))
		}
		return cmp.Or(cmp.Compare(a.I, b.I), cmp.Compare(a.Hi, b.Hi))
	default:
		return bytes.Compare(a.B, b.B)
	}
}

// compareFloats puts NaN behind every number, as Java does.
func compareFloats(a, b float64) int {
	switch aNaN, bNaN := a != a, b != b; {
	case aNaN && bNaN:
		return 0
	case aNaN:
		return 1
	case bNaN:
		return -1
	}
	return cmp.Compare(a, b)
}

func arrayExtremeRow(sign int) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		elem, best := *c.ArgTypes[0].Elem, vec.NullDatum
		for i := range vec.ArrayLen(args[0].B) {
			d := vec.ArrayAt(args[0].B, elem, i)
			if !d.Null && (best.Null || sign*compareValues(elem, d, best) > 0) {
				best = d
			}
		}
		return best, nil
	}
}

func arraySortRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	elem, asc := *c.ArgTypes[0].Elem, len(args) < 2 || args[1].Bool()
	nullsFirst := asc
	if len(args) == 3 {
		nullsFirst = args[2].Bool()
	}
	vals := appendElems(rowScratch(c), args[0].B, elem)
	slices.SortStableFunc(vals, func(a, b vec.Datum) int {
		if a.Null || b.Null {
			switch {
			case a.Null && b.Null:
				return 0
			case a.Null == nullsFirst:
				return -1
			}
			return 1
		}
		r := compareValues(elem, a, b)
		if !asc {
			return -r
		}
		return r
	})
	return doneArray(c, elem, vals)
}

// arraysFunc is a function of arrays with a common type; with n == 1 it takes any number.
func arraysFunc(name string, n int, doc string, row func(c *RowCtx, elem types.Type, args []vec.Datum) (vec.Datum, error)) *Func {
	sig := name + "(array1, array2)"
	if n == 1 {
		sig = name + "(array1, ...)"
	}
	return &Func{Name: name, Signature: sig, Doc: doc, Category: "collection", Resolve: func(args []Node) (Resolved, error) {
		if len(args) < n || n > 1 && len(args) != n {
			return Resolved{}, countError(name, sig, len(args))
		}
		ts := make([]types.Type, len(args))
		for i, a := range args {
			var err error
			if ts[i], err = argArray("array").take(name, i, a); err != nil {
				return Resolved{}, err
			}
		}
		t, conv, err := commonCollection(name, args, ts)
		if err != nil {
			return Resolved{}, err
		}
		elem := *t.Elem
		return Resolved{Type: t.WithNull(!anyNullable(ts)), Args: conv, Impl: Impl{Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
			return row(c, elem, args)
		}}}, nil
	}}
}

func arrayConcat(c *RowCtx, elem types.Type, args []vec.Datum) (vec.Datum, error) {
	vals := rowScratch(c)
	for _, a := range args {
		vals = appendElems(vals, a.B, elem)
	}
	return doneArray(c, elem, vals)
}

func arrayUnion(c *RowCtx, elem types.Type, args []vec.Datum) (vec.Datum, error) {
	s := beginSet(c, elem)
	s.addAll(args[0].B)
	s.addAll(args[1].B)
	return doneSet(c, s)
}

// arrayMembers keeps the elements of the first array whose being in the second is want.
func arrayMembers(want bool) func(c *RowCtx, elem types.Type, args []vec.Datum) (vec.Datum, error) {
	return func(c *RowCtx, elem types.Type, args []vec.Datum) (vec.Datum, error) {
		m := memoOf(c)
		m.more.begin(elem, false)
		m.more.addAll(args[1].B)
		m.set.begin(elem, false)
		for i := range vec.ArrayLen(args[0].B) {
			if d := vec.ArrayAt(args[0].B, elem, i); m.more.has(d) == want {
				m.set.add(d)
			}
		}
		return doneSet(c, &m.set)
	}
}
