package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// createFunction gives one of the functions that the host offers by class name a name in
// the script.
func (b *binder) createFunction(s *sql.CreateFunction) error {
	name := strings.ToUpper(objectName(s.Name))
	if expr.LookupFunc(name) != nil || expr.LookupAgg(name) != nil {
		return b.errorf(s.Name.Span, "%s is the name of a function that is built in", name)
	}
	if b.functions[name] != nil && !s.IfNotExists {
		return b.errorf(s.Name.Span, "function %s is there already", objectName(s.Name))
	}
	f := b.opts.Functions[s.Class]
	if f == nil {
		e := b.errorf(s.Span, "there is no function of class %s: code of your own is not loaded", s.Class)
		if classes := slices.Sorted(maps.Keys(b.opts.Functions)); len(classes) > 0 {
			return e.WithHint("known are %s; the functions that are built in are listed by `edgeflow functions`", strings.Join(classes, ", "))
		}
		return e.WithHint("the functions that are built in are listed by `edgeflow functions`")
	}
	if b.functions == nil {
		b.functions = map[string]*expr.Func{}
	}
	b.functions[name] = f
	return nil
}

// dropFunction forgets a function that the script created.
func (b *binder) dropFunction(s *sql.Drop) error {
	name := strings.ToUpper(objectName(s.Name))
	if b.functions[name] == nil && !s.IfExists {
		return b.errorf(s.Name.Span, "unknown function %s", objectName(s.Name)).WithNearest(name, sortedKeys(b.functions))
	}
	delete(b.functions, name)
	return nil
}

// ownFunction binds a call of a function that the script created.
func (b *binder) ownFunction(f *expr.Func, e *sql.Call, sc *scope) (expr.Node, error) {
	args, err := b.exprs(e.Args, sc)
	if err != nil {
		return nil, err
	}
	n, err := f.New(args...)
	return b.placed(n, err, e.Span)
}
