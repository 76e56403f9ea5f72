package sql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// primary reads an expression without infix operators.
func (p *parser) primary() Expr {
	t := p.tok()
	switch t.kind {
	case tokenNumber:
		p.i++
		return &NumberLit{Span: t.Span, Kind: numberKind(t.text), Text: t.text}
	case tokenString:
		return p.stringTokens()
	case tokenBinary:
		p.i++
		return &BinaryLit{Span: t.Span, Value: []byte(t.text)}
	case tokenQuoted:
		return p.nameOrCall()
	case tokenOp:
		if t.text == "(" {
			return p.paren()
		}
	case tokenWord:
		if x := p.keywordPrimary(t); x != nil {
			return x
		}
		if !reserved[t.word] || callable[t.word] && isOp(p.peek(1), "(") {
			return p.nameOrCall()
		}
		e := Errorf(p.src, t.Span, "expected an expression, found the reserved word %s", t.word)
		if !clauseStart[t.word] {
			e.Hint = "a name is written in backticks: `" + t.text + "`"
		}
		p.failError(e)
	}
	p.unexpected("an expression")
	return nil
}

// clauseStart holds reserved words that are hardly meant as names: what lacks is
// the expression before them.
var clauseStart = wordSet("FROM", "WHERE", "GROUP", "HAVING", "ORDER", "AND", "OR", "UNION", "ON", "AS", "THEN", "WHEN")

func numberKind(s string) NumberKind {
	switch {
	case strings.ContainsAny(s, "eE"):
		return Double
	case strings.Contains(s, "."):
		return Decimal
	}
	return Integer
}

// keywordPrimary reads the primaries that a keyword begins; nil when the word is
// a name here.
func (p *parser) keywordPrimary(t *token) Expr {
	after := p.peek(1)
	open := isOp(after, "(")
	switch t.word {
	case "NULL":
		p.i++
		return &NullLit{Span: t.Span}
	case "TRUE", "FALSE":
		p.i++
		return &BoolLit{Span: t.Span, Value: t.word == "TRUE"}
	case "UNKNOWN":
		if !isOp(after, ".") && !open {
			p.i++
			return &BoolLit{Span: t.Span, Unknown: true}
		}
	case "DEFAULT":
		p.i++
		return &DefaultArg{Span: t.Span}
	case "CASE":
		return p.caseExpr()
	case "CAST", "TRY_CAST":
		if open || t.word == "CAST" {
			return p.cast()
		}
	case "EXISTS":
		return p.exists()
	case "DATE", "TIME", "TIMESTAMP":
		return p.temporal(t)
	case "INTERVAL":
		return p.interval()
	case "ARRAY", "MAP", "MULTISET", "ROW":
		return p.constructor(t)
	case "DESCRIPTOR":
		if open {
			start := p.pos()
			p.i++
			d := &Descriptor{Columns: p.identList("a column name")}
			d.Span = p.from(start)
			return d
		}
	default:
		if open {
			return p.specialCall(t)
		}
		if niladic[t.word] && !isOp(after, ".") {
			p.i++
			id := &Ident{Span: t.Span, Name: t.text}
			return &Call{Span: t.Span, Name: &Name{Span: t.Span, Parts: []*Ident{id}}, NoParens: true}
		}
	}
	return nil
}

// stringTokens reads a character literal, which may go on in further literals on
// the following lines.
func (p *parser) stringTokens() *StringLit {
	t := p.next()
	s := &StringLit{Span: t.Span, Value: t.text, Charset: t.charset}
	var parts []string
	for last := t; p.tok().kind == tokenString && p.tok().Start.Line > last.End.Line && p.tok().charset == ""; {
		last = p.next()
		if parts == nil {
			parts = append(parts, s.Value)
		}
		parts = append(parts, last.text)
		s.End = last.End
	}
	if parts != nil {
		s.Value = strings.Join(parts, "")
	}
	if t.unicode {
		escape := '\\'
		if p.accept("UESCAPE") {
			e := p.tok()
			r, size := utf8.DecodeRuneInString(e.text)
			if e.kind != tokenString || size == 0 || size != len(e.text) {
				p.unexpected("one character in quotes")
			}
			p.i++
			escape = r
			s.End = e.End
		}
		s.Value = p.decodeUnicode(s.Span, s.Value, escape)
	}
	return s
}

// decodeUnicode replaces \0041 and \+01F600 by the characters they stand for.
func (p *parser) decodeUnicode(at Span, text string, escape rune) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if r != escape {
			b.WriteRune(r)
			continue
		}
		if next, n := utf8.DecodeRuneInString(text[i:]); n > 0 && next == escape {
			b.WriteRune(escape)
			i += n
			continue
		}
		digits := 4
		if strings.HasPrefix(text[i:], "+") {
			i++
			digits = 6
		}
		if i+digits > len(text) {
			p.fail(at, "Unicode escape with fewer than %d digits", digits)
		}
		code, err := strconv.ParseUint(text[i:i+digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			p.fail(at, "malformed Unicode escape %q", text[i:i+digits])
		}
		b.WriteRune(rune(code))
		i += digits
	}
	return b.String()
}

