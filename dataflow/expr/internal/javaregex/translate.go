// Package javaregex translates regular expressions in the syntax of java.util.regex to
// that of package regexp, and matches in the way of java.util.regex.Matcher.
//
// Terms: a pattern is the Java text, an expression the Go text.
//
// Invariants: what has no counterpart in an automaton without backtracking
// (back-references, look-around, possessive quantifiers, atomic groups) or is not
// translated (class intersections, comments mode) gives an *UnsupportedError; what Java
// refuses gives a *SyntaxError. A pattern that translates matches the same strings, but
// that `$` without (?m) matches only at the end of the input, not before a final line
// break, and that (?i) folds Unicode letters too. The package imports nothing of the
// project.
package javaregex

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError is returned for a pattern that java.util.regex refuses too. Offset is in
// bytes from 0.
type SyntaxError struct {
	Pattern string
	Offset  int
	Reason  string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("regular expression %q: %s at offset %d", e.Pattern, e.Reason, e.Offset)
}

// UnsupportedError is returned for a valid pattern with a construct that is not supported.
type UnsupportedError struct {
	Pattern   string
	Offset    int
	Construct string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("regular expression %q: %s at offset %d is not supported; patterns are matched without backtracking", e.Pattern, e.Construct, e.Offset)
}

const maxNesting = 200

// Translate returns the Go expression of a Java pattern. Its errors are *SyntaxError and
// *UnsupportedError.
func Translate(pattern string) (string, error) {
	t := &translator{p: pattern}
	if !utf8.ValidString(pattern) {
		return "", t.bad("malformed UTF-8")
	}
	t.alternatives(0)
	if t.err == nil && t.i < len(t.p) {
		t.fail(t.bad("unmatched closing ')'"))
	}
	if t.err != nil {
		return "", t.err
	}
	out := t.out.String()
	if _, err := syntax.Parse(out, syntax.Perl); err != nil {
		return "", t.refused(err)
	}
	return out, nil
}

// refused sorts what package regexp refuses in a translated pattern.
func (t *translator) refused(err error) error {
	e, ok := err.(*syntax.Error)
	if !ok {
		return &SyntaxError{t.p, 0, err.Error()}
	}
	switch e.Code {
	case syntax.ErrInvalidRepeatSize, syntax.ErrInvalidRepeatOp, syntax.ErrLarge, syntax.ErrNestingDepth:
		return &UnsupportedError{t.p, 0, "the repetition or nesting " + strconv.Quote(e.Expr)}
	}
	return &SyntaxError{t.p, 0, e.Code.String() + " " + strconv.Quote(e.Expr)}
}

type translator struct {
	p      string
	i      int
	out    strings.Builder
	dotAll bool // (?s)
	unix   bool // (?d)
	names  map[string]bool
	err    error
}

func (t *translator) fail(err error) {
	if t.err == nil {
		t.err = err
	}
	t.i = len(t.p)
}

func (t *translator) bad(reason string) error       { return &SyntaxError{t.p, t.i, reason} }
func (t *translator) unsupported(what string) error { return &UnsupportedError{t.p, t.i, what} }
func (t *translator) more() bool                    { return t.i < len(t.p) }
func (t *translator) has(s string) bool             { return strings.HasPrefix(t.p[t.i:], s) }
func (t *translator) put(s string)                  { t.out.WriteString(s) }
func (t *translator) peekAt(d int) byte {
	if t.i+d < len(t.p) {
		return t.p[t.i+d]
	}
	return 0
}

// alternatives translates up to the closing parenthesis or the end. Flags set inside end
// with it.
func (t *translator) alternatives(depth int) {
	if depth > maxNesting {
		t.fail(t.unsupported("nesting this deep"))
		return
	}
	dotAll, unix := t.dotAll, t.unix
	defer func() { t.dotAll, t.unix = dotAll, unix }()
	quantifiable := false
	for t.more() {
		switch c := t.p[t.i]; c {
		case ')':
			return
		case '|':
			t.put("|")
			t.i++
			quantifiable = false
		case '(':
			quantifiable = t.group(depth)
		case '*', '+', '?', '{':
			if !quantifiable {
				if c == '{' {
					t.fail(t.bad("repetition of nothing"))
				} else {
					t.fail(t.bad("dangling meta character '" + string(c) + "'"))
				}
				return
			}
			t.quantifier()
			quantifiable = false
		case '[':
			t.class()
			quantifiable = true
		case '.':
			t.i++
			t.put(t.dot())
			quantifiable = true
		case '\\':
			quantifiable = t.escape()
		case '^', '$':
			t.put(string(c))
			t.i++
			quantifiable = true
		default:
			_, w := utf8.DecodeRuneInString(t.p[t.i:])
			t.put(regexp.QuoteMeta(t.p[t.i : t.i+w]))
			t.i += w
			quantifiable = true
		}
	}
}

