package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// createTable binds CREATE TABLE and puts the table into the catalog.
func (b *binder) createTable(s *sql.CreateTable) error {
	name := objectName(s.Name)
	if b.cat.tables[name] != nil || b.cat.views[name] != nil {
		if s.IfNotExists && b.cat.tables[name] != nil {
			return nil
		}
		if !s.OrReplace {
			return b.errorf(s.Name.Span, "table %s is there already", name).
				WithHint("write IF NOT EXISTS to keep the first one, or DROP it before")
		}
	}
	if s.Distributed != nil {
		b.warnf(s.Distributed.Span, "DISTRIBUTED has no effect here")
	}
	t := &Table{Name: name, Options: map[string]string{}, span: s.Name.Span, spans: map[string]sql.Span{}}
	if s.Comment != nil {
		t.Comment = s.Comment.Value
	}
	d := &tableDraft{stmt: s}
	if s.Like != nil {
		if err := b.likeTable(t, d, s.Like); err != nil {
			return err
		}
	}
	if err := b.draftColumns(d, s); err != nil {
		return err
	}
	for _, o := range s.Options {
		t.setOption(o.Key, o.Value, o.Span)
	}
	if len(s.PartitionBy) > 0 {
		t.PartitionBy = nil
		for _, p := range s.PartitionBy {
			t.PartitionBy = append(t.PartitionBy, p.Name)
		}
	}
	return b.finishTable(t, d)
}

// tableDraft collects what a table is declared with before its expressions are bound.
type tableDraft struct {
	stmt       *sql.CreateTable
	cols       []*sql.ColumnDef
	watermarks []*sql.Watermark
	keys       []*sql.Constraint
	keyCols    []string
	likeKey    bool // keyCols are those of LIKE's table
}

// draftColumns adds the statement's own columns, watermarks and constraints. A computed or
// metadata column of LIKE's table may be declared anew with OVERWRITING.
func (b *binder) draftColumns(d *tableDraft, s *sql.CreateTable) error {
	if err := b.wide(s.Name.Span, len(s.Columns)); err != nil {
		return err
	}
	for _, c := range s.Columns {
		if c.Kind == sql.NameOnly {
			return b.errorf(c.Span, "column %s needs a type", c.Name.Name)
		}
		for i, o := range d.cols {
			if o.Name.Name == c.Name.Name {
				if s.Like == nil || !overwrites(s.Like, c.Kind) || slices.Contains(s.Columns, o) {
					return b.errorf(c.Name.Span, "column %s is there twice", c.Name.Name)
				}
				d.cols = slices.Delete(d.cols, i, i+1)
				break
			}
		}
		d.cols = append(d.cols, c)
		if c.Constraint != nil {
			d.keys = append(d.keys, c.Constraint)
			if !c.Constraint.Unique {
				d.keyCols = append(d.keyCols, c.Name.Name)
			}
		}
	}
	if len(s.Watermarks) > 0 {
		if len(d.watermarks) > 0 && !overwritesFeature(s.Like, "WATERMARKS") {
			return b.errorf(s.Watermarks[0].Span, "table %s has a watermark already from LIKE", objectName(s.Name)).
				WithHint("write EXCLUDING WATERMARKS or OVERWRITING WATERMARKS behind LIKE")
		}
		d.watermarks = s.Watermarks
	}
	d.keys = append(d.keys, s.Constraints...)
	if err := b.wide(s.Name.Span, len(d.cols)); err != nil {
		return err
	}
	return b.consists(s.Name.Span, len(d.cols))
}

