package jsonpath

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
)

// condition is a filter's test of a value (@) in a document, whose root is $.
type condition interface {
	holds(at *Value, doc *document) bool
}

type (
	anyOf   []condition
	allOf   []condition
	negated struct{ c condition }
	// present tests whether a path names something.
	present struct{ x operand }
	// compared tests two operands with ==, !=, <, <=, > or >=.
	compared struct {
		op   string
		a, b operand
	}
)

// operand is a literal, or what a path below @ or $ names.
type operand struct {
	lit  *Value
	path *Path
	root bool
}

func (o operand) value(at *Value, doc *document) (Value, bool) {
	if o.lit != nil {
		return *o.lit, true
	}
	if o.root {
		at = doc.root
	}
	return o.path.on(at, doc)
}

func (cs anyOf) holds(at *Value, doc *document) bool {
	return slices.ContainsFunc(cs, func(c condition) bool { return c.holds(at, doc) })
}

func (cs allOf) holds(at *Value, doc *document) bool {
	return !slices.ContainsFunc(cs, func(c condition) bool { return !c.holds(at, doc) })
}

func (n negated) holds(at *Value, doc *document) bool { return !n.c.holds(at, doc) }

func (p present) holds(at *Value, doc *document) bool {
	_, found := p.x.value(at, doc)
	return found
}

func (c compared) holds(at *Value, doc *document) bool {
	a, aFound := c.a.value(at, doc)
	b, bFound := c.b.value(at, doc)
	switch c.op {
	case "==":
		return aFound && bFound && equal(&a, &b, doc)
	case "!=":
		return !(aFound && bFound && equal(&a, &b, doc))
	}
	order, ok := 0, false
	if aFound && bFound && a.Kind == b.Kind {
		switch a.Kind {
		case Number:
			order, ok = compareNumbers(a.Text, b.Text)
		case String:
			order, ok = bytes.Compare(a.Text, b.Text), true
		}
	}
	switch c.op {
	case "<":
		return ok && order < 0
	case "<=":
		return ok && order <= 0
	case ">":
		return ok && order > 0
	}
	return ok && order >= 0
}

// equal compares by value; a string equals the number that it reads as.
func equal(a, b *Value, doc *document) bool {
	text := a.Kind == Number || a.Kind == String
	switch {
	case text && a.Kind == String && b.Kind == String:
		return bytes.Equal(a.Text, b.Text)
	case text && (b.Kind == Number || b.Kind == String):
		order, ok := compareNumbers(a.Text, b.Text)
		return ok && order == 0
	}
	if a.Kind != b.Kind {
		return false
	}
	x, _ := a.AppendWithin(nil, doc.work)
	y, _ := b.AppendWithin(nil, doc.work)
	return doc.spend(len(x)+len(y)) && bytes.Equal(x, y)
}

func compareNumbers(a, b []byte) (int, bool) {
	// Exponents beyond those of DOUBLE would make numbers of any length.
	const most = 400
	if len(a) > most || len(b) > most {
		return 0, false
	}
	x, _, err1 := big.ParseFloat(string(a), 10, 256, big.ToNearestEven)
	y, _, err2 := big.ParseFloat(string(b), 10, 256, big.ToNearestEven)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	return x.Cmp(y), true
}

// filter reads ?(condition) behind the bracket.
func (p *pathParser) filter() condition {
	p.i++
	p.space()
	if p.peek() != '(' {
		p.fail("expected '(' behind '?'")
		return nil
	}
	p.i++
	c := p.either()
	p.close()
	return c
}

func (p *pathParser) close() {
	p.space()
	if p.peek() != ')' {
		p.fail("expected ')'")
		return
	}
	p.i++
}

// word takes a symbol behind blanks, if it is there.
func (p *pathParser) word(w string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.i:], w) {
		return false
	}
	p.i += len(w)
	return true
}

func (p *pathParser) either() condition {
	cs := anyOf{p.both()}
	for p.err == nil && p.word("||") {
		cs = append(cs, p.both())
	}
	return cs
}

func (p *pathParser) both() condition {
	cs := allOf{p.test()}
	for p.err == nil && p.word("&&") {
		cs = append(cs, p.test())
	}
	return cs
}

func (p *pathParser) test() condition {
	if p.depth++; p.depth > MaxDepth {
		p.fail("the filter is nested too deeply")
		return present{}
	}
	defer func() { p.depth-- }()
	p.space()
	switch p.peek() {
	case '!':
		p.i++
		return negated{p.test()}
	case '(':
		p.i++
		c := p.either()
		p.close()
		return c
	}
	a := p.operand()
	for _, op := range [...]string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.err == nil && p.word(op) {
			return compared{op, a, p.operand()}
		}
	}
	if p.err == nil && a.path == nil {
		p.fail("expected a comparison")
	}
	return present{a}
}

// operand reads a literal or a path, which ends where no step can go on.
func (p *pathParser) operand() operand {
	p.space()
	start := p.i
	switch c := p.peek(); {
	case c == '@' || c == '$':
		p.i++
		sub := &pathParser{text: p.text, i: p.i, inside: true, depth: p.depth}
		for sub.err == nil && (sub.peek() == '.' || sub.peek() == '[') {
			sub.step()
		}
		p.i, p.err = sub.i, sub.err
		return operand{path: compilePath(true, sub.steps), root: c == '$'}
	case c == '\'' || c == '"':
		return operand{lit: &Value{Kind: String, Text: []byte(p.quoted())}}
	case c == '-' || c >= '0' && c <= '9':
		for p.i < len(p.text) && strings.IndexByte("+-.0123456789eE", p.text[p.i]) >= 0 {
			p.i++
		}
		if v, err := Parse([]byte(p.text[start:p.i])); err == nil && v.Kind == Number {
			return operand{lit: &v}
		}
	default:
		for w, k := range map[string]Kind{"true": True, "false": False, "null": Null} {
			if p.word(w) {
				return operand{lit: &Value{Kind: k}}
			}
		}
	}
	p.i = start
	p.fail("expected @, $, a string, a number, true, false or null")
	return operand{}
}
