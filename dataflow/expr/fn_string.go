package expr

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Strings are UTF-8 and counted in code points, as in Flink's binary strings. Positions
// start at 1.

func init() {
	s, n := argString, argInt
	Register(
		rowDef{name: "UPPER", sig: "UPPER(s)", doc: "s in upper case.", category: "string",
			args: []argSpec{s("s")}, result: sameAsFirst, kernel: bytesKernel(appendUpper)}.fn(),
		rowDef{name: "LOWER", sig: "LOWER(s)", doc: "s in lower case.", category: "string",
			args: []argSpec{s("s")}, result: sameAsFirst, kernel: bytesKernel(appendLower)}.fn(),
		rowDef{name: "INITCAP", sig: "INITCAP(s)", doc: "s with the first letter of each word in upper case and the others in lower case.", category: "string",
			args: []argSpec{s("s")}, result: sameAsFirst, kernel: bytesKernel(appendInitcap)}.fn(),
		rowDef{name: "REVERSE", sig: "REVERSE(s)", doc: "The characters of s in reverse order.", category: "string",
			args: []argSpec{s("s")}, result: always(types.TString), kernel: bytesKernel(appendReverse)}.fn(),
		rowDef{name: "CHAR_LENGTH", sig: "CHAR_LENGTH(s)", doc: "The number of characters of s.", category: "string",
			args: []argSpec{s("s")}, result: ifArgs(types.TInt), kernel: intOfBytesKernel(func(b []byte) int64 { return int64(utf8.RuneCount(b)) })}.fn(),
		rowDef{name: "OCTET_LENGTH", sig: "OCTET_LENGTH(s)", doc: "The number of bytes of s.", category: "string",
			args: []argSpec{argText("s")}, result: ifArgs(types.TInt), kernel: intOfBytesKernel(func(b []byte) int64 { return int64(len(b)) })}.fn(),
		rowDef{name: "ASCII", sig: "ASCII(s)", doc: "The value of the first byte of s, or 0 when s is empty.", category: "string",
			args: []argSpec{s("s")}, result: ifArgs(types.TInt), kernel: intOfBytesKernel(asciiOf)}.fn(),
		rowDef{name: "CHR", sig: "CHR(n)", doc: "The character of code n modulo 256; empty when n is negative.", category: "string",
			args: []argSpec{n("n")}, result: always(types.TString), row: chrRow}.fn(),
		rowDef{name: "SUBSTRING", sig: "SUBSTRING(s, from [, length])", doc: "The part of s from a position on; a negative one counts from the end. NULL when length is negative.", category: "string",
			args: []argSpec{s("s"), n("from"), n("length")}, min: 2, result: varyingFirstNullable, kernel: substringKernel}.fn(),
		rowDef{name: "LEFT", sig: "LEFT(s, n)", doc: "The first n characters of s.", category: "string",
			args: []argSpec{s("s"), n("n")}, result: varyingFirstNullable, row: leftRow}.fn(),
		rowDef{name: "RIGHT", sig: "RIGHT(s, n)", doc: "The last n characters of s.", category: "string",
			args: []argSpec{s("s"), n("n")}, result: varyingFirstNullable, row: rightRow}.fn(),
		rowDef{name: "REPEAT", sig: "REPEAT(s, n)", doc: "s written n times.", category: "string",
			args: []argSpec{s("s"), n("n")}, result: ifArgs(types.TString), row: repeatRow}.fn(),
		rowDef{name: "LPAD", sig: "LPAD(s, length, pad)", doc: "s filled up from the left, or cut, to length characters. NULL when length is negative or pad is empty.", category: "string",
			args: []argSpec{s("s"), n("length"), s("pad")}, result: always(types.TString), row: padRow("LPAD", true)}.fn(),
		rowDef{name: "RPAD", sig: "RPAD(s, length, pad)", doc: "s filled up from the right, or cut, to length characters. NULL when length is negative or pad is empty.", category: "string",
			args: []argSpec{s("s"), n("length"), s("pad")}, result: always(types.TString), row: padRow("RPAD", false)}.fn(),
		rowDef{name: "OVERLAY", sig: "OVERLAY(s, new, from [, length])", doc: "s with length characters from a position on replaced by new.", category: "string",
			args: []argSpec{s("s"), s("new"), n("from"), n("length")}, min: 3, result: overlayType, row: overlayRow}.fn(),
		rowDef{name: "REPLACE", sig: "REPLACE(s, old, new)", doc: "s with every occurrence of old replaced by new.", category: "string",
			args: []argSpec{s("s"), s("old"), s("new")}, result: ifArgs(types.TString), row: replaceRow}.fn(),
		rowDef{name: "TRANSLATE", sig: "TRANSLATE(s, from, to)", doc: "s with each character of from replaced by the one at the same place of to, or left out.", category: "string",
			args: []argSpec{s("s"), s("from"), s("to")}, nullOK: true, result: ifFirst(types.TString), row: translateRow}.fn(),
	)
	Alias("UCASE", "UPPER")
	Alias("LCASE", "LOWER")
	Alias("CHARACTER_LENGTH", "CHAR_LENGTH")
	Alias("LENGTH", "CHAR_LENGTH")
	Alias("SUBSTR", "SUBSTRING")
}

