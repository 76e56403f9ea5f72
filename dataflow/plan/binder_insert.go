package plan

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// target is a bound INSERT, or a bare SELECT: rows of the table's persisted columns.
type target struct {
	rel       rel
	table     *Table
	persisted []int // columns of the table
	name      string
	overwrite bool
	conflict  sql.ConflictAction
	partition map[string]string
	uid       string
	span      sql.Span
}

// insert binds INSERT INTO.
func (b *binder) insert(s *sql.Insert) (*target, error) {
	name := objectName(s.Table)
	t := b.cat.tables[name]
	if t == nil {
		if b.cat.views[name] != nil {
			return nil, b.errorf(s.Table.Span, "%s is a view; rows can be inserted into tables only", name)
		}
		return nil, b.unknownTable(s.Table)
	}
	t, uid, err := b.hinted(t, s.Hints)
	if err != nil {
		return nil, err
	}
	if c, ok := b.opts.Connectors[t.Connector()]; ok && !c.Sink {
		return nil, b.errorf(s.Table.Span, "connector '%s' cannot be written to", t.Connector())
	}
	out := &target{table: t, persisted: t.Persisted(), name: name, overwrite: s.Overwrite, conflict: s.OnConflict, uid: uid, span: s.Table.Span}
	fixed, err := b.staticPartition(s, t, out)
	if err != nil {
		return nil, err
	}
	cols, err := b.insertColumns(s, t, fixed)
	if err != nil {
		return nil, err
	}
	q, err := b.query(s.Query)
	if err != nil {
		return nil, err
	}
	if len(q.names) != len(cols) {
		return nil, b.mismatch(s, t, q, cols, "different number of columns")
	}
	return out, b.fillSink(s, out, q, cols, fixed)
}

// staticPartition reads PARTITION (a = 1): values by column of the table.
func (b *binder) staticPartition(s *sql.Insert, t *Table, out *target) (map[int]expr.Node, error) {
	fixed := map[int]expr.Node{}
	for _, p := range s.Partition {
		i := t.ColumnIndex(p.Column.Name)
		if i < 0 || indexOf(t.PartitionBy, p.Column.Name) < 0 {
			return nil, b.errorf(p.Column.Span, "%s is no partition column of table %s", p.Column.Name, t.Name).
				WithNearest(p.Column.Name, t.PartitionBy)
		}
		if p.X == nil {
			continue
		}
		n, err := b.expr(p.X, &scope{inside: "PARTITION"})
		if err != nil {
			return nil, err
		}
		if !expr.CanImplicit(n.Type(), t.Columns[i].Type) {
			return nil, b.errorf(p.X.Range(), "column %s is %s, and this is %s", p.Column.Name, t.Columns[i].Type.Nullable(), n.Type().Nullable())
		}
		fixed[i] = expr.Fold(coerce(n, t.Columns[i].Type), b.env())
		if out.partition == nil {
			out.partition = map[string]string{}
		}
		if l, ok := fixed[i].(*expr.Lit); ok {
			out.partition[p.Column.Name] = string(expr.FormatDatum(nil, l.Value, l.T, b.env()))
		}
	}
	return fixed, nil
}

// insertColumns lists the table's columns that the query fills, in the query's order.
func (b *binder) insertColumns(s *sql.Insert, t *Table, fixed map[int]expr.Node) ([]int, error) {
	var out []int
	if len(s.Columns) == 0 {
		for _, i := range t.Persisted() {
			if fixed[i] == nil {
				out = append(out, i)
			}
		}
		return out, nil
	}
	seen := map[int]bool{}
	for _, n := range s.Columns {
		if len(n.Parts) > 1 {
			return nil, b.unsupported(n.Span, "INSERT into a nested field")
		}
		i := t.ColumnIndex(n.Last())
		if i < 0 {
			return nil, b.errorf(n.Span, "table %s has no column %s", t.Name, n.Last()).WithNearest(n.Last(), t.columnNames())
		}
		if c := t.Columns[i]; c.Kind == ComputedColumn || c.Virtual {
			return nil, b.errorf(n.Span, "column %s is computed or virtual and cannot be written to", c.Name)
		}
		if seen[i] || fixed[i] != nil {
			return nil, b.errorf(n.Span, "column %s is given twice", n.Last())
		}
		seen[i] = true
		out = append(out, i)
	}
	return out, nil
}

