package javaregex

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// Regexp is a compiled pattern. It may be used by many goroutines.
type Regexp struct {
	re *regexp.Regexp
	// from finds the next match behind the first character of its input; it is set for
	// patterns that match the empty string, which package regexp skips where Java does not.
	from *regexp.Regexp
}

// Compile translates and compiles a pattern. Its errors are those of Translate.
func Compile(pattern string) (*Regexp, error) {
	e, err := Translate(pattern)
	if err != nil {
		return nil, err
	}
	t := translator{p: pattern}
	re, err := regexp.Compile(e)
	if err != nil {
		return nil, t.refused(err)
	}
	r := &Regexp{re: re}
	tree, err := syntax.Parse(e, syntax.Perl)
	if err == nil && matchesEmpty(tree) {
		if r.from, err = regexp.Compile(`(?s:\A..*?)(` + e + `)`); err != nil {
			return nil, t.refused(err)
		}
	}
	return r, nil
}

// matchesEmpty tells whether an expression may match the empty string somewhere.
func matchesEmpty(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpNoMatch, syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return matchesEmpty(e.Sub[0])
	case syntax.OpRepeat:
		return e.Min == 0 || matchesEmpty(e.Sub[0])
	case syntax.OpConcat:
		for _, s := range e.Sub {
			if !matchesEmpty(s) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, s := range e.Sub {
			if matchesEmpty(s) {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// Groups is the number of groups of the pattern.
func (r *Regexp) Groups() int { return r.re.NumSubexp() }

// Match tells whether s holds a match.
func (r *Regexp) Match(s []byte) bool { return r.re.Match(s) }

// Find returns the bounds of the first match and of its groups as
// regexp.FindSubmatchIndex does, or nil.
func (r *Regexp) Find(s []byte) []int { return r.re.FindSubmatchIndex(s) }

// All calls f with the bounds of each match and its groups from left to right, as
// Matcher.find finds them, until f returns false: behind a match the next is looked for
// from its end on, and one character further on when it was empty.
func (r *Regexp) All(s []byte, f func(m []int) bool) {
	if r.from == nil {
		for _, m := range r.re.FindAllSubmatchIndex(s, -1) {
			if !f(m) {
				return
			}
		}
		return
	}
	m := r.re.FindSubmatchIndex(s)
	for m != nil && f(m) {
		next := m[1]
		if m[0] == m[1] {
			if next == len(s) {
				return
			}
			_, w := utf8.DecodeRune(s[next:])
			next += w
		}
		m = r.findFrom(s, next)
	}
}

// findFrom finds the first match at or behind an offset that is not 0.
func (r *Regexp) findFrom(s []byte, at int) []int {
	_, w := utf8.DecodeLastRune(s[:at])
	base := at - w
	m := r.from.FindSubmatchIndex(s[base:])
	if m == nil {
		return nil
	}
	m = m[2:]
	for i := range m {
		if m[i] >= 0 {
			m[i] += base
		}
	}
	return m
}
