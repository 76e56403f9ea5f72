package plan

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// relation is a rel with the names by which a query refers to its columns.
type relation struct {
	rel rel
	// names are the columns' names and quals the table aliases before them ("" for none),
	// parallel to the rel's schema.
	names, quals []string
	// hidden are the columns that only a table's name before theirs finds and * does not
	// stand for: USING has put another in their place. Nil for none.
	hidden []bool
}

// visible tells whether a name without a table finds column i.
func (r *relation) visible(i int) bool { return r.hidden == nil || !r.hidden[i] }

// newRelation names the columns of a rel after its schema.
func newRelation(r rel, alias string) *relation {
	s := r.cols()
	out := &relation{rel: r, names: s.Names(), quals: make([]string, len(s))}
	for i := range out.quals {
		out.quals[i] = alias
	}
	return out
}

// col is column i as an expression.
func (r *relation) col(i int) *expr.Col {
	return expr.NewCol(i, r.names[i], r.rel.cols()[i].Type)
}

// find returns the columns of a name, of one alias when qual is not empty.
func (r *relation) find(qual, name string) []int {
	var out []int
	for i, n := range r.names {
		if n == name && (qual == "" && r.visible(i) || qual != "" && r.quals[i] == qual) {
			out = append(out, i)
		}
	}
	return out
}

func (r *relation) hasAlias(qual string) bool {
	for _, q := range r.quals {
		if q == qual {
			return true
		}
	}
	return false
}

// candidates are the names that could have been meant: columns, of one alias when qual is
// not empty, and aliases.
func (r *relation) candidates(qual string) []string {
	var out []string
	for i, n := range r.names {
		if qual == "" || r.quals[i] == qual {
			out = append(out, n)
		}
	}
	if qual == "" {
		for i, q := range r.quals {
			if q != "" && (i == 0 || r.quals[i-1] != q) {
				out = append(out, q)
			}
		}
	}
	return out
}

// ref resolves a dotted name: an alias and its column, or a column, and then fields. A
// table's catalog and database may stand before its alias.
func (b *binder) ref(parts []*sql.Ident, span sql.Span, in *relation) (expr.Node, error) {
	if n, ok, err := b.outerRef(parts, span, in); ok || err != nil {
		return n, err
	}
	if in == nil {
		return nil, b.errorf(span, "column %s is not allowed here: there is no table to take it from", quoteParts(parts))
	}
	parts = dropCatalog(parts, in)
	if len(parts) > 1 && in.hasAlias(parts[0].Name) {
		at := in.find(parts[0].Name, parts[1].Name)
		if len(at) > 0 {
			return b.fields(in, at, parts, 2, span)
		}
		if len(in.find("", parts[0].Name)) == 0 {
			return nil, b.errorf(parts[1].Span, "table %s has no column %s", parts[0].Name, parts[1].Name).
				WithNearest(parts[1].Name, in.candidates(parts[0].Name))
		}
	}
	at := in.find("", parts[0].Name)
	if len(at) == 0 {
		what := "column"
		if len(parts) > 1 {
			what = "table or column"
		}
		return nil, b.errorf(parts[0].Span, "unknown %s %s", what, parts[0].Name).
			WithNearest(parts[0].Name, in.candidates(""))
	}
	return b.fields(in, at, parts, 1, span)
}

// dropCatalog takes default_catalog.default_database from the front of a name.
func dropCatalog(parts []*sql.Ident, in *relation) []*sql.Ident {
	for _, n := range []string{defaultCatalog, defaultDatabase} {
		if len(parts) > 2 && parts[0].Name == n && !in.hasAlias(n) && len(in.find("", n)) == 0 {
			parts = parts[1:]
		}
	}
	return parts
}

// fields follows parts[from:] below the column that the parts before it found.
func (b *binder) fields(in *relation, at []int, parts []*sql.Ident, from int, span sql.Span) (expr.Node, error) {
	if len(at) > 1 {
		return nil, b.errorf(span, "column %s is ambiguous: it is in more than one table", quoteParts(parts[:from]))
	}
	var n expr.Node = in.col(at[0])
	for _, p := range parts[from:] {
		var err error
		if n, err = b.field(n, p); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (b *binder) field(n expr.Node, name *sql.Ident) (expr.Node, error) {
	t := n.Type()
	if t.Kind != types.Row && t.Kind != types.Structured {
		return nil, b.errorf(name.Span, "%s is a value of type %s and has no field %s", n, t.Nullable(), name.Name)
	}
	out, err := expr.NewField(n, name.Name)
	if err != nil {
		names := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			names[i] = f.Name
		}
		return nil, b.errorf(name.Span, "%s has no field %s", n, name.Name).WithNearest(name.Name, names)
	}
	return out, nil
}

func quoteParts(parts []*sql.Ident) string {
	s := ""
	for i, p := range parts {
		if i > 0 {
			s += "."
		}
		s += p.Name
	}
	return s
}

// unique makes names differ from those before them by a number, as SELECT a, a yields the
// columns a and a0.
func unique(names []string) []string {
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = false
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		if taken := seen[n]; !taken {
			seen[n] = true
			continue
		}
		for k := 0; ; k++ {
			cand := n + strconv.Itoa(k)
			if _, ok := seen[cand]; !ok {
				out[i] = cand
				seen[cand] = true
				break
			}
		}
	}
	return out
}
