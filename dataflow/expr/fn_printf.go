package expr

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(rowDef{name: "PRINTF", sig: "PRINTF(format, x1, x2, ...)",
		doc: "The arguments in a format of java.util.Formatter (%s %d %x %o %c %b %e %f %g with flags, width and precision); NULL when the format does not fit them.", category: "string",
		args: []argSpec{argString("format"), argAny("x")}, min: 1, variadic: true, nullOK: true, result: always(types.TString), row: printfRow}.fn())
}

// errFormat is a format that does not fit its arguments.
var errFormat = errors.New("bad format")

// directive is one %... of a format.
type directive struct {
	arg              int // from 1; 0 the next one, -1 the last one again
	minus, plus, alt bool
	space, zero      bool
	comma, paren     bool
	width, precision int // -1 when absent
	verb             byte
}

func printfRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null {
		return vec.NullDatum, nil
	}
	f, b := args[0].B, c.Buf[:0]
	next, last := 0, -1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		d, n := parseDirective(f[i+1:])
		if n == 0 {
			return vec.NullDatum, nil
		}
		i += n
		if d.verb == 'n' {
			b = append(b, '\n')
			continue
		}
		if d.verb == '%' {
			b = pad(append(b, '%'), len(b), d, false)
			continue
		}
		at := last
		switch {
		case d.arg > 0:
			at = d.arg - 1
		case d.arg == 0:
			at = next
			next++
		}
		if at < 0 || at+1 >= len(args) {
			return vec.NullDatum, nil
		}
		last = at
		start := len(b)
		var err error
		if b, err = d.append(b, args[at+1], c.ArgTypes[at+1], c.Env); err != nil {
			return vec.NullDatum, nil
		}
		b = pad(b, start, d, d.zero)
	}
	return done(c, b)
}

// parseDirective reads what follows a %, and is 0 long when it is none.
func parseDirective(f []byte) (d directive, n int) {
	number := func() int {
		x := -1
		for n < len(f) && '0' <= f[n] && f[n] <= '9' && x < 1<<20 {
			x = max(x, 0)*10 + int(f[n]-'0')
			n++
		}
		return x
	}
	d.width, d.precision = -1, -1
	if n < len(f) && f[n] == '<' {
		d.arg = -1
		n++
	} else if f0 := number(); f0 > 0 && n < len(f) && f[n] == '$' {
		d.arg = f0
		n++
	} else {
		n = 0
	}
	for flags := true; flags && n < len(f); {
		switch f[n] {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case '#':
			d.alt = true
		case ' ':
			d.space = true
		case '0':
			d.zero = true
		case ',':
			d.comma = true
		case '(':
			d.paren = true
		default:
			flags = false
			n--
		}
		n++
	}
	d.width = number()
	if n < len(f) && f[n] == '.' {
		n++
		if d.precision = number(); d.precision < 0 {
			return d, 0
		}
	}
	if n >= len(f) || d.width > maxResultBytes>>8 || d.precision > maxResultBytes>>8 || (d.minus || d.zero) && d.width < 0 || d.minus && d.zero {
		return d, 0
	}
	d.verb = f[n]
	return d, n + 1
}

// pad fills what was appended since start up to the width.
func pad(b []byte, start int, d directive, zero bool) []byte {
	fill := d.width - utf8.RuneCount(b[start:])
	if fill <= 0 {
		return b
	}
	if d.minus {
		for range fill {
			b = append(b, ' ')
		}
		return b
	}
	at, c := start, byte(' ')
	if zero {
		c = '0'
		if at < len(b) && (b[at] == '-' || b[at] == '+' || b[at] == ' ' || b[at] == '(') {
			at++
		}
	}
	for range fill {
		b = append(b, 0)
	}
	copy(b[at+fill:], b[at:len(b)-fill])
	for i := range fill {
		b[at+i] = c
	}
	return b
}

func (d *directive) append(b []byte, v vec.Datum, t types.Type, env *Env) ([]byte, error) {
	upper := 'A' <= d.verb && d.verb <= 'Z'
	verb := d.verb | 0x20
	start := len(b)
	var err error
	switch verb {
	case 's':
		if v.Null {
			b = append(b, "null"...)
		} else {
			b = appendJavaString(b, v, t, env)
		}
		b = d.cut(b, start)
	case 'b':
		truth := !v.Null && (t.Kind != types.Boolean || v.Bool())
		b = d.cut(strconv.AppendBool(b, truth), start)
	case 'c', 'd', 'o', 'x', 'e', 'f', 'g':
		if v.Null {
			b = d.cut(append(b, "null"...), start)
			d.zero = false
			break
		}
		b, err = d.number(b, v, t, verb)
	default:
		return b, errFormat
	}
	if upper {
		if verb == 'd' || verb == 'o' || verb == 'f' {
			return b, errFormat
		}
		b = append(b[:start], appendUpper(nil, b[start:])...)
	}
	return b, err
}

// cut keeps as many characters as the precision says.
func (d *directive) cut(b []byte, start int) []byte {
	if d.precision >= 0 {
		return b[:start+runeOffset(b[start:], int64(d.precision))]
	}
	return b
}

