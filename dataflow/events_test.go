package dataflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// packed is a message of the events {"n": from, "s": "v<from>"} to to.
func packed(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, `{"n":%d,"s":"v%d"}`, i, i)
	}
	return b.String()
}

const copying = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT, s STRING) WITH ('connector' = 'x');
INSERT INTO o SELECT n, s FROM a;`

// origins is a Printer that keeps where rows came from.
type origins struct{ got []vec.Origin }

func (p *origins) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		p.got = append(p.got, b.Origin[b.Row(k)])
	}
	if len(b.Arrival) != b.N || len(b.Origin) != b.N {
		return fmt.Errorf("%d rows, %d arrival times, %d origins", b.N, len(b.Arrival), len(b.Origin))
	}
	return nil
}
func (p *origins) Close() error { return nil }

// Batches fill up in the middle of messages; no event is lost, and the position stays at
// the ends of messages.
func TestManyEventsAMessage(t *testing.T) {
	sizes := []int{1000, 23, 1, 1, 1024, 0, 1023, 2049, 1, 5000, 1, 0, 1022}
	s := &script{}
	total := 0
	for i, n := range sizes {
		s.log = append(s.log, entry{at: int64(10 * i), data: packed(total+1, total+n)})
		total += n
	}
	r := newRig(t, copying, map[string]*script{"a": s}).start()
	r.settle()
	c := r.commit()
	if len(r.outbox["o"]) != total {
		t.Fatalf("%d rows of %d", len(r.outbox["o"]), total)
	}
	for i, row := range r.outbox["o"] {
		if want := fmt.Sprintf(`+I {"n":%d,"s":"v%d"}`, i+1, i+1); row != want {
			t.Fatalf("row %d is %s, want %s", i, row, want)
		}
	}
	if p := c.Manifest.Sources[0].Position; p[0] != byte(len(sizes)) {
		t.Errorf("position %v", p)
	}
	if l := r.engine.Ledger().Sources[0]; l.Messages != int64(len(sizes)) || l.Read != int64(total) || r.engine.Events() != l.Read {
		t.Errorf("ledger %+v", l)
	}
	r.balanced()
}

func TestOriginsOfManyEvents(t *testing.T) {
	r := newRig(t, strings.Replace(copying, "'connector' = 'x');\nINSERT", "'connector' = 'print');\nINSERT", 1),
		map[string]*script{"a": {log: []entry{{at: 1, data: packed(1, 3)}, {at: 2, data: packed(4, 2000)}, {at: 3, data: packed(1, 1)}}}}).start()
	p := &origins{}
	for _, v := range r.engine.vertices {
		if s, ok := v.op.(*sink); ok {
			s.bind.Printer = p
		}
	}
	r.settle()
	if len(p.got) != 2001 {
		t.Fatalf("%d rows", len(p.got))
	}
	for i, o := range p.got {
		want := vec.Origin{Seq: 2, Row: uint32(i - 3)}
		if i < 3 {
			want = vec.Origin{Seq: 1, Row: uint32(i)}
		} else if i == 2000 {
			want = vec.Origin{Seq: 3}
		}
		if o != want {
			t.Fatalf("row %d comes from %+v, want %+v", i, o, want)
		}
	}
}

// What cannot be decoded is a dead letter with its place; the events around it count.
func TestUndecodableEventsInTheMiddleOfAMessage(t *testing.T) {
	long := packed(1, 1020) + `{"n":"x1"}` + packed(1021, 1030) + `{"n":"x2","s":"` + "\xff" + `"}` + packed(1031, 3000) + `{"n":`
	s := &script{log: []entry{{at: 5, data: packed(1, 10)}, {at: 7, data: long}, {at: 8, data: packed(1, 1)}, {at: 9, data: `nonsense`}}}
	var first []string
	for _, limit := range []int{0, 1, 2} {
		s.limit = limit
		r := newRig(t, copying, map[string]*script{"a": s}).start()
		r.settle()
		r.commit()
		if n := len(r.outbox["o"]); n != 3011 {
			t.Fatalf("%d rows", n)
		}
		ls := r.letters(DeadLetters)
		if len(ls) != 4 {
			t.Fatalf("%d letters: %v", len(ls), r.outbox[DeadLetters])
		}
		l := ls[0]
		if l.Source != "a" || l.Sequence != 2 || l.Subject != "s.2" || l.ArrivalMs != 7 || l.Event == nil || *l.Event != `{"n":"x1"}` ||
			l.Offset != len(packed(1, 1020)) || !strings.Contains(l.Reason, "n") {
			t.Errorf("letter %+v", l)
		}
		if ls[1].Event != nil || string(ls[1].EventBase64) != `{"n":"x2","s":"`+"\xff"+`"}` || ls[3].Sequence != 4 {
			t.Errorf("letters %+v %+v", ls[1], ls[3])
		}
		if l := r.engine.Ledger().Sources[0]; l.Read != 3015 || l.Decoded != 3011 || l.Undecodable != 4 {
			t.Errorf("ledger %+v", l)
		}
		r.balanced()
		if first == nil {
			first = r.outbox[DeadLetters]
		}
		wantRows(t, "letters", r.outbox[DeadLetters], first...)
	}
}

// Of an event with a field that cannot be read the field is NULL, as in Flink.
func TestIgnoredParseErrorsAreCounted(t *testing.T) {
	sql := strings.Replace(copying, "'format' = 'json'", "'format' = 'json', 'json.ignore-parse-errors' = 'true'", 1)
	r := newRig(t, sql, map[string]*script{"a": {log: []entry{{data: packed(1, 2) + `{"n":"x"}` + packed(3, 3)}, {data: "x"}}}}).start()
	r.settle()
	r.commit()
	if l := r.engine.Ledger().Sources[0]; l.Read != 5 || l.Decoded != 4 || l.Undecodable != 1 || len(r.outbox[DeadLetters]) != 0 {
		t.Errorf("ledger %+v, letters %v", l, r.outbox[DeadLetters])
	}
	r.balanced()
}

// A message in which nothing can be decoded is taken in all the same.
func TestAMessageWithoutRowsIsTaken(t *testing.T) {
	r := newRig(t, copying, map[string]*script{"a": {log: []entry{{at: 50, data: ""}, {at: 60, data: "!"}}, limit: 1}}).start()
	for range 2 {
		if p := r.step(); p.Rows != 0 || !p.Taken {
			t.Errorf("progress %+v", p)
		}
	}
	if p := r.step(); p.Taken {
		t.Errorf("progress %+v", p)
	}
	if c := r.commit(); c.Manifest.Sources[0].Position[0] != 2 || r.engine.NowMs() != 60 {
		t.Errorf("position %v, arrival %d", c.Manifest.Sources[0].Position, r.engine.NowMs())
	}
}

const dividing = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (q BIGINT) WITH ('connector' = 'x');
INSERT INTO o SELECT 100 / n FROM a;`

// A row that cannot be computed is a dead letter with its columns.
func TestDeadLettersHaveColumns(t *testing.T) {
	r := newRig(t, strings.Replace(dividing, "100 / n", "100 / n + CHAR_LENGTH(s)", 1), map[string]*script{"a": {log: []entry{
		{at: 3, data: packed(1, 1)}, {at: 4, data: `{"n":0,"s":"zero"}{"n":2}{"n":0}`}}}}).start()
	r.settle()
	r.commit()
	wantRows(t, "rows", r.outbox["o"], `+I {"q":102}`, `+I {"q":null}`)
	ls := r.letters(DeadLetters)
	if len(ls) != 2 {
		t.Fatalf("letters %+v", ls)
	}
	l := ls[0]
	if l.Source != "a" || l.Sequence != 2 || l.Row != 0 || l.ArrivalMs != 4 || l.Operator != "calc" || l.Reason == "" || len(l.Columns) != 2 ||
		*l.Columns["n"] != "0" || *l.Columns["s"] != "zero" {
		t.Errorf("letter %+v", l)
	}
	if l := ls[1]; l.Row != 2 || l.Columns["s"] != nil || !(&l).has("s") {
		t.Errorf("letter %+v", l)
	}
	r.balanced()
}

// Under 'fail' the pipeline stops with ErrRow, again after a restart, and what was read
// before a commit is all that is kept.
func TestRowErrorsCanFailThePipeline(t *testing.T) {
	for name, c := range map[string]struct{ sql, bad string }{
		"decode": {copying, `{"n":"x"}`}, "compute": {dividing, `{"n":0}`},
	} {
		s := &script{log: []entry{{at: 1, data: packed(1, 1)}, {at: 2, data: c.bad}, {at: 3, data: packed(2, 2)}}, limit: 1}
		r := newRig(t, "SET 'edgeflow.on-row-error' = 'fail';"+c.sql, map[string]*script{"a": s}).start()
		r.step()
		r.commit()
		for range 2 {
			_, err := r.engine.Step(0, 0)
			if !errors.Is(err, ErrRow) {
				t.Fatalf("%s: %v", name, err)
			}
			r.crash()
		}
		if len(r.outbox["o"]) != 1 || len(r.outbox[DeadLetters]) != 0 {
			t.Errorf("%s: %v", name, r.outbox)
		}
	}
}

// The columns of a dead letter are those of the input that it came from.
func TestDeadLettersOfSeveralInputs(t *testing.T) {
	left, right := plan.Schema{{Name: "k"}, {Name: "l"}}, plan.Schema{{Name: "k"}, {Name: "r"}}
	input := 1
	e := &rowErrors{schemas: []plan.Schema{left, right}, input: &input}
	if got := fmt.Sprint(e.schema(2).Names()); got != "[k r]" {
		t.Errorf("input 1: %s", got)
	}
	if got := fmt.Sprint(e.schema(4).Names()); got != "[k l k r]" {
		t.Errorf("a joined row: %s", got)
	}
}

const windowed = `
CREATE TABLE a (k STRING, ts TIMESTAMP(3), v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (k STRING, s TIMESTAMP(3), c BIGINT, t BIGINT) WITH ('connector' = 'x');
INSERT INTO o SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;`

func timed(at int64, k string, sec, v int) entry {
	return entry{at: at, data: fmt.Sprintf(`{"k":%q,"ts":"2024-01-01 00:%02d:%02d","v":%d}`, k, sec/60, sec%60, v)}
}

const noGuard = "SET 'edgeflow.watermark.max-ahead' = '0 s';"

// Late rows go where they are to go, with their columns, and are counted once.
func TestLateRows(t *testing.T) {
	log := []entry{timed(1000, "a", 1, 1), timed(2000, "a", 5, 2), timed(3000, "b", 21, 3), timed(4000, "a", 9, 4), timed(5000, "a", 19, 5), timed(6000, "a", 60, 6)}
	for policy, late := range map[string]int{"drop": 0, "divert": 1} {
		r := newRig(t, noGuard+"SET 'edgeflow.late' = '"+policy+"';"+windowed, map[string]*script{"a": {log: log, bounded: true}}).start()
		r.settle()
		r.commit()
		wantRows(t, policy, r.outbox["o"],
			`+I {"k":"a","s":"2024-01-01 00:00:00","c":2,"t":3}`, `+I {"k":"b","s":"2024-01-01 00:00:20","c":1,"t":3}`, `+I {"k":"a","s":"2024-01-01 00:01:00","c":1,"t":6}`)
		ls := r.letters(LateRows)
		if len(ls) != 2*late {
			t.Fatalf("%s: %d late rows: %+v", policy, len(ls), ls)
		}
		if late == 1 && (ls[0].Reason != "late" || ls[0].Sequence != 4 || ls[0].ArrivalMs != 4000 || *ls[0].Columns["k"] != "a" || *ls[0].Columns["v"] != "4") {
			t.Errorf("late row %+v", ls[0])
		}
		for _, o := range r.engine.Ledger().Operators {
			if o.Kind == "window-aggregate" && (o.Rows != 6 || o.Late != 2 || o.Assigned != 6 || o.Fired != 4 || o.DroppedLate != 2 || o.Open != 0) {
				t.Errorf("%s: %+v", policy, o.Audit)
			}
		}
		r.balanced()
	}
}

// An event of a device whose clock is ahead is a dead letter; guard off, it counts.
func TestFutureGuardOfAPipeline(t *testing.T) {
	const base = 1_704_067_200_000 // 2024-01-01
	log := []entry{timed(base+1000, "a", 1, 1), timed(base+2000, "bad", 50*60, 9), timed(base+3000, "a", 3, 2)}
	for suspended, letters := range map[bool]int{false: 1, true: 0} {
		r := newRig(t, "SET 'edgeflow.watermark.max-ahead' = '10 min';"+windowed, map[string]*script{"a": {log: log, bounded: true}})
		r.suspend = suspended
		r.start()
		r.settle()
		r.commit()
		if len(r.letters(DeadLetters)) != letters {
			t.Errorf("guard suspended %v: %v", suspended, r.outbox)
		}
		r.balanced()
	}
}

// A TIMESTAMP without a zone is what a clock on a wall shows, which in the east is ahead of UTC: those
// of the session's zone are not taken for clocks that are wrong, in summer either.
func TestFutureGuardGoesByTheWallClock(t *testing.T) {
	winter, summer := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	for zone, offset := range map[string][2]int{"UTC": {0, 0}, "Asia/Shanghai": {8, 8}, "Europe/Berlin": {1, 2}, "America/New_York": {-5, -4}} {
		for i, arrival := range []time.Time{winter, summer} {
			var log []entry
			for k, ahead := range []time.Duration{0, 9 * time.Minute, 15 * time.Hour} { // the last one is wrong anywhere
				wall := arrival.Add(time.Duration(offset[i])*time.Hour + ahead)
				log = append(log, entry{at: arrival.UnixMilli() + int64(k), data: fmt.Sprintf(`{"k":"a","ts":%q,"v":1}`, wall.Format("2006-01-02 15:04:05"))})
			}
			r := newRig(t, "SET 'table.local-time-zone' = '"+zone+"'; SET 'edgeflow.watermark.max-ahead' = '10 min';"+windowed, map[string]*script{"a": {log: log, bounded: true}}).start()
			r.settle()
			r.commit()
			if n := len(r.letters(DeadLetters)); n != 1 {
				t.Errorf("%s, %v: %d letters: %v", zone, arrival, n, r.outbox)
			}
			r.balanced()
		}
	}
}

// A query may use none of the message's fields.
func TestQueriesWithoutPhysicalColumns(t *testing.T) {
	const tables = `
CREATE TABLE a (n BIGINT, s STRING, subj STRING METADATA FROM 'subject', seq BIGINT METADATA FROM 'sequence', at TIMESTAMP_LTZ(3) METADATA FROM 'arrival_time',
  h MAP<STRING, STRING> METADATA FROM 'headers', id STRING METADATA FROM 'header.Id') WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (%s) WITH ('connector' = 'print');
INSERT INTO o SELECT %s FROM a;`
	log := []entry{
		{at: 1000, data: packed(1, 2), hdr: "NATS/1.0\r\nId: one\r\nB: x:y\r\nB: z\r\n\r\n"},
		{at: 2000, data: ""},
		{at: 3000, data: packed(3, 3) + `{"n":`},
	}
	run := func(cols, query string) []string {
		r := newRig(t, fmt.Sprintf(tables, cols, query), map[string]*script{"a": {log: log}}).start()
		r.settle()
		r.commit()
		r.balanced()
		return r.prints["o"].rows
	}
	wantRows(t, "count", run("c BIGINT", "COUNT(*)"), "+I[1]@1000", "-U[1]@1000", "+U[2]@1000", "-U[2]@3000", "+U[3]@3000")
	wantRows(t, "literal", run("c INT", "7"), "+I[7]@1000", "+I[7]@1000", "+I[7]@3000")
	wantRows(t, "metadata", run("a STRING, b BIGINT, c TIMESTAMP_LTZ(3), d STRING", "subj, seq, at, id"),
		"+I[s.1, 1, 1970-01-01 00:00:01.000, one]@1000", "+I[s.1, 1, 1970-01-01 00:00:01.000, one]@1000", "+I[s.3, 3, 1970-01-01 00:00:03.000, null]@3000")
	wantRows(t, "headers", run("a MAP<STRING, STRING>, b BIGINT", "h, n"), "+I[{Id=one, B=x:y}, 1]@1000", "+I[{Id=one, B=x:y}, 2]@1000", "+I[null, 3]@3000")
}

// What a table declares NOT NULL is not written as NULL.
func TestNotNullSinks(t *testing.T) {
	const sql = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT NOT NULL, s VARCHAR(2)) WITH ('connector' = 'x');
INSERT INTO o SELECT n, s FROM a;`
	log := []entry{{data: `{"n":1,"s":"abc"}{"s":"b"}{"n":3,"s":null}`}, {data: `{"n":4,"s":"äöü"}`}}
	for set, want := range map[string]struct {
		rows    []string
		letters int
	}{
		"": {[]string{`+I {"n":1,"s":"abc"}`, `+I {"n":3,"s":null}`, `+I {"n":4,"s":"äöü"}`}, 1},
		"SET 'table.exec.sink.not-null-enforcer' = 'DROP';":        {[]string{`+I {"n":1,"s":"abc"}`, `+I {"n":3,"s":null}`, `+I {"n":4,"s":"äöü"}`}, 0},
		"SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD';": {[]string{`+I {"n":1,"s":"ab"}`, `+I {"n":3,"s":null}`, `+I {"n":4,"s":"äö"}`}, 1},
		"SET 'table.exec.sink.type-length-enforcer' = 'ERROR';":    {[]string{`+I {"n":3,"s":null}`}, 3},
	} {
		r := newRig(t, set+sql, map[string]*script{"a": {log: log}}).start()
		r.settle()
		r.commit()
		wantRows(t, "rows with "+set, r.outbox["o"], want.rows...)
		if ls := r.letters(DeadLetters); len(ls) != want.letters || want.letters > 0 && ls[0].Operator != "sink" {
			t.Errorf("%s: letters %+v", set, ls)
		}
		r.balanced()
	}
}

// Two INSERTs into a table have an output each, numbered apart; they do not disturb each
// other's batches.
func TestSeveralConsumersOfASource(t *testing.T) {
	const sql = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT, s STRING) WITH ('connector' = 'x');
CREATE TABLE p (n BIGINT, s STRING NOT NULL) WITH ('connector' = 'x');
EXECUTE STATEMENT SET BEGIN
INSERT INTO o SELECT n, s FROM a WHERE MOD(n, 2) = 0;
INSERT INTO p SELECT n + 1, UPPER(s) FROM a;
INSERT INTO o SELECT n, s FROM a WHERE n < 3;
INSERT INTO p SELECT * FROM a;
END;`
	r := newRig(t, sql, map[string]*script{"a": {log: []entry{{data: packed(1, 5)}}}}).start()
	r.settle()
	r.commit()
	row := func(n int, s string) string { return fmt.Sprintf(`+I {"n":%d,"s":"%s"}`, n, s) }
	wantRows(t, "o", r.outbox["o"], row(2, "v2"), row(4, "v4"))
	wantRows(t, "p", r.outbox["p"], row(2, "V1"), row(3, "V2"), row(4, "V3"), row(5, "V4"), row(6, "V5"))
	wantRows(t, "o-2", r.outbox["o-2"], row(1, "v1"), row(2, "v2"))
	wantRows(t, "p-2", r.outbox["p-2"], row(1, "v1"), row(2, "v2"), row(3, "v3"), row(4, "v4"), row(5, "v5"))
	wantRows(t, "outputs", r.engine.Outputs(), DeadLetters, LateRows, "o", "p", "o-2", "p-2")
	if r.scripts["a"].polls == 0 || len(r.engine.sources) != 1 {
		t.Errorf("%d sources", len(r.engine.sources))
	}
	r.balanced()
}

