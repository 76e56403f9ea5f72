package sql

// Statement is *CreateTable, *CreateView, *CreateFunction, *Drop, *Set, *Reset,
// *Insert, *StatementSet, *Explain or *QueryStmt.
type Statement interface {
	Node
	stmtNode()
}

// CreateTable is CREATE [TEMPORARY] TABLE. Comment and As may be absent.
type CreateTable struct {
	Span
	Temporary, IfNotExists, OrReplace bool

	Name        *Name
	Columns     []*ColumnDef
	Watermarks  []*Watermark  // more than one is for the binder to refuse
	Constraints []*Constraint // those of the table; a column's own are in ColumnDef
	Comment     *StringLit
	Distributed *Distribution
	PartitionBy []*Ident
	Options     []*Option
	HasWith     bool // WITH was written, with or without options
	Like        *TableLike
	As          *Query
}

// ColumnKind tells the kinds of columns apart.
type ColumnKind uint8

// Kinds of columns. NameOnly is a column list before AS SELECT.
const (
	Physical ColumnKind = iota
	Computed
	Metadata
	NameOnly
)

// ColumnDef is one column. Physical and Metadata have a Type, Computed has X.
// MetadataKey is nil unless FROM 'key' was written.
type ColumnDef struct {
	Span
	Name        *Ident
	Kind        ColumnKind
	Type        *TypeSpec
	X           Expr
	MetadataKey *StringLit
	Virtual     bool
	Constraint  *Constraint // PRIMARY KEY or UNIQUE behind the type, without Columns
	Comment     *StringLit
}

// Watermark is WATERMARK FOR Column AS X. Column may be a field a.b.
type Watermark struct {
	Span
	Column *Name
	X      Expr
}

// Enforcement is ENFORCED or NOT ENFORCED behind a constraint.
type Enforcement uint8

// Enforcements.
const (
	EnforcementDefault Enforcement = iota
	Enforced
	NotEnforced
)

// Constraint is [CONSTRAINT Name] PRIMARY KEY|UNIQUE [(Columns)] [NOT ENFORCED].
type Constraint struct {
	Span
	Name     *Ident
	Unique   bool // UNIQUE instead of PRIMARY KEY
	Columns  []*Ident
	Enforced Enforcement
}

// Distribution is DISTRIBUTED [BY [HASH|RANGE] (Columns)] [INTO Buckets BUCKETS].
// Buckets is 0 when absent.
type Distribution struct {
	Span
	Kind    string // "", HASH or RANGE
	Columns []*Ident
	Buckets int
}

// TableLike is LIKE Table [(options)].
type TableLike struct {
	Span
	Table   *Name
	Options []*LikeOption
}

// LikeOption is INCLUDING CONSTRAINTS and the like. Mode is INCLUDING, EXCLUDING
// or OVERWRITING; Feature is ALL, CONSTRAINTS, DISTRIBUTION, GENERATED,
// METADATA, OPTIONS, PARTITIONS or WATERMARKS.
type LikeOption struct {
	Span
	Mode, Feature string
}

// CreateView is CREATE [TEMPORARY] VIEW.
type CreateView struct {
	Span
	Temporary, IfNotExists, OrReplace bool

	Name    *Name
	Columns []*Ident
	Comment *StringLit
	Query   *Query
}

// CreateFunction is CREATE [TEMPORARY] [SYSTEM] FUNCTION Name AS 'Class'
// [LANGUAGE Language].
type CreateFunction struct {
	Span
	Temporary, System, IfNotExists bool

	Name     *Name
	Class    string
	Language string // capitals; "" when absent
}

// ObjectKind is what a DROP drops.
type ObjectKind uint8

// Kinds of objects.
const (
	TableObject ObjectKind = iota
	ViewObject
	FunctionObject
)

// Drop is DROP [TEMPORARY] [SYSTEM] TABLE|VIEW|FUNCTION [IF EXISTS] Name.
type Drop struct {
	Span
	Kind                        ObjectKind
	Temporary, System, IfExists bool

	Name *Name
}

// Set is SET 'key' = 'value'. A bare SET, which lists the settings, has HasKey
// false.
type Set struct {
	Span
	HasKey             bool
	Key, Value         string
	KeySpan, ValueSpan Span
}

// Reset is RESET ['key'].
type Reset struct {
	Span
	HasKey  bool
	Key     string
	KeySpan Span
}

// ConflictAction is what ON CONFLICT DO asks for.
type ConflictAction uint8

// Conflict actions.
const (
	ConflictDefault ConflictAction = iota // no ON CONFLICT
	ConflictNothing
	ConflictError
	ConflictDeduplicate
)

// Insert is INSERT INTO|OVERWRITE Table [PARTITION (...)] [(Columns)] Query [ON
// CONFLICT DO ...].
type Insert struct {
	Span
	Overwrite  bool
	Table      *Name
	Hints      []*Hint
	Partition  []*PartitionValue
	Columns    []*Name
	Query      *Query
	OnConflict ConflictAction
}

// PartitionValue is column [= value] of INSERT's PARTITION; X may be nil.
type PartitionValue struct {
	Span
	Column *Ident
	X      Expr
}

// StatementSet is EXECUTE STATEMENT SET BEGIN ... END.
type StatementSet struct {
	Span
	Inserts []*Insert
}

// Explain is EXPLAIN [details | PLAN FOR] Statement. Details are in capitals:
// ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE.
type Explain struct {
	Span
	Details   []string
	Statement Statement // *QueryStmt, *Insert, *StatementSet or *CreateTable
}

// QueryStmt is a query as a statement.
type QueryStmt struct {
	Span
	Query *Query
}

func (*CreateTable) stmtNode()    {}
func (*CreateView) stmtNode()     {}
func (*CreateFunction) stmtNode() {}
func (*Drop) stmtNode()           {}
func (*Set) stmtNode()            {}
func (*Reset) stmtNode()          {}
func (*Insert) stmtNode()         {}
func (*StatementSet) stmtNode()   {}
func (*Explain) stmtNode()        {}
func (*QueryStmt) stmtNode()      {}
