package dataflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// A row that cannot be computed, is late or has its clock ahead takes along the bytes of its
// own event, whatever stands around it and wherever batches end.
func TestLettersCarryTheEvent(t *testing.T) {
	const tables = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = '%s'%s);
CREATE TABLE o (q BIGINT) WITH ('connector' = 'x');
INSERT INTO o SELECT 100 / n FROM a;`
	const many = 3000
	jsonArray, jsonLines, csv := "[", "", "n,s\n"
	var packs []byte
	packs = msgp.AppendArrayHeader(packs, many)
	for i := range many {
		n := i % 7
		event := fmt.Sprintf(`{"n":%d,"s":"e%d,]"}`, n, i)
		jsonArray += event + " , "
		jsonLines += event + "\n"
		csv += fmt.Sprintf("%d,\"e%d,]\"\n", n, i)
		packs = msgp.AppendMapHeader(packs, 2)
		packs = msgp.AppendInt(msgp.AppendString(packs, "n"), n)
		packs = msgp.AppendString(msgp.AppendString(packs, "s"), fmt.Sprintf("e%d,]", i))
	}
	jsonArray = strings.TrimSuffix(jsonArray, " , ") + "]"
	for name, c := range map[string]struct {
		format, options, data string
		event                 func(i int) string
	}{
		"array": {"json", "", jsonArray, func(i int) string { return fmt.Sprintf(`{"n":0,"s":"e%d,]"}`, i) }},
		"lines": {"json", "", jsonLines, func(i int) string { return fmt.Sprintf(`{"n":0,"s":"e%d,]"}`, i) }},
		"csv":   {"csv", ", 'csv.header' = 'true'", csv, func(i int) string { return fmt.Sprintf("n,s\n0,\"e%d,]\"\n", i) }},
		"msgpack": {"msgpack", "", string(packs), func(i int) string {
			b := msgp.AppendMapHeader(nil, 2)
			b = msgp.AppendInt(msgp.AppendString(b, "n"), 0)
			return string(msgp.AppendString(msgp.AppendString(b, "s"), fmt.Sprintf("e%d,]", i)))
		}},
	} {
		for _, limit := range []int{0, 1} {
			s := &script{log: []entry{{at: 1, data: c.event(0)}, {at: 2, data: c.data}, {at: 3, data: c.event(9)}}, limit: limit}
			r := newRig(t, fmt.Sprintf(tables, c.format, c.options), map[string]*script{"a": s}).start()
			r.settle()
			r.commit()
			ls := r.letters(DeadLetters)
			want := (many+6)/7 + 2
			if len(ls) != want {
				t.Fatalf("%s: %d letters, want %d", name, len(ls), want)
			}
			for i, l := range ls[1 : len(ls)-1] {
				if raw := string(l.Raw()); raw != c.event(7*i) || l.Kind != KindDead || l.Class != ClassCompute || l.Sequence != 2 || l.Row != uint32(7*i) {
					t.Fatalf("%s: letter %d: raw %q, want %q: %+v", name, i, raw, c.event(7*i), l)
				}
			}
			if last := ls[len(ls)-1]; string(last.Raw()) != c.event(9) || last.Sequence != 3 || last.Subject != "s.3" {
				t.Errorf("%s: last letter %+v", name, last)
			}
			r.balanced()
		}
	}
}

// A message that is no events at all does not become a letter a byte.
func TestLettersOfAMessageAreBounded(t *testing.T) {
	s := &script{log: []entry{{at: 1, data: packed(1, 3)}, {at: 2, data: strings.Repeat(`"`, 20_000)}, {at: 3, data: `"" ""`}, {at: 4, data: packed(4, 5)}}}
	r := newRig(t, copying, map[string]*script{"a": s}).start()
	r.settle()
	r.commit()
	ls := r.letters(DeadLetters)
	l := r.engine.Ledger().Sources[0]
	if len(ls) != lettersMax+1+2 || l.Undecodable != 10_002 || l.Decoded != 5 {
		t.Fatalf("%d letters; ledger %+v", len(ls), l)
	}
	if last := ls[lettersMax]; last.Sequence != 2 || last.Raw() != nil || !strings.HasPrefix(last.Reason, "9000 more events") {
		t.Errorf("letter %+v", last)
	}
	r.balanced()
}

// The kind of a letter follows from why there is one.
func TestKindsOfLetters(t *testing.T) {
	const base = 1_704_067_200_000 // 2024-01-01
	log := []entry{timed(base+1000, "a", 1, 1), timed(base+2000, "ahead", 50*60, 9), timed(base+21_000, "b", 21, 3), timed(base+22_000, "late", 2, 4),
		{at: base + 23_000, data: `{"k":`}}
	r := newRig(t, "SET 'pipeline.name' = 'p'; SET 'edgeflow.late' = 'divert'; SET 'edgeflow.watermark.max-ahead' = '10 min';"+windowed,
		map[string]*script{"a": {log: log, bounded: true}}).start()
	r.settle()
	r.commit()
	got := ""
	for _, l := range append(r.letters(DeadLetters), r.letters(LateRows)...) {
		got += fmt.Sprintf("%s %s %s %d %s\n", l.Pipeline, l.Kind, l.Class, l.Sequence, l.Raw())
	}
	want := fmt.Sprintf("p clock clock 2 %s\np dead decode 5 {\"k\":\np late late 4 %s\n", log[1].data, log[3].data)
	if got != want {
		t.Errorf("letters:\n%swant:\n%s", got, want)
	}
	r.balanced()
}

// A letter that its own target will not take gives way to one without the event.
func TestRefusedLettersLeaveTheEventOut(t *testing.T) {
	r := newRig(t, copying, map[string]*script{"a": {log: []entry{{at: 5, data: "nonsense"}}}}).start()
	r.settle()
	r.commit()
	row := strings.TrimPrefix(r.outbox[DeadLetters][0], "+I ")
	if err := r.engine.Refused(DeadLetters, 1, []byte(row), fmt.Errorf("64 bytes are the most")); err != nil {
		t.Fatal(err)
	}
	r.commit()
	l := r.letters(DeadLetters)[1]
	if l.Raw() != nil || l.Sequence != 1 || l.Class != ClassDecode || l.Source != "a" || !strings.Contains(l.Reason, "64 bytes") {
		t.Errorf("letter %+v", l)
	}
}

// A log that was made anew has sequences again. Their letters are of the message at hand.
func TestLettersOfARepeatedSequence(t *testing.T) {
	const sql = `
CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (q BIGINT) WITH ('connector' = 'x');
INSERT INTO o SELECT 100 / n FROM a;`
	long := strings.Repeat(`{"n":1,"s":"long"}`, 9) + `{"n":0,"s":"first"}`
	short := `{"n":0,"s":"a"}`
	for _, limit := range []int{1, 0} {
		s := &script{limit: limit, log: []entry{{at: 1, data: long, seq: 7}, {at: 2, data: short, seq: 7}, {at: 3, data: short + short, seq: 7}}}
		r := newRig(t, sql, map[string]*script{"a": s}).start()
		r.settle()
		r.commit()
		ls := r.letters(DeadLetters)
		if len(ls) != 4 {
			t.Fatalf("%d letters", len(ls))
		}
		if limit != 1 {
			continue // which of several messages with one sequence it is cannot be told
		}
		for i, want := range []string{`{"n":0,"s":"first"}`, short, short, short} {
			if got := string(ls[i].Raw()); got != want {
				t.Errorf("letter %d: %s, want %s", i, got, want)
			}
		}
	}
}
