package sql

import "fmt"

// refusals are constructs of SQL that the grammar does not have, by the words that they
// begin with; "#" stands for a number. They are looked for around a place where the text
// does not parse, so that the message names what is not supported.
var refusals = []struct {
	words []string
	name  string
}{
	{[]string{"EXCLUDE"}, "EXCLUDE in the frame of a window"},
	{[]string{"GROUPS"}, "a frame of GROUPS"},
	{[]string{"TABLESAMPLE"}, "TABLESAMPLE"},
	{[]string{"PIVOT", "("}, "PIVOT"},
	{[]string{"UNPIVOT", "("}, "UNPIVOT"},
	{[]string{"PERCENT"}, "FETCH of a PERCENT of the rows"},
	{[]string{"WITH", "TIES"}, "WITH TIES"},
	{[]string{"FOR", "UPDATE"}, "FOR UPDATE"},
	{[]string{"TOP", "#"}, "TOP"},
	{[]string{"CROSS", "APPLY"}, "APPLY"},
	{[]string{"OUTER", "APPLY"}, "APPLY"},
	{[]string{"START", "WITH"}, "START WITH ... CONNECT BY"},
	{[]string{"CONNECT", "BY"}, "CONNECT BY"},
	{[]string{",", "MODEL"}, "a MODEL as an argument"},
	{[]string{"NEXT", "VALUE", "FOR"}, "NEXT VALUE FOR"},
	{[]string{"CURSOR", "("}, "CURSOR"},
	{[]string{"MULTISET", "UNION"}, "MULTISET UNION"},
	{[]string{"MULTISET", "INTERSECT"}, "MULTISET INTERSECT"},
	{[]string{"MULTISET", "EXCEPT"}, "MULTISET EXCEPT"},
	{[]string{"CHECK", "("}, "a CHECK constraint"},
	{[]string{"REFERENCES"}, "REFERENCES"},
	{[]string{"FOREIGN", "KEY"}, "FOREIGN KEY"},
	{[]string{"GENERATED"}, "a GENERATED column"},
	{[]string{"DEFAULT"}, "DEFAULT of a column"},
	{[]string{"DROP", "CATALOG"}, "DROP CATALOG"},
	{[]string{"DROP", "DATABASE"}, "DROP DATABASE"},
	{[]string{"DROP", "MODEL"}, "DROP MODEL"},
	{[]string{"EXECUTE", "PLAN"}, "EXECUTE PLAN"},
	{[]string{"DO", "UPDATE"}, "ON CONFLICT DO UPDATE"},
}

// refusalBefore is how many tokens before the failing one a construct may begin: what it
// begins with may have been read as a name.
const refusalBefore = 3

// nameRefusal replaces a message of what was expected by one that names the construct.
func (p *parser) nameRefusal(e *Error) {
	for i := p.i; i >= max(0, p.i-refusalBefore); i-- {
		for _, r := range refusals {
			if len(r.words) == 1 && i < p.i || !p.wordsAt(i, r.words) {
				continue
			}
			span := p.tokens[i].Span.To(p.tokens[i+len(r.words)-1].Span)
			e.Pos, e.End = span.Start, span.End
			e.Hint = e.Msg
			e.Msg = fmt.Sprintf("%s is not supported", r.name)
			e.Line = p.src.line(span.Start.Offset)
			return
		}
	}
}

func (p *parser) wordsAt(i int, words []string) bool {
	for k, w := range words {
		if i+k >= len(p.tokens) {
			return false
		}
		t := &p.tokens[i+k]
		switch {
		case w == "#" && t.kind == tokenNumber, t.kind == tokenWord && t.word == w, t.kind == tokenOp && t.text == w:
		default:
			return false
		}
	}
	return true
}
