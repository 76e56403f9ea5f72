package expr

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	hash := func(name string, bits int, sum func(dst, s []byte) []byte) *Func {
		return rowDef{name: name, sig: name + "(s)", doc: "The " + name + " digest of s in hexadecimal digits.", category: "hash",
			args: []argSpec{argText("s")}, result: ifArgs(types.CharOf(bits / 4)), kernel: bytesKernel(sum)}.fn()
	}
	Register(
		hash("MD5", 128, func(dst, s []byte) []byte { h := md5.Sum(s); return hex.AppendEncode(dst, h[:]) }),
		hash("SHA1", 160, func(dst, s []byte) []byte { h := sha1.Sum(s); return hex.AppendEncode(dst, h[:]) }),
		hash("SHA224", 224, appendSHA224),
		hash("SHA256", 256, appendSHA256),
		hash("SHA384", 384, appendSHA384),
		hash("SHA512", 512, appendSHA512),
		rowDef{name: "SHA2", sig: "SHA2(s, bits)", doc: "The SHA-2 digest of s of 224, 256, 384 or 512 bits in hexadecimal digits.", category: "hash",
			args: []argSpec{argText("s"), argInt("bits")}, result: ifArgs(types.VarcharOf(128)), row: sha2Row, prepare: prepareSHA2}.fn(),
		rowDef{name: "TO_BASE64", sig: "TO_BASE64(s)", doc: "s in base 64.", category: "string",
			args: []argSpec{argText("s")}, result: ifArgs(types.TString), kernel: bytesKernel(base64.StdEncoding.AppendEncode)}.fn(),
		rowDef{name: "FROM_BASE64", sig: "FROM_BASE64(s)", doc: "The string that s is in base 64.", category: "string",
			args: []argSpec{argText("s")}, result: ifArgs(types.TString), row: fromBase64Row}.fn(),
		rowDef{name: "HEX", sig: "HEX(x)", doc: "An integer or the bytes of a string in hexadecimal digits.", category: "string",
			args:   []argSpec{argOf("an integer or a string", types.TString, func(t types.Type) bool { return t.IsInteger() || t.IsString() || t.IsBinary() })("x")},
			result: ifArgs(types.TString), row: hexRow}.fn(),
		rowDef{name: "UNHEX", sig: "UNHEX(s)", doc: "The bytes whose hexadecimal digits s holds; NULL when it holds others.", category: "string",
			args: []argSpec{argString("s")}, result: always(types.TBytes), row: unhexRow}.fn(),
		rowDef{name: "ENCODE", sig: "ENCODE(s, charset)", doc: "s as bytes of a character set: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE.", category: "string",
			args: []argSpec{argString("s"), argString("charset")}, result: ifArgs(types.TBytes), prepare: prepareCharset(encodeCharset)}.fn(),
		rowDef{name: "DECODE", sig: "DECODE(b, charset)", doc: "The string that b is in a character set: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE.", category: "string",
			args: []argSpec{argText("b"), argString("charset")}, result: ifArgs(types.TString), prepare: prepareCharset(decodeCharset)}.fn(),
		rowDef{name: "IS_VALID_UTF8", sig: "IS_VALID_UTF8(b)", doc: "Whether b is valid UTF-8.", category: "string",
			args: []argSpec{argBinary("b")}, result: ifArgs(types.TBoolean), row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
				return vec.BoolDatum(utf8.Valid(args[0].B)), nil
			}}.fn(),
		rowDef{name: "MAKE_VALID_UTF8", sig: "MAKE_VALID_UTF8(b)", doc: "b as a string, with U+FFFD for each malformed sequence.", category: "string",
			args: []argSpec{argBinary("b")}, result: ifArgs(types.TString), kernel: bytesKernel(appendValidUTF8)}.fn(),
	)
}

func appendSHA224(dst, s []byte) []byte { h := sha256.Sum224(s); return hex.AppendEncode(dst, h[:]) }
func appendSHA256(dst, s []byte) []byte { h := sha256.Sum256(s); return hex.AppendEncode(dst, h[:]) }
func appendSHA384(dst, s []byte) []byte { h := sha512.Sum384(s); return hex.AppendEncode(dst, h[:]) }
func appendSHA512(dst, s []byte) []byte { h := sha512.Sum512(s); return hex.AppendEncode(dst, h[:]) }

func sha2Of(bits int64) (func(dst, s []byte) []byte, error) {
	switch bits {
	case 224:
		return appendSHA224, nil
	case 256:
		return appendSHA256, nil
	case 384:
		return appendSHA384, nil
	case 512:
		return appendSHA512, nil
	}
	return nil, fmt.Errorf("SHA2 has 224, 256, 384 or 512 bits, not %d", bits)
}

func sha2Row(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	sum, err := sha2Of(args[1].I)
	if err != nil {
		return vec.NullDatum, err
	}
	return done(c, sum(c.Buf[:0], args[0].B))
}

func prepareSHA2(args []Node, _ []types.Type) (RowFunc, error) {
	if l, ok := args[1].(*Lit); ok && !l.Value.Null {
		if _, err := sha2Of(l.Value.I); err != nil {
			return nil, err
		}
	}
	return sha2Row, nil
}

func fromBase64Row(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s := args[0].B
	for len(s) > 0 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	b, err := base64.RawStdEncoding.AppendDecode(c.Buf[:0], s)
	if err != nil {
		return vec.NullDatum, fmt.Errorf("FROM_BASE64: %q is not base 64: %w", clip(args[0].B), err)
	}
	return done(c, b)
}

const upperHex = "0123456789ABCDEF"

func hexRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	b := c.Buf[:0]
	if c.ArgTypes[0].IsInteger() {
		return done(c, appendUpper(b, strconv.AppendUint(nil, uint64(args[0].I), 16)))
	}
	for _, x := range args[0].B {
		b = append(b, upperHex[x>>4], upperHex[x&15])
	}
	return done(c, b)
}

// unhexRow drops the first of an odd number of digits and begins with a zero byte
// instead, as MySQL and Flink do.
func unhexRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, b := args[0].B, c.Buf[:0]
	if len(s)%2 == 1 {
		if !isHexDigit(s[0]) {
			return vec.NullDatum, nil
		}
		s, b = s[1:], append(b, 0)
	}
	b, err := hex.AppendDecode(b, s)
	if err != nil {
		return vec.NullDatum, nil
	}
	return done(c, b)
}

func isHexDigit(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

type charset uint8

const (
	csASCII charset = iota
	csLatin1
	csUTF8
	csUTF16
	csUTF16BE
	csUTF16LE
)

var charsets = map[string]charset{
	"US-ASCII": csASCII, "ASCII": csASCII, "ISO-8859-1": csLatin1, "LATIN1": csLatin1, "ISO8859_1": csLatin1,
	"UTF-8": csUTF8, "UTF8": csUTF8, "UTF-16": csUTF16, "UTF-16BE": csUTF16BE, "UTF-16LE": csUTF16LE,
}

func charsetOf(name []byte) (charset, error) {
	cs, ok := charsets[strings.ToUpper(string(name))]
	if !ok {
		return 0, fmt.Errorf("unknown character set %q; known are US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE and UTF-16LE", name)
	}
	return cs, nil
}

func prepareCharset(convert func(cs charset, dst, s []byte) []byte) func([]Node, []types.Type) (RowFunc, error) {
	return func(args []Node, _ []types.Type) (RowFunc, error) {
		if name, ok := literalText(args[1]); ok {
			cs, err := charsetOf([]byte(name))
			if err != nil {
				return nil, err
			}
			return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
				return done(c, convert(cs, c.Buf[:0], args[0].B))
			}, nil
		}
		return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
			cs, err := charsetOf(args[1].B)
			if err != nil {
				return vec.NullDatum, err
			}
			return done(c, convert(cs, c.Buf[:0], args[0].B))
		}, nil
	}
}

// encodeCharset writes ? for what a one-byte set lacks; UTF-16 is big-endian behind a
// byte order mark.
func encodeCharset(cs charset, dst, s []byte) []byte {
	if cs == csUTF8 {
		return append(dst, s...)
	}
	if cs == csUTF16 && len(s) > 0 {
		dst = append(dst, 0xFE, 0xFF)
	}
	unit := func(u uint16) {
		if cs == csUTF16LE {
			dst = append(dst, byte(u), byte(u>>8))
		} else {
			dst = append(dst, byte(u>>8), byte(u))
		}
	}
	limit := rune(0x80)
	if cs == csLatin1 {
		limit = 0x100
	}
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		s = s[w:]
		switch {
		case cs <= csLatin1 && r < limit:
			dst = append(dst, byte(r))
		case cs <= csLatin1:
			dst = append(dst, '?')
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			unit(uint16(hi))
			unit(uint16(lo))
		default:
			unit(uint16(r))
		}
	}
	return dst
}

// decodeCharset writes U+FFFD for malformed input.
func decodeCharset(cs charset, dst, s []byte) []byte {
	switch cs {
	case csUTF8:
		return appendValidUTF8(dst, s)
	case csASCII, csLatin1:
		for _, b := range s {
			r := rune(b)
			if cs == csASCII && b >= 0x80 {
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst
	}
	little := cs == csUTF16LE
	if cs == csUTF16 && len(s) >= 2 && (s[0] == 0xFE && s[1] == 0xFF || s[0] == 0xFF && s[1] == 0xFE) {
		little = s[0] == 0xFF
		s = s[2:]
	}
	at := func(i int) rune {
		if little {
			return rune(s[i]) | rune(s[i+1])<<8
		}
		return rune(s[i])<<8 | rune(s[i+1])
	}
	i := 0
	for ; i+1 < len(s); i += 2 {
		r := at(i)
		if utf16.IsSurrogate(r) {
			pair := utf8.RuneError
			if i+3 < len(s) {
				pair = utf16.DecodeRune(r, at(i+2))
			}
			if pair != utf8.RuneError {
				i += 2
			}
			r = pair
		}
		dst = utf8.AppendRune(dst, r)
	}
	if i < len(s) {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

// appendValidUTF8 replaces each maximal part of a malformed sequence by one U+FFFD, as
// Java's decoder does.
func appendValidUTF8(dst, s []byte) []byte {
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		if r == utf8.RuneError && w == 1 {
			dst = utf8.AppendRune(dst, r)
			s = s[malformed(s):]
			continue
		}
		dst = append(dst, s[:w]...)
		s = s[w:]
	}
	return dst
}

// malformed is the length of the longest start of s that could begin a valid sequence,
// at least 1.
func malformed(s []byte) int {
	lo, hi, need := byte(0x80), byte(0xBF), 0
	switch b := s[0]; {
	case b >= 0xC2 && b <= 0xDF:
		need = 1
	case b >= 0xE0 && b <= 0xEF:
		need = 2
		if b == 0xE0 {
			lo = 0xA0
		} else if b == 0xED {
			hi = 0x9F
		}
	case b >= 0xF0 && b <= 0xF4:
		need = 3
		if b == 0xF0 {
			lo = 0x90
		} else if b == 0xF4 {
			hi = 0x8F
		}
	}
	n := 1
	for ; n <= need && n < len(s) && s[n] >= lo && s[n] <= hi; n++ {
		lo, hi = 0x80, 0xBF
	}
	return n
}