// mismatch is the diagnostic of a query that does not fit its sink; it shows both schemas.
func (b *binder) mismatch(s *sql.Insert, t *Table, q *relation, cols []int, cause string) error {
	have := make([]string, len(q.names))
	for i, n := range q.names {
		have[i] = n + ": " + q.rel.cols()[i].Type.String()
	}
	want := make([]string, len(cols))
	for i, c := range cols {
		want[i] = t.Columns[c].Name + ": " + t.Columns[c].Type.Plain().String()
	}
	return b.errorf(s.Table.Span, "column types of query result and sink %s do not match: %s\nquery schema: [%s]\nsink schema:  [%s]",
		t.Name, cause, strings.Join(have, ", "), strings.Join(want, ", "))
}

// fillSink projects the query to the table's columns.
func (b *binder) fillSink(s *sql.Insert, out *target, q *relation, cols []int, fixed map[int]expr.Node) error {
	t := out.table
	from := map[int]int{}
	for i, c := range cols {
		have, want := q.rel.cols()[i].Type, t.Columns[c].Type
		if !assignable(have, want) {
			return b.mismatch(s, t, q, cols, fmt.Sprintf("incompatible types for sink column '%s' at position %d: %s cannot become %s",
				t.Columns[c].Name, i+1, have.Plain().Nullable(), want.Plain().Nullable()))
		}
		from[c] = i
	}
	var nodes []expr.Node
	schema := make(Schema, 0, len(out.persisted))
	for _, c := range out.persisted {
		want := t.Columns[c].Type.Plain()
		schema = append(schema, Column{t.Columns[c].Name, want})
		i, filled := from[c]
		switch {
		case filled:
			nodes = append(nodes, sinkCast(colRef(q.rel.cols(), i), want))
		case fixed[c] != nil:
			nodes = append(nodes, fixed[c])
		case want.NotNull:
			return b.errorf(s.Table.Span, "column %s of table %s is NOT NULL and gets no value", t.Columns[c].Name, t.Name)
		default:
			nodes = append(nodes, expr.NewNull(want))
		}
	}
	out.rel = &relCalc{in: q.rel, project: nodes, schema: schema}
	return nil
}

// sinkCast converts a query's column to a sink's. Lengths of strings are the sink's to
// enforce.
func sinkCast(n expr.Node, want types.Type) expr.Node {
	have := n.Type()
	if have.IsString() && want.IsString() || have.IsBinary() && want.IsBinary() {
		return n
	}
	return coerce(n, want)
}

// assignable tells which types a sink's column takes without CAST, as in Flink: a number
// by a wider one, timestamps by each other, strings by strings; and beyond Flink an integer
// by a VARCHAR that every integer fits, which query 6 of Nexmark asks for.
func assignable(from, to types.Type) bool {
	switch {
	case from.Kind == types.Null || from.Equal(to):
		return true
	case from.IsString():
		return to.IsString()
	case from.IsBinary():
		return to.IsBinary()
	case to.Kind == types.Decimal || to.IsApprox():
		return from.IsNumeric() && (to.Kind != types.Float || from.Kind != types.Double)
	case from.IsInteger():
		return to.IsInteger() && to.Kind >= from.Kind || to.Kind == types.Varchar && to.Prec >= integerText
	case from.IsTimestamp():
		return to.IsTimestamp() || from.Kind == types.Timestamp && (to.Kind == types.Date || to.Kind == types.Time)
	case from.Kind == types.Time, from.IsInterval():
		return from.Kind == to.Kind
	case from.IsNested():
		return assignableNested(from, to)
	}
	return false
}

// integerText is the length of the longest integer as text.
const integerText = 20

func assignableNested(from, to types.Type) bool {
	row := func(t types.Type) bool { return t.Kind == types.Row || t.Kind == types.Structured }
	if row(from) && row(to) {
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range from.Fields {
			if !assignable(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	if from.Kind != to.Kind || from.Elem == nil || to.Elem == nil {
		return false
	}
	return assignable(*from.Elem, *to.Elem) && (from.Kind != types.Map || assignable(*from.Key, *to.Key))
}

// result binds a bare SELECT: its sink is a table named result.
func (b *binder) result(s *sql.QueryStmt) (*target, error) {
	q, err := b.query(s.Query)
	if err != nil {
		return nil, err
	}
	t := &Table{Name: "result", Synthetic: true, Options: map[string]string{}, span: s.Span, spans: map[string]sql.Span{}}
	names := unique(q.names)
	for i, n := range names {
		t.Columns = append(t.Columns, TableColumn{Name: n, Type: q.rel.cols()[i].Type.Plain()})
	}
	schema := t.schema()
	return &target{rel: &relCalc{in: q.rel, project: identity(q.rel.cols()), schema: schema}, table: t,
		persisted: t.Persisted(), name: t.Name, span: s.Span}, nil
}
