package plan

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// binder resolves the names and types of one script.
type binder struct {
	src  *sql.Source
	cat  *Catalog
	cfg  *Config
	opts *Options
	// ctes are the WITH clauses around the query being bound, innermost last.
	ctes []map[string]*cte
	// outer are the FROMs of the queries around the subquery being bound, innermost last.
	outer []*relation
	// joinTTL is what the STATE_TTL hints of the SELECT being bound say, by table.
	joinTTL map[string]time.Duration
	// reads counts the tables that are read once views and WITH are inlined.
	reads int
	// parts counts what the script's queries consist of; sizes holds the sizes of large
	// expressions, heights those of rels. See binder_limits.go.
	parts   int
	sizes   map[expr.Node]int
	heights map[rel]int
	// depth counts the queries being bound, one inside the other.
	depth    int
	warnings []Warning
	exprEnv  *expr.Env
	// functions are those that CREATE FUNCTION named, by the name in capitals.
	functions map[string]*expr.Func
	// jsonInside holds the calls of JSON that stand in JSON_ARRAY or JSON_OBJECT.
	jsonInside map[*sql.Call]bool
}

// cte is a bound query of a WITH clause.
type cte struct {
	rel   rel
	names []string
	reads int // tables that it reads
}

// Warning is something that works but deserves a second look.
type Warning struct {
	// Pos is where it is in the script; the zero Pos when it is no place.
	Pos  sql.Pos
	Text string
}

// String prints "line:column: text".
func (w Warning) String() string {
	if w.Pos.Line == 0 {
		return w.Text
	}
	return fmt.Sprintf("%d:%d: %s", w.Pos.Line, w.Pos.Column, w.Text)
}

func (b *binder) warnf(at sql.Span, format string, args ...any) {
	b.warnings = append(b.warnings, Warning{at.Start, fmt.Sprintf(format, args...)})
}

func (b *binder) errorf(at sql.Span, format string, args ...any) *sql.Error {
	return sql.Errorf(b.src, at, format, args...)
}

// unsupported is the diagnostic for what the language has and this version does not run.
func (b *binder) unsupported(at sql.Span, what string) *sql.Error {
	return b.errorf(at, "%s is not supported", what)
}

// env is the environment in which constants are computed.
func (b *binder) env() *expr.Env {
	if b.exprEnv == nil || b.exprEnv.Zone != b.cfg.Zone {
		b.exprEnv = b.cfg.Env()
	}
	return b.exprEnv
}

// BindExpr binds a single expression without columns.
func BindExpr(text string, env *expr.Env) (expr.Node, error) {
	e, err := sql.ParseExpr("expression", text)
	if err != nil {
		return nil, err
	}
	cfg := DefaultConfig()
	if env != nil && env.Zone != nil {
		cfg.Zone = env.Zone
	}
	b := &binder{src: &sql.Source{File: "expression", Text: text}, cat: NewCatalog(), cfg: &cfg, opts: &Options{}, exprEnv: env}
	if env == nil || env.Zone == nil {
		b.exprEnv = cfg.Env()
	}
	return b.expr(e, &scope{})
}
