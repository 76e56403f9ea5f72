package plan

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// literal binds a literal; ok is false when e is something else.
func (b *binder) literal(e sql.Expr) (n expr.Node, ok bool, err error) {
	switch e := e.(type) {
	case *sql.NullLit:
		return expr.NewNull(types.TNull), true, nil
	case *sql.BoolLit:
		if e.Unknown {
			return expr.NewNull(types.TBoolean), true, nil
		}
		return expr.NewBool(e.Value), true, nil
	case *sql.NumberLit:
		n, err = b.number(e, e.Span, false)
	case *sql.Unary:
		num, isNum := e.X.(*sql.NumberLit)
		if e.Op != "-" || !isNum {
			return nil, false, nil
		}
		n, err = b.number(num, e.Span, true)
	case *sql.StringLit:
		n = expr.NewString(e.Value)
	case *sql.BinaryLit:
		n = expr.NewBytes(e.Value)
	case *sql.TemporalLit:
		n, err = b.temporal(e)
	case *sql.IntervalLit:
		n, err = b.interval(e)
	default:
		return nil, false, nil
	}
	return n, true, err
}

// number is INT or BIGINT where a whole number fits, else DECIMAL; with an exponent it is
// a DOUBLE.
func (b *binder) number(e *sql.NumberLit, span sql.Span, negative bool) (expr.Node, error) {
	text := e.Text
	if len(text) > digitsMax {
		return nil, b.errorf(span, "a number of more than %d characters", digitsMax)
	}
	if negative {
		text = "-" + text
	}
	switch e.Kind {
	case sql.Integer:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return expr.NewInt(i), nil
		}
	case sql.Double:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, b.errorf(span, "%s is out of the range of DOUBLE", text)
		}
		return expr.NewFloat(f), nil
	}
	if _, ok := new(big.Rat).SetString(text); !ok {
		return nil, b.errorf(span, "%s is no number", text)
	}
	n, err := expr.NewDecimal(text)
	if err != nil {
		return nil, b.errorf(span, "%v", err)
	}
	return n, nil
}

// temporal reads DATE, TIME and TIMESTAMP literals; the precision is the number of digits
// behind the point.
func (b *binder) temporal(e *sql.TemporalLit) (expr.Node, error) {
	digits := 0
	if i := strings.LastIndexByte(e.Value, '.'); i >= 0 {
		digits = len(strings.TrimSpace(e.Value)) - i - 1
	}
	var t types.Type
	var name, form string
	switch e.Kind {
	case sql.DateLit:
		t, name, form, digits = types.TDate, "DATE", "2020-12-31", 0
	case sql.TimeLit:
		t, name, form = types.Type{Kind: types.Time, Prec: digits}, "TIME", "23:59:59"
	default:
		t, name, form = types.TimestampOf(digits), "TIMESTAMP", "2020-12-31 23:59:59.123"
	}
	if digits > 9 {
		return nil, b.errorf(e.Span, "%s literals have at most 9 digits behind the point", name)
	}
	d, err := expr.ParseDatum([]byte(strings.TrimSpace(e.Value)), t, b.env())
	whole := e.Kind != sql.DateLit && strings.Count(e.Value, ":") == 2 || e.Kind != sql.TimeLit && strings.Count(e.Value, "-") >= 2
	if err != nil || d.Null || !whole {
		return nil, b.errorf(e.Span, "'%s' is no %s; expected the form '%s'", e.Value, name, form)
	}
	return expr.NewLit(d, t), nil
}

func (b *binder) interval(e *sql.IntervalLit) (expr.Node, error) {
	q := e.Qualifier
	if monthUnit(q.From) == 0 && milliUnit(q.From) == 0 {
		return nil, b.errorf(q.Span, "an INTERVAL of %s is not supported", q.From)
	}
	n, err := parseInterval(e.Value, q)
	if err != nil {
		return nil, b.errorf(e.Span, "%v", err)
	}
	if e.Negative {
		n = -n
	}
	return intervalNode(q, n), nil
}
