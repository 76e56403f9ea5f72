package dataflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const twoSources = `
CREATE TABLE a (n BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT n FROM a UNION ALL SELECT n FROM b;`

func arrivals(nAt ...int64) (log []entry) {
	for i := 0; i < len(nAt); i += 2 {
		log = append(log, entry{at: nAt[i+1], data: fmt.Sprintf(`{"n":%d}`, nAt[i])})
	}
	return log
}

// Sources are merged by (arrival time, ordinal, sequence), whatever their polls hand out.
func TestSourcesAreMergedByArrival(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []entry
		want string // n@arrival
	}{
		{"by arrival", arrivals(1, 10, 2, 30, 3, 50), arrivals(101, 20, 102, 40), "1@10 101@20 2@30 102@40 3@50"},
		{"ties by ordinal, then by sequence", arrivals(1, 10, 2, 10, 3, 20), arrivals(101, 10, 102, 20), "1@10 2@10 101@10 3@20 102@20"},
		{"a log whose clock went back", arrivals(1, 10, 2, 30, 3, 20, 4, 31), arrivals(101, 25, 102, 30), "1@10 101@25 2@30 3@30 102@30 4@31"},
		{"one is empty", arrivals(1, 10, 2, 20), nil, "1@10 2@20"},
	} {
		for limit := range 4 {
			r := newRig(t, twoSources, map[string]*script{"a": {log: c.a, limit: limit}, "b": {log: c.b, limit: (limit * 3) % 4}}).start()
			r.settle()
			if got := arrived(r.prints["o"].rows); got != c.want {
				t.Errorf("%s, polls of %d: %s, want %s", c.name, limit, got, c.want)
			}
		}
	}
}

// arrived turns "+I[1]@10" into 1@10.
func arrived(rows []string) string {
	out := slices.Clone(rows)
	for i := range out {
		out[i] = strings.NewReplacer("+I[", "", "]", "").Replace(out[i])
	}
	return strings.Join(out, " ")
}

// A source with a backlog and nothing at hand is asked once more and not waited for
// longer. What it brings late is not older than what went before.
func TestArrivalTimeDoesNotGoBack(t *testing.T) {
	a, b := &script{log: arrivals(1, 10, 2, 20), stalls: 1}, &script{log: arrivals(101, 15, 102, 25)}
	r := newRig(t, twoSources, map[string]*script{"a": a, "b": b}).start()
	r.settle()
	if got, want := arrived(r.prints["o"].rows), "1@10 101@15 2@20 102@25"; got != want {
		t.Errorf("asked once more: %s, want %s", got, want)
	}
	a, b = &script{log: arrivals(1, 10, 2, 30), stalls: 2}, &script{log: arrivals(101, 15, 102, 25)}
	r = newRig(t, twoSources, map[string]*script{"a": a, "b": b}).start()
	r.settle()
	if got, want := arrived(r.prints["o"].rows), "101@15 102@25 1@25 2@30"; got != want {
		t.Errorf("not waited for: %s, want %s", got, want)
	}
	r.commit()
	a.log = append(a.log, arrivals(3, 28, 4, 40)...)
	r.crash()
	r.settle()
	if got, want := arrived(r.prints["o"].rows), "101@15 102@25 1@25 2@30 3@30 4@40"; got != want {
		t.Errorf("after a restart: %s, want %s", got, want)
	}
}

// Rows that were polled and not taken in are read again after a restart, no others.
func TestRowSourceWithRowsAtHand(t *testing.T) {
	for steps := range 9 {
		r := newRig(t, twoSources, map[string]*script{"a": {log: numbers(101, 108, 100, 10), bounded: true, limit: 3}})
		r.series["b"] = &series{n: 20, startMs: 90, stepMs: 5}
		r.start()
		for range steps {
			r.step()
		}
		r.commit()
		kept := len(r.prints["o"].rows)
		r.step()
		r.step()
		r.prints["o"].rows = r.prints["o"].rows[:kept]
		r.crash()
		r.settle()
		want := "1@95 101@100 2@100 3@105 102@110 4@110 5@115 103@120 6@120 7@125 104@130 8@130 9@135 105@140 10@140 11@145 " +
			"106@150 12@150 13@155 107@160 14@160 15@165 108@170 16@170 17@175 18@180 19@185 20@190"
		if got := arrived(r.prints["o"].rows); got != want {
			t.Errorf("after %d steps: %s", steps, got)
		}
	}
}