// appendJavaString prints a value as the string of the object that Flink hands to the
// formatter: dates and times are numbers of days and milliseconds.
func appendJavaString(b []byte, v vec.Datum, t types.Type, env *Env) []byte {
	switch t.Kind {
	case types.Boolean:
		return strconv.AppendBool(b, v.Bool())
	case types.Date, types.Time, types.IntervalYM, types.IntervalDS:
		return strconv.AppendInt(b, v.I, 10)
	case types.Timestamp, types.TimestampLTZ:
		return appendISO(b, v, true)
	}
	return FormatDatum(b, v, t, env)
}

func (d *directive) number(b []byte, v vec.Datum, t types.Type, verb byte) ([]byte, error) {
	integer := t.IsInteger() || t.Kind == types.Date || t.Kind == types.Time || t.IsInterval()
	switch verb {
	case 'c':
		if !integer || v.I < 0 || v.I > utf8.MaxRune || d.precision >= 0 {
			return b, errFormat
		}
		return utf8.AppendRune(b, rune(v.I)), nil
	case 'd', 'o', 'x':
		if !integer || d.precision >= 0 {
			return b, errFormat
		}
		if verb != 'd' {
			return d.unsigned(b, v.I, t, verb), nil
		}
		digits := strconv.AppendUint(nil, magnitude(v.I), 10)
		return d.signed(b, v.I < 0, d.grouped(digits)), nil
	}
	if !t.IsApprox() {
		return b, errFormat
	}
	switch f := math.Abs(v.F); {
	case math.IsNaN(f):
		d.zero = false
		return append(b, "NaN"...), nil
	case math.IsInf(f, 0):
		d.zero = false
		return d.signed(b, v.F < 0, []byte("Infinity")), nil
	default:
		return d.signed(b, math.Signbit(v.F), d.float(f, t, verb)), nil
	}
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

// unsigned prints the two's complement in the width of the type.
func (d *directive) unsigned(b []byte, i int64, t types.Type, verb byte) []byte {
	u := uint64(i)
	switch t.Kind {
	case types.TinyInt:
		u &= 1<<8 - 1
	case types.SmallInt:
		u &= 1<<16 - 1
	case types.BigInt, types.IntervalDS:
	default:
		u &= 1<<32 - 1
	}
	base, prefix := 16, "0x"
	if verb == 'o' {
		base, prefix = 8, "0"
	}
	if d.alt {
		b = append(b, prefix...)
	}
	return strconv.AppendUint(b, u, base)
}

// float prints a number that is not negative, rounded half up in its shortest digits as
// Java does.
func (d *directive) float(f float64, t types.Type, verb byte) []byte {
	bits := 64
	if t.Kind == types.Float {
		bits = 32
	}
	prec := d.precision
	if prec < 0 {
		prec = 6
	}
	if verb == 'g' {
		prec = max(prec, 1)
		if f != 0 && (f < 1e-4 || f >= math.Pow10(prec)) {
			verb = 'e'
			prec--
		} else {
			verb = 'f'
			whole := 1
			if f >= 1 {
				whole = len(strconv.FormatFloat(math.Floor(f), 'f', 0, 64))
			} else if f > 0 {
				whole = 1 + int(math.Floor(math.Log10(f)))
			}
			prec = max(prec-whole, 0)
		}
	}
	if verb == 'e' {
		return strconv.AppendFloat(nil, f, 'e', prec, bits)
	}
	return d.grouped(roundHalfUp(strconv.AppendFloat(nil, f, 'f', -1, bits), prec))
}

// roundHalfUp cuts decimal digits to a number of places behind the point.
func roundHalfUp(digits []byte, places int) []byte {
	point := len(digits)
	for i, c := range digits {
		if c == '.' {
			point = i
		}
	}
	if point == len(digits) {
		digits = append(digits, '.')
	}
	for len(digits)-point-1 < places {
		digits = append(digits, '0')
	}
	end := point + 1 + places
	up := end < len(digits) && digits[end] >= '5'
	digits = digits[:end]
	for i := end - 1; up && i >= 0; i-- {
		switch {
		case digits[i] == '.':
		case digits[i] == '9':
			digits[i] = '0'
		default:
			digits[i]++
			up = false
		}
	}
	if up {
		digits = append([]byte{'1'}, digits...)
	}
	if places == 0 {
		digits = digits[:len(digits)-1]
	}
	return digits
}

// grouped puts a comma between each three digits of the whole part when the flag says so.
func (d *directive) grouped(digits []byte) []byte {
	if !d.comma {
		return digits
	}
	whole := 0
	for whole < len(digits) && digits[whole] != '.' {
		whole++
	}
	var out []byte
	for i := range whole {
		if i > 0 && (whole-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return append(out, digits[whole:]...)
}

func (d *directive) signed(b []byte, neg bool, digits []byte) []byte {
	switch {
	case neg && d.paren:
		b = append(b, '(')
		return append(append(b, digits...), ')')
	case neg:
		b = append(b, '-')
	case d.plus:
		b = append(b, '+')
	case d.space:
		b = append(b, ' ')
	}
	return append(b, digits...)
}
