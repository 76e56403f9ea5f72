package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
)

// PathError is returned for a text that is not a path, and for constructs of paths that
// are not supported. Offset is in bytes from 0.
type PathError struct {
	Path   string
	Offset int
	Reason string
}

func (e *PathError) Error() string {
	return fmt.Sprintf("JSON path %q: %s at offset %d", e.Path, e.Reason, e.Offset)
}

type stepKind uint8

const (
	members  stepKind = iota // .name ['name', 'name']
	elements                 // [0] [0, -1]
	slice                    // [from:to]
	wildcard                 // .* [*]
	filtered                 // [?(condition)]
)

type step struct {
	kind  stepKind
	deep  bool // behind ..
	names []string
	at    []int
	// from and to bound a slice; missing bounds are 0 and maxIndex.
	from, to int
	when     condition
}

const maxIndex = 1<<31 - 1

// Path is a compiled path. It may be used by many goroutines.
type Path struct {
	// Strict is the mode: a path without mode is strict.
	Strict bool
	// Definite tells that the path names at most one value.
	Definite bool
	steps    []step
	// direct paths are found by scanning, without building the document.
	direct bool
}

// ParsePath compiles `[lax | strict] $...` with members, elements (negative ones count
// from the end), slices, wildcards, filters and `..`. A path that does not begin with $ is one
// below the root. Its errors are *PathError.
func ParsePath(text string) (*Path, error) {
	p := &pathParser{text: text}
	strict := p.mode()
	if p.err == nil {
		p.root()
	}
	for p.err == nil && p.i < len(p.text) {
		p.step()
	}
	if p.err != nil {
		return nil, p.err
	}
	return compilePath(strict, p.steps), nil
}

func compilePath(strict bool, steps []step) *Path {
	out := &Path{Strict: strict, Definite: true, direct: true, steps: steps}
	for i, s := range steps {
		last := i == len(steps)-1
		if s.deep || s.kind >= slice || s.kind == elements && len(s.at) > 1 || s.kind == members && len(s.names) > 1 && !last {
			out.Definite = false
		}
		if s.kind == members && len(s.names) > 1 || s.kind == elements && s.at[0] < 0 {
			out.direct = false
		}
	}
	out.direct = out.direct && out.Definite
	return out
}

type pathParser struct {
	text  string
	i     int
	steps []step
	err   error
	// inside a filter a name ends where an operator or a parenthesis may follow.
	inside bool
	depth  int
}

func (p *pathParser) fail(reason string) {
	if p.err == nil {
		p.err = &PathError{p.text, p.i, reason}
	}
}

func (p *pathParser) peek() byte {
	if p.i < len(p.text) {
		return p.text[p.i]
	}
	return 0
}

func (p *pathParser) space() {
	for p.i < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.i]) >= 0 {
		p.i++
	}
}

// mode reads the mode, strict by default.
func (p *pathParser) mode() (strict bool) {
	p.text = strings.TrimRight(p.text, " \t\r\n")
	p.space()
	for _, m := range [...]string{"strict", "lax"} {
		rest := p.text[p.i:]
		if len(rest) > len(m) && strings.EqualFold(rest[:len(m)], m) && strings.IndexByte(" \t\r\n", rest[len(m)]) >= 0 {
			p.i += len(m)
			p.space()
			return m == "strict"
		}
	}
	return true
}

// root reads $, or lets a path below it begin.
func (p *pathParser) root() {
	switch c := p.peek(); {
	case c == 0:
		p.fail("the path is empty")
	case c == '$':
		p.i++
		if c = p.peek(); c != 0 && c != '.' && c != '[' {
			p.fail("expected '.' or '['")
		}
	case c == '@':
		p.fail("@ stands only in filters")
	case c != '[' && c != '.':
		p.name(false)
	}
}

func (p *pathParser) step() {
	p.space()
	if p.i == len(p.text) {
		return
	}
	switch p.peek() {
	case '[':
		p.bracket(false)
	case '.':
		p.i++
		deep := p.peek() == '.'
		if deep {
			p.i++
		}
		switch p.peek() {
		case 0:
			p.fail("the path ends with '.'")
		case '[':
			p.bracket(deep)
		case '*':
			p.i++
			p.steps = append(p.steps, step{kind: wildcard, deep: deep})
		default:
			p.name(deep)
		}
	default:
		p.fail("expected '.' or '['")
	}
}

func (p *pathParser) name(deep bool) {
	start := p.i
	end := ".[( "
	if p.inside {
		end = ".[( )=!<>&|,]"
	}
	for p.i < len(p.text) && strings.IndexByte(end, p.text[p.i]) < 0 {
		p.i++
	}
	switch {
	case p.peek() == '(':
		p.fail("functions in paths are not supported")
	case p.peek() == ' ' && !p.inside:
		p.fail("a name with blanks is written ['...']")
	case p.i == start:
		p.fail("expected a name")
	}
	p.steps = append(p.steps, step{kind: members, deep: deep, names: []string{p.text[start:p.i]}})
}

func (p *pathParser) bracket(deep bool) {
	p.i++
	p.space()
	s := step{deep: deep}
	switch c := p.peek(); c {
	case '*':
		p.i++
		s.kind = wildcard
	case '\'', '"':
		p.list(func() { s.names = append(s.names, p.quoted()) })
	case '?':
		s.kind, s.when = filtered, p.filter()
	default:
		p.numbers(&s)
	}
	p.space()
	if p.err == nil && p.peek() != ']' {
		p.fail("expected ']'")
	}
	p.i++
	p.steps = append(p.steps, s)
}

// list reads items between commas.
func (p *pathParser) list(item func()) {
	for p.err == nil {
		p.space()
		item()
		p.space()
		if p.peek() != ',' {
			return
		}
		p.i++
	}
}

func (p *pathParser) quoted() string {
	q := p.peek()
	if q != '\'' && q != '"' {
		p.fail("expected a quoted name")
		return ""
	}
	var b strings.Builder
	for p.i++; p.i < len(p.text); p.i++ {
		switch c := p.text[p.i]; {
		case c == q:
			p.i++
			return b.String()
		case c == '\\' && p.i+1 < len(p.text):
			p.i++
			b.WriteByte(p.text[p.i])
		default:
			b.WriteByte(c)
		}
	}
	p.fail("unclosed quoted name")
	return ""
}

// numbers reads indexes or a slice.
func (p *pathParser) numbers(s *step) {
	s.kind = elements
	s.to = maxIndex
	if p.peek() != ':' {
		p.list(func() { s.at = append(s.at, p.integer()) })
	}
	if p.peek() != ':' || len(s.at) > 1 {
		return
	}
	s.kind = slice
	if len(s.at) == 1 {
		s.from, s.at = s.at[0], nil
	}
	p.i++
	p.space()
	if p.peek() != ']' {
		s.to = p.integer()
	}
}

func (p *pathParser) integer() int {
	start := p.i
	if p.peek() == '-' {
		p.i++
	}
	for p.i < len(p.text) && '0' <= p.text[p.i] && p.text[p.i] <= '9' {
		p.i++
	}
	n, err := strconv.ParseInt(p.text[start:p.i], 10, 32)
	if err != nil {
		p.i = start
		p.fail("expected an index, a slice, a quoted name or *")
	}
	return int(n)
}
