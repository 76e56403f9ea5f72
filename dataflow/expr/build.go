package expr

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// NewCol is column index of the input.
func NewCol(index int, name string, t types.Type) *Col { return &Col{Index: index, Name: name, T: t} }

// NewLit is a literal; its type is NOT NULL unless the value is NULL.
func NewLit(d vec.Datum, t types.Type) *Lit { return &Lit{Value: d, T: t.WithNull(!d.Null)} }

// NewString is a character literal of type CHAR(n), n in characters.
func NewString(s string) *Lit {
	return NewLit(vec.StringDatum(s), types.CharOf(runeCount([]byte(s))))
}

// NewBytes is a binary literal of type BINARY(n).
func NewBytes(b []byte) *Lit { return NewLit(vec.BytesDatum(b), types.BinaryOf(len(b))) }

// NewInt is an integer literal: INT when it fits, else BIGINT.
func NewInt(i int64) *Lit {
	if int64(int32(i)) == i {
		return NewLit(vec.IntDatum(i), types.TInt)
	}
	return NewLit(vec.IntDatum(i), types.TBigInt)
}

// NewBool is TRUE or FALSE.
func NewBool(b bool) *Lit { return NewLit(vec.BoolDatum(b), types.TBoolean) }

// NewFloat is a DOUBLE literal.
func NewFloat(f float64) *Lit { return NewLit(vec.FloatDatum(f), types.TDouble) }

// NewDecimal is the literal of a plain decimal number such as `12.50`, typed by its
// digits: DECIMAL(4, 2).
func NewDecimal(text string) (*Lit, error) {
	digits, scale := 0, 0
	point := false
	for _, r := range strings.TrimLeft(text, "+-") {
		switch {
		case r == '.' && !point:
			point = true
		case r >= '0' && r <= '9':
			if point {
				scale++
			}
			digits++
		default:
			return nil, fmt.Errorf("%q is not a decimal number", text)
		}
	}
	if digits > types.MaxDecimalPrecision && scale <= types.MaxDecimalPrecision {
		// Zeros at the front count only where there is room for them.
		whole, _, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
		digits -= len(whole) - len(strings.TrimLeft(whole, "0"))
	}
	t := types.DecimalOf(max(digits, 1), scale)
	if t.Prec > types.MaxDecimalPrecision {
		return nil, fmt.Errorf("%s has more than %d digits", text, types.MaxDecimalPrecision)
	}
	d, err := ParseDatum([]byte(text), t, nil)
	if err != nil {
		return nil, err
	}
	return NewLit(d, t), nil
}

// NewNull is NULL of a type; types.TNull when it is not known.
func NewNull(t types.Type) *Lit { return &Lit{Value: vec.NullDatum, T: t.Nullable()} }

// NewSymbol is a keyword argument, such as the unit of TIMESTAMPADD.
func NewSymbol(s string) *Lit {
	return &Lit{Value: vec.StringDatum(strings.ToUpper(s)), T: types.TSymbol}
}

// NewIntervalMonths is an INTERVAL literal of months; unit is its printed range, such as
// `YEAR TO MONTH`.
func NewIntervalMonths(months int64, unit string) *Lit {
	return NewLit(vec.IntDatum(months), types.Type{Kind: types.IntervalYM, Unit: unit})
}

// NewIntervalMillis is an INTERVAL literal of milliseconds; unit is its printed range,
// such as `DAY TO SECOND(3)`.
func NewIntervalMillis(ms int64, unit string) *Lit {
	return NewLit(vec.IntDatum(ms), types.Type{Kind: types.IntervalDS, Prec: 3, Unit: unit})
}

// NewCast converts n to t as CAST does, or as TRY_CAST.
func NewCast(n Node, t types.Type, try bool) (Node, error) {
	from := n.Type()
	if !CanCast(from, t) {
		return nil, fmt.Errorf("cannot cast %s to %s", from.Nullable(), t.Nullable())
	}
	if l, ok := n.(*Lit); ok && l.Value.Null {
		return NewNull(t), nil
	}
	return &Cast{Arg: n, T: t.WithNull(from.NotNull && !try), Try: try}, nil
}

