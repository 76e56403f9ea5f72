package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func col(t types.Type) Node { return NewCol(0, "c", t) }

func dec(p, s int) types.Type { return types.DecimalOf(p, s) }

func TestResultTypes(t *testing.T) {
	ts := func(p int) types.Type { return types.TimestampOf(p) }
	minute := NewIntervalMillis(60_000, "MINUTE")
	for _, c := range []struct {
		n    Node
		want string
	}{
		{call("+", col(types.TInt), col(types.TBigInt)), "BIGINT"},
		{call("+", NewInt(1), NewInt(2)), "INT NOT NULL"},
		{call("/", col(types.TTinyInt), col(types.TTinyInt)), "TINYINT"},
		{call("%", col(types.TBigInt), col(types.TInt)), "INT"},
		{call("+", col(types.TInt), col(types.TFloat)), "FLOAT"},
		{call("*", col(dec(5, 2)), col(types.TFloat)), "DOUBLE"},
		{call("+", col(dec(10, 2)), col(dec(10, 4))), "DECIMAL(13, 4)"},
		{call("*", col(dec(5, 2)), col(dec(10, 4))), "DECIMAL(16, 6)"},
		{call("*", col(dec(30, 20)), col(dec(30, 20))), "DECIMAL(38, 17)"},
		{call("/", col(dec(19, 0)), col(types.TInt)), "DECIMAL(30, 11)"},
		{call("%", col(dec(19, 0)), col(types.TInt)), "INT"},
		{call("-", col(dec(38, 10)), col(dec(38, 28))), "DECIMAL(38, 9)"},
		{call("+", col(ts(3)), minute), "TIMESTAMP(3)"},
		{call("-", col(types.TDate), NewIntervalMonths(1, "MONTH")), "DATE"},
		{call("=", col(types.TInt), NewInt(1)), "BOOLEAN"},
		{call("IS NULL", col(types.TInt)), "BOOLEAN NOT NULL"},
		{call("COALESCE", col(types.TInt), NewInt(1)), "INT NOT NULL"},
		{call("||", NewString("ab"), NewString("c")), "CHAR(3) NOT NULL"},
		{call("||", col(types.TString), NewString("c")), "STRING"},
		{call("ARRAY", NewInt(1), col(types.TBigInt)), "ARRAY<BIGINT> NOT NULL"},
		{call("MAP", NewString("k"), NewInt(1)), "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL"},
		{call("ROUND", col(dec(10, 3)), NewInt(1)), "DECIMAL(9, 1)"},
		{call("CEIL", col(dec(10, 3))), "DECIMAL(10, 0)"},
		{call("PROCTIME"), "TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*"},
		{call("NULLIF", NewInt(1), NewInt(2)), "INT"},
		{must(NewCase([]Node{NewBool(true)}, []Node{NewString("abc")}, NewString("defgh"))), "VARCHAR(5) NOT NULL"},
		{must(NewCase([]Node{NewBool(true)}, []Node{NewInt(1)}, nil)), "INT"},
		{must(NewCast(col(types.TString), types.TInt, true)), "INT"},
	} {
		if got := c.n.Type().String(); got != c.want {
			t.Errorf("%s: type %s, want %s", c.n, got, c.want)
		}
	}
}

func TestCommonType(t *testing.T) {
	for _, c := range []struct {
		ts   []types.Type
		want string
	}{
		{[]types.Type{types.TNull, types.TInt.Required()}, "INT"},
		{[]types.Type{types.TInt.Required(), dec(10, 2).Required()}, "DECIMAL(12, 2) NOT NULL"},
		{[]types.Type{types.CharOf(2), types.CharOf(2)}, "CHAR(2)"},
		{[]types.Type{types.CharOf(2), types.VarcharOf(9)}, "VARCHAR(9)"},
		{[]types.Type{types.TDate, types.TimestampOf(3)}, "TIMESTAMP(3)"},
		{[]types.Type{types.TimestampOf(6), types.TimestampLTZOf(3)}, "TIMESTAMP_LTZ(6)"},
		{[]types.Type{types.ArrayOf(types.TInt), types.ArrayOf(types.TBigInt)}, "ARRAY<BIGINT>"},
		{[]types.Type{types.TInt, types.TBoolean}, ""},
		{[]types.Type{types.TString, types.TInt}, ""},
	} {
		got, ok := CommonType(c.ts...)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s: %s %v, want %q", typeList(c.ts), got, ok, c.want)
		}
	}
}

