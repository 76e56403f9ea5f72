package sql

import "fmt"

// Every expression prints itself as SQL, so that it can stand in a message.
var _ fmt.Stringer = Expr(nil)

// String prints the expression as SQL.
func (e *NullLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *BoolLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *NumberLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *StringLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *BinaryLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *TemporalLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *IntervalLit) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *IntervalExpr) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Ref) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Field) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Index) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Star) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Unary) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Binary) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Is) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *In) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Quantified) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Between) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Like) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Case) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Cast) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Trim) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Call) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Constructor) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Subquery) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Exists) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *NamedArg) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *DefaultArg) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *TableArg) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *Descriptor) String() string { return Format(e) }

// String prints the expression as SQL.
func (e *UnitArg) String() string { return Format(e) }
