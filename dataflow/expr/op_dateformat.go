package expr

import (
	"fmt"
	"math"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

const defaultPattern = "yyyy-MM-dd HH:mm:ss"

func init() {
	Register(
		&Func{Name: "DATE_FORMAT", Signature: "DATE_FORMAT(t, pattern)", Category: "temporal",
			Doc: "A timestamp, or a string that holds one, printed by a pattern such as 'yyyy-MM-dd HH:mm'.", Resolve: resolveDateFormat},
		&Func{Name: "TO_TIMESTAMP", Signature: "TO_TIMESTAMP(s [, pattern])", Category: "temporal",
			Doc: "The string as TIMESTAMP(3); NULL when it does not fit the pattern.", Resolve: func(args []Node) (Resolved, error) { return resolveToTime("TO_TIMESTAMP", args) }},
		&Func{Name: "TO_DATE", Signature: "TO_DATE(s [, pattern])", Category: "temporal",
			Doc: "The string as DATE; NULL when it does not fit the pattern.", Resolve: func(args []Node) (Resolved, error) { return resolveToTime("TO_DATE", args) }},
		&Func{Name: "TO_TIMESTAMP_LTZ", Signature: "TO_TIMESTAMP_LTZ(n [, precision]), TO_TIMESTAMP_LTZ(s [, pattern [, zone]])", Category: "temporal",
			Doc: "An instant of seconds (precision 0) or milliseconds (3) since 1970, or of a string in a zone (UTC).", Resolve: resolveToLTZ},
		&Func{Name: "FROM_UNIXTIME", Signature: "FROM_UNIXTIME(seconds [, pattern])", Category: "temporal",
			Doc: "Seconds since 1970 printed in the session's time zone.", Resolve: resolveFromUnix},
		&Func{Name: "UNIX_TIMESTAMP", Signature: "UNIX_TIMESTAMP([s [, pattern]])", Category: "temporal",
			Doc: "The seconds since 1970 of a string in the session's time zone, or of the row's arrival.", Build: buildUnixTimestamp},
		&Func{Name: "CONVERT_TZ", Signature: "CONVERT_TZ(s, from, to)", Category: "temporal",
			Doc: "A local time as a string, converted from one time zone to another.", Resolve: resolveConvertTZ},
	)
}

// stringArgs checks that the arguments from first on are character strings.
func stringArgs(name string, ts []types.Type, first int) error {
	for i := first; i < len(ts); i++ {
		if !ts[i].IsString() {
			return wrongArg(name, i, "a character string", ts[i])
		}
	}
	return nil
}

// patternAt is the pattern of argument i, the default one when there is none.
func patternAt(c *RowCtx, args []vec.Datum, i int) (*datePattern, error) {
	memo, _ := c.Memo.(*datePatternMemo)
	if memo == nil {
		memo = &datePatternMemo{}
		c.Memo = memo
	}
	if i >= len(args) {
		return cachedPattern(memo, []byte(defaultPattern))
	}
	return cachedPattern(memo, args[i].B)
}

// checkPattern reports a literal pattern that does not compile.
func checkPattern(args []Node, i int) error {
	if i >= len(args) {
		return nil
	}
	if l, ok := args[i].(*Lit); ok && !l.Value.Null {
		_, err := compileDatePattern(string(l.Value.B))
		return err
	}
	return nil
}

func resolveDateFormat(args []Node) (Resolved, error) {
	if err := argCount("DATE_FORMAT", args, 2, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	if err := stringArgs("DATE_FORMAT", ts, 1); err != nil {
		return Resolved{}, err
	}
	if err := checkPattern(args, 1); err != nil {
		return Resolved{}, err
	}
	t := ts[0]
	if t.Kind == types.Date {
		t = types.TimestampOf(0).WithNull(t.NotNull)
		ts[0] = t
	}
	if !t.IsTimestamp() && !t.IsString() {
		return Resolved{}, wrongArg("DATE_FORMAT", 0, "a timestamp or a character string", t)
	}
	out := strictType(types.TString, ts...)
	if t.IsString() {
		out = out.Nullable()
	}
	return Resolved{Type: out, Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		p, err := patternAt(c, a, 1)
		if err != nil {
			return vec.NullDatum, err
		}
		zone := zoneOf(c.Env)
		micros, nanos := int64(0), int64(0)
		switch {
		case t.IsString():
			var ok bool
			if micros, nanos, _, ok = parseTimestamp(a[0].B); !ok {
				return vec.NullDatum, nil
			}
		default:
			micros, nanos = tsParts(a[0], t)
			if t.Kind == types.TimestampLTZ {
				micros = toLocal(micros, zone)
			}
		}
		sec := floorDiv(micros, microsPerSecond)
		c.Buf = p.format(c.Buf[:0], sec, (micros-sec*microsPerSecond)*1000+nanos, zone, false)
		return vec.BytesDatum(c.Buf), nil
	}}}, nil
}

