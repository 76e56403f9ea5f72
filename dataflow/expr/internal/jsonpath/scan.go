package jsonpath

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting of arrays and objects.
const MaxDepth = 1000

// SyntaxError is returned for a text that does not begin with a JSON value. Offset is in
// bytes from 0.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at offset %d: %s", e.Offset, e.Reason)
}

// scanner reads a JSON text without building values.
type scanner struct {
	b     []byte
	i     int
	depth int
	// unique refuses members of equal names.
	unique bool
}

func (s *scanner) bad(reason string) error { return &SyntaxError{s.i, reason} }

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// next skips white space and is the byte behind it, or an error at the end.
func (s *scanner) next() (byte, error) {
	s.space()
	if s.i >= len(s.b) {
		return 0, s.bad("unexpected end")
	}
	return s.b[s.i], nil
}

func kindOf(c byte) Kind {
	switch c {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't':
		return True
	case 'f':
		return False
	case 'n':
		return Null
	}
	return Number
}

// skip skips one value.
func (s *scanner) skip() error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch kindOf(c) {
	case Object:
		return s.object(func(raw []byte) error { return s.skip() })
	case Array:
		return s.array(func(int) error { return s.skip() })
	case String:
		_, _, err := s.str()
		return err
	case True:
		return s.word("true")
	case False:
		return s.word("false")
	case Null:
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > MaxDepth {
		return s.bad("nesting deeper than " + strconv.Itoa(MaxDepth))
	}
	s.i++
	return nil
}

// object reads an object, calling member with the raw name (between its quotes) where
// each value begins.
func (s *scanner) object(member func(raw []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	c, err := s.next()
	if err != nil {
		return err
	}
	if c == '}' {
		s.i++
		return nil
	}
	for {
		if c, err = s.next(); err != nil {
			return err
		}
		if c != '"' {
			return s.bad("expected a member's name")
		}
		raw, _, err := s.str()
		if err != nil {
			return err
		}
		if c, err = s.next(); err != nil {
			return err
		}
		if c != ':' {
			return s.bad("expected ':'")
		}
		s.i++
		if err := member(raw); err != nil {
			return err
		}
		if c, err = s.next(); err != nil {
			return err
		}
		s.i++
		if c == '}' {
			return nil
		}
		if c != ',' {
			s.i--
			return s.bad("expected ',' or '}'")
		}
	}
}

// array reads an array, calling elem where each element begins.
func (s *scanner) array(elem func(i int) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	c, err := s.next()
	if err != nil {
		return err
	}
	if c == ']' {
		s.i++
		return nil
	}
	for i := 0; ; i++ {
		if err := elem(i); err != nil {
			return err
		}
		if c, err = s.next(); err != nil {
			return err
		}
		s.i++
		if c == ']' {
			return nil
		}
		if c != ',' {
			s.i--
			return s.bad("expected ',' or ']'")
		}
	}
}

// str reads a string and returns what is between its quotes, and whether that holds
// escapes.
func (s *scanner) str() (raw []byte, escaped bool, err error) {
	s.i++
	for start := s.i; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start : s.i-1], escaped, nil
		case c < 0x20:
			return nil, false, s.bad("control character in a string")
		case c == '\\':
			escaped = true
			s.i++
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		}
	}
	return nil, false, s.bad("unclosed string")
}

// escape checks the escape whose letter is next.
func (s *scanner) escape() error {
	if s.i >= len(s.b) {
		return s.bad("unclosed string")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		if s.i+4 >= len(s.b) {
			return s.bad("bad \\u escape")
		}
		for _, c := range s.b[s.i+1 : s.i+5] {
			if hexValue(c) < 0 {
				return s.bad("bad \\u escape")
			}
		}
		s.i += 4
		return nil
	}
	return s.bad("unknown escape")
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return s.bad("unknown word")
	}
	s.i += len(w)
	return s.wordEnd()
}

// wordEnd refuses a letter or digit right behind a word or number.
func (s *scanner) wordEnd() error {
	if s.i < len(s.b) {
		c := s.b[s.i]
		if s.depth == 0 && c != ' ' && c != '\t' && c != '\n' && c != '\r' ||
			c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return s.bad("unexpected character")
		}
	}
	return nil
}

func (s *scanner) digits() int {
	n := 0
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
		n++
	}
	return n
}

func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	zero := s.i < len(s.b) && s.b[s.i] == '0'
	if n := s.digits(); n == 0 || zero && n > 1 {
		return s.bad("expected a value")
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return s.bad("expected a digit")
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			return s.bad("expected a digit")
		}
	}
	return s.wordEnd()
}

// value builds the next value.
func (s *scanner) value() (Value, error) {
	c, err := s.next()
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: kindOf(c)}
	switch v.Kind {
	case Object:
		var at map[string]int
		err = s.object(func(raw []byte) error {
			e, err := s.value()
			if err != nil {
				return err
			}
			name := string(Unescape(nil, raw))
			old := -1
			if at != nil {
				if i, ok := at[name]; ok {
					old = i
				}
			} else {
				old = slices.Index(v.Keys, name)
			}
			if old >= 0 && s.unique {
				return s.bad("repeated member " + strconv.Quote(name))
			}
			if old >= 0 {
				v.Elems[old] = e
				return nil
			}
			v.Keys, v.Elems = append(v.Keys, name), append(v.Elems, e)
			if at != nil {
				at[name] = len(v.Keys) - 1
			} else if len(v.Keys) > 16 {
				at = map[string]int{}
				for i, k := range v.Keys {
					at[k] = i
				}
			}
			return nil
		})
	case Array:
		err = s.array(func(int) error {
			e, err := s.value()
			v.Elems = append(v.Elems, e)
			return err
		})
	case String:
		var raw []byte
		var escaped bool
		if raw, escaped, err = s.str(); err == nil {
			v.Text = raw
			if escaped {
				v.Text = Unescape(nil, raw)
			}
		}
	case Number:
		start := s.i
		err = s.number()
		v.Text = s.b[start:s.i]
	default:
		err = s.skip()
	}
	return v, err
}

// Parse reads the document of a text. Texts of the value refer to b.
func Parse(b []byte) (Value, error) {
	s := scanner{b: b}
	return s.value()
}

// ParseUnique is Parse that refuses objects with two members of the same name.
func ParseUnique(b []byte) (Value, error) {
	s := scanner{b: b, unique: true}
	return s.value()
}

// Check reads the document of a text without building it and returns its kind.
func Check(b []byte) (Kind, error) {
	s := scanner{b: b}
	c, err := s.next()
	if err != nil {
		return Null, err
	}
	return kindOf(c), s.skip()
}

// Unescape appends what stands between the quotes of a valid JSON string to dst. Half a
// surrogate pair becomes U+FFFD.
func Unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 >= len(raw) {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = raw[i]; c {
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
			r := hexRune(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				lo := rune(-1)
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					lo = hexRune(raw[i+3:])
				}
				if r = utf16.DecodeRune(r, lo); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// hexRune reads four hexadecimal digits, and is -1 when there are fewer.
func hexRune(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	r := rune(0)
	for _, c := range b[:4] {
		h := hexValue(c)
		if h < 0 {
			return -1
		}
		r = r<<4 | rune(h)
	}
	return r
}
