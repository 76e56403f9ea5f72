package sql

// Query is a whole query expression: [WITH ...] body [ORDER BY] [LIMIT]
// [OFFSET]. FETCH FIRST n ROWS ONLY is read as LIMIT n; LIMIT ALL as none.
type Query struct {
	Span
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Limit   Expr // nil when absent
	Offset  Expr // nil when absent
}

// CTE is one named query of WITH. Columns may be empty.
type CTE struct {
	Span
	Name    *Ident
	Columns []*Ident
	Query   *Query
}

// QueryBody is *Select, *SetOp, *Values, *ExplicitTable or *Nested.
type QueryBody interface {
	Node
	bodyNode()
}

// SetOpKind is the kind of a set operation.
type SetOpKind uint8

// Kinds of set operations. MINUS is read as Except.
const (
	Union SetOpKind = iota
	Intersect
	Except
)

// SetOp is Left UNION|INTERSECT|EXCEPT [ALL] Right.
type SetOp struct {
	Span
	Kind        SetOpKind
	All         bool
	Left, Right QueryBody
}

// Values is VALUES (a, b), (c, d). A row of one column may be written without
// parentheses.
type Values struct {
	Span
	Rows []*ValuesRow
}

// ValuesRow is one row of Values.
type ValuesRow struct {
	Span
	Exprs []Expr
}

// ExplicitTable is TABLE t as a query.
type ExplicitTable struct {
	Span
	Name *Name
}

// Nested is a query in parentheses as an operand of a set operation or as the
// body of another query.
type Nested struct {
	Span
	Query *Query
}

// Select is one SELECT block. From, Where, GroupBy, Having and Qualify may be
// nil.
type Select struct {
	Span
	Hints    []*Hint
	Distinct bool
	Items    []*SelectItem
	From     TableExpr
	Where    Expr
	GroupBy  *GroupBy
	Having   Expr
	Windows  []*NamedWindow
	Qualify  Expr
}

// SelectItem is one item of the select list. X may be a *Star; Alias may be nil.
type SelectItem struct {
	Span
	X     Expr
	Alias *Ident
}

// NamedWindow is name AS (spec) of the WINDOW clause.
type NamedWindow struct {
	Span
	Name *Ident
	Spec *WindowSpec
}

// GroupBy is the GROUP BY clause.
type GroupBy struct {
	Span
	Distinct bool // GROUP BY DISTINCT
	Items    []*GroupItem
}

// GroupKind is the kind of a grouping item.
type GroupKind uint8

// Kinds of grouping items.
const (
	GroupExpr   GroupKind = iota // X
	GroupSet                     // (Exprs...), the empty list is ()
	GroupRollup                  // ROLLUP (Items...)
	GroupCube                    // CUBE (Items...)
	GroupSets                    // GROUPING SETS (Items...)
)

// GroupItem is one grouping item. GroupExpr has X, GroupSet has Exprs, the other
// kinds have Items.
type GroupItem struct {
	Span
	Kind  GroupKind
	X     Expr
	Exprs []Expr
	Items []*GroupItem
}

// TableExpr is an item of FROM: *TableName, *Derived, *TableFunc, *Unnest,
// *Join or *MatchRecognize.
type TableExpr interface {
	Node
	tableNode()
}

// TableAlias is [AS] Name [(Columns)].
type TableAlias struct {
	Span
	Name    *Ident
	Columns []*Ident
}

// TableName is a table or view by name. AsOf is the expression of FOR
// SYSTEM_TIME AS OF, or nil.
type TableName struct {
	Span
	Name  *Name
	Hints []*Hint
	AsOf  Expr
	Alias *TableAlias
}

// Derived is a query in parentheses (VALUES included).
type Derived struct {
	Span
	Lateral bool
	Query   *Query
	Alias   *TableAlias
}

// TableFunc is TABLE(f(...)) or LATERAL TABLE(f(...)): windowing TVFs and user
// table functions.
type TableFunc struct {
	Span
	Lateral bool
	Call    *Call
	Alias   *TableAlias
}

// Unnest is UNNEST(exprs) [WITH ORDINALITY].
type Unnest struct {
	Span
	Exprs      []Expr
	Ordinality bool
	Alias      *TableAlias
}

// JoinKind is the kind of a join.
type JoinKind uint8

// Kinds of joins. CommaJoin is FROM a, b.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	CrossJoin
	CommaJoin
	SemiJoin // LEFT SEMI JOIN
	AntiJoin // LEFT ANTI JOIN
)

// Join is Left kind JOIN Right with ON, USING or neither (cross, comma,
// NATURAL).
type Join struct {
	Span
	Kind        JoinKind
	Natural     bool
	Left, Right TableExpr
	On          Expr
	Using       []*Ident
}

func (*Select) bodyNode()        {}
func (*SetOp) bodyNode()         {}
func (*Values) bodyNode()        {}
func (*ExplicitTable) bodyNode() {}
func (*Nested) bodyNode()        {}

func (*TableName) tableNode()      {}
func (*Derived) tableNode()        {}
func (*TableFunc) tableNode()      {}
func (*Unnest) tableNode()         {}
func (*Join) tableNode()           {}
func (*MatchRecognize) tableNode() {}
