package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// createTableAs binds CREATE TABLE ... AS: a table with the columns it declares and behind
// them those of the query that it does not, and an INSERT of the query's rows.
func (b *binder) createTableAs(s *sql.CreateTable) ([]*target, error) {
	if s.IfNotExists && b.cat.tables[objectName(s.Name)] != nil {
		return nil, nil
	}
	if s.Like != nil {
		return nil, b.unsupported(s.Like.Span, "LIKE beside AS")
	}
	q, err := b.query(s.As)
	if err != nil {
		return nil, err
	}
	names := unique(q.names)
	table := *s
	table.As = nil
	if table.Columns, err = b.columnsAs(s, q, names); err != nil {
		return nil, err
	}
	if err := b.createTable(&table); err != nil {
		return nil, err
	}
	in := &sql.Insert{Span: s.As.Span, Table: s.Name, Query: s.As}
	for _, n := range names {
		in.Columns = append(in.Columns, &sql.Name{Span: s.As.Span, Parts: []*sql.Ident{{Span: s.As.Span, Name: n}}})
	}
	t, err := b.insert(in)
	return []*target{t}, err
}

// columnsAs lists the columns of a table made of a query. Names without types put the
// query's columns in another order.
func (b *binder) columnsAs(s *sql.CreateTable, q *relation, names []string) ([]*sql.ColumnDef, error) {
	ofQuery := func(i int, at sql.Span) (*sql.ColumnDef, error) {
		t, err := sql.ParseType("query", q.rel.cols()[i].Type.Plain().String())
		if err != nil {
			return nil, b.unsupported(at, "a column of type "+q.rel.cols()[i].Type.String()+" in CREATE TABLE AS")
		}
		return &sql.ColumnDef{Span: at, Name: &sql.Ident{Span: at, Name: names[i]}, Type: t}, nil
	}
	var out []*sql.ColumnDef
	declared := map[string]bool{}
	for _, c := range s.Columns {
		declared[c.Name.Name] = true
		if c.Kind != sql.NameOnly {
			out = append(out, c)
			continue
		}
		i := slices.Index(names, c.Name.Name)
		if i < 0 || len(s.Columns) != len(names) {
			return nil, b.errorf(c.Span, "a list of columns without types gives those of the query another order, and has to name them all")
		}
		d, err := ofQuery(i, c.Span)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	for i, n := range names {
		if declared[n] {
			continue
		}
		d, err := ofQuery(i, s.As.Span)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