func (p *parser) caseExpr() Expr {
	start := p.pos()
	p.expect("CASE")
	c := &Case{}
	if !p.is("WHEN") {
		c.Operand = p.expr()
	}
	for {
		whenStart := p.pos()
		if !p.accept("WHEN") {
			break
		}
		w := &When{Conds: []Expr{p.expr()}}
		for c.Operand != nil && p.acceptOp(",") {
			w.Conds = append(w.Conds, p.expr())
		}
		p.expect("THEN")
		w.Then = p.expr()
		w.Span = p.from(whenStart)
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.unexpected("WHEN")
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	if !p.accept("END") {
		if c.Else != nil {
			p.unexpected("END")
		}
		p.unexpected("WHEN", "ELSE", "END")
	}
	c.Span = p.from(start)
	return c
}

func (p *parser) cast() Expr {
	start := p.pos()
	c := &Cast{Try: p.next().word == "TRY_CAST"}
	p.expectOp("(")
	c.X = p.expr()
	p.expect("AS")
	c.Type = p.typeSpec()
	p.expectOp(")")
	c.Span = p.from(start)
	return c
}

func (p *parser) exists() Expr {
	start := p.pos()
	p.expect("EXISTS")
	at := p.pos()
	p.expectOp("(")
	_, query := p.parenBody()
	if query == nil {
		p.fail(p.from(at), "expected a query in the parentheses behind EXISTS")
	}
	return &Exists{Span: p.from(start), Query: query}
}

// temporal reads DATE '...' and the like; nil when the word is a name.
func (p *parser) temporal(t *token) Expr {
	x := &TemporalLit{}
	n := 1
	switch {
	case t.word == "DATE":
		x.Kind = DateLit
	case t.word == "TIME":
		x.Kind = TimeLit
	case p.is("TIMESTAMP", "WITH", "LOCAL", "TIME", "ZONE"):
		x.Kind = TimestampLTZLit
		n = 5
	default:
		x.Kind = TimestampLit
	}
	if p.peek(n).kind != tokenString {
		return nil
	}
	p.i += n
	x.Value = p.stringTokens().Value
	x.Span = p.from(t.Start)
	return x
}

// interval reads INTERVAL '...' UNIT or INTERVAL x UNIT; nil when INTERVAL is a
// name.
func (p *parser) interval() Expr {
	start := p.pos()
	one, two := p.peek(1), p.peek(2)
	signed := isOp(one, "-") || isOp(one, "+")
	switch {
	case one.kind == tokenString, signed && two.kind == tokenString:
		p.i++
		x := &IntervalLit{Negative: isOp(one, "-")}
		if signed {
			p.i++
		}
		x.Value = p.stringTokens().Value
		x.Qualifier = p.intervalQualifier()
		x.Span = p.from(start)
		return x
	case one.kind == tokenNumber, isOp(one, "("),
		isName(one) && two.kind == tokenWord && units[two.word] != "":
		p.i++
		x := &IntervalExpr{X: p.primary()}
		x.Qualifier = p.intervalQualifier()
		x.Span = p.from(start)
		return x
	}
	return nil
}

// intervalQualifier reads YEAR [(p)] [TO MONTH], DAY TO SECOND(3) and the like.
func (p *parser) intervalQualifier() *IntervalQualifier {
	start := p.pos()
	q := &IntervalQualifier{From: p.unit(), Precision: -1, Fraction: -1}
	if p.isOp("(") {
		p.i++
		q.Precision = p.smallInt("a precision")
		if q.From == "SECOND" && p.acceptOp(",") {
			q.Fraction = p.smallInt("a precision")
		}
		p.expectOp(")")
	}
	if p.is("TO") && q.From != "SECOND" { // the smallest
		p.i++
		q.To = p.unit()
		if q.To == "SECOND" && p.acceptOp("(") {
			q.Fraction = p.smallInt("a precision")
			p.expectOp(")")
		}
	}
	q.Span = p.from(start)
	return q
}

// unit reads a word for a time unit.
func (p *parser) unit() Unit {
	t := p.tok()
	if t.kind == tokenWord {
		if u := units[t.word]; u != "" {
			p.i++
			return u
		}
		p.failError(Errorf(p.src, t.Span, "expected a time unit such as SECOND, found %s", found(t)).
			WithNearest(t.word, []string{"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "MILLISECOND"}))
	}
	p.unexpected("a time unit such as SECOND")
	return ""
}

// smallInt reads an integer that fits 31 bits.
func (p *parser) smallInt(what string) int {
	t := p.tok()
	if t.kind != tokenNumber {
		p.unexpected(what)
	}
	n, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		p.fail(t.Span, "%s must be an integer from 0 to 2147483647", what)
	}
	p.i++
	return int(n)
}

// constructor reads ARRAY[...], MAP[...], MULTISET[...], ROW(...) or one of the
// first three of a query; nil when the word is a name.
func (p *parser) constructor(t *token) Expr {
	kind := map[string]ConstructorKind{"ARRAY": ArrayOf, "MAP": MapOf, "MULTISET": MultisetOf, "ROW": RowOf}[t.word]
	c := &Constructor{Kind: kind}
	after := p.peek(1)
	switch {
	case kind == RowOf && isOp(after, "("):
		p.i += 2
		if !p.isOp(")") {
			c.Elems = p.exprList()
		}
		p.expectOp(")", quote(","))
	case kind != RowOf && isOp(after, "["):
		p.i += 2
		if !p.isOp("]") {
			c.Elems = p.exprList()
		}
		p.expectOp("]", quote(","))
	case kind != RowOf && isOp(after, "("):
		p.i += 2
		_, c.Query = p.parenBody()
		if c.Query == nil {
			p.failHint(p.from(t.Start), "elements go into brackets: "+t.word+"[a, b]", "expected a query in the parentheses behind %s", t.word)
		}
	default:
		return nil
	}
	c.Span = p.from(t.Start)
	return c
}
