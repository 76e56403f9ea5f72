package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// program is a pipeline to run, in one version or, where it is edited in the middle, two.
type program struct {
	name string
	// versions are the statements after the tables that are read. The second keeps the state
	// of the first.
	versions []string
	both     bool // tables are read
	// reads are options more of the tables that are read.
	reads string
	// merged is the output whose rows are merged while they wait, or empty.
	merged string
	// keyed names the outputs that take upserts, whose rows count by what is left of them:
	// checkpoints decide which of a key's rows are merged.
	keyed []string
	// restless programs keep after the end of the input what the watermark before it left,
	// which depends on when their source was asked last.
	restless bool
	// verify computes what the hub must have from the input alone; it may be nil.
	verify func(input []entry, got map[string][]string) string

	mu    sync.Mutex
	plans [][]*plan.Plan // compiled and not in use, a plan of each version
}

// tables are those that programs read: all the first one, some the second too.
var tables = []string{"events", "others"}

// settings begin all programs.
const settings = `
SET 'pipeline.name' = 'sim';
SET 'edgeflow.late' = 'divert';
`

// aligned is a watermark that waits for each key that is not too far behind. Silent ones are
// never forgotten: when that happens depends on when a host looks at its clock.
const aligned = `, 'edgeflow.watermark.by' = 'k', 'edgeflow.watermark.max-behind' = '3 s', 'edgeflow.watermark.by-timeout' = '0 s'`

// sourceTable declares a table that is read, with options more.
func sourceTable(name, more string) string {
	return `
CREATE TABLE ` + name + ` (
  id BIGINT,
  k  STRING,
  ts TIMESTAMP(3),
  v  BIGINT,
  WATERMARK FOR ts AS ts - INTERVAL '1.5' SECOND
) WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'` + more + `);
`
}

// with are the options of a table that is written.
const with = ` WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
`

// The outputs of windows, the program that is verified from its input.
const (
	countsOut = "counts"
	alertsOut = "alerts"
)

// windows is a tumbling count by key over a table or view, and a filter beside it.
func windows(of, columns, aggregates string, least int) string {
	return `
CREATE TABLE counts (k STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT, total BIGINT` + columns + `)` + with + `
CREATE TABLE alerts (id BIGINT, k STRING, v BIGINT)` + with + `
EXECUTE STATEMENT SET BEGIN
  INSERT INTO counts
  SELECT k, window_start, window_end, COUNT(*), SUM(v)` + aggregates + `
  FROM TABLE(TUMBLE(TABLE ` + of + `, DESCRIPTOR(ts), INTERVAL '2' SECOND))
  GROUP BY k, window_start, window_end;

  INSERT INTO alerts SELECT id, k, v FROM ` + of + ` WHERE v >= ` + fmt.Sprint(least) + `;
END;`
}

// windowVersions are windows, and edited with two columns more and another filter.
func windowVersions(of string) []string {
	return []string{windows(of, "", "", alertFrom), windows(of, ", low BIGINT, high BIGINT", ", MIN(v), MAX(v)", 300)}
}

