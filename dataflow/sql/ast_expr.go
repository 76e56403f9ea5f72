package sql

// Expr is a scalar expression, or one of the things that stand in an argument
// list beside scalars: *Star, *NamedArg, *TableArg, *Descriptor, *UnitArg,
// *DefaultArg.
type Expr interface {
	Node
	String() string // the expression as SQL
	exprNode()
}

// NullLit is NULL.
type NullLit struct{ Span }

// BoolLit is TRUE, FALSE or UNKNOWN (a NULL of type BOOLEAN).
type BoolLit struct {
	Span
	Value   bool
	Unknown bool
}

// NumberKind tells the three kinds of numeric literals apart.
type NumberKind uint8

// Kinds of numeric literals.
const (
	Integer NumberKind = iota // 42
	Decimal                   // 4.20
	Double                    // 1e3: an approximate number
)

// NumberLit is an unsigned numeric literal. Text is as written; a sign is a
// Unary around it.
type NumberLit struct {
	Span
	Kind NumberKind
	Text string
}

// StringLit is a character literal: 'x', _UTF16'x' (Charset "UTF16"), U&'\0041'
// (decoded). Value is what it denotes.
type StringLit struct {
	Span
	Value   string
	Charset string
}

// BinaryLit is x'0a1b'.
type BinaryLit struct {
	Span
	Value []byte
}

// TemporalKind tells DATE, TIME and TIMESTAMP literals apart.
type TemporalKind uint8

// Kinds of temporal literals.
const (
	DateLit TemporalKind = iota
	TimeLit
	TimestampLit
	TimestampLTZLit // TIMESTAMP WITH LOCAL TIME ZONE
)

// TemporalLit is DATE '2020-01-01', TIME '10:00:00' or TIMESTAMP '...'. Value
// is the text inside the quotes, not yet checked.
type TemporalLit struct {
	Span
	Kind  TemporalKind
	Value string
}

// Unit is a time unit or field in capitals and singular: SECOND, DAY, DOW.
type Unit string

// IntervalQualifier is YEAR, DAY(3) TO SECOND(6) and the like. To is empty for
// a single unit. Precision is that of the leading field and Fraction that of
// the seconds; -1 where not written.
type IntervalQualifier struct {
	Span
	From, To            Unit
	Precision, Fraction int
}

// IntervalLit is INTERVAL [-] '10-4' YEAR TO MONTH. Value is the text inside the
// quotes, not yet checked; Negative is the sign before it.
type IntervalLit struct {
	Span
	Negative  bool
	Value     string
	Qualifier *IntervalQualifier
}

// IntervalExpr is INTERVAL x UNIT with an expression instead of a literal.
type IntervalExpr struct {
	Span
	X         Expr
	Qualifier *IntervalQualifier
}

// Ref is a column reference a, t.a, t.a.field or the like: at least one part.
// Which part is a table and which a field is the binder's to find out.
type Ref struct {
	Span
	Parts []*Ident
}

// Field is X.Name where X is not a plain name: f(x).name, (row).name, a[1].name.
type Field struct {
	Span
	X    Expr
	Name *Ident
}

// Index is X[I]: element of an array (from 1) or a map, or field of a row.
type Index struct {
	Span
	X, I Expr
}

// Star is * or t.* ; as the only argument of a call it is COUNT(*).
type Star struct {
	Span
	Qualifier []*Ident
}

// Unary is a prefix operator. Op is "NOT", "-", "+", or inside MATCH_RECOGNIZE
// "FINAL" and "RUNNING".
type Unary struct {
	Span
	Op string
	X  Expr
}

// Binary is an infix operator. Op is one of OR, AND, =, <>, <, <=, >, >=, +, -,
// ||, *, /, %, OVERLAPS, MEMBER OF, SUBMULTISET OF, IS DISTINCT FROM,
// IS NOT DISTINCT FROM; != is read as <>.
type Binary struct {
	Span
	Op     string
	OpSpan Span
	L, R   Expr
}

