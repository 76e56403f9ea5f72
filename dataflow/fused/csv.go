package fused

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	newlines = ones * '\n'
	returns  = ones * '\r'
)

// CSVEnds tells whether a field ends at i: at a delimiter, a line end or the end of b.
func CSVEnds(b []byte, i int, delim byte) bool {
	return i >= len(b) || b[i] == delim || b[i] == '\n' || b[i] == '\r' && (i+1 == len(b) || b[i+1] == '\n')
}

// CSVSkip is the end of the field at i, or -1 for a quoted one that is not closed or that
// holds its quote. There is no quote when it is 0.
func CSVSkip(b []byte, i int, delim, quote byte) int {
	_, _, end, _ := csvField(b, i, delim, quote)
	return end
}

// CSVText reads the field at i, without its quotes; next is its end, which is -1 for a
// quoted one that is not closed or that holds its quote, and for what is not UTF-8.
func CSVText(b []byte, i int, delim, quote byte) (start, end, next int) {
	start, end, next, high := csvField(b, i, delim, quote)
	if high && next >= 0 && !utf8.Valid(b[start:end]) {
		return 0, 0, -1
	}
	return start, end, next
}

// csvField is the field at i. high tells of bytes beyond ASCII.
func csvField(b []byte, i int, delim, quote byte) (start, end, next int, high bool) {
	var acc byte
	if quote != 0 && i < len(b) && b[i] == quote {
		i++
		for start = i; i < len(b); i++ {
			if b[i] == quote {
				next = i + 1
				if next < len(b) && b[next] != delim && b[next] != '\n' && b[next] != '\r' {
					return 0, 0, -1, false
				}
				return start, i, next, acc >= utf8.RuneSelf
			}
			acc |= b[i]
		}
		return 0, 0, -1, false
	}
	start = i
	set := ones * uint64(delim)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		d, n, r := w^set, w^newlines, w^returns
		m := ((d-ones)&^d | (n-ones)&^n | (r-ones)&^r | w) & highs
		if m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == delim || c == '\n' || c == '\r' && (i+1 == len(b) || b[i+1] == '\n') {
			break
		}
		acc |= c
	}
	return start, i, i, acc >= utf8.RuneSelf
}

// CSVNext passes the delimiter at i, or is -1.
func CSVNext(b []byte, i int, delim byte) int {
	if i >= len(b) || b[i] != delim {
		return -1
	}
	return i + 1
}

// CSVEnd passes the line end at i, behind the last field, or is -1 when a delimiter stands
// there.
func CSVEnd(b []byte, i int, delim byte) int {
	if i < len(b) && b[i] == delim {
		return -1
	}
	if i < len(b) && b[i] == '\r' {
		i++
	}
	if i < len(b) && b[i] == '\n' {
		i++
	}
	return i
}

// CSVInt reads a field that is an integer of up to 18 digits; end is -1 for any other.
func CSVInt(b []byte, i int, delim byte) (v int64, end int) {
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		v = v*10 + int64(b[i]-'0')
		i++
	}
	if n := i - start; n == 0 || n > 18 || !CSVEnds(b, i, delim) {
		return 0, -1
	}
	if neg {
		v = -v
	}
	return v, i
}

// CSVFloat reads a field that JSONFloat reads; end is -1 for any other.
func CSVFloat(b []byte, i int, delim byte) (f float64, end int) {
	if f, end = JSONFloat(b, i); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return f, end
}

// CSVFloat32 reads a field that JSONFloat32 reads; end is -1 for any other.
func CSVFloat32(b []byte, i int, delim byte) (f float64, end int) {
	if f, end = JSONFloat32(b, i); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return f, end
}

// CSVDecimal reads a field that JSONDecimal reads; end is -1 for any other.
func CSVDecimal(b []byte, i, prec, scale int, delim byte) (v int64, end int) {
	if v, end = JSONDecimal(b, i, prec, scale); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return v, end
}

// CSVWide reads a field that JSONWide reads; end is -1 for any other.
func CSVWide(b []byte, i, prec, scale int, delim byte) (lo, hi int64, end int) {
	if lo, hi, end = JSONWide(b, i, prec, scale); end < 0 || !CSVEnds(b, end, delim) {
		return 0, 0, -1
	}
	return lo, hi, end
}

// CSVBool reads a field that is true or false; end is -1 for any other.
func CSVBool(b []byte, i int, delim byte) (v int64, end int) {
	if v, end = JSONBool(b, i); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return v, end
}

// CSVDate reads a field that Date reads; end is -1 for any other.
func (d *Day) CSVDate(b []byte, i int, delim byte) (days int64, end int) {
	if days, end = d.Date(b, i); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return days, end
}

// CSVStamp reads a field that Stamp reads; end is -1 for any other.
func (d *Day) CSVStamp(b []byte, i int, zoned bool, prec int, delim byte) (micros int64, end int) {
	if micros, end = d.Stamp(b, i, ' ', zoned, prec); end < 0 || !CSVEnds(b, end, delim) {
		return 0, -1
	}
	return micros, end
}
