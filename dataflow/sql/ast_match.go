package sql

// MatchRecognize is Input MATCH_RECOGNIZE (...).
type MatchRecognize struct {
	Span
	Input       TableExpr
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*Measure
	Rows        RowsPerMatch
	After       *AfterMatch // nil when absent
	Pattern     Pattern
	StartAnchor bool         // ^
	EndAnchor   bool         // $
	Within      *IntervalLit // nil when absent
	Subsets     []*Subset
	Defines     []*Define
	Alias       *TableAlias
}

// RowsPerMatch is ONE ROW or ALL ROWS PER MATCH.
type RowsPerMatch uint8

// Rows per match.
const (
	RowsDefault RowsPerMatch = iota
	OneRow
	AllRows
)

// AfterMatchKind tells where matching goes on.
type AfterMatchKind uint8

// Kinds of AFTER MATCH. The last two name a pattern variable.
const (
	SkipToNextRow AfterMatchKind = iota
	SkipPastLastRow
	SkipToFirst
	SkipToLast
)

// AfterMatch is AFTER MATCH SKIP ...
type AfterMatch struct {
	Span
	Kind AfterMatchKind
	Var  *Ident
}

// Measure is X AS Name; Define is Name AS X.
type Measure struct {
	Span
	X    Expr
	Name *Ident
}

// Define is the condition of a pattern variable.
type Define struct {
	Span
	Name *Ident
	X    Expr
}

// Subset is Name = (Vars).
type Subset struct {
	Span
	Name *Ident
	Vars []*Ident
}

// Pattern is a regular expression over pattern variables: *PatternVar,
// *PatternSeq, *PatternAlt, *PatternRepeat, *PatternPermute or *PatternExclude.
type Pattern interface {
	Node
	patternNode()
}

// PatternVar is one variable.
type PatternVar struct {
	Span
	Name *Ident
}

// PatternSeq is a b c: at least two items.
type PatternSeq struct {
	Span
	Items []Pattern
}

// PatternAlt is a | b | c: at least two items.
type PatternAlt struct {
	Span
	Items []Pattern
}

// PatternRepeat is X with a quantifier: *, +, ?, {n}, {n,}, {n,m}, {,m}. Max is
// -1 for no limit. Reluctant is the ? behind it.
type PatternRepeat struct {
	Span
	X         Pattern
	Min, Max  int
	Reluctant bool
}

// PatternPermute is PERMUTE(a, b).
type PatternPermute struct {
	Span
	Items []Pattern
}

// PatternExclude is {- X -}.
type PatternExclude struct {
	Span
	X Pattern
}

func (*PatternVar) patternNode()     {}
func (*PatternSeq) patternNode()     {}
func (*PatternAlt) patternNode()     {}
func (*PatternRepeat) patternNode()  {}
func (*PatternPermute) patternNode() {}
func (*PatternExclude) patternNode() {}