// Is is X IS [NOT] What, where What is NULL, TRUE, FALSE, UNKNOWN, JSON,
// JSON VALUE, JSON OBJECT, JSON ARRAY, JSON SCALAR, A SET or EMPTY.
type Is struct {
	Span
	X    Expr
	Not  bool
	What string
}

// In is X [NOT] IN (List) or X [NOT] IN (Query); one of List and Query is set.
type In struct {
	Span
	X     Expr
	Not   bool
	List  []Expr
	Query *Query
}

// Quantified is L Op SOME|ALL (List or Query). ANY is read as SOME.
type Quantified struct {
	Span
	Op    string
	All   bool
	L     Expr
	List  []Expr
	Query *Query
}

// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type Between struct {
	Span
	X              Expr
	Not, Symmetric bool
	Low, High      Expr
}

// Like is X [NOT] LIKE|SIMILAR TO Pattern [ESCAPE Escape].
type Like struct {
	Span
	X               Expr
	Not, Similar    bool
	Pattern, Escape Expr // Escape may be nil
}

// Case is CASE [Operand] WHEN ... THEN ... [ELSE Else] END. Operand and Else may
// be nil.
type Case struct {
	Span
	Operand Expr
	Whens   []*When
	Else    Expr
}

// When is one branch of a Case. A simple CASE may list several values
// (WHEN 1, 2 THEN ...); a searched one has one condition.
type When struct {
	Span
	Conds []Expr
	Then  Expr
}

// Cast is CAST(X AS Type) or, with Try, TRY_CAST.
type Cast struct {
	Span
	Try  bool
	X    Expr
	Type *TypeSpec
}

// Trim is TRIM([Side] [Chars FROM] X). Side is BOTH, LEADING or TRAILING; Chars
// is nil for blanks.
type Trim struct {
	Span
	Side     string
	Chars, X Expr
}

// Call is a call of a scalar, aggregate, window or table function. The special
// syntaxes are calls too: EXTRACT(unit FROM x) has the arguments *UnitArg and x;
// POSITION(a IN b), SUBSTRING(x FROM a FOR b) and OVERLAY(x PLACING y FROM a
// FOR b) have their operands in that order; FLOOR(x TO unit) has x and *UnitArg;
// TIMESTAMPADD has *UnitArg first; JSON_OBJECT has keys and values by turns.
type Call struct {
	Span
	Name     *Name
	Args     []Expr
	NoParens bool // CURRENT_DATE and the like, written without parentheses

	Distinct    bool         // f(DISTINCT ...)
	OrderBy     []*OrderItem // f(x ORDER BY y)
	WithinGroup []*OrderItem // f(x) WITHIN GROUP (ORDER BY y)
	Filter      Expr         // FILTER (WHERE ...)
	Nulls       NullTreatment
	Over        *WindowSpec // OVER (...) or OVER w
	JSON        *JSONClause // clauses of the JSON_ functions, nil when none was written
}

// NullTreatment is RESPECT NULLS or IGNORE NULLS after a call.
type NullTreatment uint8

// Null treatments.
const (
	NullsDefault NullTreatment = iota
	NullsRespect
	NullsIgnore
)

// JSONClause holds the clauses of JSON_VALUE, JSON_QUERY, JSON_EXISTS,
// JSON_OBJECT, JSON_ARRAY, JSON_OBJECTAGG and JSON_ARRAYAGG.
type JSONClause struct {
	Span
	Returning *TypeSpec     // RETURNING type
	Wrapper   string        // "", WITHOUT ARRAY, WITH CONDITIONAL ARRAY, WITH UNCONDITIONAL ARRAY
	OnEmpty   *JSONBehavior // ... ON EMPTY
	OnError   *JSONBehavior // ... ON ERROR
	OnNull    string        // "", NULL or ABSENT (... ON NULL)
}

// JSONBehavior is what stands before ON EMPTY or ON ERROR. Kind is NULL, ERROR,
// DEFAULT (with X), EMPTY ARRAY, EMPTY OBJECT, TRUE, FALSE or UNKNOWN.
type JSONBehavior struct {
	Span
	Kind string
	X    Expr
}

