package plan

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Options are what a plan depends on besides the script.
type Options struct {
	// Set holds options as SET statements before the script would give them.
	Set map[string]string
	// Connectors are the connectors that tables may name. Nil takes any.
	Connectors map[string]Connector
	// Functions are those that CREATE FUNCTION may name, by class.
	Functions map[string]*expr.Func
}

// Build plans a script: its catalog and one graph of operators for all its INSERTs and
// bare SELECTs. Errors are *sql.Error with their place, or plain for Options.Set.
func Build(script *sql.Script, o Options) (*Plan, error) {
	cfg := DefaultConfig()
	b := &binder{src: script.Source, cat: NewCatalog(), cfg: &cfg, opts: &o}
	for _, k := range sortedKeys(o.Set) {
		warning, err := cfg.Set(k, o.Set[k])
		if err != nil {
			return nil, err
		}
		if warning != "" {
			b.warnf(sql.Span{}, "%s", warning)
		}
	}
	var targets []*target
	var explains []*Explained
	for _, s := range script.Statements {
		if e, ok := s.(*sql.Explain); ok {
			x, err := b.explain(e)
			if err != nil {
				return nil, err
			}
			explains = append(explains, x)
			continue
		}
		ts, err := b.statement(s)
		if err != nil {
			return nil, err
		}
		targets = append(targets, ts...)
	}
	p, err := b.plan(targets)
	if err != nil {
		return nil, err
	}
	p.Explains = explains
	return p, nil
}

// statement binds one statement; INSERTs and SELECTs yield targets, the others change the
// catalog or the configuration.
func (b *binder) statement(s sql.Statement) ([]*target, error) {
	switch s := s.(type) {
	case *sql.Insert:
		t, err := b.insert(s)
		return []*target{t}, err
	case *sql.StatementSet:
		var out []*target
		for _, i := range s.Inserts {
			t, err := b.insert(i)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		}
		return out, nil
	case *sql.QueryStmt:
		t, err := b.result(s)
		return []*target{t}, err
	case *sql.CreateTable:
		if s.As != nil {
			return b.createTableAs(s)
		}
		return nil, b.createTable(s)
	case *sql.CreateView:
		return nil, b.createView(s)
	case *sql.CreateFunction:
		return nil, b.createFunction(s)
	case *sql.Drop:
		return nil, b.drop(s)
	case *sql.Set:
		return nil, b.set(s)
	case *sql.Reset:
		return nil, b.reset(s)
	}
	return nil, b.unsupported(s.Range(), "this statement")
}

// createView checks a view's query and keeps it.
func (b *binder) createView(s *sql.CreateView) error {
	name := objectName(s.Name)
	if b.cat.tables[name] != nil || b.cat.views[name] != nil {
		if s.IfNotExists && b.cat.views[name] != nil {
			return nil
		}
		if !s.OrReplace {
			return b.errorf(s.Name.Span, "%s is there already", name)
		}
	}
	r, err := b.query(s.Query)
	if err != nil {
		return err
	}
	if len(s.Columns) > 0 {
		if _, err := b.columnList(s.Columns, len(r.names), s.Name.Span); err != nil {
			return err
		}
	}
	delete(b.cat.tables, name)
	b.cat.views[name] = &View{Name: name, Columns: s.Columns, Query: s.Query}
	return nil
}

func (b *binder) drop(s *sql.Drop) error {
	name := objectName(s.Name)
	switch s.Kind {
	case sql.FunctionObject:
		return b.dropFunction(s)
	case sql.ViewObject:
		if b.cat.views[name] == nil && !s.IfExists {
			return b.errorf(s.Name.Span, "unknown view %s", name).WithNearest(name, b.cat.names())
		}
		delete(b.cat.views, name)
		return nil
	}
	if b.cat.tables[name] == nil && !s.IfExists {
		return b.unknownTable(s.Name)
	}
	delete(b.cat.tables, name)
	return nil
}

func (b *binder) set(s *sql.Set) error {
	if !s.HasKey {
		return nil
	}
	warning, err := b.cfg.Set(s.Key, s.Value)
	if err != nil {
		at := s.ValueSpan
		if !known(s.Key) {
			e := b.errorf(s.KeySpan, "unknown option '%s'", s.Key)
			return e.WithNearest(s.Key, optionKeys())
		}
		return b.errorf(at, "%v", err)
	}
	if warning != "" {
		b.warnf(s.KeySpan, "%s", warning)
	}
	return nil
}

func (b *binder) reset(s *sql.Reset) error {
	key := ""
	if s.HasKey {
		key = s.Key
	}
	if err := b.cfg.Reset(key); err != nil {
		return b.errorf(s.Span, "%v", err)
	}
	return nil
}

// explain plans the statement behind EXPLAIN on its own.
func (b *binder) explain(s *sql.Explain) (*Explained, error) {
	switch s.Statement.(type) {
	case *sql.Insert, *sql.StatementSet, *sql.QueryStmt:
	default:
		return nil, b.unsupported(s.Statement.Range(), "EXPLAIN of this statement")
	}
	ts, err := b.statement(s.Statement)
	if err != nil {
		return nil, err
	}
	kept := b.warnings
	b.warnings = nil
	p, err := b.plan(ts)
	b.warnings = kept
	if err != nil {
		return nil, err
	}
	return &Explained{Details: s.Details, Plan: p}, nil
}

// plan turns bound targets into a physical plan.
func (b *binder) plan(targets []*target) (*Plan, error) {
	nameOutputs(targets)
	p := &Plan{Source: b.src, Catalog: b.cat.snapshot(), Config: b.cfg.clone()}
	for _, t := range targets {
		p.logical = append(p.logical, *t)
	}
	b.optimize(targets)
	for _, t := range targets {
		p.optimized = append(p.optimized, *t)
	}
	l := &lowering{b: b, plan: p, made: map[rel]Node{}}
	if err := l.lower(targets); err != nil {
		return nil, err
	}
	p.Warnings = append(append([]Warning(nil), b.warnings...), b.lint(p, targets)...)
	return p, nil
}

// nameOutputs numbers the targets that write to the same table.
func nameOutputs(targets []*target) {
	seen := map[string]int{}
	for _, t := range targets {
		seen[t.table.Name]++
		t.name = t.table.Name
		if n := seen[t.table.Name]; n > 1 {
			t.name += "-" + strconv.Itoa(n)
		}
	}
}
