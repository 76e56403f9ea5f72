// Package sqlfuzz makes scripts out of scripts, for the fuzz tests of the language: it
// cuts the trees of seed scripts into pieces and puts pieces in each other's place, so
// that what it yields mostly parses and fuzzing goes past the parser. Tests alone import
// it.
package sqlfuzz

import (
	"fmt"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Corpus holds seed scripts and the pieces of their trees by class.
type Corpus struct {
	pieces map[string][]string
}

// piecesMax bounds the length of a piece that is put into another script.
const piecesMax = 1500

// New cuts texts into pieces. What does not parse yields none.
func New(texts ...string) *Corpus {
	c := &Corpus{pieces: map[string][]string{}}
	seen := map[string]bool{}
	for _, t := range texts {
		s, _ := sql.Parse("seed", t)
		for _, p := range cut(s) {
			text := s.Source.Slice(p.span)
			if key := p.class + " " + text; len(text) > 0 && len(text) <= piecesMax && !seen[key] {
				seen[key] = true
				c.pieces[p.class] = append(c.pieces[p.class], text)
			}
		}
	}
	return c
}

// piece is a range of a script that holds a node of a class.
type piece struct {
	class string
	span  sql.Span
}

// cut lists the nodes of a script in the order of the text.
func cut(s *sql.Script) []piece {
	var out []piece
	for _, stmt := range s.Statements {
		sql.Walk(stmt, func(n sql.Node) bool {
			out = append(out, piece{class(n), n.Range()})
			return true
		})
	}
	return out
}

// class says which nodes may stand in each other's place.
func class(n sql.Node) string {
	switch n.(type) {
	case sql.Expr:
		return "expr"
	case *sql.Query, sql.QueryBody:
		return "query"
	case sql.TableExpr:
		return "table"
	case sql.Statement:
		return "statement"
	}
	return fmt.Sprintf("%T", n)
}

// decisions reads choices from fuzzed bytes; past their end every choice is the first.
type decisions struct{ data []byte }

func (d *decisions) byte() byte {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

// below chooses a number below n.
func (d *decisions) below(n int) int {
	if n <= 1 {
		return 0
	}
	v := int(d.byte())
	if n > 256 {
		v |= int(d.byte()) << 8
	}
	return v % n
}

// editsMax bounds how many edits one sequence of bytes makes.
const editsMax = 8

// words are put in by themselves: they change what a clause means.
var words = strings.Fields("DISTINCT ALL NOT NULL LEFT RIGHT FULL NATURAL LATERAL UNION INTERSECT EXCEPT " +
	"WITH ORDINALITY ROLLUP CUBE EXISTS IN ANY TRUE FALSE CURRENT_TIMESTAMP PROCTIME() COUNT(*) 0 -1 1e400 " +
	"9223372036854775808 '' X'00' ROW MAP ARRAY[] DESC NULLS LAST FILTER(WHERE OVER() LIMIT 0 * . , ( ) ; :: ==")

// Mutate edits a script as data says: it puts pieces of the corpus or of the script in the
// place of others, and changes single tokens.
func (c *Corpus) Mutate(text string, data []byte) string {
	d := &decisions{data}
	for range editsMax {
		if len(d.data) == 0 || len(text) > 20_000 {
			break
		}
		if d.below(4) == 0 {
			text = editToken(text, d)
		} else {
			text = c.splice(text, d)
		}
	}
	return text
}

// splice puts a piece in the place of another of its class.
func (c *Corpus) splice(text string, d *decisions) string {
	s, _ := sql.Parse("seed", text)
	own := cut(s)
	if len(own) == 0 {
		return editToken(text, d)
	}
	at := own[d.below(len(own))]
	var from []string
	if d.below(2) == 0 {
		for _, p := range own {
			if p.class == at.class {
				from = append(from, s.Source.Slice(p.span))
			}
		}
	} else {
		from = c.pieces[at.class]
	}
	if len(from) == 0 {
		return text
	}
	with := from[d.below(len(from))]
	if at.class == "expr" {
		switch d.below(8) {
		case 1:
			with = "(" + s.Source.Slice(at.span) + ") = (" + with + ")"
		case 2:
			with = "(" + with + ")"
		case 3:
			with = "COALESCE(" + with + ", " + s.Source.Slice(at.span) + ")"
		case 4:
			with = "NOT (" + with + ")"
		}
	}
	return text[:at.span.Start.Offset] + with + text[at.span.End.Offset:]
}

// editToken removes, repeats, exchanges or puts in a token.
func editToken(text string, d *decisions) string {
	toks := tokens(text)
	if len(toks) == 0 {
		return words[d.below(len(words))]
	}
	at, other := toks[d.below(len(toks))], toks[d.below(len(toks))]
	switch d.below(5) {
	case 0:
		return text[:at[0]] + text[at[1]:]
	case 1:
		return text[:at[1]] + " " + text[at[0]:]
	case 2:
		return text[:at[0]] + words[d.below(len(words))] + text[at[1]:]
	case 3:
		return text[:at[0]] + words[d.below(len(words))] + " " + text[at[0]:]
	}
	return text[:at[0]] + text[other[0]:other[1]] + text[at[1]:]
}

// tokens finds words, numbers, quoted texts and single signs, well enough to edit by.
func tokens(text string) [][2]int {
	var out [][2]int
	word := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
	}
	for i := 0; i < len(text); {
		j := i + 1
		switch c := text[i]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case c == '\'' || c == '`':
			if n := strings.IndexByte(text[j:], c); n >= 0 {
				j += n + 1
			}
		case word(c):
			for j < len(text) && word(text[j]) {
				j++
			}
		}
		out = append(out, [2]int{i, j})
		i = j
	}
	return out
}

// Classes lists the classes of pieces with their numbers, for a test's log.
func (c *Corpus) Classes() []string {
	var out []string
	for k, v := range c.pieces {
		out = append(out, fmt.Sprintf("%s %d", k, len(v)))
	}
	sort.Strings(out)
	return out
}