// programs are drawn by the seed.
var programs = []*program{
	{
		name:     "windows",
		versions: windowVersions("events"),
		verify:   verify,
	},
	{
		name: "hops",
		versions: []string{`
CREATE TABLE spread (k STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), kinds BIGINT, low BIGINT, high BIGINT)` + with + `
INSERT INTO spread
SELECT k, window_start, window_end, COUNT(DISTINCT MOD(v, 10)), MIN(v), MAX(v)
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '0.5' SECOND, INTERVAL '2' SECOND))
GROUP BY k, window_start, window_end;`},
	},
	{
		name: "pairs",
		versions: []string{`
CREATE TABLE pairs (k STRING, low BIGINT, high BIGINT, ts TIMESTAMP(3))` + with + `
INSERT INTO pairs
SELECT a.k, a.id, b.id, b.ts
FROM (SELECT * FROM events WHERE v < 400) AS a JOIN (SELECT * FROM events WHERE v >= 600) AS b
ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '0.4' SECOND AND a.ts + INTERVAL '0.3' SECOND;`},
	},
	{
		name: "sessions",
		versions: []string{`
CREATE TABLE visits (k STRING, opened TIMESTAMP(3), ended TIMESTAMP(3), n BIGINT, total BIGINT)` + with + `
CREATE TABLE loud (id BIGINT, k STRING)` + with + `
EXECUTE STATEMENT SET BEGIN
  INSERT INTO visits
  SELECT k, window_start, window_end, COUNT(*), SUM(v)
  FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.25' SECOND))
  GROUP BY k, window_start, window_end;
  INSERT INTO loud SELECT id, UPPER(k) FROM events WHERE v >= 900;
END;`},
	},
	{
		name: "top",
		versions: []string{`
CREATE TABLE top3 (window_end TIMESTAMP(3), place BIGINT, k STRING, id BIGINT, v BIGINT)` + with + `
INSERT INTO top3
SELECT window_end, place, k, id, v FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY v DESC, id) AS place
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)))
WHERE place <= 3;`},
	},
	{
		name: "firsts",
		versions: []string{`
CREATE TABLE firsts (k STRING, class BIGINT, id BIGINT, PRIMARY KEY (k, class) NOT ENFORCED)` + with + `
CREATE TABLE totals (k STRING, n BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED)` + with + `
EXECUTE STATEMENT SET BEGIN
  INSERT INTO firsts
  SELECT k, class, id FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k, class ORDER BY ts) AS place
    FROM (SELECT *, v / 100 AS class FROM events))
  WHERE place = 1;
  INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM events GROUP BY k;
END;`},
		keyed: []string{"firsts", "totals"},
	},
	{
		name: "pattern",
		versions: []string{`
CREATE TABLE climbs (k STRING, first_id BIGINT, last_id BIGINT, steps BIGINT, peak BIGINT)` + with + `
INSERT INTO climbs
SELECT k, first_id, last_id, steps, peak FROM events MATCH_RECOGNIZE (
  PARTITION BY k ORDER BY ts
  MEASURES A.id AS first_id, C.id AS last_id, COUNT(B.id) AS steps, C.v AS peak
  ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B* C) WITHIN INTERVAL '1' SECOND
  DEFINE A AS A.v < 400, B AS B.v BETWEEN 400 AND 800, C AS C.v > 800);`},
	},
	{
		name: "running",
		versions: []string{`
CREATE TABLE running (id BIGINT, k STRING, n BIGINT, total BIGINT)` + with + `
INSERT INTO running
SELECT id, k, COUNT(*) OVER w, SUM(v) OVER w FROM events
WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '0.5' SECOND PRECEDING AND CURRENT ROW);`},
		restless: true,
	},
	{
		name:     "rollup",
		versions: []string{rollup},
		merged:   "rolled",
	},
	{
		name:     "union",
		both:     true,
		reads:    aligned,
		versions: windowVersions("merged"),
		verify:   verify,
	},
	{
		name: "matches",
		both: true,
		versions: []string{`
CREATE TABLE matches (k STRING, low BIGINT, high BIGINT, ts TIMESTAMP(3))` + with + `
INSERT INTO matches
SELECT a.k, a.id, b.id, b.ts FROM events AS a JOIN others AS b
ON a.k = b.k AND a.v < b.v AND b.ts BETWEEN a.ts - INTERVAL '0.3' SECOND AND a.ts + INTERVAL '0.2' SECOND;`},
	},
}

// sources is how many tables a program reads.
func (p *program) sources() int {
	if p.both {
		return 2
	}
	return 1
}

// programNamed returns the program of that name, or nil.
func programNamed(name string) *program {
	i := slices.IndexFunc(programs, func(p *program) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return programs[i]
}

// Programs lists the names of the pipelines that are drawn.
func Programs() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}

// text is the SQL of a version.
func (p *program) text(version int) string {
	text := settings
	for _, table := range tables[:p.sources()] {
		text += sourceTable(table, p.reads)
	}
	if p.both {
		text += "CREATE VIEW merged AS SELECT * FROM events UNION ALL SELECT * FROM others;\n"
	}
	return text + p.versions[version]
}

// take returns a plan of each version, which the caller has to itself until it gives them
// back: a host that starts again plans nothing anew either.
func (p *program) take() ([]*plan.Plan, error) {
	p.mu.Lock()
	if n := len(p.plans); n > 0 {
		plans := p.plans[n-1]
		p.plans = p.plans[:n-1]
		p.mu.Unlock()
		return plans, nil
	}
	p.mu.Unlock()
	var plans []*plan.Plan
	for i := range p.versions {
		s, err := sql.Parse(p.name+".sql", p.text(i))
		if err != nil {
			return nil, err
		}
		c, err := plan.Build(s, plan.Options{Connectors: map[string]plan.Connector{"nats": {Source: true, Sink: true, SinkMode: sinkMode}}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		plans = append(plans, c)
	}
	return plans, nil
}

func (p *program) give(plans []*plan.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = append(p.plans, plans)
}

// sinkMode says that a table with a key takes upserts, as the agent's connector has it.
func sinkMode(t *plan.Table) plan.ChangelogMode {
	if len(t.PrimaryKey) > 0 {
		return plan.Upsert
	}
	return plan.AppendOnly
}

// isKeyed tells whether an output takes upserts.
func (p *program) isKeyed(output string) bool {
	return slices.ContainsFunc(p.keyed, func(k string) bool { return strings.EqualFold(k, output) })
}
