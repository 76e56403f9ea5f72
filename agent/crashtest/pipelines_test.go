package crashtest

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/examples/qoe"
)

// pipeline is a pipeline that is killed. All of them read the beacons that the edge has
// stored, and write to subjects below qoe of the hub's stream QOE.
type pipeline struct {
	name string // 'pipeline.name', and so that of the folder
	sql  string
	// subjects are those that the undisturbed run must leave rows in, and how many at least.
	subjects map[string]int
	// unordered are those whose rows come in an order that depends on how the input was cut
	// into batches: two branches of one source meet there.
	unordered []string
	// totals tells that the subject of the totals is among them.
	totals bool
}

// The table of the example, which ends with the stored input, and the rhythm of checkpoints.
func source(t testing.TB, name string) string {
	head, _, ok := strings.Cut(qoe.SQL, "CREATE TABLE qoe_10s")
	if !ok {
		t.Fatal("the example makes no table qoe_10s")
	}
	return changed(t, head, "'pipeline.name' = 'qoe'", "'pipeline.name' = '"+name+"'")
}

// changed applies what every pipeline needs, and further replacements, each of which must
// have exactly one place.
func changed(t testing.TB, sql string, more ...string) string {
	t.Helper()
	for change := append([]string{
		"'execution.checkpointing.interval' = '1 s'", "'execution.checkpointing.interval' = '20 ms'",
		"'execution.checkpointing.min-pause' = '200 ms'", "'execution.checkpointing.min-pause' = '1 ms'",
		"'nats.subject' = 'beacons.>',", "'nats.subject' = 'beacons.>',\n  'scan.bounded.mode' = 'latest-offset',",
	}, more...); len(change) > 0; change = change[2:] {
		if strings.Count(sql, change[0]) != 1 {
			t.Fatalf("the example has no %s", change[0])
		}
		sql = strings.Replace(sql, change[0], change[1], 1)
	}
	return sql
}

// sink declares a table of the hub's stream.
func sink(name, columns, more string) string {
	return "CREATE TABLE " + name + " (" + columns + ") WITH ('connector' = 'nats', 'nats.stream' = 'QOE', 'nats.subject' = 'qoe." + name +
		"', 'nats.stream.create' = 'true', 'format' = 'json'" + more + ");\n"
}

// tumbling is the example, with the totals of each customer on top: rows that are revised,
// of which a checkpoint lets only the newest go.
func tumbling(t testing.TB) pipeline {
	return pipeline{name: "qoe", totals: true,
		subjects: map[string]int{"qoe.10s": 100, "qoe.1m": 100, "qoe.errors": 100, totals: 8, "file dead-letters": 1},
		sql:      changed(t, qoe.SQL, "EXECUTE STATEMENT SET\nBEGIN\n", totalsTable+"EXECUTE STATEMENT SET\nBEGIN\n"+totalsInsert),
	}
}

// pipelines are those of the series of kills.
func pipelines(t testing.TB) []pipeline {
	return []pipeline{
		tumbling(t),
		{name: "join", unordered: []string{"qoe.joined"}, subjects: map[string]int{"qoe.joined": 300}, sql: source(t, "join") +
			sink("joined", "failed STRING, stalled STRING, error STRING, rebuffer_ms INT", "") + `
INSERT INTO joined
SELECT e.view_id, s.view_id, e.error, s.rebuffer_ms
FROM (SELECT * FROM beacons WHERE error IS NOT NULL) AS e
JOIN (SELECT * FROM beacons WHERE rebuffer_ms > 3000) AS s
ON e.customer = s.customer AND e.cdn = s.cdn AND e.device = s.device
  AND s.event_time BETWEEN e.event_time - INTERVAL '10' SECOND AND e.event_time + INTERVAL '10' SECOND;
`},
		{name: "session", subjects: map[string]int{"qoe.stalls": 300}, sql: source(t, "session") +
			"CREATE VIEW stalled AS SELECT * FROM beacons WHERE rebuffer_ms > 0;\n" +
			sink("stalls", "customer STRING, cdn STRING, began TIMESTAMP(3), ended TIMESTAMP(3), stalls BIGINT, rebuffer_ms BIGINT", "") + `
INSERT INTO stalls
SELECT customer, cdn, window_start, window_end, COUNT(*), SUM(CAST(rebuffer_ms AS BIGINT))
FROM TABLE(SESSION(TABLE stalled PARTITION BY (customer, cdn), DESCRIPTOR(event_time), INTERVAL '1' SECOND))
GROUP BY customer, cdn, window_start, window_end;
`},
		{name: "top", subjects: map[string]int{"qoe.worst": 300}, sql: source(t, "top") +
			sink("worst", "customer STRING, cdn STRING, view_id STRING, rebuffer_ms INT, place BIGINT", ", 'changelog-mode' = 'retract'") + `
INSERT INTO worst
SELECT customer, cdn, view_id, rebuffer_ms, place FROM (
  SELECT customer, cdn, view_id, rebuffer_ms,
    ROW_NUMBER() OVER (PARTITION BY customer, cdn ORDER BY rebuffer_ms DESC, view_id) AS place
  FROM beacons WHERE rebuffer_ms > 0) WHERE place <= 3;
`},
		{name: "pattern", subjects: map[string]int{"qoe.drops": 80}, sql: source(t, "pattern") +
			sink("drops", "customer STRING, cdn STRING, high INT, low INT, falls BIGINT, at TIMESTAMP(3)", "") + `
INSERT INTO drops
SELECT customer, cdn, high, low, falls, at FROM beacons MATCH_RECOGNIZE (
  PARTITION BY customer, cdn ORDER BY event_time
  MEASURES FIRST(A.bitrate_kbps) AS high, LAST(B.bitrate_kbps) AS low, COUNT(B.bitrate_kbps) AS falls, CAST(C.event_time AS TIMESTAMP(3)) AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B{3,} C) WITHIN INTERVAL '20' SECOND
  DEFINE A AS A.bitrate_kbps > 6000, B AS B.bitrate_kbps < LAST(B.bitrate_kbps, 1) OR LAST(B.bitrate_kbps, 1) IS NULL AND B.bitrate_kbps < A.bitrate_kbps,
    C AS C.bitrate_kbps > A.bitrate_kbps);
`},
	}
}