// resolveToTime resolves TO_TIMESTAMP and TO_DATE.
func resolveToTime(name string, args []Node) (Resolved, error) {
	if err := argCount(name, args, 1, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	if err := stringArgs(name, ts, 0); err != nil {
		return Resolved{}, err
	}
	out := types.TimestampOf(3)
	if name == "TO_DATE" {
		out = types.TDate
	}
	return Resolved{Type: out, Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		var micros, nanos int64
		var ok bool
		if len(a) == 1 {
			d, err := ParseDatum(a[0].B, out, nil)
			if err != nil {
				return vec.NullDatum, nil
			}
			return d, nil
		}
		p, err := patternAt(c, a, 1)
		if err != nil {
			return vec.NullDatum, nil
		}
		if micros, nanos, _, ok = p.parse(a[0].B, false); !ok && out.Kind == types.Timestamp {
			micros, nanos, ok = parseLoose(a[0].B)
		}
		if !ok {
			return vec.NullDatum, nil
		}
		if out.Kind == types.Date {
			return vec.IntDatum(floorDiv(micros, microsPerDay)), nil
		}
		return tsDatum(micros, nanos, out), nil
	}}}, nil
}

func resolveToLTZ(args []Node) (Resolved, error) {
	const name = "TO_TIMESTAMP_LTZ"
	if err := argCount(name, args, 1, 3); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	if args[0].Type().Kind == types.Null && len(ts) == 2 && ts[1].IsInteger() {
		ts[0] = types.TBigInt
	}
	if ts[0].IsNumeric() {
		return resolveEpoch(args, ts)
	}
	if err := stringArgs(name, ts, 0); err != nil {
		return Resolved{}, err
	}
	if err := checkPattern(args, 1); err != nil {
		return Resolved{}, err
	}
	if len(args) == 3 {
		if l, ok := args[2].(*Lit); ok && !l.Value.Null {
			if _, err := ParseZone(string(l.Value.B)); err != nil {
				return Resolved{}, err
			}
		}
	}
	out := types.TimestampLTZOf(3)
	if len(args) > 1 {
		// A literal pattern with more digits of a second gives the precision.
		if l, ok := args[1].(*Lit); ok && !l.Value.Null {
			if p, err := compileDatePattern(string(l.Value.B)); err == nil {
				out.Prec = min(max(p.fraction, 3), 9)
			}
		}
	}
	return Resolved{Type: out, Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		return parseLTZ(c, a, out), nil
	}}}, nil
}

func parseLTZ(c *RowCtx, a []vec.Datum, out types.Type) vec.Datum {
	if len(a) == 1 {
		micros, nanos, zone, ok := parseTimestamp(a[0].B)
		if !ok {
			return vec.NullDatum
		}
		return tsDatum(fromLocal(micros, zone), nanos, out)
	}
	p, err := patternAt(c, a, 1)
	if err != nil {
		return vec.NullDatum
	}
	micros, nanos, zone, ok := p.parse(a[0].B, false)
	if !ok {
		micros, nanos, ok = parseLoose(a[0].B)
	}
	if !ok {
		return vec.NullDatum
	}
	if zone == nil && len(a) == 3 {
		if zone, err = ParseZone(string(a[2].B)); err != nil {
			return vec.NullDatum
		}
	}
	return tsDatum(fromLocal(micros, zone), nanos, out)
}