func TestConstructorsExplainWhatIsWrong(t *testing.T) {
	n := func(n Node, err error) error { return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{n(NewCall("+", NewBool(true), NewInt(1))), "cannot apply + to BOOLEAN and INT"},
		{n(NewCall("=", col(types.TString), NewInt(1))), "cannot compare STRING with INT"},
		{n(NewCall("=", col(types.TDate), NewString("yesterday"))), `cannot cast "yesterday" to DATE`},
		{n(NewCall("ROUND", NewInt(1), NewString("x"))), "argument 2 of ROUND must be an INT"},
		{n(NewCall("NOPE")), "no function NOPE"},
		{n(NewCall("ITEM", call("ARRAY", NewInt(1)), NewInt(0))), "starts at 1"},
		{n(NewCall("LIKE", NewString("a"), NewString("b!"), NewString("!"))), "ends with its escape character"},
		{n(NewCall("TIMESTAMPADD", NewSymbol("XXX"), NewInt(1), col(types.TDate))), "no unit XXX"},
		{n(NewCall("DATE_FORMAT", col(types.TimestampOf(3)), NewString("bb"))), "unknown letter 'b'"},
		{n(NewCast(NewInt(1), types.TDate, false)), "cannot cast INT to DATE"},
		{n(NewCase([]Node{NewInt(1)}, []Node{NewInt(1)}, nil)), "WHEN needs a BOOLEAN"},
		{n(NewField(call("ROW", NewInt(1)), "nope")), "has no field nope"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
}

func TestNodesPrintAsSQL(t *testing.T) {
	a, s := NewCol(0, "a", types.TInt), NewCol(1, "order", types.TString)
	for _, c := range []struct {
		n    Node
		want string
	}{
		{call("+", a, NewInt(1)), "(a + 1)"},
		{must(NewAnd(call(">", a, NewInt(1)), call("IS NOT NULL", s))), "((a > 1) AND (order IS NOT NULL))"},
		{call("LIKE", s, NewString("it's%")), "(order LIKE 'it''s%')"},
		{cast(a, types.TString), "CAST(a AS STRING)"},
		{must(NewCase([]Node{call("=", a, NewInt(1))}, []Node{NewString("x")}, nil)), "CASE WHEN (a = 1) THEN 'x' END"},
		{call("EXTRACT", NewSymbol("year"), NewNull(types.TDate)), "EXTRACT(YEAR FROM NULL)"},
		{call("+", NewCol(2, "", types.TDate), NewIntervalMonths(14, "YEAR TO MONTH")), "($2 + INTERVAL '+1-02' YEAR TO MONTH)"},
		{call("IN", a, NewInt(1), NewInt(2)), "(a IN (1, 2))"},
		{NewLit(vec.IntDatum(19000), types.TDate), "DATE '2022-01-08'"},
	} {
		if got := c.n.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestFoldRewriteEqual(t *testing.T) {
	a := NewCol(3, "a", types.TInt)
	n := must(NewAnd(call(">", a, call("+", NewInt(1), NewInt(2))), NewBool(true)))
	if got := Fold(n, nil).String(); got != "(a > 3)" {
		t.Errorf("folded to %s", got)
	}
	if got := Fold(must(NewCase([]Node{NewBool(false), call("=", NewInt(1), NewInt(1))}, []Node{a, NewInt(5)}, a)), nil).String(); got != "5" {
		t.Errorf("folded to %s", got)
	}
	fails := call("/", NewInt(1), NewInt(0))
	if Fold(fails, nil) != fails {
		t.Error("a failing constant is folded")
	}
	if _, ok := Fold(call("RAND"), nil).(*Lit); ok || Deterministic(call("+", a, call("RAND_INTEGER", NewInt(4)))) {
		t.Error("a volatile call counts as constant")
	}
	moved := Rewrite(n, func(m Node) Node {
		if c, ok := m.(*Col); ok {
			return NewCol(c.Index+1, c.Name, c.T)
		}
		return m
	})
	if got := Cols(moved); len(got) != 1 || got[0] != 4 || Equal(n, moved) {
		t.Errorf("columns %v", got)
	}
	if !Equal(n, must(NewAnd(call(">", NewCol(3, "renamed", types.TInt), call("+", NewInt(1), NewInt(2))), NewBool(true)))) {
		t.Error("equal expressions differ")
	}
	if Equal(NewInt(1), NewLit(vec.IntDatum(1), types.TBigInt)) {
		t.Error("1 INT equals 1 BIGINT")
	}
}

func TestConversions(t *testing.T) {
	berlin, err := ParseZone("GMT+01:00")
	if err != nil {
		t.Fatal(err)
	}
	env := &Env{Zone: berlin}
	str := func(s string) Node { return NewString(s) }
	for _, c := range []struct {
		n    Node
		want string
	}{
		{cast(NewFloat(1e-4), types.TString), "1.0E-4"},
		{cast(NewFloat(12345678), types.TString), "1.2345678E7"},
		{cast(NewFloat(2), types.TString), "2.0"},
		{cast(NewFloat(1e300), types.TFloat), "Infinity"},
		{cast(NewBool(true), types.TString), "TRUE"},
		{cast(str(" 12.9 "), types.TInt), "12"},
		{cast(str("2147483648"), types.TInt), "error"},
		{cast(str("Yes"), types.TBoolean), "TRUE"},
		{cast(str("12.345"), dec(4, 2)), "12.35"},
		{cast(str("-0.005"), dec(4, 2)), "-0.01"},
		{cast(NewInt(1234), dec(3, 0)), "NULL"},
		{cast(NewFloat(1e10), types.TInt), "2147483647"},
		{cast(NewInt(300), types.TTinyInt), "44"},
		{cast(str("2024-2-29"), types.TDate), "2024-02-29"},
		{cast(str("2023-02-29"), types.TDate), "error"},
		{must(NewCast(str("2023-02-29"), types.TDate, true)), "NULL"},
		{cast(str("2024-02-29 12:00:00.1234567"), types.TimestampOf(7)), "2024-02-29 12:00:00.1234567"},
		{cast(str("2024-02-29T12:00:00Z"), types.TimestampLTZOf(0)), "2024-02-29 13:00:00"},
		{cast(cast(str("2024-02-29 12:00:00"), types.TimestampLTZOf(3)), types.TimestampOf(0)), "2024-02-29 12:00:00"},
		{cast(str("größer"), types.VarcharOf(3)), "grö"},
		{cast(str("a"), types.CharOf(3)), "a  "},
		{cast(NewInt(12345), types.VarcharOf(3)), "123"},
		{call("ARRAY", NewInt(1), NewNull(types.TInt)), "[1, NULL]"},
		{call("MAP", str("a"), NewInt(1)), "{a=1}"},
		{call("ROW", NewInt(1), str("abc")), "(1, abc)"},
		{NewIntervalMillis(-93_784_005, ""), "-1 02:03:04.005"},
		{NewIntervalMonths(14, ""), "+1-02"},
		{call("CURRENT_DATE"), "1970-01-01"},
	} {
		if got := text(t, c.n, env); got != c.want {
			t.Errorf("%s = %s, want %s", c.n, got, c.want)
		}
	}
}

func TestParseGivesBackWhatFormatPrints(t *testing.T) {
	env := &Env{Zone: time.FixedZone("", -5*3600)}
	for _, c := range []struct {
		t types.Type
		d vec.Datum
	}{
		{types.TBoolean, vec.BoolDatum(true)}, {types.TBigInt, vec.IntDatum(-9223372036854775808)},
		{types.TDouble, vec.FloatDatum(0.1)}, {types.TDouble, vec.FloatDatum(-1.5e-300)}, {types.TFloat, vec.FloatDatum(float64(float32(3.4e38)))},
		{dec(18, 4), vec.IntDatum(-10001)}, {dec(38, 10), vec.Datum{I: -1, Hi: 1 << 55}},
		{types.TDate, vec.IntDatum(-1)}, {types.Type{Kind: types.Time, Prec: 3}, vec.IntDatum(86_399_999)},
		{types.TimestampOf(6), vec.IntDatum(-1)}, {types.TimestampOf(9), vec.Datum{I: 1_700_000_000_000_000, Hi: 7}},
		{types.TimestampLTZOf(3), vec.IntDatum(1_700_000_000_123_000)},
		{types.Type{Kind: types.IntervalYM}, vec.IntDatum(-29)}, {types.Type{Kind: types.IntervalDS, Prec: 3}, vec.IntDatum(-100_000_001)},
	} {
		s := FormatDatum(nil, c.d, c.t, env)
		d, err := ParseDatum(s, c.t, env)
		if err != nil || !sameDatum(d, c.d) {
			t.Errorf("%s %s: %+v, want %+v, error %v", c.t, s, d, c.d, err)
		}
	}
}
