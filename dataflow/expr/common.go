package expr

import (
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

func runeCount(b []byte) int { return utf8.RuneCount(b) }

// CommonType is the least restrictive type that holds the values of all, as for set
// operations, CASE, IN and ARRAY. It is NOT NULL when all are. False: there is none.
func CommonType(ts ...types.Type) (types.Type, bool) {
	notNull := true
	out := types.TNull
	for _, t := range ts {
		notNull = notNull && t.NotNull
		var ok bool
		if out, ok = common2(out, t); !ok {
			return types.Type{}, false
		}
	}
	return out.WithNull(notNull && out.Kind != types.Null), true
}

// branchType is the type of CASE and the like: as CommonType, and where character strings
// meet numbers or points in time, the string.
func branchType(ts []types.Type) (types.Type, bool) {
	if t, ok := CommonType(ts...); ok {
		return t, true
	}
	notNull, anyString := true, false
	for _, t := range ts {
		notNull = notNull && t.NotNull
		anyString = anyString || t.IsString()
		if t.IsNested() || t.Kind == types.Raw || t.Kind == types.Symbol || t.Kind == types.Boolean {
			return types.Type{}, false
		}
	}
	return types.TString.WithNull(notNull), anyString
}

func common2(a, b types.Type) (types.Type, bool) {
	switch {
	case a.Kind == types.Null:
		return b, true
	case b.Kind == types.Null:
		return a, true
	case a.IsNumeric() && b.IsNumeric():
		return commonNumeric(a, b), true
	case a.IsString() && b.IsString():
		return commonLength(a, b, types.Char, types.Varchar), true
	case a.IsBinary() && b.IsBinary():
		return commonLength(a, b, types.Binary, types.Varbinary), true
	case isDateOrTimestamp(a) && isDateOrTimestamp(b):
		return commonTimestamp(a, b), true
	case a.Kind == types.Time && b.Kind == types.Time:
		a.Prec = max(a.Prec, b.Prec)
		return a, true
	case a.IsInterval() && a.Kind == b.Kind:
		a.Prec = max(a.Prec, b.Prec)
		if a.Unit != b.Unit {
			a.Unit = ""
		}
		return a, true
	case a.IsNested() && a.Kind == b.Kind:
		return commonNested(a, b)
	}
	return a, a.Equal(b)
}

func isDateOrTimestamp(t types.Type) bool { return t.Kind == types.Date || t.IsTimestamp() }

func commonNumeric(a, b types.Type) types.Type {
	if a.IsApprox() || b.IsApprox() {
		if a.Kind == types.Double || b.Kind == types.Double || a.Kind == types.Decimal || b.Kind == types.Decimal {
			return types.TDouble
		}
		return types.TFloat
	}
	if a.Kind == types.Decimal || b.Kind == types.Decimal {
		a, b = asDecimal(a), asDecimal(b)
		s := max(a.Scale, b.Scale)
		p := max(a.Prec-a.Scale, b.Prec-b.Scale) + s
		if p > types.MaxDecimalPrecision {
			// The digits before the point take precedence.
			s = max(0, s-(p-types.MaxDecimalPrecision))
			p = types.MaxDecimalPrecision
		}
		return types.DecimalOf(p, s)
	}
	if b.Kind > a.Kind {
		return b
	}
	return a
}

func commonLength(a, b types.Type, fixed, varying types.Kind) types.Type {
	t := types.Type{Kind: varying, Prec: max(a.Prec, b.Prec)}
	if a.Kind == fixed && b.Kind == fixed && a.Prec == b.Prec {
		t.Kind = fixed
	}
	return t
}

func commonTimestamp(a, b types.Type) types.Type {
	if a.Kind == types.Date && b.Kind == types.Date {
		return a
	}
	t := types.TimestampOf(max(a.Prec, b.Prec))
	if a.Kind == types.TimestampLTZ || b.Kind == types.TimestampLTZ {
		t.Kind = types.TimestampLTZ
	}
	if a.Attr == b.Attr && a.Kind == b.Kind {
		t.Attr = a.Attr
	}
	return t
}

func commonNested(a, b types.Type) (types.Type, bool) {
	out := a
	if len(a.Fields) != len(b.Fields) || a.Class != b.Class {
		return a, false
	}
	merge := func(x, y *types.Type) (*types.Type, bool) {
		if x == nil || y == nil {
			return x, x == y
		}
		t, ok := CommonType(*x, *y)
		return &t, ok
	}
	var ok bool
	if out.Key, ok = merge(a.Key, b.Key); !ok {
		return a, false
	}
	if out.Elem, ok = merge(a.Elem, b.Elem); !ok {
		return a, false
	}
	out.Fields = make([]types.Field, len(a.Fields))
	for i := range a.Fields {
		t, ok := CommonType(a.Fields[i].Type, b.Fields[i].Type)
		if !ok {
			return a, false
		}
		out.Fields[i] = types.Field{Name: a.Fields[i].Name, Type: t}
	}
	if a.Fields == nil {
		out.Fields = nil
	}
	return out, true
}

// asDecimal is the DECIMAL that holds the values of an exact number.
func asDecimal(t types.Type) types.Type {
	switch t.Kind {
	case types.TinyInt:
		return types.DecimalOf(3, 0).WithNull(t.NotNull)
	case types.SmallInt:
		return types.DecimalOf(5, 0).WithNull(t.NotNull)
	case types.Int:
		return types.DecimalOf(10, 0).WithNull(t.NotNull)
	case types.BigInt:
		return types.DecimalOf(19, 0).WithNull(t.NotNull)
	}
	return t
}

// The result types of DECIMAL arithmetic, as in Flink's type merging: exact where 38
// digits suffice; beyond that the scale shrinks, to six digits at the least.

func limitDecimal(p, s int) types.Type {
	if p <= types.MaxDecimalPrecision {
		return types.DecimalOf(p, s)
	}
	whole := p - s
	return types.DecimalOf(types.MaxDecimalPrecision, max(types.MaxDecimalPrecision-whole, min(s, 6)))
}

func decimalSum(a, b types.Type) types.Type {
	s := max(a.Scale, b.Scale)
	return limitDecimal(max(a.Prec-a.Scale, b.Prec-b.Scale)+s+1, s)
}

func decimalProduct(a, b types.Type) types.Type {
	return limitDecimal(a.Prec+b.Prec+1, a.Scale+b.Scale)
}

func decimalQuotient(a, b types.Type) types.Type {
	s := max(6, a.Scale+b.Prec+1)
	return limitDecimal(a.Prec-a.Scale+b.Scale+s, s)
}

func decimalRemainder(a, b types.Type) types.Type {
	s := max(a.Scale, b.Scale)
	return limitDecimal(min(a.Prec-a.Scale, b.Prec-b.Scale)+s, s)
}

// CanImplicit tells whether the type rules may insert a conversion: between numbers,
// between dates and timestamps, between a character string and any type without nesting,
// and between nested types whose members convert.
func CanImplicit(from, to types.Type) bool {
	switch {
	case from.Kind == types.Null || from.Equal(to):
		return true
	case from.IsNumeric():
		return to.IsNumeric() || to.IsString()
	case isDateOrTimestamp(from):
		return isDateOrTimestamp(to) || to.IsString()
	case from.IsString():
		return to.IsString() || to.IsNumeric() || to.Kind == types.Date || to.Kind == types.Time || to.IsTimestamp() ||
			to.Kind == types.Boolean || to.IsBinary()
	case from.IsBinary():
		return to.IsBinary()
	case from.Kind == types.Boolean || from.Kind == types.Time || from.IsInterval():
		return to.Kind == from.Kind || to.IsString()
	case from.IsNested():
		return nestedAll(from, to, CanImplicit)
	}
	return false
}

// nestedAll tells whether two nested types have the same shape and ok holds for every
// pair of members.
func nestedAll(from, to types.Type, ok func(a, b types.Type) bool) bool {
	row := func(t types.Type) bool { return t.Kind == types.Row || t.Kind == types.Structured }
	if row(from) && row(to) {
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range from.Fields {
			if !ok(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	if from.Kind != to.Kind || from.Elem == nil || to.Elem == nil {
		return false
	}
	if from.Kind == types.Map && !ok(*from.Key, *to.Key) {
		return false
	}
	return ok(*from.Elem, *to.Elem)
}

// CanCast tells whether CAST converts from one type to the other, as in Flink's matrix.
func CanCast(from, to types.Type) bool {
	if from.Kind == types.Null || from.Equal(to) {
		return true
	}
	if to.IsString() {
		return from.Kind != types.Symbol
	}
	switch {
	case isBitmap(from):
		return to.Kind == types.Varbinary && to.Prec == types.MaxLength
	case from.Kind == types.Raw:
		return to.IsNumeric() || to.Kind == types.Boolean
	case from.IsString():
		return !to.IsNested() && !to.IsInterval() && to.Kind != types.Raw && to.Kind != types.Symbol
	case from.Kind == types.Boolean:
		return to.Kind == types.Boolean || to.IsNumeric()
	case from.IsNumeric():
		return to.IsNumeric() || to.Kind == types.Boolean || from.IsInteger() && intervalUnit(to) > 0
	case from.IsBinary():
		return to.IsBinary()
	case isDateOrTimestamp(from):
		return isDateOrTimestamp(to) || to.Kind == types.Time && from.IsTimestamp()
	case from.Kind == types.Time:
		return to.Kind == types.Time || to.IsTimestamp()
	case from.IsInterval():
		return to.Kind == from.Kind
	case from.IsNested():
		return nestedAll(from, to, CanCast)
	}
	return false
}
