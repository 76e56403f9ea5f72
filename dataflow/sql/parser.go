package sql

import (
	"fmt"
	"strings"
)

// Limits. A text that passes one gets an error, never a stack overflow: the
// depth of the tree is at most depthMax levels of nesting plus stepsMax operators.
const (
	textBytesMax = 16 << 20

	depthMax  = 400    // nested parentheses, subqueries, types
	stepsMax  = 10_000 // operators in one statement
	errorsMax = 20     // diagnostics of one text
)

// Parse reads a script: statements separated by semicolons. On mistakes the error
// is of type Errors and holds the first of each statement; the script then has
// the statements that parsed.
func Parse(file, text string) (*Script, error) {
	p := newParser(file, text)
	s := &Script{Source: p.src}
	for p.tok().kind != tokenEOF && len(p.errs) < errorsMax {
		if p.acceptOp(";") {
			continue
		}
		p.try(func() {
			p.steps = 0
			stmt := p.statement()
			p.endOfStatement()
			s.Statements = append(s.Statements, stmt)
		})
	}
	return s, p.errs.err()
}

// ParseExpr reads a single expression.
func ParseExpr(file, text string) (Expr, error) {
	p := newParser(file, text)
	var e Expr
	p.try(func() {
		x := p.expr()
		p.expectEOF()
		e = x
	})
	return e, p.errs.err()
}

// ParseQuery reads a single query.
func ParseQuery(file, text string) (*Query, error) {
	p := newParser(file, text)
	var q *Query
	p.try(func() {
		x := p.query()
		p.expectEOF()
		q = x
	})
	return q, p.errs.err()
}

// ParseType reads a single type.
func ParseType(file, text string) (*TypeSpec, error) {
	p := newParser(file, text)
	var t *TypeSpec
	p.try(func() {
		x := p.typeSpec()
		p.expectEOF()
		t = x
	})
	return t, p.errs.err()
}

// parser is a recursive-descent parser over the tokens of one source. Its
// methods read what they are named for and stop by a bailout on a mistake; try
// catches it.
type parser struct {
	src    *Source
	tokens []token
	i      int
	depth  int
	steps  int
	errs   Errors
}

// bailout unwinds to the nearest try; the error is already recorded.
type bailout struct{}

func newParser(file, text string) *parser {
	p := &parser{src: &Source{File: file, Text: text}}
	if len(text) > textBytesMax {
		start := Pos{Line: 1, Column: 1}
		msg := fmt.Sprintf("text of %d bytes is longer than %d bytes", len(text), textBytesMax)
		p.tokens = []token{{Span: Span{start, start}, kind: tokenError, text: msg}, {Span: Span{start, start}}}
		return p
	}
	p.tokens = lex(text)
	return p
}

// try runs f. On a mistake it skips to behind the next semicolon and returns
// false.
func (p *parser) try(f func()) (ok bool) {
	depth := p.depth
	defer func() {
		if ok {
			return
		}
		if r := recover(); r != nil {
			if _, is := r.(bailout); !is {
				panic(r)
			}
		}
		p.depth = depth
		for p.tok().kind != tokenEOF && !p.isOp(";") {
			p.i++
		}
		p.acceptOp(";")
	}()
	f()
	return true
}

// tok returns the current token; peek the one n places ahead.
func (p *parser) tok() *token { return &p.tokens[p.i] }

func (p *parser) peek(n int) *token {
	return &p.tokens[min(p.i+n, len(p.tokens)-1)]
}

// next consumes the current token and returns it.
func (p *parser) next() *token {
	t := p.tok()
	if t.kind != tokenEOF {
		p.i++
	}
	return t
}

// pos is where the current token starts; from is the span from a start to the
// end of the last token consumed.
func (p *parser) pos() Pos { return p.tok().Start }

func (p *parser) from(start Pos) Span {
	if p.i == 0 {
		return Span{start, start}
	}
	end := p.tokens[p.i-1].End
	if end.Offset < start.Offset {
		end = start
	}
	return Span{start, end}
}

func (p *parser) fail(at Span, format string, args ...any) {
	p.failError(Errorf(p.src, at, format, args...))
}

func (p *parser) failHint(at Span, hint, format string, args ...any) {
	p.failError(Errorf(p.src, at, format, args...).WithHint("%s", hint))
}

func (p *parser) failError(e *Error) {
	if strings.HasPrefix(e.Msg, "expected ") {
		p.nameRefusal(e)
	}
	p.errs = append(p.errs, e)
	panic(bailout{})
}

// enter counts a level of nesting; each is paired with leave.
func (p *parser) enter() {
	p.depth++
	if p.depth > depthMax {
		p.failHint(p.tok().Span, "split it with views or WITH", "nested more than %d levels deep", depthMax)
	}
}

func (p *parser) leave() { p.depth-- }

// step counts an operator that deepens the tree without nesting.
func (p *parser) step() {
	p.steps++
	if p.steps > stepsMax {
		p.fail(p.tok().Span, "statement with more than %d operators", stepsMax)
	}
}

// is tells whether the next tokens are these words.
func (p *parser) is(words ...string) bool {
	for i, w := range words {
		if t := p.peek(i); t.kind != tokenWord || t.word != w {
			return false
		}
	}
	return true
}

