// Package jsonpath parses JSON texts and SQL/JSON paths and evaluates the one on the
// other.
//
// Terms: a document is the first JSON value of a text; what follows it is not looked at,
// as in Jackson. A path is definite when it names at most one value.
//
// Invariants: numbers keep their digits; of members with equal names the last counts;
// nesting is limited to MaxDepth; no input panics. The package imports nothing of the
// project.
package jsonpath

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Array
	Object
)

// Value is a JSON value.
type Value struct {
	Kind Kind
	// Text is the content of a String, unescaped, or the digits of a Number.
	Text []byte
	// Elems are the elements of an Array or the values of an Object's members.
	Elems []Value
	// Keys are the names of an Object's members, each once.
	Keys []string
}

// Scalar tells values other than arrays and objects.
func (v *Value) Scalar() bool { return v.Kind < Array }

// Member finds a member of an Object, or is nil.
func (v *Value) Member(name string) *Value {
	if v.Kind != Object {
		return nil
	}
	if i := slices.Index(v.Keys, name); i >= 0 {
		return &v.Elems[i]
	}
	return nil
}

// Append appends the value as compact JSON with the members of objects in the order of
// their names, numbers as AppendNumber writes them.
func (v *Value) Append(dst []byte) []byte { return v.append(dst, math.MaxInt) }

// AppendWithin is Append of at most n bytes: beyond them ok is false and what was
// appended is cut short. What a path names may be longer than its document, since values
// of it stand in others.
func (v *Value) AppendWithin(dst []byte, n int) (out []byte, ok bool) {
	end := len(dst) + n
	out = v.append(dst, end)
	return out, len(out) <= end
}

// append appends nothing more behind end.
func (v *Value) append(dst []byte, end int) []byte {
	if len(dst) > end {
		return dst
	}
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case True, False:
		return v.AppendText(dst)
	case Number:
		return AppendNumber(dst, v.Text)
	case String:
		return AppendString(dst, v.Text)
	case Array:
		dst = append(dst, '[')
		for i := range v.Elems {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.Elems[i].append(dst, end)
		}
		return append(dst, ']')
	}
	order := make([]int, len(v.Keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(v.Keys[a], v.Keys[b]) })
	dst = append(dst, '{')
	for n, i := range order {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, []byte(v.Keys[i]))
		dst = append(dst, ':')
		dst = v.Elems[i].append(dst, end)
	}
	return append(dst, '}')
}

// AppendText appends a scalar as text: a string without quotes.
func (v *Value) AppendText(dst []byte) []byte {
	switch v.Kind {
	case True:
		return append(dst, "true"...)
	case False:
		return append(dst, "false"...)
	case String:
		return append(dst, v.Text...)
	}
	return v.Append(dst)
}

const hexDigits = "0123456789ABCDEF"

// AppendString appends a string in quotes; only quotes, backslashes and control
// characters are escaped.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, '"')
}

// AppendNumber appends a number as Java's BigInteger and BigDecimal print what its text
// means: 1.50 stays, 1e3 becomes 1E+3.
func AppendNumber(dst, text []byte) []byte {
	mantissa, exp := text, 0
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		n, err := strconv.Atoi(string(text[e+1:]))
		if err != nil {
			return append(dst, text...)
		}
		mantissa, exp = text[:e], n
	} else if bytes.IndexByte(text, '.') < 0 {
		if string(text) == "-0" {
			text = text[1:]
		}
		return append(dst, text...)
	}
	neg, digits, scale := decimalParts(mantissa)
	return appendBigDecimal(dst, neg, digits, scale-exp)
}

// AppendPlain appends a number without an exponent, in time linear in its length; ok is
// false when the exponent is beyond 400, so that what is written is hardly longer than text.
func AppendPlain(dst, text []byte) (out []byte, ok bool) {
	e := bytes.IndexAny(text, "eE")
	if e < 0 {
		return append(dst, text...), true
	}
	exp, err := strconv.Atoi(string(text[e+1:]))
	neg, digits, scale := decimalParts(text[:e])
	scale -= exp
	if err != nil || exp > 400 || exp < -400 {
		return dst, false
	}
	if neg {
		dst = append(dst, '-')
	}
	point := len(digits) - scale
	if point <= 0 {
		dst = appendZeros(append(dst, "0."...), -point)
		return append(dst, digits...), true
	}
	if scale <= 0 {
		return appendZeros(append(dst, digits...), -scale), true
	}
	dst = append(append(dst, digits[:point]...), '.')
	return append(dst, digits[point:]...), true
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// decimalParts splits digits with a point into the unscaled digits, without zeros at the
// start, and the scale.
func decimalParts(text []byte) (neg bool, digits []byte, scale int) {
	if len(text) > 0 && text[0] == '-' {
		neg, text = true, text[1:]
	}
	if p := bytes.IndexByte(text, '.'); p >= 0 {
		scale = len(text) - p - 1
		digits = append(append(digits, text[:p]...), text[p+1:]...)
	} else {
		digits = append(digits, text...)
	}
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return neg && string(digits) != "0", digits, scale
}

// appendBigDecimal prints an unscaled value and a scale by the rules of
// java.math.BigDecimal.toString.
func appendBigDecimal(dst []byte, neg bool, digits []byte, scale int) []byte {
	if neg {
		dst = append(dst, '-')
	}
	adjusted := len(digits) - 1 - scale
	switch {
	case scale == 0:
		return append(dst, digits...)
	case scale > 0 && adjusted >= -6:
		if point := len(digits) - scale; point > 0 {
			dst = append(dst, digits[:point]...)
			dst = append(dst, '.')
			return append(dst, digits[point:]...)
		}
		dst = appendZeros(append(dst, "0."...), scale-len(digits))
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	if adjusted != 0 {
		dst = append(dst, 'E')
		if adjusted > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, int64(adjusted), 10)
	}
	return dst
}
