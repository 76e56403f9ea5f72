package dataflow

import (
	"fmt"
	"testing"
)

// A join of a table with itself that forgets rows, by the watermark, by arrival or after a
// time to live, gives the same however many messages a batch has.
func TestForgetfulSelfJoinsFollowRows(t *testing.T) {
	const ddl = `
SET 'pipeline.auto-watermark-interval' = '1 s';
CREATE TABLE a (k BIGINT, v BIGINT, ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE b (k BIGINT, v BIGINT, p AS PROCTIME()) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (x BIGINT, y BIGINT) WITH ('connector' = 'print');
`
	var log []entry
	for i := range 200 {
		ms := i * 100
		if i%7 == 3 || i%7 == 5 {
			ms -= 5000 // late for the join
		}
		log = append(log, entry{at: 1704067200000 + int64(i)*100, data: fmt.Sprintf(`{"k":%d,"v":%d,"ts":"2024-01-01 00:00:%02d.%03d"}`, i%2, i, max(ms, 0)/1000, max(ms, 0)%1000)})
	}
	for _, c := range []struct{ name, sql string }{
		{"within an interval of event time", `INSERT INTO o SELECT x.v, y.v FROM a x JOIN a y ON x.k = y.k AND x.ts BETWEEN y.ts - INTERVAL '2' SECOND AND y.ts`},
		{"outer", `INSERT INTO o SELECT x.v, y.v FROM a x LEFT JOIN a y ON x.k = y.k AND x.v <> y.v AND x.ts BETWEEN y.ts - INTERVAL '2' SECOND AND y.ts - INTERVAL '1' SECOND`},
		{"of filtered ways", `INSERT INTO o SELECT x.v, y.v FROM (SELECT * FROM a WHERE v > 20) x JOIN (SELECT * FROM a WHERE MOD(v, 2) = 0) y ON x.k = y.k AND x.ts BETWEEN y.ts - INTERVAL '2' SECOND AND y.ts`},
		{"within an interval of processing time", `INSERT INTO o SELECT x.v, y.v FROM b x JOIN b y ON x.k = y.k AND x.p BETWEEN y.p - INTERVAL '2' SECOND AND y.p`},
		{"with a time to live", `SET 'table.exec.state.ttl' = '3 s'; INSERT INTO o SELECT x.v, y.v FROM b x JOIN b y ON x.k = y.k`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			for _, limit := range []int{1, 0, 2, 7, 50} {
				r := newRig(t, noGuard+ddl+c.sql, map[string]*script{"a": {log: log, bounded: true, limit: limit}, "b": {log: log, bounded: true, limit: limit}}).start()
				r.settle()
				got := left(t, r.prints["o"].rows)
				if want == nil {
					want = got
				}
				if len(want) < 100 {
					t.Fatalf("too little: %v", want)
				}
				wantRows(t, fmt.Sprintf("limit %d", limit), got, want...)
				r.commit()
				r.balanced()
			}
		})
	}
}
