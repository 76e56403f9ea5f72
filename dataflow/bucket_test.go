package dataflow

import (
	"strings"
	"testing"
)

// A key-value bucket as a lookup table: puts replace by primary key, deletions take rows
// away, also over a restart.
func TestLookupInAKeyValueBucket(t *testing.T) {
	const query = `
CREATE TABLE a (n BIGINT, pt AS PROCTIME()) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE dim (n BIGINT, v STRING, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT, v STRING) WITH ('connector' = 'print');
INSERT INTO o SELECT a.n, dim.v FROM a LEFT JOIN dim FOR SYSTEM_TIME AS OF a.pt ON a.n = dim.n;`
	put := func(at int64, key, value string) entry {
		return entry{at: at, subject: "$KV.dim." + key, data: `{"n":` + key + `,"v":"` + value + `"}`}
	}
	del := func(at int64, key, header string) entry {
		return entry{at: at, subject: "$KV.dim." + key, hdr: "NATS/1.0\r\n" + header + "\r\n\r\n"}
	}
	a := &script{log: arrivals(1, 10, 2, 20, 3, 30)}
	dim := &script{log: []entry{put(1, "1", "one"), put(2, "2", "two"), put(3, "3", "three"), put(4, "3", "drei"), del(5, "1", "KV-Operation: DEL")}}
	r := newRig(t, query, map[string]*script{"a": a, "dim": dim}).start()
	r.settle()
	r.commit()
	dim.log = append(dim.log, put(100, "1", "eins"), del(110, "2", "KV-Operation: PURGE"), del(120, "3", "Nats-Marker-Reason: MaxAge"), del(121, "x", "KV-Operation: DEL"))
	a.log = append(a.log, arrivals(1, 105, 2, 106, 2, 115, 3, 125)...)
	r.crash()
	r.settle()
	want := "+I[1, null]@10 +I[2, two]@20 +I[3, drei]@30 +I[1, eins]@105 +I[2, two]@106 +I[2, null]@115 +I[3, null]@125"
	if got := strings.Join(r.prints["o"].rows, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	in := r.engine.sources[1]
	if in.ledger.Read != 9 || in.ledger.Decoded != 8 || in.ledger.Undecodable != 1 {
		t.Errorf("ledger of the bucket: %+v", in.ledger)
	}
}
