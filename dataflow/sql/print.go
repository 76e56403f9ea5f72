package sql

import (
	"strings"
	"unicode/utf8"
)

// Format prints a node as SQL on one line. Parsing the text yields an equal tree,
// spans and comments apart; parentheses stand where precedence needs them.
func Format(n Node) string {
	var p printer
	p.node(n)
	return p.b.String()
}

// printer writes nodes as SQL.
type printer struct {
	b strings.Builder
}

// w writes pieces of text as they are.
func (p *printer) w(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// when writes s if the condition holds.
func (p *printer) when(cond bool, s string) {
	if cond {
		p.b.WriteString(s)
	}
}

// list writes items separated by commas.
func list[T any](p *printer, items []T, each func(T)) {
	for i, x := range items {
		p.when(i > 0, ", ")
		each(x)
	}
}

// QuoteIdent returns a name as SQL, in backticks when it needs them.
func QuoteIdent(name string) string {
	if needsBackticks(name) {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return name
}

// QuoteString returns a string literal.
func QuoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// keywordNames are the words that are not reserved but read as something else
// than a name in some place.
var keywordNames = wordSet("ARRAY", "ASYMMETRIC", "INTERVAL", "MAP", "MULTISET", "PATTERN", "PERMUTE", "RANGE", "ROW",
	"ROWS", "SYMMETRIC", "UNBOUNDED", "UNKNOWN", "VALUE")

func needsBackticks(name string) bool {
	upper := strings.ToUpper(name)
	return !isPlainName(name) || reserved[upper] || niladic[upper] || keywordNames[upper] || !utf8.ValidString(name)
}

func (p *printer) ident(id *Ident) {
	if id.Quoted {
		p.w("`", strings.ReplaceAll(id.Name, "`", "``"), "`")
		return
	}
	p.w(QuoteIdent(id.Name))
}

func (p *printer) idents(ids []*Ident) {
	p.w("(")
	list(p, ids, p.ident)
	p.w(")")
}

func (p *printer) dotted(ids []*Ident) {
	for i, id := range ids {
		p.when(i > 0, ".")
		p.ident(id)
	}
}

func (p *printer) name(n *Name) { p.dotted(n.Parts) }

// node writes any node.
func (p *printer) node(n Node) {
	switch n := n.(type) {
	case Expr:
		p.expr(n, precLowest)
	case QueryBody:
		p.body(n)
	case TableExpr:
		p.table(n)
	case Statement:
		p.stmt(n)
	case Pattern:
		p.pattern(n, 0)
	case *Query:
		p.query(n)
	case *TypeSpec:
		p.typeSpec(n)
	case *Ident:
		p.ident(n)
	case *Name:
		p.name(n)
	case *OrderItem:
		p.orderItem(n)
	case *WindowSpec:
		p.windowSpec(n)
	case *Frame:
		p.frame(n)
	case *IntervalQualifier:
		p.qualifier(n)
	case *SelectItem:
		p.selectItem(n)
	case *GroupBy:
		p.groupBy(n)
	case *GroupItem:
		p.groupItem(n)
	case *ColumnDef:
		p.columnDef(n)
	case *Watermark:
		p.watermark(n)
	case *Constraint:
		p.constraint(n)
	case *Hint:
		p.hint(n)
	}
}

// String prints the expression, query, type or statement as SQL.
func (q *Query) String() string { return Format(q) }

// String prints the type as SQL.
func (t *TypeSpec) String() string { return Format(t) }

// String prints the name as SQL.
func (n *Name) String() string { return Format(n) }

// String prints the identifier as SQL.
func (id *Ident) String() string { return Format(id) }

// String prints the statements, each ended by a semicolon and a line break.
func (s *Script) String() string {
	var p printer
	for _, stmt := range s.Statements {
		p.stmt(stmt)
		p.w(";\n")
	}
	return p.b.String()
}