func (b *binder) finishTable(t *Table, d *tableDraft) error {
	for _, c := range d.cols {
		if err := b.declareColumn(t, c); err != nil {
			return err
		}
	}
	if err := b.primaryKey(t, d); err != nil {
		return err
	}
	if err := b.computedColumns(t); err != nil {
		return err
	}
	if err := b.watermark(t, d.watermarks); err != nil {
		return err
	}
	for i, p := range t.PartitionBy {
		if t.ColumnIndex(p) < 0 {
			at := t.span
			if i < len(d.stmt.PartitionBy) {
				at = d.stmt.PartitionBy[i].Span
			}
			return b.errorf(at, "PARTITIONED BY names the column %s, which the table does not have", p).WithNearest(p, t.columnNames())
		}
	}
	if len(t.Columns) == 0 {
		return b.errorf(t.span, "table %s has no columns", t.Name)
	}
	if err := b.checkTableOptions(t); err != nil {
		return err
	}
	t.row = t.schema()
	delete(b.cat.views, t.Name)
	b.cat.tables[t.Name] = t
	return nil
}

// declareColumn adds a column; the expression of a computed one is bound later.
func (b *binder) declareColumn(t *Table, c *sql.ColumnDef) error {
	col := TableColumn{Name: c.Name.Name, def: c, Virtual: c.Virtual}
	if c.Comment != nil {
		col.Comment = c.Comment.Value
	}
	switch c.Kind {
	case sql.Computed:
		col.Kind = ComputedColumn
	default:
		var err error
		if col.Type, err = b.columnType(c.Type); err != nil {
			return err
		}
		if c.Kind == sql.Metadata {
			col.Kind, col.Key = MetadataColumn, col.Name
			if c.MetadataKey != nil {
				col.Key = c.MetadataKey.Value
			}
		}
	}
	t.Columns = append(t.Columns, col)
	return nil
}

func (b *binder) primaryKey(t *Table, d *tableDraft) error {
	var cols []string
	var at sql.Span
	for _, k := range d.keys {
		if k.Unique {
			return b.unsupported(k.Span, "UNIQUE")
		}
		if k.Enforced != sql.NotEnforced {
			return b.errorf(k.Span, "a primary key is not checked here").WithHint("write PRIMARY KEY ... NOT ENFORCED")
		}
		if len(k.Columns) > 0 {
			for _, c := range k.Columns {
				d.keyCols = append(d.keyCols, c.Name)
			}
		}
		at = k.Span
	}
	if len(d.keys) > 1 || len(d.keys) == 1 && d.likeKey {
		return b.errorf(at, "table %s has two primary keys", t.Name)
	}
	cols = d.keyCols
	for _, c := range cols {
		i := t.ColumnIndex(c)
		if i < 0 {
			return b.errorf(at, "the primary key names the column %s, which the table does not have", c).WithNearest(c, t.columnNames())
		}
		if t.Columns[i].Kind == ComputedColumn || t.Columns[i].Kind == MetadataColumn {
			return b.errorf(at, "column %s of the primary key is not a physical column", c)
		}
		if slices.Contains(t.PrimaryKey, i) {
			return b.errorf(at, "column %s is twice in the primary key", c)
		}
		t.Columns[i].Type.NotNull = true
		t.PrimaryKey = append(t.PrimaryKey, i)
	}
	return nil
}

// computedColumns binds the expressions of computed columns over the others.
func (b *binder) computedColumns(t *Table) error {
	base := &relation{rel: &relScan{table: t}}
	for _, c := range t.Columns {
		name := c.Name
		if c.Kind == ComputedColumn {
			name = ""
		}
		base.names, base.quals = append(base.names, name), append(base.quals, "")
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Kind != ComputedColumn {
			continue
		}
		n, err := b.expr(c.def.X, &scope{in: base, inside: "a computed column"})
		if err != nil {
			if e := sql.Locate(err); e != nil && e.Hint == "" && b.namesComputed(t, c.def.X) {
				return e.WithHint("a computed column cannot refer to another computed column")
			}
			return err
		}
		c.Expr, c.Type = n, n.Type()
	}
	return nil
}

func (b *binder) namesComputed(t *Table, e sql.Expr) bool {
	found := false
	walkExpr(e, func(x sql.Expr) bool {
		if r, ok := x.(*sql.Ref); ok {
			i := t.ColumnIndex(r.Parts[0].Name)
			found = found || i >= 0 && t.Columns[i].Kind == ComputedColumn
		}
		return true
	})
	return found
}