// ConstructorKind tells the value constructors apart.
type ConstructorKind uint8

// Kinds of value constructors.
const (
	ArrayOf    ConstructorKind = iota // ARRAY[a, b]
	MapOf                             // MAP[k1, v1, k2, v2]
	RowOf                             // ROW(a, b) or (a, b)
	MultisetOf                        // MULTISET[a, b]
)

// Constructor builds a value of its elements, or (not for ROW) of the rows of
// Query: ARRAY(SELECT ...).
type Constructor struct {
	Span
	Kind  ConstructorKind
	Elems []Expr
	Query *Query
}

// Subquery is a query in parentheses used as a scalar.
type Subquery struct {
	Span
	Query *Query
}

// Exists is EXISTS (Query).
type Exists struct {
	Span
	Query *Query
}

// NamedArg is name => X in a call.
type NamedArg struct {
	Span
	Name *Ident
	X    Expr
}

// DefaultArg is DEFAULT as an argument or as a value of INSERT.
type DefaultArg struct{ Span }

// TableArg is a table given to a table function: TABLE t or a query in
// parentheses, with an optional PARTITION BY and ORDER BY. One of Table and Query
// is set.
type TableArg struct {
	Span
	Table       *Name
	Hints       []*Hint
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// Descriptor is DESCRIPTOR(a, b): column names given to a table function.
type Descriptor struct {
	Span
	Columns []*Ident
}

// UnitArg is a time unit as an argument: EXTRACT, FLOOR, TIMESTAMPDIFF.
type UnitArg struct {
	Span
	Unit Unit
}

// WindowSpec is what follows OVER or a name in the WINDOW clause. Base is the
// window it refines; with Bare it is all there is (OVER w). Frame may be nil.
type WindowSpec struct {
	Span
	Base        *Ident
	Bare        bool
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// Frame is ROWS|RANGE BETWEEN Start AND End; End is nil for the short form.
type Frame struct {
	Span
	IsRange    bool // RANGE instead of ROWS
	Start, End *FrameBound
}

// BoundKind is the kind of a frame's bound.
type BoundKind uint8

// Kinds of frame bounds. Preceding and Following have an offset.
const (
	UnboundedPreceding BoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// FrameBound is one end of a Frame.
type FrameBound struct {
	Span
	Kind   BoundKind
	Offset Expr
}

// NullsOrder is NULLS FIRST or NULLS LAST in ORDER BY.
type NullsOrder uint8

// Orders of NULL.
const (
	NullsOrderDefault NullsOrder = iota
	NullsFirst
	NullsLast
)

// OrderItem is one key of ORDER BY.
type OrderItem struct {
	Span
	X     Expr
	Desc  bool
	Nulls NullsOrder
}

func (*NullLit) exprNode()      {}
func (*BoolLit) exprNode()      {}
func (*NumberLit) exprNode()    {}
func (*StringLit) exprNode()    {}
func (*BinaryLit) exprNode()    {}
func (*TemporalLit) exprNode()  {}
func (*IntervalLit) exprNode()  {}
func (*IntervalExpr) exprNode() {}
func (*Ref) exprNode()          {}
func (*Field) exprNode()        {}
func (*Index) exprNode()        {}
func (*Star) exprNode()         {}
func (*Unary) exprNode()        {}
func (*Binary) exprNode()       {}
func (*Is) exprNode()           {}
func (*In) exprNode()           {}
func (*Quantified) exprNode()   {}
func (*Between) exprNode()      {}
func (*Like) exprNode()         {}
func (*Case) exprNode()         {}
func (*Cast) exprNode()         {}
func (*Trim) exprNode()         {}
func (*Call) exprNode()         {}
func (*Constructor) exprNode()  {}
func (*Subquery) exprNode()     {}
func (*Exists) exprNode()       {}
func (*NamedArg) exprNode()     {}
func (*DefaultArg) exprNode()   {}
func (*TableArg) exprNode()     {}
func (*Descriptor) exprNode()   {}
func (*UnitArg) exprNode()      {}