func TestAnOutputsNameIsItsOwn(t *testing.T) {
	r := newRig(t, strings.ReplaceAll(copying, " o ", " late "), map[string]*script{"a": {}})
	if err := r.open(); !errors.Is(err, ErrOutputName) || !strings.Contains(err.Error(), "late") {
		t.Errorf("a table named like the engine's own output: %v", err)
	}
	if r.scripts["a"].closed != 1 {
		t.Errorf("the source was closed %d times", r.scripts["a"].closed)
	}
}

// The status's watermark is the lowest of the sources.
func TestWatermarkOfAPipeline(t *testing.T) {
	const sql = noGuard + `
CREATE TABLE a (ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE b (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (ts TIMESTAMP(3)) WITH ('connector' = 'print');
INSERT INTO o SELECT ts FROM a UNION ALL SELECT ts FROM b;`
	at := func(arrival int64, sec int) entry {
		return entry{at: arrival, data: fmt.Sprintf(`{"ts":"1970-01-01 00:00:%02d"}`, sec)}
	}
	a, b := &script{log: []entry{at(100, 10)}}, &script{}
	r := newRig(t, sql, map[string]*script{"a": a, "b": b}).start()
	if r.engine.WatermarkMs() != 0 {
		t.Errorf("before the first row: %d", r.engine.WatermarkMs())
	}
	for _, c := range []struct {
		to   *script
		e    entry
		want int64
	}{{a, at(200, 20), 19_000}, {b, at(300, 5), 5_000}, {b, at(400, 50), 19_000}, {a, at(500, 12), 19_000}, {a, at(600, 59), 50_000}} {
		c.to.log = append(c.to.log, c.e)
		r.settle()
		if got := r.engine.WatermarkMs(); got != c.want {
			t.Errorf("after %s: watermark %d, want %d", c.e.data, got, c.want)
		}
		r.commit()
		r.crash()
		if got := r.engine.WatermarkMs(); got != c.want {
			t.Errorf("after %s and a restart: watermark %d, want %d", c.e.data, got, c.want)
		}
	}
	if err := r.engine.Watermark("b", 58_000); err != nil || r.engine.WatermarkMs() != 58_000 {
		t.Errorf("a watermark from outside: %d, %v", r.engine.WatermarkMs(), err)
	}
	a.bounded = true
	r.settle()
	if got := r.engine.WatermarkMs(); got != 58_000 {
		t.Errorf("one source at its end: %d", got)
	}
	if err := r.engine.Drain(); err != nil || r.engine.WatermarkMs() != op.EndOfInput {
		t.Errorf("drained: %d, %v", r.engine.WatermarkMs(), err)
	}
}
