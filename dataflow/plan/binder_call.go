package plan

import (
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// function binds a call by name. Aggregates get here only where they are not allowed; the
// others were taken by the grouping.
func (b *binder) function(e *sql.Call, sc *scope) (expr.Node, error) {
	name := strings.ToUpper(e.Name.Key())
	if e.Over != nil {
		return b.overFunction(e, sc)
	}
	if isAggregate(e) {
		if sc.inside != "" {
			return nil, b.errorf(e.Span, "the aggregate %s is not allowed in %s", name, sc.inside)
		}
		return nil, b.errorf(e.Span, "the aggregate %s is not allowed here", name)
	}
	if err := b.noAggregateClauses(e, name); err != nil {
		return nil, err
	}
	if groupWindowFunction(name) {
		return nil, b.errorf(e.Span, "%s belongs to a GROUP BY of a window such as TUMBLE(ts, INTERVAL '1' MINUTE)", name)
	}
	if f := b.functions[name]; f != nil {
		return b.ownFunction(f, e, sc)
	}
	if instead, gap := expr.NotOffered(name); gap {
		err := b.unsupported(e.Name.Span, "the function "+name)
		if instead != "" {
			return nil, err.WithHint("%s", instead)
		}
		return nil, err
	}
	if expr.LookupFunc(name) == nil {
		return nil, b.errorf(e.Name.Span, "unknown function %s", e.Name.Key()).WithNearest(name, functionNames())
	}
	if name == "JSON" && !b.jsonInside[e] {
		return nil, b.errorf(e.Span, "JSON(...) stands in JSON_ARRAY or as a VALUE of JSON_OBJECT only")
	}
	if err := b.few(e.Span, len(e.Args)); err != nil {
		return nil, err
	}
	b.markJSON(name, e.Args)
	args, err := b.exprs(e.Args, sc)
	if err != nil {
		return nil, err
	}
	var n expr.Node
	if jsonFunction(name) {
		n, err = b.jsonCall(e, name, args, sc)
	} else {
		n, err = expr.NewCall(name, args...)
	}
	if err != nil {
		if sql.Locate(err) != nil {
			return nil, err
		}
		return nil, b.errorf(e.Span, "%v", err)
	}
	if name == "PROCTIME" {
		return procTime(n), nil
	}
	return plainNode(n), nil
}

// procTime marks a call of PROCTIME() as a processing time attribute.
func procTime(n expr.Node) expr.Node {
	if c, ok := n.(*expr.Call); ok {
		d := *c
		d.T.Attr = types.ProcTime
		return &d
	}
	return n
}

func (b *binder) noAggregateClauses(e *sql.Call, name string) error {
	switch {
	case e.Distinct:
		return b.errorf(e.Span, "DISTINCT is for aggregates, and %s is none", name)
	case e.Filter != nil:
		return b.errorf(e.Filter.Range(), "FILTER is for aggregates, and %s is none", name)
	case len(e.OrderBy) > 0 || len(e.WithinGroup) > 0:
		return b.errorf(e.Span, "ORDER BY is for aggregates, and %s is none", name)
	case e.Nulls != sql.NullsDefault:
		return b.errorf(e.Span, "IGNORE NULLS and RESPECT NULLS are for aggregates, and %s is none", name)
	}
	return nil
}

// isAggregate tells a call of an aggregate function.
func isAggregate(e *sql.Call) bool {
	return e.Over == nil && len(e.Name.Parts) == 1 && expr.LookupAgg(e.Name.Key()) != nil
}

// functionNames lists all names that may be called, for suggestions.
func functionNames() []string {
	var out []string
	for _, n := range append(expr.FuncNames(), expr.AggNames()...) {
		if c := n[0]; c >= 'A' && c <= 'Z' && !strings.Contains(n, " ") {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}
