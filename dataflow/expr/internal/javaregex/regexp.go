package javaregex

import (
	"bytes"
	"fmt"
	"math"
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
	// simple matches in place of re; nil when the pattern is not of its form.
	simple *simple
	// lit is in every match; nil when no such text is known.
	lit []byte
	// size estimates the bytes that all this takes.
	size int
}

// Compile translates and compiles a pattern. Its errors are those of Translate.
func Compile(pattern string) (*Regexp, error) { return CompileWithin(pattern, math.MaxInt) }

// CompileWithin is Compile for a pattern that is not trusted: the error wraps ErrLarge where its
// Size would be above a limit.
func CompileWithin(pattern string, limit int) (*Regexp, error) {
	e, err := Translate(pattern)
	if err != nil {
		return nil, err
	}
	t := translator{p: pattern}
	tree, err := syntax.Parse(e, syntax.Perl)
	if err != nil {
		return nil, t.refused(err)
	}
	r := &Regexp{size: len(pattern) + sizeOf(tree)}
	empty := matchesEmpty(tree)
	if empty {
		r.size *= 2 // from
	}
	if r.size > limit {
		return nil, fmt.Errorf("%w: it takes about %d bytes, and %d at most where it is not written in the query", ErrLarge, r.size, limit)
	}
	if r.re, err = regexp.Compile(e); err != nil {
		return nil, t.refused(err)
	}
	r.simple, r.lit = newSimple(tree), needed(tree)
	if empty {
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

// Size estimates the bytes that the compiled pattern takes, to within a small factor.
func (r *Regexp) Size() int { return r.size }

// Groups is the number of groups of the pattern.
func (r *Regexp) Groups() int { return r.re.NumSubexp() }

// Match tells whether s holds a match.
func (r *Regexp) Match(s []byte) bool {
	if r.simple != nil {
		var m [2 * (maxSimpleGroups + 1)]int
		return r.simple.find(s, 0, m[:])
	}
	return r.possible(s) && r.re.Match(s)
}

// possible is false when s cannot hold a match.
func (r *Regexp) possible(s []byte) bool { return len(r.lit) == 0 || bytes.Contains(s, r.lit) }

// Find returns the bounds of the first match and of its groups as
// regexp.FindSubmatchIndex does, or nil.
func (r *Regexp) Find(s []byte) []int {
	if r.simple != nil {
		m := make([]int, 2*(r.simple.groups+1))
		if r.simple.find(s, 0, m) {
			return m
		}
		return nil
	}
	if !r.possible(s) {
		return nil
	}
	return r.re.FindSubmatchIndex(s)
}

// Group is the text of a group of the first match in s, nil and false when there is no
// match, no such group, or the group took no part.
func (r *Regexp) Group(s []byte, group int64) (text []byte, ok bool) {
	if group < 0 || group > int64(r.Groups()) {
		return nil, false
	}
	var in [2 * (maxSimpleGroups + 1)]int
	m := in[:]
	if r.simple != nil {
		if !r.simple.find(s, 0, m) {
			return nil, false
		}
	} else if m = r.Find(s); m == nil || m[2*group] < 0 {
		return nil, false
	}
	return s[m[2*group]:m[2*group+1]], true
}

// All calls f with the bounds of each match and its groups from left to right, as
// Matcher.find finds them, until f returns false: behind a match the next is looked for
// from its end on, and one character further on when it was empty. m is valid until f
// returns.
func (r *Regexp) All(s []byte, f func(m []int) bool) {
	if r.from == nil {
		r.allFull(s, f)
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

// allFull is All for a pattern that does not match the empty string.
func (r *Regexp) allFull(s []byte, f func(m []int) bool) {
	if r.simple != nil {
		m, from := make([]int, 2*(r.simple.groups+1)), 0
		for r.simple.find(s, from, m) && f(m) {
			from = m[1]
		}
		return
	}
	if !r.possible(s) {
		return
	}
	for _, m := range r.re.FindAllSubmatchIndex(s, -1) {
		if !f(m) {
			return
		}
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
