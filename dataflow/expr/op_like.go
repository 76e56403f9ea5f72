package expr

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	like := "Tests a string against a pattern in which % stands for any characters and _ for one."
	similar := "Tests a string against an SQL regular expression, in which % stands for any characters and _ for one."
	for _, not := range []bool{false, true} {
		name := negatedName("LIKE", not)
		Register(&Func{Name: name, Signature: "s " + name + " pattern [ESCAPE c]", Doc: like, Category: "comparison",
			Build: func(args []Node) (Node, error) {
				n, err := newCall(likeFunc, args)
				return negated(n, err, not)
			}})
		name2 := negatedName("SIMILAR TO", not)
		Register(&Func{Name: name2, Signature: "s " + name2 + " pattern [ESCAPE c]", Doc: similar, Category: "comparison",
			Build: func(args []Node) (Node, error) {
				n, err := newCall(similarFunc, args)
				return negated(n, err, not)
			}})
	}
}

// likeFunc and similarFunc are the nodes that LIKE and SIMILAR TO build.
var (
	likeFunc    = &Func{Name: "LIKE", Resolve: func(args []Node) (Resolved, error) { return resolvePattern("LIKE", args, compileLike) }}
	similarFunc = &Func{Name: "SIMILAR TO", Resolve: func(args []Node) (Resolved, error) { return resolvePattern("SIMILAR TO", args, compileSimilar) }}
)

// matcher is a compiled pattern.
type matcher interface{ match(s []byte) bool }

// patternMemo is the pattern compiled last.
type patternMemo struct {
	pattern, escape string
	m               matcher
	err             error
}

func resolvePattern(name string, args []Node, compile func(pattern, escape string) (matcher, error)) (Resolved, error) {
	if err := argCount(name, args, 2, 3); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	for i, t := range ts {
		if !t.IsString() {
			return Resolved{}, wrongArg(name, i, "a character string", t)
		}
	}
	r := Resolved{Type: strictType(types.TBoolean, ts...), Args: ts}
	pattern, ok := args[1].(*Lit)
	escape := ""
	if len(args) == 3 {
		l, isLit := args[2].(*Lit)
		ok = ok && isLit && !l.Value.Null
		if isLit {
			escape = string(l.Value.B)
		}
	}
	if ok && !pattern.Value.Null {
		m, err := compile(string(pattern.Value.B), escape)
		if err != nil {
			return Resolved{}, err
		}
		r.Impl.Kernel = matchKernel(m)
		return r, nil
	}
	r.Impl.Row = func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		escape := ""
		if len(args) == 3 {
			escape = string(args[2].B)
		}
		memo, _ := c.Memo.(*patternMemo)
		if memo == nil || memo.pattern != string(args[1].B) || memo.escape != escape {
			memo = &patternMemo{pattern: string(args[1].B), escape: escape}
			if memo.err = longPattern(args[1].B); name == "LIKE" || memo.err == nil {
				memo.m, memo.err = compile(memo.pattern, escape)
			}
			c.Memo = memo
		}
		if memo.err != nil {
			return vec.NullDatum, memo.err
		}
		return vec.BoolDatum(memo.m.match(args[0].B)), nil
	}
	return r, nil
}

func matchKernel(m matcher) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x := a[0]
		for j := range rows(n, sel) {
			i := row(sel, j)
			out.I64[i] = 0
			if !out.IsNull(i) && m.match(x.Bytes(i)) {
				out.I64[i] = 1
			}
		}
	}
}

// likePattern is a LIKE pattern cut at its %: the first segment is anchored at the start,
// the last at the end, those between follow in order.
type likePattern struct {
	segs []likeSegment
	// open and end tell whether a % starts and ends the pattern.
	open, end bool
}

// likeSegment is a run of pattern without %. wild holds for each character its bytes, nil
// for _; text is the whole when there is no _.
type likeSegment struct {
	text []byte
	wild [][]byte
}

func escapeRune(escape string) (rune, error) {
	if escape == "" {
		return -1, nil
	}
	r, n := utf8.DecodeRuneInString(escape)
	if n != len(escape) || r == 0 {
		return 0, fmt.Errorf("ESCAPE takes one character, not %q", escape)
	}
	return r, nil
}