// The instants that TO_TIMESTAMP_LTZ gives: years 0 to 9999.
const (
	minEpochMillis = -62_167_219_200_000
	maxEpochMillis = 253_402_300_799_999
)

// resolveEpoch resolves TO_TIMESTAMP_LTZ of a number and its precision.
func resolveEpoch(args []Node, ts []types.Type) (Resolved, error) {
	const name = "TO_TIMESTAMP_LTZ"
	if err := argCount(name, args, 1, 2); err != nil {
		return Resolved{}, err
	}
	if len(ts) == 2 {
		if args[1].Type().Kind == types.Null {
			ts[1] = types.TInt
		}
		if !ts[1].IsInteger() {
			return Resolved{}, wrongArg(name, 1, "a precision from 0 to 9", ts[1])
		}
		if d, ok := constantOf(args[1]); ok && !d.Null && (d.I < 0 || d.I > 9) {
			return Resolved{}, fmt.Errorf("%s takes a precision from 0 to 9, not %d", name, d.I)
		}
	}
	out := types.TimestampLTZOf(3)
	if len(args) == 2 {
		if l, ok := args[1].(*Lit); ok && !l.Value.Null {
			out.Prec = int(max(l.Value.I, 3))
		}
	}
	t := ts[0]
	return Resolved{Type: out, Args: ts, Impl: Impl{Row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
		if out.Prec > 3 {
			return fineEpoch(a[0], t, out), nil
		}
		prec := int64(3)
		if len(a) == 2 {
			if prec = a[1].I; prec < 0 || prec > 9 {
				return vec.NullDatum, fmt.Errorf("%s takes a precision from 0 to 9, not %d", name, prec)
			}
		}
		ms, ok := epochMillis(a[0], t, prec)
		if !ok || ms < minEpochMillis || ms > maxEpochMillis {
			return vec.NullDatum, nil
		}
		return TimestampOfMillis(ms, out), nil
	}}}, nil
}

// fineEpoch is a number of units of out's precision, finer than a millisecond, since 1970.
func fineEpoch(d vec.Datum, t types.Type, out types.Type) vec.Datum {
	n := d.I
	switch {
	case t.IsApprox():
		if !(math.Abs(d.F) < 1e18) {
			return vec.NullDatum
		}
		n = int64(d.F)
	case t.Kind == types.Decimal:
		x, _ := DecimalValue(d, t).QuoRem(pow10[t.Scale])
		whole, ok := x.Int64()
		if !ok {
			return vec.NullDatum
		}
		n = whole
	}
	unit := pow10i[out.Prec]
	second, nanos := floorDiv(n, unit), floorMod(n, unit)*pow10i[9-out.Prec]
	if second < minEpochMillis/1000 || second > maxEpochMillis/1000 {
		return vec.NullDatum
	}
	return tsDatum(second*microsPerSecond+nanos/1000, nanos%1000, out)
}

// epochMillis is a number of units of 10^-prec seconds in milliseconds, rounded down.
func epochMillis(d vec.Datum, t types.Type, prec int64) (int64, bool) {
	switch {
	case t.IsApprox():
		f := d.F * math.Pow10(3-int(prec))
		if !(math.Abs(f) < 1e18) {
			return 0, false
		}
		return int64(f), true
	case t.Kind == types.Decimal:
		x, ok := DecimalValue(d, t).Rescale(t.Scale+int(prec), t.Scale+3)
		if !ok {
			return 0, false
		}
		x, _ = x.QuoRem(pow10[t.Scale])
		return x.Int64()
	case prec > 3:
		return floorDiv(d.I, pow10i[prec-3]), true
	}
	u := pow10i[3-prec]
	return d.I * u, d.I < math.MaxInt64/u && d.I > math.MinInt64/u
}