func (t *translator) dot() string {
	switch {
	case t.dotAll:
		return `(?s:.)`
	case t.unix:
		return `[^\n]`
	}
	return `[^\n\r\x{85}\x{2028}\x{2029}]`
}

// group translates (...), and reports whether a quantifier may follow.
func (t *translator) group(depth int) bool {
	if !t.has("(?") {
		t.put("(")
		t.i++
		return t.groupEnd(depth)
	}
	for _, g := range [...]struct{ open, what string }{
		{"(?=", "look-ahead (?="}, {"(?!", "look-ahead (?!"}, {"(?<=", "look-behind (?<="},
		{"(?<!", "look-behind (?<!"}, {"(?>", "the atomic group (?>"},
	} {
		if t.has(g.open) {
			t.fail(t.unsupported(g.what))
			return false
		}
	}
	if t.has("(?<") {
		return t.namedGroup(depth)
	}
	return t.flagGroup(depth)
}

func (t *translator) groupEnd(depth int) bool {
	t.alternatives(depth + 1)
	if t.err != nil {
		return false
	}
	if !t.more() {
		t.fail(t.bad("unclosed group"))
		return false
	}
	t.put(")")
	t.i++
	return true
}

func (t *translator) namedGroup(depth int) bool {
	end := strings.IndexByte(t.p[t.i:], '>')
	if end < 0 {
		t.fail(t.bad("unclosed group name"))
		return false
	}
	name := t.p[t.i+3 : t.i+end]
	if !isGroupName(name) || t.names[name] {
		t.fail(t.bad("bad or repeated group name " + strconv.Quote(name)))
		return false
	}
	if t.names == nil {
		t.names = map[string]bool{}
	}
	t.names[name] = true
	t.put("(?P<" + name + ">")
	t.i += end + 1
	return t.groupEnd(depth)
}

func isGroupName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// flagGroup translates (?:...), (?flags-flags) and (?flags-flags:...).
func (t *translator) flagGroup(depth int) bool {
	start := t.i
	t.i += 2
	on, dotAll, unix := true, t.dotAll, t.unix
	var set, unset string
	for ; t.more() && t.p[t.i] != ')' && t.p[t.i] != ':'; t.i++ {
		switch c := t.p[t.i]; c {
		case '-':
			on = false
		case 's':
			dotAll = on
		case 'd':
			unix = on
		case 'u': // Unicode case folding is always on
		case 'i', 'm':
			if on {
				set += string(c)
			} else {
				unset += string(c)
			}
		case 'x', 'U':
			t.fail(t.unsupported("the flag " + string(c)))
			return false
		default:
			t.fail(t.bad("unknown group construct"))
			return false
		}
	}
	if !t.more() {
		t.i = start
		t.fail(t.bad("unclosed group"))
		return false
	}
	flags := set
	if unset != "" {
		flags += "-" + unset
	}
	if t.p[t.i] == ')' {
		t.i++
		t.dotAll, t.unix = dotAll, unix
		if flags != "" {
			t.put("(?" + flags + ")")
		}
		return false
	}
	t.i++
	t.put("(?" + flags + ":")
	outerDot, outerUnix := t.dotAll, t.unix
	t.dotAll, t.unix = dotAll, unix
	ok := t.groupEnd(depth)
	t.dotAll, t.unix = outerDot, outerUnix
	return ok
}

func (t *translator) quantifier() {
	start := t.i
	if t.p[t.i] == '{' {
		end := strings.IndexByte(t.p[t.i:], '}')
		if end < 0 || !isRepeat(t.p[t.i+1:t.i+end]) {
			t.fail(t.bad("illegal repetition"))
			return
		}
		t.i += end + 1
	} else {
		t.i++
	}
	if t.peekAt(0) == '+' {
		t.fail(t.unsupported("the possessive quantifier"))
		return
	}
	if t.peekAt(0) == '?' {
		t.i++
	}
	t.put(t.p[start:t.i])
	if c := t.peekAt(0); c == '*' || c == '+' || c == '?' {
		t.fail(t.bad("dangling meta character '" + string(c) + "'"))
	} else if c == '{' {
		t.fail(t.unsupported("a quantifier behind a quantifier"))
	}
}

func isRepeat(s string) bool {
	lo, hi, two := strings.Cut(s, ",")
	if !isDigits(lo) || two && hi != "" && !isDigits(hi) {
		return false
	}
	n, err := strconv.Atoi(lo)
	m, err2 := strconv.Atoi(hi)
	return err == nil && (hi == "" || err2 == nil && m >= n)
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
