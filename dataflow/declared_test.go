package dataflow

import "testing"

// What a print sink shows follows from its columns' types, not from those of the expressions
// that were computed: a TIMESTAMP of other digits has the same values.
func TestPrintersAreGivenTheDeclaredTypes(t *testing.T) {
	const text = noGuard + `
CREATE TABLE a (ts TIMESTAMP(3), f FLOAT, n SMALLINT, r ROW<ts TIMESTAMP(3)>) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (ts TIMESTAMP(5), d DOUBLE, n DECIMAL(10, 0), r ROW<ts TIMESTAMP(6)>) WITH ('connector' = 'print');
INSERT INTO o SELECT CAST(ts AS TIMESTAMP(5)), f, n, CAST(r AS ROW<ts TIMESTAMP(6)>) FROM a;`
	log := []entry{{at: 7, data: `{"ts":"2024-01-01 00:00:00.61","f":0.1,"n":5,"r":{"ts":"2024-01-01 00:00:00.5"}}`}}
	r := newRig(t, text, map[string]*script{"a": {log: log, bounded: true}}).start()
	r.settle()
	wantRows(t, "o", r.prints["o"].rows, "+I[2024-01-01 00:00:00.61000, 0.10000000149011612, 5, (2024-01-01 00:00:00.500000)]@7")
	r.commit()
	r.balanced()
}
