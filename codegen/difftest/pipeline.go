package difftest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Pipeline is a script of random tables and queries.
type Pipeline struct {
	// Seed is what it was made of.
	Seed uint64
	// SQL is the script.
	SQL string
}

// Build plans a script.
func Build(text string) (*plan.Plan, error) {
	s, err := sql.Parse("pipeline.sql", text)
	if err != nil {
		return nil, err
	}
	return plan.Build(s, plan.Options{})
}

// NewPipeline makes the pipeline of a seed. The error is that of a mistake in the generator:
// what it makes is planned before it is returned.
func NewPipeline(seed uint64) (*Pipeline, error) {
	for try := range uint64(20) {
		g := &gen{r: rand.New(rand.NewPCG(seed, try))}
		text, ok := g.script()
		if !ok {
			continue
		}
		if _, err := Build(text); err != nil {
			return nil, fmt.Errorf("pipeline %d: %w\n%s", seed, err, text)
		}
		return &Pipeline{Seed: seed, SQL: text}, nil
	}
	return nil, fmt.Errorf("pipeline %d: no attempt gives a query that can be planned", seed)
}

// gen makes the parts of a script. columns holds the names in scope by kind of value.
type gen struct {
	r       *rand.Rand
	ddl     string // the tables and views so far
	from    string // what expressions are checked against
	columns map[byte][]string
	depth   int
	budget  int // of parts of the expression in hand

	time    string // the event time column, or ""
	inserts []string
	sinks   int
	proc    string // a column of processing time of t, or ""
	// There is a second table, u; it has an event time.
	second, secondTime bool
}

func (g *gen) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *gen) of(options ...string) string { return options[g.r.IntN(len(options))] }

// script is a whole pipeline; ok is false when chance made none.
func (g *gen) script() (text string, ok bool) {
	g.ddl = g.settings()
	t := g.table("t", 3+g.r.IntN(13))
	if t == "" {
		return "", false
	}
	g.ddl += t
	g.scope("t")
	n := 1 + g.r.IntN(10)/5 + g.r.IntN(10)/8
	for try := 0; len(g.inserts) < n; try++ {
		if try > 6*n {
			return "", false
		}
		g.insert()
	}
	if len(g.inserts) == 1 {
		return g.ddl + g.inserts[0], true
	}
	return g.ddl + "EXECUTE STATEMENT SET BEGIN\n" + strings.Join(g.inserts, "") + "END;\n", true
}

func (g *gen) settings() string {
	out := "SET 'pipeline.name' = 'difftest';\n"
	set := func(percent int, key string, values ...string) {
		if g.chance(percent) {
			out += fmt.Sprintf("SET '%s' = '%s';\n", key, g.of(values...))
		}
	}
	set(60, "edgeflow.late", "divert")
	set(40, "pipeline.auto-watermark-interval", "50 ms", "1 s", "0 ms", "7 ms")
	set(70, "edgeflow.watermark.max-ahead", "0 s", "1 min", "1 h", "0 s")
	set(20, "table.local-time-zone", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
	set(4, "edgeflow.on-row-error", "fail")
	set(5, "table.exec.state.ttl", "5 s", "1 min")
	return out
}

// schemaOf plans a query and tells the columns that it gives.
func (g *gen) schemaOf(views, query string) (plan.Schema, *plan.Plan, bool) {
	p, err := Build(g.ddl + views + "CREATE TABLE probe WITH ('connector' = 'print') AS " + query + ";\n")
	if err != nil {
		return nil, nil, false
	}
	return p.Sinks[0].Base().Schema, p, true
}

// add makes an INSERT of a query into a table of its own, if the query can be planned.
func (g *gen) add(views, query string) bool {
	schema, p, ok := g.schemaOf(views, query)
	if !ok {
		return false
	}
	name := fmt.Sprintf("o%d", g.sinks)
	var cols []string
	for _, c := range schema {
		cols = append(cols, fmt.Sprintf("`%s` %s", c.Name, c.Type.Plain()))
	}
	connector := "print"
	in := p.Sinks[0].Base().Inputs[0].Base()
	if len(in.Keys) > 0 && g.chance(60) {
		var key []string
		for _, i := range in.Keys[0] {
			if i < len(schema) {
				key = append(key, "`"+schema[i].Name+"`")
			}
		}
		if len(key) > 0 {
			connector = "outbox"
			cols = append(cols, "PRIMARY KEY ("+strings.Join(key, ", ")+") NOT ENFORCED")
		}
	}
	table := fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector' = '%s');\n", name, strings.Join(cols, ", "), connector)
	insert := fmt.Sprintf("INSERT INTO %s %s;\n", name, query)
	if _, err := Build(g.ddl + views + table + insert); err != nil {
		return false
	}
	g.ddl += views + table
	g.inserts = append(g.inserts, insert)
	g.sinks++
	return true
}

// kindOf sorts a type under the letter of its kind: see genTemplates.
func kindOf(t types.Type) byte {
	switch {
	case t.IsNumeric():
		return '#'
	case t.IsString():
		return '$'
	case t.Kind == types.Boolean:
		return '?'
	case t.IsTimestamp():
		return '@'
	case t.Kind == types.Date:
		return 'D'
	case t.Kind == types.Time:
		return 'T'
	case t.IsBinary():
		return 'B'
	}
	return 'E'
}

// scope brings the columns of a table or view into scope.
func (g *gen) scope(name string) {
	g.from = name
	g.columns = map[byte][]string{}
	schema, _, ok := g.schemaOf("", "SELECT * FROM "+name)
	if !ok {
		return
	}
	for _, c := range schema {
		g.bring("`"+c.Name+"`", c.Type)
	}
}

func (g *gen) bring(name string, t types.Type) {
	k := kindOf(t)
	g.columns[k] = append(g.columns[k], name)
	if t.Kind == types.Row {
		for _, f := range t.Fields {
			g.bring(name+".`"+f.Name+"`", f.Type)
		}
	}
	if t.Kind == types.Array {
		g.bring(name+"[1]", *t.Elem)
	}
}