func compileLike(pattern, escape string) (matcher, error) {
	esc, err := escapeRune(escape)
	if err != nil {
		return nil, err
	}
	p := &likePattern{}
	var chars [][]byte
	flush := func() {
		if len(chars) > 0 {
			p.segs = append(p.segs, newLikeSegment(chars))
			chars = nil
		}
	}
	escaped := false
	for i, r := range pattern {
		switch {
		case escaped:
			if r != '%' && r != '_' && r != esc {
				return nil, fmt.Errorf("the pattern %q escapes %q, which is neither %%, _ nor the escape character", pattern, r)
			}
			escaped = false
			chars = append(chars, []byte(string(r)))
		case r == esc:
			escaped = true
		case r == '%':
			flush()
			if i == 0 {
				p.open = true
			}
			p.end = true
			continue
		case r == '_':
			chars = append(chars, nil)
		default:
			chars = append(chars, []byte(string(r)))
		}
		p.end = false
	}
	if escaped {
		return nil, fmt.Errorf("the pattern %q ends with its escape character", pattern)
	}
	flush()
	return p, nil
}

func newLikeSegment(chars [][]byte) likeSegment {
	var s likeSegment
	for _, c := range chars {
		if c == nil {
			return likeSegment{wild: chars}
		}
		s.text = append(s.text, c...)
	}
	return s
}

// at matches the segment at the start of s and returns how many bytes it takes, or -1.
func (g *likeSegment) at(s []byte) int {
	if g.wild == nil {
		if bytes.HasPrefix(s, g.text) {
			return len(g.text)
		}
		return -1
	}
	n := 0
	for _, c := range g.wild {
		switch {
		case n >= len(s):
			return -1
		case c == nil:
			_, w := utf8.DecodeRune(s[n:])
			n += w
		case bytes.HasPrefix(s[n:], c):
			n += len(c)
		default:
			return -1
		}
	}
	return n
}

// find is the first place where the segment matches, and its length there; or -1.
func (g *likeSegment) find(s []byte) (at, n int) {
	if g.wild == nil {
		return bytes.Index(s, g.text), len(g.text)
	}
	for i := 0; i <= len(s); {
		if n := g.at(s[i:]); n >= 0 {
			return i, n
		}
		_, w := utf8.DecodeRune(s[i:])
		i += max(w, 1)
	}
	return -1, 0
}

// atEnd tells whether the segment matches the end of s.
func (g *likeSegment) atEnd(s []byte) bool {
	if g.wild == nil {
		return bytes.HasSuffix(s, g.text)
	}
	at := len(s)
	for range g.wild {
		if at == 0 {
			return false
		}
		_, w := utf8.DecodeLastRune(s[:at])
		at -= w
	}
	return g.at(s[at:]) == len(s)-at
}

func (p *likePattern) match(s []byte) bool {
	segs := p.segs
	if len(segs) == 0 {
		return p.end || len(s) == 0
	}
	if !p.open {
		n := segs[0].at(s)
		if n < 0 {
			return false
		}
		s, segs = s[n:], segs[1:]
		if len(segs) == 0 {
			return p.end || len(s) == 0
		}
	}
	last := len(segs)
	if !p.end {
		last--
	}
	for i := range segs[:last] {
		at, n := segs[i].find(s)
		if at < 0 {
			return false
		}
		s = s[at+n:]
	}
	return p.end || segs[last].atEnd(s)
}

type regexMatcher struct{ re *regexp.Regexp }

func (m regexMatcher) match(s []byte) bool { return m.re.Match(s) }

// compileSimilar turns an SQL regular expression into a Go one that matches the whole
// string.
func compileSimilar(pattern, escape string) (matcher, error) {
	esc, err := escapeRune(escape)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(`\A(?s:`)
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == esc:
			escaped = true
		case r == '%':
			b.WriteString(`.*`)
		case r == '_':
			b.WriteString(`.`)
		case r == '\\' || r == '^' || r == '$':
			b.WriteString(regexp.QuoteMeta(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	if escaped {
		return nil, errors.New("the pattern ends with its escape character")
	}
	b.WriteString(`)\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("the pattern %q is not a valid regular expression", pattern)
	}
	return regexMatcher{re}, nil
}
