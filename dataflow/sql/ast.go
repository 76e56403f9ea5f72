// Package sql is the front end of the language: a lexer, a recursive-descent
// parser, an abstract syntax tree (AST), a printer and the diagnostics of
// Flink's SQL dialect.
//
// Terms. A Script is the list of statements of one Source (a file's text). A
// Pos is a place in it and a Span a half-open range. An Expr yields a value, a
// Query yields rows, a TableExpr is an item of FROM and a TypeSpec is a written
// type. Names are kept as written: the package resolves nothing, checks no
// types and knows no functions, so it also parses what the planner refuses.
//
// Invariants. Every node carries the Span of its text. Printing a node with
// Format and parsing the result yields an equal tree, spans apart. No input
// makes the parser panic or overflow the stack; all it reports is an *Error or
// Errors. Trees are not modified after parsing.
//
// Of the project the package imports nearest alone: not the types, the planner or
// anything that executes.
package sql

import "strings"

// Pos is a place in a source text. Offset counts bytes from 0; Line and Column
// count from 1, Column in characters (runes). The zero Pos is no place.
type Pos struct {
	Offset, Line, Column int
}

// Span is the range [Start, End) of a source text that a node was read from.
// AST nodes embed it.
type Span struct {
	Start, End Pos
}

// Pos returns where the node starts.
func (s Span) Pos() Pos { return s.Start }

// Range returns the node's span; through the Node interface it is how a caller
// gets at what Errorf underlines.
func (s Span) Range() Span { return s }

// To returns the span from the start of s to the end of t.
func (s Span) To(t Span) Span { return Span{s.Start, t.End} }

// Source is a named text. File is what diagnostics print before the line
// number: a path, or a word such as "query" for text without a file.
type Source struct {
	File, Text string
}

// Slice returns the original text of a span, and "" for a span outside the text.
func (s *Source) Slice(sp Span) string {
	if sp.Start.Offset < 0 || sp.End.Offset > len(s.Text) || sp.Start.Offset > sp.End.Offset {
		return ""
	}
	return s.Text[sp.Start.Offset:sp.End.Offset]
}

// Node is any node of the tree.
type Node interface {
	Pos() Pos
	Range() Span
}

// Script is a parsed source: its statements in order.
type Script struct {
	Source     *Source
	Statements []Statement
}

// Ident is one identifier, without its backticks. Case is kept: names are
// case-sensitive. Quoted tells whether it was written in backticks.
type Ident struct {
	Span
	Name   string
	Quoted bool
}

// Name is a dotted name of one or more parts: table, catalog.database.table,
// function.
type Name struct {
	Span
	Parts []*Ident
}

// Last returns the last part's text.
func (n *Name) Last() string { return n.Parts[len(n.Parts)-1].Name }

// Strings returns the texts of the parts.
func (n *Name) Strings() []string {
	s := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		s[i] = p.Name
	}
	return s
}

// Key returns the parts joined by dots, without quoting: for look-ups and
// messages, not for printing SQL.
func (n *Name) Key() string { return strings.Join(n.Strings(), ".") }

// Option is one 'key' = 'value' pair of WITH, or of an OPTIONS hint.
type Option struct {
	Span
	Key, Value         string
	KeySpan, ValueSpan Span
}

// Hint is one hint of a /*+ ... */ comment: OPTIONS('k' = 'v'),
// STATE_TTL('t' = '1 d'), UID('x'), BROADCAST(t). Name is in capitals.
type Hint struct {
	Span
	Name string
	Args []*HintArg
}

// HintArg is one argument of a hint. Key is empty when HasKey is false.
type HintArg struct {
	Span
	Key, Value string
	HasKey     bool
	Literal    bool // Value was a quoted string or number, not an identifier
}
