package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// jsonFunction tells the functions that have clauses of their own.
func jsonFunction(name string) bool {
	switch name {
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY":
		return true
	}
	return false
}

// markJSON notes the calls of JSON that stand where they may.
func (b *binder) markJSON(name string, args []sql.Expr) {
	if name != "JSON_OBJECT" && name != "JSON_ARRAY" {
		return
	}
	for i, a := range args {
		if c, ok := a.(*sql.Call); ok && (name == "JSON_ARRAY" || i%2 == 1) {
			if b.jsonInside == nil {
				b.jsonInside = map[*sql.Call]bool{}
			}
			b.jsonInside[c] = true
		}
	}
}

// jsonCall binds a JSON function with its clauses over bound arguments.
func (b *binder) jsonCall(e *sql.Call, name string, args []expr.Node, sc *scope) (expr.Node, error) {
	c := e.JSON
	if c == nil {
		c = &sql.JSONClause{}
	}
	switch name {
	case "JSON_OBJECT":
		if len(args)%2 != 0 {
			return nil, b.errorf(e.Span, "JSON_OBJECT needs pairs of KEY and VALUE")
		}
		var keys, vals []expr.Node
		for i := 0; i < len(args); i += 2 {
			keys, vals = append(keys, args[i]), append(vals, args[i+1])
		}
		return expr.NewJSONObject(keys, vals, c.OnNull == "ABSENT")
	case "JSON_ARRAY":
		return expr.NewJSONArray(args, c.OnNull != "NULL")
	}
	if len(args) != 2 {
		return nil, b.errorf(e.Span, "%s takes a JSON text and a path", name)
	}
	switch name {
	case "JSON_EXISTS":
		return expr.NewJSONExists(args[0], args[1], behaviorKind(c.OnError))
	case "JSON_QUERY":
		ret, err := b.returning(c)
		if err != nil {
			return nil, err
		}
		return expr.NewJSONQuery(args[0], args[1], expr.JSONQueryOptions{Wrapper: c.Wrapper,
			OnEmpty: behaviorKind(c.OnEmpty), OnError: behaviorKind(c.OnError), Returning: ret})
	}
	return b.jsonValue(c, args, sc)
}

func (b *binder) jsonValue(c *sql.JSONClause, args []expr.Node, sc *scope) (expr.Node, error) {
	ret, err := b.returning(c)
	if err != nil {
		return nil, err
	}
	o := expr.JSONValueOptions{OnEmpty: behaviorKind(c.OnEmpty), OnError: behaviorKind(c.OnError), Returning: ret}
	if c.OnEmpty != nil && c.OnEmpty.X != nil {
		if o.DefaultOnEmpty, err = b.expr(c.OnEmpty.X, sc); err != nil {
			return nil, err
		}
	}
	if c.OnError != nil && c.OnError.X != nil {
		if o.DefaultOnError, err = b.expr(c.OnError.X, sc); err != nil {
			return nil, err
		}
	}
	return expr.NewJSONValue(args[0], args[1], o)
}

func behaviorKind(j *sql.JSONBehavior) string {
	if j == nil {
		return ""
	}
	return j.Kind
}

func (b *binder) returning(c *sql.JSONClause) (*types.Type, error) {
	if c.Returning == nil {
		return nil, nil
	}
	t, err := b.typeOf(c.Returning)
	return &t, err
}
