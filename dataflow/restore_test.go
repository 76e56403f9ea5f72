package dataflow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// A barrier at any step and a crash at any later one give what an undisturbed run gives,
// and each message counts once.
func TestRestoreAtEveryStep(t *testing.T) {
	var log []entry
	for i := range 40 {
		e := timed(int64(1000+i*70), string(rune('a'+i%3)), i*2-(i%5)*3+12, i)
		if i%7 == 0 {
			e.data += `{"k":1}{"ts":"x"}` + timed(0, "z", i, i).data
		}
		log = append(log, e)
	}
	run := func(commitAt, crashAt, declineAt int) *rig {
		s := &script{log: log, bounded: true, limit: 3}
		r := newRig(t, noGuard+"SET 'edgeflow.late' = 'divert';"+windowed, map[string]*script{"a": s}).start()
		for n := 1; n < 1000; n++ {
			p := r.step()
			if n == declineAt {
				r.decline()
			}
			if n == commitAt {
				c := r.commit()
				if !p.Ended && !slices.Equal(s.committed, c.Manifest.Sources[0].Position) {
					t.Fatalf("the source was told %v, the position is %v", s.committed, c.Manifest.Sources[0].Position)
				}
			}
			if n == crashAt {
				r.crash()
				crashAt = 0
				continue
			}
			if p.Ended {
				break
			}
		}
		r.commit()
		r.balanced()
		return r
	}
	want := run(0, 0, 0)
	if len(want.outbox["o"]) < 10 || len(want.outbox[LateRows]) == 0 || len(want.outbox[DeadLetters]) == 0 {
		t.Fatalf("the input is too tame: %v", want.outbox)
	}
	for commitAt := range 16 {
		for _, crashAt := range []int{0, commitAt, commitAt + 1, commitAt + 4} {
			r := run(commitAt, crashAt, commitAt-1)
			what := fmt.Sprintf("commit after step %d, crash after step %d: ", commitAt, crashAt)
			for name, rows := range want.outbox {
				wantRows(t, what+name, r.outbox[name], rows...)
			}
			if got, want := r.engine.Ledger().Sources[0], want.engine.Ledger().Sources[0]; got != want {
				t.Errorf("%sledger %+v, want %+v", what, got, want)
			}
		}
	}
}

const upserting = `
CREATE TABLE a (k STRING, v BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (k STRING, c BIGINT, t BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x');
INSERT INTO o SELECT k, COUNT(*), SUM(v) FROM a GROUP BY k;`

func upserts(n int) (log []entry) {
	for i := range n {
		log = append(log, entry{at: int64(i), data: fmt.Sprintf(`{"k":"k%d","v":%d}`, i*i%5, i)})
	}
	return log
}