// Pending counts what waits and what is at hand: a tick is due only when it is 0.
func TestPendingCountsWhatIsAtHand(t *testing.T) {
	r := newRig(t, twoSources, map[string]*script{"a": {log: numbers(1, 5, 10, 10), limit: 3}, "b": {log: numbers(101, 102, 25, 100)}}).start()
	var got []string
	for range 6 {
		p := r.step()
		got = append(got, fmt.Sprintf("%d/%d", p.Rows, p.Pending))
	}
	wantRows(t, "rows/pending", got, "2/5", "1/4", "1/3", "2/1", "1/0", "0/0")
}

// A tick moves arrival time on, for all sources, and not before anything has arrived.
func TestTicks(t *testing.T) {
	s := &script{}
	r := newRig(t, `
CREATE TABLE a (n BIGINT, p AS PROCTIME()) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (c BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(p), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;`,
		map[string]*script{"a": s})
	r.now = 5_000
	r.start()
	r.tick(9_000)
	if r.engine.NowMs() != 5_000 {
		t.Errorf("a tick before the first arrival moved arrival time to %d", r.engine.NowMs())
	}
	s.log = arrivals(1, 1_500, 2, 1_600)
	r.settle()
	r.tick(1_999)
	if rows := r.prints["o"].rows; len(rows) > 0 || r.engine.NowMs() != 1_999 {
		t.Fatalf("at %d: %v", r.engine.NowMs(), rows)
	}
	r.tick(1_000) // does not go back
	r.tick(2_000)
	if got := r.prints["o"].rows; len(got) != 1 || !strings.HasPrefix(got[0], "+I[2]") {
		t.Fatalf("after the window's end: %v", got)
	}
	// A row stored before the tick counts as arrived with it, also after a restart.
	r.commit()
	r.crash()
	s.log = append(s.log, arrivals(3, 1_900)...)
	r.settle()
	r.tick(3_000)
	if got := r.prints["o"].rows; len(got) != 2 || !strings.HasPrefix(got[1], "+I[1]") {
		t.Fatalf("the row behind the tick: %v", got)
	}
	if l := r.engine.Ledger().Operators; l[len(l)-1].Late != 0 {
		t.Errorf("ledger %+v", l)
	}
}

// A table that is read for lookups alone is loaded first, whatever its arrival times, and
// has no part in arrival time until then; its later rows are merged by arrival.
func TestLookupTablesAreLoadedFirst(t *testing.T) {
	const query = `
CREATE TABLE a (n BIGINT, pt AS PROCTIME()) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE dim (n BIGINT, v BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT, v BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT a.n, dim.v FROM a LEFT JOIN dim FOR SYSTEM_TIME AS OF a.pt ON a.n = dim.n;`
	for limit := range 3 {
		a := &script{log: arrivals(1, 10, 2, 20, 1, 30), limit: limit}
		dim := &script{log: []entry{{at: 900, data: `{"n":1,"v":100}`}, {at: 1000, data: `{"n":1,"v":101}`}}, limit: limit, stalls: 5 * min(limit, 1)}
		r := newRig(t, query, map[string]*script{"a": a, "dim": dim}).start()
		r.settle()
		if got, want := strings.Join(r.prints["o"].rows, " "), "+I[1, 101]@10 +I[2, null]@20 +I[1, 101]@30"; got != want {
			t.Errorf("polls of %d: %s, want %s", limit, got, want)
		}
		a.log, dim.log = append(a.log, arrivals(1, 2000, 1, 2002)...), append(dim.log, entry{at: 2001, data: `{"n":1,"v":102}`})
		r.settle()
		if got, want := strings.Join(r.prints["o"].rows[3:], " "), "+I[1, 101]@2000 +I[1, 102]@2002"; got != want {
			t.Errorf("polls of %d, then: %s, want %s", limit, got, want)
		}
	}
}