func resolveFromUnix(args []Node) (Resolved, error) {
	if err := argCount("FROM_UNIXTIME", args, 1, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TBigInt)
	if !ts[0].IsNumeric() {
		return Resolved{}, wrongArg("FROM_UNIXTIME", 0, "a number", ts[0])
	}
	if err := checkPattern(args, 1); err != nil {
		return Resolved{}, err
	}
	if len(ts) == 2 && args[1].Type().Kind == types.Null {
		ts[1] = types.TString
	}
	if err := stringArgs("FROM_UNIXTIME", ts, 1); err != nil {
		return Resolved{}, err
	}
	out := strictType(types.TString, ts...)
	ts[0] = types.TBigInt
	return Resolved{Type: out, Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		p, err := patternAt(c, a, 1)
		if err != nil {
			return vec.NullDatum, err
		}
		zone := zoneOf(c.Env)
		ms := a[0].I * millisPerSecond // as a Java Date has them, which wrap
		at := time.UnixMilli(ms).In(zone)
		_, offset := at.Zone()
		c.Buf = p.format(c.Buf[:0], at.Unix()+int64(offset), int64(at.Nanosecond()), zone, true)
		return vec.BytesDatum(c.Buf), nil
	}}}, nil
}

// unixNow is UNIX_TIMESTAMP(), unixOf that of a string.
var (
	unixNow = &Func{Name: "UNIX_TIMESTAMP", Volatile: true, Resolve: func([]Node) (Resolved, error) {
		return Resolved{Type: types.TBigInt.Required(), Impl: Impl{Row: func(c *RowCtx, _ []vec.Datum) (vec.Datum, error) {
			return vec.IntDatum(floorDiv(c.Arrival, millisPerSecond)), nil
		}}}, nil
	}}
	unixOf = &Func{Name: "UNIX_TIMESTAMP", Resolve: resolveUnixOf}
)

func buildUnixTimestamp(args []Node) (Node, error) {
	if err := argCount("UNIX_TIMESTAMP", args, 0, 2); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return newCall(unixNow, nil)
	}
	return newCall(unixOf, args)
}

func resolveUnixOf(args []Node) (Resolved, error) {
	ts := typesOf(args, types.TString)
	if err := stringArgs("UNIX_TIMESTAMP", ts, 0); err != nil {
		return Resolved{}, err
	}
	if err := checkPattern(args, 1); err != nil {
		return Resolved{}, err
	}
	return Resolved{Type: strictType(types.TBigInt, ts...), Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		p, err := patternAt(c, a, 1)
		if err != nil {
			return vec.NullDatum, err
		}
		micros, _, zone, ok := p.parse(a[0].B, true)
		if !ok {
			// As in Flink, text that does not parse is the smallest number.
			return vec.IntDatum(math.MinInt64), nil
		}
		if zone == nil {
			zone = zoneOf(c.Env)
		}
		return vec.IntDatum(floorDiv(fromLocal(micros, zone), microsPerSecond)), nil
	}}}, nil
}

func resolveConvertTZ(args []Node) (Resolved, error) {
	if err := argCount("CONVERT_TZ", args, 3, 3); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	if err := stringArgs("CONVERT_TZ", ts, 0); err != nil {
		return Resolved{}, err
	}
	return Resolved{Type: types.TString, Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		micros, _, _, ok := parseTimestamp(a[0].B)
		if !ok {
			return vec.NullDatum, nil
		}
		// As in Java, a zone that is not known is GMT.
		from, err := ParseZone(string(a[1].B))
		if err != nil {
			from = time.UTC
		}
		to, err := ParseZone(string(a[2].B))
		if err != nil {
			to = time.UTC
		}
		c.Buf = appendTimestamp(c.Buf[:0], toLocal(fromLocal(micros, from), to), 0, 0)
		return vec.BytesDatum(c.Buf), nil
	}}}, nil
}