// table is what a reader of an upsert output holds, a line a key.
func table(rows []string) []string {
	held := map[string]string{}
	for _, row := range rows {
		key, _, _ := strings.Cut(row[3:], ",")
		if row[0] == '-' {
			delete(held, key)
		} else {
			held[key] = row[3:]
		}
	}
	var out []string
	for _, row := range held {
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// An upsert sink writes one row a key and epoch, under sequences without holes that go on
// after a restart.
func TestUpsertSinkOverEpochs(t *testing.T) {
	s := &script{log: upserts(60), limit: 10}
	r := newRig(t, upserting, map[string]*script{"a": s}).start()
	for range 3 {
		r.step()
		before := len(r.outbox["o"])
		if r.engine.PendingBytes() == 0 {
			t.Error("rows of the epoch do not count as pending")
		}
		r.commit()
		if n := len(r.outbox["o"]) - before; n == 0 || n > 3 {
			t.Errorf("%d rows in an epoch of 3 keys: %v", n, r.outbox["o"][before:])
		}
		r.step()
		r.crash()
	}
	r.step()
	r.decline()
	r.settle()
	r.commit()
	if r.engine.PendingBytes() != 0 {
		t.Errorf("%d bytes pending after a barrier", r.engine.PendingBytes())
	}
	whole := newRig(t, upserting, map[string]*script{"a": {log: upserts(60)}}).start()
	whole.settle()
	whole.commit()
	wantRows(t, "one epoch", whole.outbox["o"], `+I {"k":"k0","c":12,"t":330}`, `+I {"k":"k1","c":24,"t":720}`, `+I {"k":"k4","c":24,"t":720}`)
	wantRows(t, "the table", table(r.outbox["o"]), table(whole.outbox["o"])...)
	r.balanced()
	whole.balanced()
}

// Draining fires all windows where the sources stand; what ended stays ended.
func TestDrain(t *testing.T) {
	log := []entry{timed(1000, "a", 1, 1), timed(2000, "b", 12, 2), timed(3000, "a", 13, 3)}
	s := &script{log: log, limit: 2}
	r := newRig(t, noGuard+windowed, map[string]*script{"a": s}).start()
	r.step()
	if err := r.engine.Drain(); err != nil {
		t.Fatal(err)
	}
	want := []string{`+I {"k":"a","s":"2024-01-01 00:00:00","c":1,"t":1}`, `+I {"k":"b","s":"2024-01-01 00:00:10","c":1,"t":2}`}
	c := r.commit()
	wantRows(t, "drained", r.outbox["o"], want...)
	if !c.Manifest.Ended || !c.Manifest.Sources[0].Ended || c.Manifest.Sources[0].Position[0] != 2 {
		t.Errorf("manifest %+v", c.Manifest)
	}
	opened := len(s.opened)
	r.crash()
	if p := r.step(); !p.Ended || p.Taken || len(s.opened) != opened {
		t.Errorf("an ended pipeline: %+v, opened %d times", p, len(s.opened))
	}
	r.tick(1 << 40)
	if err := r.engine.Drain(); err != nil {
		t.Error(err)
	}
	r.commit()
	wantRows(t, "after a restart", r.outbox["o"], want...)
}

// Drained with rows at hand, a source stays where it was.
func TestDrainWithRowsAtHand(t *testing.T) {
	r := newRig(t, twoSources, map[string]*script{"a": {log: arrivals(101, 20, 102, 40)}})
	r.series["b"] = &series{n: 9, stepMs: 10}
	r.start()
	for range 3 {
		r.step()
	}
	rows := len(r.prints["o"].rows)
	if err := r.engine.Drain(); err != nil {
		t.Fatal(err)
	}
	c := r.commit()
	at := 0
	for _, row := range r.prints["o"].rows {
		if !strings.HasPrefix(row, "+I[10") {
			at++
		}
	}
	if p := c.Manifest.Sources[1].Position; int(p[0]) != at || len(r.prints["o"].rows) != rows || at == 0 || at == 9 {
		t.Errorf("position %v after %d rows: %v", p, at, r.prints["o"].rows)
	}
}

// A query that ended goes on when it is given another source.
func TestAnEndedQueryWithANewSource(t *testing.T) {
	one := strings.Replace(twoSources, " UNION ALL SELECT n FROM b", "", 1)
	r := newRig(t, one, map[string]*script{"a": {log: numbers(1, 2, 10, 10), bounded: true}, "b": {log: numbers(101, 102, 10, 10), bounded: true}}).start()
	r.settle()
	r.commit()
	r.plan = compile(t, twoSources)
	r.crash()
	if p := r.step(); p.Rows != 2 {
		t.Errorf("progress %+v", p)
	}
	if p := r.step(); !p.Ended {
		t.Errorf("progress %+v", p)
	}
	if got := arrived(r.prints["o"].rows); got != "1@10 2@20 101@20 102@20" {
		t.Errorf("rows %s", got)
	}
}

// The end of a source has its effect between the same rows of the others, whether it comes
// with the source's last message or by itself, and however large polls are.
func TestTheEndOfASource(t *testing.T) {
	const sql = noGuard + `
CREATE TABLE a (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x', 'format' = 'json', 'scan.watermark.emit.strategy' = 'on-event');
CREATE TABLE b (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x', 'format' = 'json', 'scan.watermark.emit.strategy' = 'on-event');
CREATE TABLE o (s TIMESTAMP(3), c BIGINT) WITH ('connector' = 'x');
CREATE VIEW u AS SELECT ts FROM a UNION ALL SELECT ts FROM b;
INSERT INTO o SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE u, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;`
	at := func(arrival int64, sec int) entry {
		return entry{at: arrival, data: fmt.Sprintf(`{"ts":"1970-01-01 00:00:%02d"}`, sec)}
	}
	// While a is open its watermark holds; when it ends, b's own makes b's stragglers late.
	a := []entry{at(100, 1), at(200, 2)}
	b := []entry{at(110, 25), at(120, 3), at(190, 4), at(210, 5), at(220, 6), at(230, 31), at(240, 7)}
	want := []string{`+I {"s":"1970-01-01 00:00:00","c":4}`, `+I {"s":"1970-01-01 00:00:20","c":1}`, `+I {"s":"1970-01-01 00:00:30","c":1}`}
	for _, eager := range []bool{false, true} {
		for limit := range 5 {
			for other := range 4 {
				r := newRig(t, sql, map[string]*script{"a": {log: a, bounded: true, eager: eager, limit: other}, "b": {log: b, bounded: true, limit: limit}}).start()
				r.settle()
				r.commit()
				wantRows(t, fmt.Sprintf("eager %v, polls of %d and %d", eager, other, limit), r.outbox["o"], want...)
				r.balanced()
			}
		}
	}
}

// VALUES is emitted once, whatever happens.
func TestValuesAreEmittedOnce(t *testing.T) {
	const sql = `
CREATE TABLE o (n INT, s STRING) WITH ('connector' = 'x');
INSERT INTO o VALUES (1, 'a'), (2, 'b');`
	r := newRig(t, sql, nil).start()
	r.crash() // before anything is committed
	r.decline()
	if p := r.step(); !p.Ended {
		t.Errorf("progress %+v", p)
	}
	r.commit()
	r.crash()
	r.settle()
	r.commit()
	wantRows(t, "rows", r.outbox["o"], `+I {"n":1,"s":"a"}`, `+I {"n":2,"s":"b"}`)
	r.balanced()
}

// A source that has read nothing goes on where it began.
func TestStartPositionSurvives(t *testing.T) {
	s := &script{log: numbers(1, 3, 10, 10), start: []byte{2, 0, 0, 0, 0, 0, 0, 0}}
	r := newRig(t, strings.Replace(twoSources, " UNION ALL SELECT n FROM b", "", 1), map[string]*script{"a": s}).start()
	c := r.commit()
	if !slices.Equal(c.Manifest.Sources[0].Position, s.start) {
		t.Errorf("position %v", c.Manifest.Sources[0].Position)
	}
	r.crash()
	r.settle()
	if got := arrived(r.prints["o"].rows); got != "3@30" {
		t.Errorf("rows %s", got)
	}
	s = &script{}
	r = newRig(t, strings.Replace(twoSources, " UNION ALL SELECT n FROM b", "", 1), map[string]*script{"a": s}).start()
	r.commit()
	r.crash()
	if len(s.opened) != 2 || s.opened[1] != nil {
		t.Errorf("opened at %v: without a position it is nil", s.opened)
	}
}

// A source that goes on beyond a gap is there from its first checkpoint on: the next start
// finds no gap again, and skips nothing that came since.
func TestMovedPositionSurvives(t *testing.T) {
	s := &script{log: numbers(1, 1, 10, 10)}
	r := newRig(t, strings.Replace(twoSources, " UNION ALL SELECT n FROM b", "", 1), map[string]*script{"a": s}).start()
	r.settle()
	r.commit()
	s.log, s.moved, s.start = numbers(1, 3, 10, 10), true, []byte{2, 0, 0, 0, 0, 0, 0, 0}
	r.crash()
	c := r.commit()
	if src := c.Manifest.Sources[0]; !slices.Equal(src.Position, s.start) || src.Ledger.Gap != 1 {
		t.Errorf("position %v, gap %d", src.Position, src.Ledger.Gap)
	}
	s.moved = false
	r.crash()
	r.settle()
	if gap := r.engine.Ledger().Sources[0].Gap; gap != 1 {
		t.Errorf("the gap is counted as %d", gap)
	}
	if got := arrived(r.prints["o"].rows); !strings.HasSuffix(got, "3@30") {
		t.Errorf("rows %s", got)
	}
}

// A start that fails closes what it opened.
func TestFailedStartsCloseEverything(t *testing.T) {
	boom := errors.New("boom")
	a, b := &script{}, &script{openErr: boom}
	r := newRig(t, twoSources, map[string]*script{"a": a, "b": b})
	if err := r.open(); !errors.Is(err, boom) || !strings.Contains(err.Error(), "source b") {
		t.Fatalf("error %v", err)
	}
	if a.closed != 1 || b.closed != 1 || r.prints["o"].closed != 1 {
		t.Errorf("closed %d, %d and %d times", a.closed, b.closed, r.prints["o"].closed)
	}
	a, b = &script{}, &script{}
	r = newRig(t, strings.Replace(twoSources, "CREATE TABLE b (n BIGINT) WITH ('connector' = 'x', 'format' = 'json')", "CREATE TABLE b (n BIGINT) WITH ('connector' = 'x', 'format' = 'jsonn')", 1), map[string]*script{"a": a, "b": b})
	if err := r.open(); err == nil || !strings.Contains(err.Error(), "source b") {
		t.Fatalf("error %v", err)
	}
	if a.closed != 1 || b.closed != 1 {
		t.Errorf("closed %d and %d times", a.closed, b.closed)
	}
}

// State that belongs to another layout is refused, with nothing left open.
func TestStateOfAnotherLayoutIsRefused(t *testing.T) {
	r := newRig(t, upserting, map[string]*script{"a": {log: upserts(5)}}).start()
	r.settle()
	r.commit()
	id := ""
	for _, n := range r.plan.Nodes {
		if n.Kind() == "group-aggregate" {
			id = n.Base().ID
		}
	}
	r.plan = compile(t, strings.Replace(upserting, "COUNT(*), SUM(v)", "MIN(v), AVG(v)", 1))
	for _, n := range r.plan.Nodes {
		if n.Kind() == "group-aggregate" {
			n.Base().ID = id
		}
	}
	var layout *state.LayoutError
	before := r.scripts["a"].closed
	if err := r.open(); !errors.As(err, &layout) {
		t.Fatalf("error %v", err)
	}
	if r.scripts["a"].closed != before+1 {
		t.Error("the source stays open")
	}
}

// The same logs give the same output whatever the polls, the checkpoints, and the crashes.
func TestOutputFollowsFromTheLogs(t *testing.T) {
	const sql = noGuard + `SET 'edgeflow.late' = 'divert';
CREATE TABLE a (k STRING, ts TIMESTAMP(3), v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE b (k STRING, ts TIMESTAMP(3), v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'x', 'format' = 'json', 'scan.watermark.emit.strategy' = 'on-event');
CREATE VIEW u AS SELECT k, ts, v FROM a UNION ALL SELECT k, ts, v + 1000 FROM b;
CREATE TABLE tumbled (k STRING, s TIMESTAMP(3), c BIGINT, t BIGINT) WITH ('connector' = 'x');
CREATE TABLE hopped (s TIMESTAMP(3), e TIMESTAMP(3), c BIGINT) WITH ('connector' = 'x');
CREATE TABLE passed (k STRING, q BIGINT) WITH ('connector' = 'x');
CREATE TABLE totals (k STRING, c BIGINT, t BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x');
EXECUTE STATEMENT SET BEGIN
INSERT INTO tumbled SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE u, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
INSERT INTO hopped SELECT window_start, window_end, COUNT(*) FROM TABLE(HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
INSERT INTO passed SELECT k, 600 / v FROM a WHERE k <> 'c';
INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM u GROUP BY k;
END;`
	for seed := range uint64(6) {
		logs := map[string][]entry{"a": randomLog(seed, 1), "b": randomLog(seed, 2)}
		want := runRandomly(t, sql, logs, nil)
		for variant := range uint64(6) {
			got := runRandomly(t, sql, logs, rand.New(rand.NewPCG(seed, variant)))
			for _, name := range []string{"tumbled", "hopped", "passed"} {
				if !slices.Equal(got.outbox[name], want.outbox[name]) {
					t.Errorf("seed %d, variant %d: %s differs", seed, variant, name)
				}
			}
			if !slices.Equal(table(got.outbox["totals"]), table(want.outbox["totals"])) {
				t.Errorf("seed %d, variant %d: totals differ", seed, variant)
			}
			// Which of several consumers of a batch refuses a row first follows from the batch.
			for _, name := range []string{DeadLetters, LateRows} {
				g, w := slices.Sorted(slices.Values(got.outbox[name])), slices.Sorted(slices.Values(want.outbox[name]))
				if !slices.Equal(g, w) || len(w) == 0 {
					t.Errorf("seed %d, variant %d: %d rows in %s, want %d", seed, variant, len(g), name, len(w))
				}
			}
		}
		if len(want.outbox["tumbled"]) < 20 || len(want.outbox["passed"]) < 50 {
			t.Errorf("seed %d is too tame: %d windows, %d rows", seed, len(want.outbox["tumbled"]), len(want.outbox["passed"]))
		}
	}
}

func randomLog(seed, which uint64) (log []entry) {
	r := rand.New(rand.NewPCG(seed, 100+which))
	at, sec := int64(1000), 10
	for range 60 + r.IntN(60) {
		at += int64(r.IntN(400))
		sec += r.IntN(3)
		e := entry{at: at}
		for range []int{1, 1, 2, 5, 0}[r.IntN(5)] {
			late := 0
			if r.IntN(6) == 0 {
				late = r.IntN(25)
			}
			switch r.IntN(30) {
			case 0:
				e.data += `{"k":"bad","v":"x"}`
			case 1:
				e.data += `{"k":"no time","v":1}`
			default:
				e.data += timed(0, string(rune('a'+r.IntN(4))), max(0, sec-late), r.IntN(20)).data
			}
		}
		if r.IntN(25) == 0 {
			many := timed(0, "m", sec, 7).data
			e.data += strings.Repeat(many, 1+r.IntN(1500))
		}
		log = append(log, e)
	}
	return log
}

// runRandomly runs to the end, undisturbed without a generator.
func runRandomly(t *testing.T, sql string, logs map[string][]entry, rng *rand.Rand) *rig {
	t.Helper()
	scripts := map[string]*script{}
	for _, name := range []string{"a", "b"} {
		scripts[name] = &script{log: logs[name], bounded: true}
		if rng != nil {
			scripts[name].limit, scripts[name].eager = 1+rng.IntN(40), rng.IntN(2) == 0
		}
	}
	r := newRig(t, sql, scripts).start()
	for crashes := 0; ; {
		if r.step().Ended {
			break
		}
		if rng == nil {
			continue
		}
		switch rng.IntN(12) {
		case 0, 1:
			r.commit()
			r.balanced()
		case 2:
			r.decline()
		case 3:
			if crashes++; crashes < 20 {
				r.crash()
			}
		}
	}
	r.commit()
	r.balanced()
	return r
}

// A query with further aggregates, or fewer, goes on with those that it had.
func TestAggregatesAreAddedToState(t *testing.T) {
	log := upserts(12)
	a := &script{log: log[:8]}
	r := newRig(t, upserting, map[string]*script{"a": a}).start()
	r.settle()
	r.commit()
	wide := strings.Replace(upserting, "t BIGINT, PRIMARY", "t BIGINT, m BIGINT, PRIMARY", 1)
	r.plan = compile(t, strings.Replace(wide, "SUM(v)", "SUM(v), MIN(v)", 1))
	a.log = log
	r.crash()
	if m := r.engine.Migrations(); len(m) != 1 || m[0].String() != "COUNT(*), SUM(v) goes on; MIN(v) begins empty" {
		t.Fatalf("migrations %v", m)
	}
	r.settle()
	r.commit()
	// k0 had 0 and 5, and gets 10; k4 had 2, 3 and 7, and gets 8.
	text := fmt.Sprint(r.outbox["o"])
	for _, row := range []string{`"k":"k0","c":3,"t":15,"m":10`, `"k":"k4","c":4,"t":20,"m":8`} {
		if !strings.Contains(text, row) {
			t.Errorf("no %s in %s", row, text)
		}
	}
	// Restored as it is, and with fewer.
	r.crash()
	if m := r.engine.Migrations(); len(m) != 0 {
		t.Errorf("migrations %v", m)
	}
	r.plan = compile(t, upserting)
	r.crash()
	if m := r.engine.Migrations(); len(m) != 1 || m[0].String() != "COUNT(*), SUM(v) goes on; MIN(v) is forgotten" {
		t.Errorf("migrations %v", m)
	}
}

// A place that a source reaches without messages is kept by the next barrier, but not while messages
// before it are at hand.
func TestPlaceWithoutMessagesSurvives(t *testing.T) {
	s := &script{log: numbers(1, 3, 10, 10)}
	r := newRig(t, `
CREATE TABLE a (n BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT) WITH ('connector' = 'x');
INSERT INTO o SELECT n FROM a;`, map[string]*script{"a": s}).start()
	r.settle()
	r.commit()
	if r.engine.Advanced() {
		t.Error("it moves though it does not")
	}
	s.advanced = []byte{3, 0, 0, 0, 0, 0, 0, 9}
	in := r.engine.sources[0]
	in.msgs, in.next = []Message{{}}, 0
	if r.engine.Advanced() {
		t.Error("it moves while a message is at hand")
	}
	in.msgs = nil
	for range 2 { // asking changes nothing
		if !r.engine.Advanced() {
			t.Error("it does not move")
		}
	}
	r.commit()
	if r.engine.Advanced() {
		t.Error("it moves though it is kept")
	}
	r.crash()
	if p := s.opened[len(s.opened)-1]; !slices.Equal(p, s.advanced) {
		t.Errorf("begun at % x", p)
	}
}
