package expr

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// String prints the column's name, or `$` and its index.
func (n *Col) String() string {
	if n.Name == "" {
		return "$" + strconv.Itoa(n.Index)
	}
	for i, r := range n.Name {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9' {
			continue
		}
		return "`" + strings.ReplaceAll(n.Name, "`", "``") + "`"
	}
	return n.Name
}

// String prints the literal as SQL.
func (n *Lit) String() string {
	if n.Value.Null {
		return "NULL"
	}
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	text := func() string { return string(FormatDatum(nil, n.Value, n.T, &Env{})) }
	switch n.T.Kind {
	case types.Symbol:
		return string(n.Value.B)
	case types.Char, types.Varchar:
		return quote(string(n.Value.B))
	case types.Binary, types.Varbinary:
		return "x'" + hex.EncodeToString(n.Value.B) + "'"
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return n.T.Kind.String() + " " + quote(text())
	case types.IntervalYM, types.IntervalDS:
		return "INTERVAL " + quote(text()) + strings.TrimPrefix(n.T.Nullable().String(), "INTERVAL")
	case types.Raw:
		return "RAW"
	default:
		return text()
	}
}

// String prints the call: operators infix, functions with parentheses.
func (n *Call) String() string {
	a := make([]string, len(n.Args))
	for i := range n.Args {
		a[i] = n.Args[i].String()
	}
	name := n.Func.Name
	switch {
	case name == "NEGATE":
		return "-" + a[0]
	case name == "NOT":
		return "NOT(" + a[0] + ")"
	case name == "ITEM":
		return a[0] + "[" + a[1] + "]"
	case name == "ARRAY", name == "MAP":
		return name + "[" + strings.Join(a, ", ") + "]"
	case name == "EXTRACT" && len(a) == 2:
		return "EXTRACT(" + a[0] + " FROM " + a[1] + ")"
	case (name == "FLOOR" || name == "CEIL") && len(a) == 2:
		return name + "(" + a[0] + " TO " + a[1] + ")"
	case name == "IN":
		return "(" + a[0] + " IN (" + strings.Join(a[1:], ", ") + "))"
	case strings.HasPrefix(name, "IS ") && len(a) == 1:
		return "(" + a[0] + " " + name + ")"
	case len(a) == 2 && isOperator(name):
		return "(" + a[0] + " " + name + " " + a[1] + ")"
	}
	return name + "(" + strings.Join(a, ", ") + ")"
}

func isOperator(name string) bool {
	switch name {
	case "LIKE", "SIMILAR TO", "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		return true
	}
	return name[0] < 'A' || name[0] > 'Z' && name[0] != '_'
}

// String prints CAST or TRY_CAST.
func (n *Cast) String() string {
	f := "CAST("
	if n.Try {
		f = "TRY_CAST("
	}
	return f + n.Arg.String() + " AS " + n.T.Plain().Nullable().String() + ")"
}

// String prints CASE WHEN ... END.
func (n *Case) String() string {
	var b strings.Builder
	b.WriteString("CASE")
	for i := range n.Conds {
		b.WriteString(" WHEN " + n.Conds[i].String() + " THEN " + n.Vals[i].String())
	}
	if n.Else != nil {
		b.WriteString(" ELSE " + n.Else.String())
	}
	return b.String() + " END"
}

// String prints arg.name.
func (n *Field) String() string {
	return n.Arg.String() + ".`" + n.Arg.Type().Fields[n.Index].Name + "`"
}

// String prints the arguments joined by AND or OR.
func (n *Logic) String() string {
	a := make([]string, len(n.Args))
	for i := range n.Args {
		a[i] = n.Args[i].String()
	}
	if n.Or {
		return "(" + strings.Join(a, " OR ") + ")"
	}
	return "(" + strings.Join(a, " AND ") + ")"
}