// appendUpper appends s in upper case.
func appendUpper(dst, s []byte) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[start:] {
		if c >= utf8.RuneSelf {
			return append(dst[:start+i], bytes.ToUpper(s[i:])...)
		}
		if 'a' <= c && c <= 'z' {
			dst[start+i] -= 'a' - 'A'
		}
	}
	return dst
}

// appendLower appends s in lower case.
func appendLower(dst, s []byte) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[start:] {
		if c >= utf8.RuneSelf {
			return append(dst[:start+i], bytes.ToLower(s[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			dst[start+i] += 'a' - 'A'
		}
	}
	return dst
}

// appendInitcap treats [A-Za-z0-9] as the letters of words and everything else as
// separators, as Calcite's INITCAP does.
func appendInitcap(dst, s []byte) []byte {
	start := true
	for _, c := range s {
		switch lower, upper := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z'; {
		case start && lower:
			c -= 'a' - 'A'
			start = false
		case !start && upper:
			c += 'a' - 'A'
		case lower || upper || '0' <= c && c <= '9':
			start = false
		default:
			start = true
		}
		dst = append(dst, c)
	}
	return dst
}

func appendReverse(dst, s []byte) []byte {
	for len(s) > 0 {
		_, n := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return dst
}

func asciiOf(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	return int64(int8(b[0]))
}

func chrRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].I < 0 {
		return vec.BytesDatum(nil), nil
	}
	return done(c, utf8.AppendRune(c.Buf[:0], rune(args[0].I&0xFF)))
}

// runeOffset is the byte offset of the n-th character of s, from 0, or len(s).
func runeOffset(s []byte, n int64) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, w := utf8.DecodeRune(s[i:])
		i += w
	}
	return i
}

// runeOffsetBack is the byte offset of the n-th character from the end, or -1 when s has
// fewer than n.
func runeOffsetBack(s []byte, n int64) int {
	i := len(s)
	for ; n > 0; n-- {
		if i == 0 {
			return -1
		}
		_, w := utf8.DecodeLastRune(s[:i])
		i -= w
	}
	return i
}

// substringSQL is the part of s from a position on, at most n characters of it.
func substringSQL(s []byte, from, n int64) []byte {
	switch {
	case from > 0:
		s = s[runeOffset(s, from-1):]
	case from < 0:
		at := runeOffsetBack(s, -from)
		if at < 0 {
			return nil
		}
		s = s[at:]
	}
	return s[:runeOffset(s, n)]
}

func substringKernel(_ *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32) {
	s, from := args[0], args[1].I64
	eachRow(out, n, sel, func(i int) {
		length := int64(types.MaxLength)
		if len(args) == 3 {
			length = args[2].I64[i]
		}
		if length < 0 || length > types.MaxLength || from[i] > types.MaxLength {
			out.SetNull(i)
			return
		}
		out.SetBytes(i, substringSQL(s.Bytes(i), from[i], length))
	})
}

func leftRow(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
	return vec.BytesDatum(args[0].B[:runeOffset(args[0].B, args[1].I)]), nil
}

func rightRow(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s := args[0].B
	if args[1].I <= 0 {
		return vec.BytesDatum(nil), nil
	}
	return vec.BytesDatum(s[max(0, runeOffsetBack(s, args[1].I)):]), nil
}

func repeatRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, n := args[0].B, args[1].I
	if n <= 0 || len(s) == 0 {
		return vec.BytesDatum(nil), nil
	}
	if n > maxResultBytes || int64(len(s))*n > maxResultBytes {
		return vec.NullDatum, checkSize("REPEAT", max(n, int64(len(s))*n))
	}
	b := c.Buf[:0]
	for range n {
		b = append(b, s...)
	}
	return done(c, b)
}

func padRow(name string, left bool) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		s, n, pad := args[0].B, args[1].I, args[2].B
		if n < 0 || len(pad) == 0 {
			return vec.NullDatum, nil
		}
		if err := checkSize(name, n); err != nil {
			return vec.NullDatum, err
		}
		s = s[:runeOffset(s, n)]
		fill := n - int64(utf8.RuneCount(s))
		b := c.Buf[:0]
		if !left {
			b = append(b, s...)
		}
		for p := pad; fill > 0; fill-- {
			if len(p) == 0 {
				p = pad
			}
			_, w := utf8.DecodeRune(p)
			b = append(b, p[:w]...)
			p = p[w:]
		}
		if left {
			b = append(b, s...)
		}
		return done(c, b)
	}
}

// overlayType is VARCHAR of the sum of the lengths.
func overlayType(ts []types.Type) types.Type {
	n := types.MaxLength
	if sum := int64(ts[0].Prec) + int64(ts[1].Prec); sum < types.MaxLength {
		n = int(sum)
	}
	return types.VarcharOf(n).WithNull(!anyNullable(ts))
}

func overlayRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, r, from := args[0].B, args[1].B, args[2].I
	n := int64(utf8.RuneCount(r))
	if len(args) == 4 {
		n = args[3].I
	}
	chars := int64(utf8.RuneCount(s))
	if from <= 0 || from > chars {
		return args[0], nil
	}
	b := append(c.Buf[:0], s[:runeOffset(s, from-1)]...)
	b = append(b, r...)
	if n > 0 && n <= chars-from {
		b = append(b, s[runeOffset(s, from-1+n):]...)
	}
	return done(c, b)
}

func replaceRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, old, repl := args[0].B, args[1].B, args[2].B
	found := int64(0)
	if len(old) == 0 {
		found = int64(utf8.RuneCount(s)) + 1
	} else if len(repl) > len(old) {
		found = int64(bytes.Count(s, old))
	}
	if err := checkSize("REPLACE", int64(len(s))+found*int64(len(repl)-len(old))); err != nil {
		return vec.NullDatum, err
	}
	b := c.Buf[:0]
	if len(old) == 0 {
		b = append(b, repl...)
		for len(s) > 0 {
			_, w := utf8.DecodeRune(s)
			b = append(append(b, s[:w]...), repl...)
			s = s[w:]
		}
		return done(c, b)
	}
	for {
		at := bytes.Index(s, old)
		if at < 0 {
			return done(c, append(b, s...))
		}
		b = append(append(b, s[:at]...), repl...)
		s = s[at+len(old):]
	}
}

func translateRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, from, to := args[0].B, args[1].B, args[2].B
	if args[0].Null || args[1].Null || len(from) == 0 {
		return args[0], nil
	}
	if args[2].Null {
		to = nil
	}
	b := c.Buf[:0]
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		if repl, ok := translation(r, from, to); ok {
			b = append(b, repl...)
		} else {
			b = append(b, s[:w]...)
		}
		s = s[w:]
	}
	return done(c, b)
}

// translation is what the first r in from becomes; ok is false when from has none.
func translation(r rune, from, to []byte) (repl []byte, ok bool) {
	for len(from) > 0 {
		f, w := utf8.DecodeRune(from)
		_, tw := utf8.DecodeRune(to)
		if f == r {
			return to[:tw], true
		}
		from, to = from[w:], to[tw:]
	}
	return nil, false
}

// isAll tells whether s is not empty and has only characters that ok accepts.
func isAll(s []byte, ok func(rune) bool) bool {
	if len(s) == 0 {
		return false
	}
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		if !ok(r) || r == utf8.RuneError && w == 1 {
			return false
		}
		s = s[w:]
	}
	return true
}

func isDigitText(s []byte) bool { return isAll(s, unicode.IsDigit) }
func isAlphaText(s []byte) bool { return isAll(s, unicode.IsLetter) }