// watermark binds WATERMARK FOR and makes its column the event time attribute.
func (b *binder) watermark(t *Table, ws []*sql.Watermark) error {
	if len(ws) == 0 {
		testRowTime(t)
		return nil
	}
	if len(ws) > 1 {
		return b.errorf(ws[1].Span, "a table has one WATERMARK at most")
	}
	w := ws[0]
	if len(w.Column.Parts) > 1 {
		return b.unsupported(w.Column.Span, "a WATERMARK for a nested field").WithHint("declare a computed column for it, as in ts AS a.b")
	}
	i := t.ColumnIndex(w.Column.Last())
	if i < 0 {
		return b.errorf(w.Column.Span, "unknown column %s", w.Column.Last()).WithNearest(w.Column.Last(), t.columnNames())
	}
	col := &t.Columns[i]
	if !rowTimeType(col.Type) {
		return b.errorf(w.Column.Span, "a WATERMARK needs a column of type TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p from 0 to 3, and %s is %s",
			col.Name, col.Type.Nullable())
	}
	col.Type.Attr = types.RowTime
	out := &Watermark{Column: i, def: w}
	if c, ok := w.X.(*sql.Call); !ok || !isSourceWatermark(c) {
		n, err := b.expr(w.X, &scope{in: newRelation(&relScan{table: t}, ""), inside: "WATERMARK"})
		if err != nil {
			return err
		}
		if !n.Type().IsTimestamp() {
			return b.errorf(w.X.Range(), "a WATERMARK is a timestamp, and this is %s", n.Type().Nullable())
		}
		out.Expr = n
	}
	t.Watermark = out
	return nil
}

// testRowTime makes the column rowtime of a table that a test fills ('connector' =
// 'values') its event time attribute where no WATERMARK is declared: the test itself gives
// the watermarks.
func testRowTime(t *Table) {
	if i := t.ColumnIndex("rowtime"); i >= 0 && t.Connector() == "values" && t.Columns[i].Kind == PhysicalColumn && rowTimeType(t.Columns[i].Type) {
		t.Columns[i].Type.Attr = types.RowTime
	}
}

func isSourceWatermark(c *sql.Call) bool {
	return len(c.Args) == 0 && len(c.Name.Parts) == 1 && strings.EqualFold(c.Name.Last(), "SOURCE_WATERMARK")
}

// likeTable copies what LIKE includes into the draft.
func (b *binder) likeTable(t *Table, d *tableDraft, l *sql.TableLike) error {
	from := b.cat.tables[objectName(l.Table)]
	if from == nil {
		return b.unknownTable(l.Table)
	}
	mode := likeModes(l)
	for _, c := range from.Columns {
		switch {
		case c.Kind == ComputedColumn && mode["GENERATED"] == "EXCLUDING",
			c.Kind == MetadataColumn && mode["METADATA"] == "EXCLUDING":
			continue
		}
		def := *c.def
		def.Constraint = nil
		d.cols = append(d.cols, &def)
	}
	if mode["CONSTRAINTS"] != "EXCLUDING" {
		for _, i := range from.PrimaryKey {
			d.keyCols, d.likeKey = append(d.keyCols, from.Columns[i].Name), true
		}
	}
	if mode["WATERMARKS"] != "EXCLUDING" && from.Watermark != nil {
		d.watermarks = []*sql.Watermark{from.Watermark.def}
	}
	if mode["PARTITIONS"] != "EXCLUDING" {
		t.PartitionBy = slices.Clone(from.PartitionBy)
	}
	if mode["OPTIONS"] == "EXCLUDING" {
		return nil
	}
	for _, k := range from.Order {
		t.setOption(k, from.Options[k], from.spans[k])
	}
	if mode["OPTIONS"] == "INCLUDING" {
		for _, o := range d.stmt.Options {
			if _, ok := from.Options[o.Key]; ok {
				return b.errorf(o.Span, "option '%s' is already set by LIKE", o.Key).WithHint("write OVERWRITING OPTIONS behind LIKE")
			}
		}
	}
	return nil
}

