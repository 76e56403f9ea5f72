package main

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/marcboeker/go-duckdb/v2"
)

// A row is its cells' texts with separator between them. One value has one text on both
// sides: NULL is null in bytes that no text holds; fractions of seconds and of decimals have
// no trailing zeros; a DOUBLE has floatDigits digits, the tolerance for sums in another order.
const (
	separator   = "\x1f"
	nullText    = "\x00null"
	timeLayout  = "2006-01-02 15:04:05.999999999"
	floatDigits = 12
)

// appendDatum appends the text of an engine's value.
func appendDatum(dst []byte, d vec.Datum, t types.Type, env *expr.Env) []byte {
	if d.Null {
		return append(dst, nullText...)
	}
	if t.Phys() == types.F64 {
		return strconv.AppendFloat(dst, d.F, 'g', floatDigits, 64)
	}
	from := len(dst)
	dst = expr.FormatDatum(dst, d, t, env)
	if t.IsTimestamp() || t.Kind == types.Decimal {
		dst = trimFraction(dst, from)
	}
	return dst
}

// trimFraction removes the zeros at the end of a fraction that lies in dst from from on.
func trimFraction(dst []byte, from int) []byte {
	if bytes.IndexByte(dst[from:], '.') < 0 {
		return dst
	}
	return bytes.TrimSuffix(bytes.TrimRight(dst, "0"), []byte("."))
}

// appendValue appends the text of a value as DuckDB's driver hands it out.
func appendValue(dst []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(dst, nullText...), nil
	case bool:
		return strconv.AppendBool(dst, x), nil
	case int32:
		return strconv.AppendInt(dst, int64(x), 10), nil
	case int64:
		return strconv.AppendInt(dst, x, 10), nil
	case *big.Int:
		return x.Append(dst, 10), nil
	case float64:
		return strconv.AppendFloat(dst, x, 'g', floatDigits, 64), nil
	case string:
		return append(dst, x...), nil
	case time.Time:
		return x.UTC().AppendFormat(dst, timeLayout), nil
	case duckdb.Decimal:
		return trimFraction(appendDecimal(dst, x), len(dst)), nil
	}
	return dst, fmt.Errorf("a value of Go type %T has no text: cast it in the equivalent", v)
}

// appendDecimal appends a decimal with all digits of its scale.
func appendDecimal(dst []byte, d duckdb.Decimal) []byte {
	if d.Value.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(d.Value).String()
	for len(digits) <= int(d.Scale) {
		digits = "0" + digits
	}
	dst = append(dst, digits[:len(digits)-int(d.Scale)]...)
	if d.Scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-int(d.Scale):]...)
	}
	return dst
}