// isAny tells whether the current token is one of these words.
func (p *parser) isAny(words ...string) bool {
	t := p.tok()
	if t.kind != tokenWord {
		return false
	}
	for _, w := range words {
		if t.word == w {
			return true
		}
	}
	return false
}

// accept consumes these words if they come next.
func (p *parser) accept(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.unexpected(w)
		}
	}
}

func isOp(t *token, op string) bool { return t.kind == tokenOp && t.text == op }

func (p *parser) isOp(op string) bool { return isOp(p.tok(), op) }

func (p *parser) acceptOp(op string) bool {
	if !p.isOp(op) {
		return false
	}
	p.i++
	return true
}

func (p *parser) expectOp(op string, others ...string) {
	if !p.acceptOp(op) {
		p.unexpected(append([]string{quote(op)}, others...)...)
	}
}

func quote(s string) string { return `"` + s + `"` }

// found describes a token in a message.
func found(t *token) string {
	switch t.kind {
	case tokenEOF:
		return "the end of the text"
	case tokenQuoted:
		return "`" + t.text + "`"
	case tokenString:
		s := []rune(t.text)
		if len(s) > 20 {
			s = append(s[:20], []rune("...")...)
		}
		return "'" + string(s) + "'"
	case tokenBinary:
		return "a binary literal"
	}
	return quote(t.text)
}

// unexpected reports that the current token is none of those expected.
func (p *parser) unexpected(expected ...string) {
	t := p.tok()
	if t.kind == tokenError {
		p.failError(&Error{File: p.src.File, Pos: t.Start, End: t.End, Msg: t.text, Hint: t.hint,
			Line: p.src.line(t.Start.Offset)})
	}
	e := Errorf(p.src, t.Span, "expected %s, found %s", alternatives(expected), found(t))
	p.hintFor(e, expected)
	p.failError(e)
}

// hintFor looks for a mistyped keyword: the token found, or the word before it
// that was then read as a name.
func (p *parser) hintFor(e *Error, expected []string) {
	candidates := append([]string{}, clauseWords...)
	for _, x := range expected {
		if x == strings.ToUpper(x) && isPlainName(x) {
			candidates = append([]string{x}, candidates...)
		}
	}
	for _, i := range []int{p.i, p.i - 1} {
		if i < 0 || i >= len(p.tokens) {
			continue
		}
		t := &p.tokens[i]
		if t.kind != tokenWord || reserved[t.word] || len(t.word) < 4 {
			continue
		}
		if near := Nearest(t.word, candidates); near != "" && near != t.word {
			e.Hint = fmt.Sprintf("did you mean %s instead of %s?", near, t.text)
			return
		}
	}
	if p.tok().kind == tokenHintBegin {
		e.Hint = "hints follow SELECT or the name of a table"
	}
}

func alternatives(words []string) string {
	switch n := len(words); n {
	case 0:
		return "something else"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

func (p *parser) expectEOF() {
	p.acceptOp(";")
	if p.tok().kind != tokenEOF {
		p.unexpected("the end of the text")
	}
}

// endOfStatement consumes the semicolon; the last statement may do without.
func (p *parser) endOfStatement() {
	if p.tok().kind == tokenEOF {
		return
	}
	if !p.acceptOp(";") {
		p.unexpected(quote(";"))
	}
}

// isName tells whether a token can be a name where nothing but a name may stand.
func isName(t *token) bool {
	return t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.word]
}

// ident reads one identifier; what names it in the message.
func (p *parser) ident(what string) *Ident {
	t := p.tok()
	if !isName(t) {
		if t.kind == tokenWord {
			p.failHint(t.Span, "write it in backticks: `"+t.text+"`", "expected %s, found the reserved word %s", what, t.word)
		}
		p.unexpected(what)
	}
	p.i++
	return &Ident{Span: t.Span, Name: t.text, Quoted: t.kind == tokenQuoted}
}

// fieldIdent reads the identifier behind a dot, where reserved words are names.
func (p *parser) fieldIdent() *Ident {
	t := p.tok()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		p.unexpected("a name")
	}
	p.i++
	return &Ident{Span: t.Span, Name: t.text, Quoted: t.kind == tokenQuoted}
}

// name reads a dotted name.
func (p *parser) name(what string) *Name {
	start := p.pos()
	n := &Name{Parts: []*Ident{p.ident(what)}}
	for p.acceptOp(".") {
		n.Parts = append(n.Parts, p.fieldIdent())
	}
	n.Span = p.from(start)
	return n
}

// identList reads (a, b, c).
func (p *parser) identList(what string) []*Ident {
	p.expectOp("(")
	list := []*Ident{p.ident(what)}
	for p.acceptOp(",") {
		list = append(list, p.ident(what))
	}
	p.expectOp(")", quote(","))
	return list
}

// stringLit reads a character literal; what names it in the message.
func (p *parser) stringLit(what string) *StringLit {
	if p.tok().kind != tokenString {
		e := p.tok()
		if e.kind == tokenWord || e.kind == tokenNumber {
			p.failHint(e.Span, "write it in single quotes: '"+e.text+"'", "expected %s, found %s", what, found(e))
		}
		p.unexpected(what)
	}
	return p.stringTokens()
}