// likeModes gives each feature INCLUDING, EXCLUDING or OVERWRITING: all are included and
// options overwritten unless something else is written.
func likeModes(l *sql.TableLike) map[string]string {
	out := map[string]string{"OPTIONS": "OVERWRITING"}
	for _, o := range l.Options {
		if o.Feature == "ALL" {
			for _, f := range []string{"CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"} {
				out[f] = o.Mode
			}
		}
	}
	for _, o := range l.Options {
		if o.Feature != "ALL" {
			out[o.Feature] = o.Mode
		}
	}
	return out
}

func overwrites(l *sql.TableLike, k sql.ColumnKind) bool {
	switch k {
	case sql.Computed:
		return overwritesFeature(l, "GENERATED")
	case sql.Metadata:
		return overwritesFeature(l, "METADATA")
	}
	return false
}

func overwritesFeature(l *sql.TableLike, feature string) bool {
	return l != nil && likeModes(l)[feature] == "OVERWRITING"
}

// clone copies a table so that its options can be changed.
func (t *Table) clone() *Table {
	c := *t
	c.Options = maps.Clone(t.Options)
	c.Order = slices.Clone(t.Order)
	c.spans = maps.Clone(t.spans)
	return &c
}

// formerKeys are options under the names that Flink gave them before 1.11.
var formerKeys = map[string]string{"connector.type": "connector", "connector.path": "path", "format.type": "format"}

func (t *Table) setOption(key, value string, at sql.Span) {
	if now, ok := formerKeys[key]; ok {
		key = now
	}
	if _, ok := t.Options[key]; !ok {
		t.Order = append(t.Order, key)
	}
	t.Options[key] = value
	t.spans[key] = at
}

// checkTableOptions checks the options that the planner reads itself.
func (b *binder) checkTableOptions(t *Table) error {
	if v, ok := t.Options["changelog-mode"]; ok {
		if _, err := ParseChangelogMode(v); err != nil {
			return b.errorf(t.spans["changelog-mode"], "option 'changelog-mode': %v", err)
		}
	}
	cfg := DefaultConfig()
	for _, key := range sortedKeys(watermarkOptions) {
		field := watermarkOptions[key]
		if v, ok := t.Options[key]; ok {
			if err := cfg.assign(field, v); err != nil {
				return b.errorf(t.spans[key], "option '%s': %v", key, err)
			}
		}
	}
	if v, ok := t.Options["scan.watermark.emit.strategy"]; ok {
		if _, err := parseEnum(v, strategyNames); err != nil {
			return b.errorf(t.spans["scan.watermark.emit.strategy"], "option 'scan.watermark.emit.strategy': %v", err)
		}
	}
	if gap := t.Option(gapOption, "1"); !isCount(gap) {
		return b.errorf(t.spans[gapOption], "option '%s': \"%s\" is no positive number of rows", gapOption, gap)
	}
	if by := t.Option("edgeflow.watermark.by", ""); by != "" && t.ColumnIndex(by) < 0 {
		return b.errorf(t.spans["edgeflow.watermark.by"], "option 'edgeflow.watermark.by' names the column %s, which the table does not have", by).
			WithNearest(by, t.columnNames())
	}
	if err := b.checkAdmission(t); err != nil {
		return err
	}
	return b.checkConnector(t)
}

var strategyNames = []string{"on-periodic", "on-event"}

// gapOption is how many rows lie between watermarks that are emitted on-event.
const gapOption = "scan.watermark.emit.on-event.gap"

func isCount(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && n > 0
}

// watermarkOptions maps a source's options to the session options that they override.
var watermarkOptions = map[string]string{
	"scan.watermark.idle-timeout":   "table.exec.source.idle-timeout",
	"edgeflow.watermark.by-timeout": "edgeflow.watermark.by-timeout",
	"edgeflow.watermark.max-behind": "edgeflow.watermark.max-behind",
	"edgeflow.watermark.max-ahead":  "edgeflow.watermark.max-ahead",
	"edgeflow.watermark.on-ahead":   "edgeflow.watermark.on-ahead",
}
