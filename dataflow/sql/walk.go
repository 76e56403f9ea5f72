package sql

// Walk calls visit for n and, while visit returns true, for all nodes below it in
// the order of the text. Identifiers, names and types are not visited, only the
// nodes that hold or contain expressions and queries.
func Walk(n Node, visit func(Node) bool) {
	w := walker(visit)
	w.node(n)
}

type walker func(Node) bool

// node visits a node that is not nil and then its children.
func (w walker) node(n Node) {
	if n == nil || !w(n) {
		return
	}
	switch n := n.(type) {
	case Expr:
		w.exprChildren(n)
	case QueryBody:
		w.bodyChildren(n)
	case TableExpr:
		w.tableChildren(n)
	case Statement:
		w.stmtChildren(n)
	default:
		w.partChildren(n)
	}
}

// partChildren visits the children of the nodes that are parts of others.
func (w walker) partChildren(n Node) {
	switch n := n.(type) {
	case *Query:
		walkAll(w, n.With)
		w.node(n.Body)
		walkAll(w, n.OrderBy)
		w.expr(n.Limit)
		w.expr(n.Offset)
	case *CTE:
		w.query(n.Query)
	case *When:
		walkAll(w, n.Conds)
		w.expr(n.Then)
	case *OrderItem:
		w.expr(n.X)
	case *WindowSpec:
		walkAll(w, n.PartitionBy)
		walkAll(w, n.OrderBy)
		if n.Frame != nil {
			w.node(n.Frame)
		}
	case *Frame:
		w.node(n.Start)
		if n.End != nil {
			w.node(n.End)
		}
	case *FrameBound:
		w.expr(n.Offset)
	case *JSONClause:
		if n.OnEmpty != nil {
			w.node(n.OnEmpty)
		}
		if n.OnError != nil {
			w.node(n.OnError)
		}
	case *JSONBehavior:
		w.expr(n.X)
	case *SelectItem:
		w.expr(n.X)
	case *NamedWindow:
		w.node(n.Spec)
	case *GroupBy:
		walkAll(w, n.Items)
	case *GroupItem:
		w.expr(n.X)
		walkAll(w, n.Exprs)
		walkAll(w, n.Items)
	case *ValuesRow:
		walkAll(w, n.Exprs)
	case *Measure:
		w.expr(n.X)
	case *Define:
		w.expr(n.X)
	case *ColumnDef:
		w.expr(n.X)
	case *Watermark:
		w.expr(n.X)
	case *PartitionValue:
		w.expr(n.X)
	}
}

func walkAll[T Node](w walker, nodes []T) {
	for _, n := range nodes {
		w.node(n)
	}
}

// expr visits an expression unless it is absent.
func (w walker) expr(e Expr) {
	if e != nil {
		w.node(e)
	}
}

// query visits a query unless it is absent.
func (w walker) query(q *Query) {
	if q != nil {
		w.node(q)
	}
}

func (w walker) exprChildren(e Expr) {
	switch e := e.(type) {
	case *IntervalExpr:
		w.expr(e.X)
	case *Field:
		w.expr(e.X)
	case *Index:
		w.expr(e.X)
		w.expr(e.I)
	case *Unary:
		w.expr(e.X)
	case *Binary:
		w.expr(e.L)
		w.expr(e.R)
	case *Is:
		w.expr(e.X)
	case *In:
		w.expr(e.X)
		walkAll(w, e.List)
		w.query(e.Query)
	case *Quantified:
		w.expr(e.L)
		walkAll(w, e.List)
		w.query(e.Query)
	case *Between:
		w.expr(e.X)
		w.expr(e.Low)
		w.expr(e.High)
	case *Like:
		w.expr(e.X)
		w.expr(e.Pattern)
		w.expr(e.Escape)
	case *Case:
		w.expr(e.Operand)
		walkAll(w, e.Whens)
		w.expr(e.Else)
	case *Cast:
		w.expr(e.X)
	case *Trim:
		w.expr(e.Chars)
		w.expr(e.X)
	case *Call:
		w.callChildren(e)
	case *Constructor:
		walkAll(w, e.Elems)
		w.query(e.Query)
	case *Subquery:
		w.query(e.Query)
	case *Exists:
		w.query(e.Query)
	case *NamedArg:
		w.expr(e.X)
	case *TableArg:
		w.query(e.Query)
		walkAll(w, e.PartitionBy)
		walkAll(w, e.OrderBy)
	}
}

func (w walker) callChildren(c *Call) {
	walkAll(w, c.Args)
	walkAll(w, c.OrderBy)
	if c.JSON != nil {
		w.node(c.JSON)
	}
	walkAll(w, c.WithinGroup)
	w.expr(c.Filter)
	if c.Over != nil {
		w.node(c.Over)
	}
}

func (w walker) bodyChildren(b QueryBody) {
	switch b := b.(type) {
	case *SetOp:
		w.node(b.Left)
		w.node(b.Right)
	case *Values:
		walkAll(w, b.Rows)
	case *Nested:
		w.query(b.Query)
	case *Select:
		walkAll(w, b.Items)
		if b.From != nil {
			w.node(b.From)
		}
		w.expr(b.Where)
		if b.GroupBy != nil {
			w.node(b.GroupBy)
		}
		w.expr(b.Having)
		walkAll(w, b.Windows)
		w.expr(b.Qualify)
	}
}

func (w walker) tableChildren(t TableExpr) {
	switch t := t.(type) {
	case *TableName:
		w.expr(t.AsOf)
	case *Derived:
		w.query(t.Query)
	case *TableFunc:
		w.node(t.Call)
	case *Unnest:
		walkAll(w, t.Exprs)
	case *Join:
		w.node(t.Left)
		w.node(t.Right)
		w.expr(t.On)
	case *MatchRecognize:
		w.node(t.Input)
		walkAll(w, t.PartitionBy)
		walkAll(w, t.OrderBy)
		walkAll(w, t.Measures)
		if t.Within != nil {
			w.node(t.Within)
		}
		walkAll(w, t.Defines)
	}
}

func (w walker) stmtChildren(s Statement) {
	switch s := s.(type) {
	case *CreateTable:
		walkAll(w, s.Columns)
		walkAll(w, s.Watermarks)
		w.query(s.As)
	case *CreateView:
		w.query(s.Query)
	case *Insert:
		walkAll(w, s.Partition)
		w.query(s.Query)
	case *StatementSet:
		walkAll(w, s.Inserts)
	case *Explain:
		w.node(s.Statement)
	case *QueryStmt:
		w.query(s.Query)
	}
}
