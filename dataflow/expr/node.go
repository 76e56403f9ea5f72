package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Node is a typed expression over the columns of one input row. Nodes are immutable and
// print as SQL in which columns are `$0`, `$1` or their names.
type Node interface {
	Type() types.Type
	String() string
}

// Col is a column of the input.
type Col struct {
	Index int
	Name  string
	T     types.Type
}

// Lit is a literal.
type Lit struct {
	Value vec.Datum
	T     types.Type
}

// Call is a function resolved against its arguments, which already have the types that
// the implementation takes.
type Call struct {
	Func *Func
	Args []Node
	Impl Impl
	T    types.Type
}

// Cast converts its argument; Try makes a failure NULL instead of an error.
type Cast struct {
	Arg Node
	T   types.Type
	Try bool
	// Implicit marks a conversion that the type rules inserted.
	Implicit bool
}

// Case is CASE WHEN Conds[i] THEN Vals[i] ... ELSE Else END; every value has type T.
type Case struct {
	Conds, Vals []Node
	Else        Node
	T           types.Type
}

// Field is a member of a ROW.
type Field struct {
	Arg   Node
	Index int
	T     types.Type
}

// Logic is AND or OR over two or more BOOLEAN arguments in three-valued logic; arguments
// are evaluated left to right, each only for the rows that the former left undecided.
type Logic struct {
	Or   bool
	Args []Node
	T    types.Type
}

// Type is the node's type.
func (n *Col) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Lit) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Call) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Cast) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Case) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Field) Type() types.Type { return n.T }

// Type is the node's type.
func (n *Logic) Type() types.Type { return n.T }
