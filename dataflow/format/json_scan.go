package format

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	onesMask = 0x0101010101010101
	highMask = 0x8080808080808080
	quoteSet = onesMask * '"'
	slashSet = onesMask * '\\'
)

// skipSpace is the first position from i on that holds no white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// scanString finds the quote that closes a string whose content begins at i, eight bytes
// at a time. esc tells of a backslash, high of a byte beyond ASCII; end is -1 when the
// string is not closed. Control characters pass, as in Flink.
func scanString(b []byte, i int) (end int, esc, high bool) {
	var acc uint64
	for {
		for ; i+8 <= len(b); i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			q, s := w^quoteSet, w^slashSet
			m := ((q-onesMask)&^q | (s-onesMask)&^s) & highMask
			if m != 0 {
				n := bits.TrailingZeros64(m) &^ 7
				acc |= w & (1<<n - 1)
				i += n >> 3
				break
			}
			acc |= w
		}
		for ; i < len(b) && b[i] != '"' && b[i] != '\\'; i++ {
			acc |= uint64(b[i])
		}
		if i >= len(b) {
			return -1, esc, false
		}
		if b[i] == '"' {
			return i, esc, acc&highMask != 0
		}
		esc = true
		i += 2
	}
}

// scanNumber is the end of the number at i by JSON's grammar, or -1. integer tells that it
// has neither fraction nor exponent.
func scanNumber(b []byte, i int) (end int, integer bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	if i == start || b[start] == '0' && i > start+1 {
		return -1, false
	}
	integer = true
	if i < len(b) && b[i] == '.' {
		integer = false
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return -1, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		integer = false
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return -1, false
		}
	}
	return i, integer
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// jsonDepthMax bounds how deep objects and arrays nest.
const jsonDepthMax = 512

// skipValue is the end of the value at i, found by its structure alone, or -1: within
// containers only strings and the pairing of brackets are looked at.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		end, _, _ := scanString(b, i+1)
		if end < 0 {
			return -1
		}
		return end + 1
	case c == '{' || c == '[':
		return skipContainer(b, i)
	case c == '-' || c-'0' <= 9:
		end, _ := scanNumber(b, i)
		return end
	default:
		return skipLiteral(b, i)
	}
}

func skipLiteral(b []byte, i int) int {
	for _, lit := range [...]string{"null", "true", "false"} {
		if len(b)-i >= len(lit) && string(b[i:i+len(lit)]) == lit {
			return i + len(lit)
		}
	}
	return -1
}

func skipContainer(b []byte, i int) int {
	var kinds [jsonDepthMax / 64]uint64 // bit set: an object
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end, _, _ := scanString(b, i+1)
			if end < 0 {
				return -1
			}
			i = end + 1
			continue
		case '{', '[':
			if depth == jsonDepthMax {
				return -1
			}
			word, bit := depth/64, uint64(1)<<(depth&63)
			kinds[word] &^= bit
			if b[i] == '{' {
				kinds[word] |= bit
			}
			depth++
		case '}', ']':
			depth--
			if (kinds[depth/64]>>(depth&63)&1 == 1) != (b[i] == '}') {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// appendUnescaped appends the content of a string with its escapes resolved; ok is false
// for an escape that JSON does not have. Half a surrogate pair becomes U+FFFD.
func appendUnescaped(dst, s []byte) (out []byte, ok bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		if i+1 >= len(s) {
			return dst, false
		}
		i += 2
		switch s[i-1] {
		case '"', '\\', '/':
			dst = append(dst, s[i-1])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(s, i)
			if !ok {
				return dst, false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				r2, ok := rune(0), false
				if i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
					r2, ok = hex4(s, i+2)
				}
				if r = utf16.DecodeRune(r, r2); ok && r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
	return dst, true
}

func hex4(s []byte, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range s[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendCompact appends a JSON text without the white space between its tokens.
func appendCompact(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ', '\n', '\t', '\r':
			i++
		case '"':
			end, _, _ := scanString(s, i+1)
			if end < 0 {
				return append(dst, s[i:]...)
			}
			dst = append(dst, s[i:end+1]...)
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
