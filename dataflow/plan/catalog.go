package plan

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Catalog holds the tables and views of a script by name. Names are case-sensitive; a
// name written with the default catalog and database is the same as without.
type Catalog struct {
	tables map[string]*Table
	views  map[string]*View
}

// Table is a declared table.
type Table struct {
	Name    string
	Columns []TableColumn
	// Watermark is nil when the table has none.
	Watermark *Watermark
	// PrimaryKey holds indices into Columns; empty without a key.
	PrimaryKey []int
	// PartitionBy holds the names of PARTITIONED BY.
	PartitionBy []string
	// Partitioned tells that the connector keeps these columns in the names of partitions,
	// and not in its rows.
	Partitioned bool
	// Options is the WITH clause, Order its keys in the order they were written.
	Options map[string]string
	Order   []string
	Comment string
	// Synthetic marks the sink of a bare SELECT.
	Synthetic bool

	span  sql.Span
	spans map[string]sql.Span // of options
	row   Schema              // that of a table that is in the catalog
}

// ColumnKind tells the kinds of a table's columns apart.
type ColumnKind uint8

// Physical columns are in the message, metadata columns beside it, computed ones follow
// from them.
const (
	PhysicalColumn ColumnKind = iota
	MetadataColumn
	ComputedColumn
)

// TableColumn is a column of a Table.
type TableColumn struct {
	Name string
	// Type carries the time attribute of the watermark's column and of PROCTIME().
	Type types.Type
	Kind ColumnKind
	// Key is a metadata column's key; Virtual ones are not written.
	Key     string
	Virtual bool
	// Expr is a computed column's expression over Columns of the table by index.
	Expr    expr.Node
	Comment string

	def *sql.ColumnDef
}

// Watermark is a table's watermark declaration.
type Watermark struct {
	// Column is the index of the event time column.
	Column int
	// Expr is over Columns by index; nil for SOURCE_WATERMARK().
	Expr expr.Node

	def *sql.Watermark
}

// View is a named query.
type View struct {
	Name    string
	Columns []*sql.Ident
	Query   *sql.Query

	busy bool // being inlined: a reference from within is a cycle
}

// NewCatalog is an empty catalog.
func NewCatalog() *Catalog {
	return &Catalog{tables: map[string]*Table{}, views: map[string]*View{}}
}

// Table finds a table by name, or is nil.
func (c *Catalog) Table(name string) *Table { return c.tables[name] }

// View finds a view by name, or is nil.
func (c *Catalog) View(name string) *View { return c.views[name] }

// Tables lists the tables by name.
func (c *Catalog) Tables() []*Table {
	out := make([]*Table, 0, len(c.tables))
	for _, t := range c.tables {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// names lists the tables and views, for suggestions.
func (c *Catalog) names() []string {
	var out []string
	for n := range c.tables {
		out = append(out, n)
	}
	for n := range c.views {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// The default catalog and database, which may be written before a table's name.
const (
	defaultCatalog  = "default_catalog"
	defaultDatabase = "default_database"
)

// objectName is the key of a table or view: the parts joined by dots, less the default
// catalog and database.
func objectName(n *sql.Name) string {
	parts := n.Strings()
	if len(parts) == 3 && parts[0] == defaultCatalog {
		parts = parts[1:]
	}
	if len(parts) == 2 && parts[0] == defaultDatabase {
		parts = parts[1:]
	}
	return strings.Join(parts, ".")
}

// Option is the value of an option, or def when it is not set.
func (t *Table) Option(key, def string) string {
	if v, ok := t.Options[key]; ok {
		return v
	}
	return def
}

// Connector is the option 'connector'.
func (t *Table) Connector() string { return t.Options["connector"] }

// ChangelogMode is the option 'changelog-mode'; ok is false when it is not set or wrong.
func (t *Table) ChangelogMode() (m ChangelogMode, ok bool) {
	v, ok := t.Options["changelog-mode"]
	if !ok {
		return 0, false
	}
	m, err := ParseChangelogMode(v)
	return m, err == nil
}

// Persisted lists the columns that a sink writes, by index: physical and metadata columns
// that are not virtual.
func (t *Table) Persisted() []int {
	var out []int
	for i, c := range t.Columns {
		if c.Kind == PhysicalColumn || c.Kind == MetadataColumn && !c.Virtual {
			out = append(out, i)
		}
	}
	return out
}

// ColumnIndex finds a column by name, or is -1.
func (t *Table) ColumnIndex(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func (t *Table) columnNames() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// schema is the row that a query sees: all columns, computed ones included.
func (t *Table) schema() Schema {
	if t.row != nil {
		return t.row
	}
	out := make(Schema, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = Column{c.Name, c.Type}
	}
	return out
}

// snapshot copies the catalog, so that later statements do not change it.
func (c *Catalog) snapshot() *Catalog {
	return &Catalog{tables: maps.Clone(c.tables), views: maps.Clone(c.views)}
}

// sortedKeys lists a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