// implicitCast converts n where its type differs from t in more than nullability.
func implicitCast(n Node, t types.Type) (Node, error) {
	from := n.Type()
	if t.Kind == types.Invalid || from.Equal(t) {
		return n, nil
	}
	if l, ok := n.(*Lit); ok {
		if l.Value.Null {
			return NewNull(t), nil
		}
		if l.T.Kind == types.Symbol {
			return n, nil
		}
	}
	if !CanImplicit(from, t) {
		return nil, fmt.Errorf("expected %s, got %s", t.Nullable(), from.Nullable())
	}
	// A string that is no date or timestamp is an error as a literal, and NULL as data.
	temporal := from.IsString() && (isDateOrTimestamp(t) || t.Kind == types.Time)
	l, literal := n.(*Lit)
	c := &Cast{Arg: n, T: t.WithNull(from.NotNull), Implicit: true}
	if !literal {
		if temporal {
			c.Try, c.T.NotNull = true, false
		}
		return c, nil
	}
	d, err := Constant(c, &Env{})
	switch {
	case err != nil && temporal:
		return nil, err
	case err != nil || from.Kind == types.TimestampLTZ || t.Kind == types.TimestampLTZ:
		return c, nil
	}
	return &Lit{Value: d, T: t.WithNull(l.T.NotNull && !d.Null)}, nil
}

// NewCase is CASE WHEN conds[i] THEN vals[i] ... ELSE other END; other may be nil.
func NewCase(conds, vals []Node, other Node) (Node, error) {
	ts := make([]types.Type, 0, len(vals)+1)
	for _, v := range vals {
		ts = append(ts, v.Type())
	}
	if other != nil {
		ts = append(ts, other.Type())
	} else {
		ts = append(ts, types.TNull)
	}
	t, ok := branchType(ts)
	if !ok {
		return nil, fmt.Errorf("the branches of CASE have no common type: %s", typeList(ts))
	}
	n := &Case{T: t}
	for i := range conds {
		if k := conds[i].Type().Kind; k != types.Boolean && k != types.Null {
			return nil, fmt.Errorf("WHEN needs a BOOLEAN, got %s", conds[i].Type().Nullable())
		}
		c, err := implicitCast(conds[i], types.TBoolean)
		if err != nil {
			return nil, err
		}
		v, err := implicitCast(vals[i], t)
		if err != nil {
			return nil, err
		}
		n.Conds, n.Vals = append(n.Conds, c), append(n.Vals, v)
	}
	if other != nil {
		e, err := implicitCast(other, t)
		if err != nil {
			return nil, err
		}
		n.Else = e
	}
	return n, nil
}

// NewAnd joins conditions by AND; nested ANDs are flattened.
func NewAnd(args ...Node) (Node, error) { return newLogic(false, args) }

// NewOr joins conditions by OR; nested ORs are flattened.
func NewOr(args ...Node) (Node, error) { return newLogic(true, args) }

func newLogic(or bool, args []Node) (Node, error) {
	n := &Logic{Or: or, T: types.TBoolean.Required()}
	for _, a := range args {
		if a.Type().Kind != types.Boolean && a.Type().Kind != types.Null {
			return nil, fmt.Errorf("%s needs BOOLEAN arguments, got %s", logicName(or), a.Type().Nullable())
		}
		a, err := implicitCast(a, types.TBoolean)
		if err != nil {
			return nil, err
		}
		n.T.NotNull = n.T.NotNull && a.Type().NotNull
		if l, ok := a.(*Logic); ok && l.Or == or {
			n.Args = append(n.Args, l.Args...)
			continue
		}
		n.Args = append(n.Args, a)
	}
	switch len(n.Args) {
	case 0:
		return NewBool(!or), nil
	case 1:
		return n.Args[0], nil
	}
	return n, nil
}

func logicName(or bool) string {
	if or {
		return "OR"
	}
	return "AND"
}

// NewField is a member of a ROW by name; names match exactly, or else in any case.
func NewField(n Node, name string) (Node, error) {
	t := n.Type()
	if t.Kind != types.Row && t.Kind != types.Structured {
		return nil, fmt.Errorf("%s has no field %s", t.Nullable(), name)
	}
	i := t.FieldIndex(name)
	if i < 0 {
		for k, f := range t.Fields {
			if strings.EqualFold(f.Name, name) {
				i = k
				break
			}
		}
	}
	if i < 0 {
		return nil, fmt.Errorf("%s has no field %s", t.Nullable(), name)
	}
	return NewFieldAt(n, i), nil
}

// NewFieldAt is member i of a ROW.
func NewFieldAt(n Node, i int) Node {
	t := n.Type()
	ft := t.Fields[i].Type
	return &Field{Arg: n, Index: i, T: ft.WithNull(ft.NotNull && t.NotNull)}
}

func typeList(ts []types.Type) string {
	s := make([]string, len(ts))
	for i := range ts {
		s[i] = ts[i].Nullable().String()
	}
	return strings.Join(s, ", ")
}
