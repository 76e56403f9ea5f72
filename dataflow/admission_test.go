package dataflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const admitting = `
CREATE TABLE a (n BIGINT, s STRING, t ARRAY<STRING>, unused STRING) WITH ('connector' = 'x', 'format' = 'json'%s);
CREATE TABLE o (n BIGINT, s STRING, t ARRAY<STRING>) WITH ('connector' = 'x');
INSERT INTO o SELECT n, s, t FROM a;`

// A message of a limit's size is taken, one that is a byte larger is a letter with its
// head and size, and is not decoded.
func TestMessagesBeyondTheirLimitAreLetters(t *testing.T) {
	at := func(n, size int) string {
		s := fmt.Sprintf(`{"n":%d,"unused":"`, n)
		return s + strings.Repeat("x", size-len(s)-2) + `"}`
	}
	for name, c := range map[string]struct{ set, option string }{
		"of the pipeline": {"SET 'edgeflow.message.max-bytes' = '2 kb';", ""},
		"of the source":   {"SET 'edgeflow.message.max-bytes' = '1 b'; SET 'edgeflow.field.max-bytes' = '100 b';", ", 'edgeflow.message.max-bytes' = '2 kb'"},
	} {
		for _, limit := range []int{0, 1} {
			s := &script{limit: limit, log: []entry{{at: 1, data: at(1, 60)}, {at: 2, data: at(2, 2048)}, {at: 3, data: at(3, 2049)},
				{at: 4, data: strings.Repeat("{", 5000), hdr: "NATS/1.0\r\nEdgeflow-Replay: r7\r\n\r\n"}, {at: 5, data: at(5, 60)}}}
			r := newRig(t, c.set+fmt.Sprintf(admitting, c.option), map[string]*script{"a": s}).start()
			r.settle()
			r.commit()
			if got, want := strings.Join(r.outbox["o"], " "), `+I {"n":1,"s":null,"t":null} +I {"n":2,"s":null,"t":null} +I {"n":5,"s":null,"t":null}`; got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			ls := r.letters(DeadLetters)
			if len(ls) != 2 {
				t.Fatalf("%s: %d letters", name, len(ls))
			}
			l := ls[0]
			if l.Class != ClassTooLarge || l.Sequence != 3 || l.Size != 2049 || l.Head != at(3, 2049)[:headBytesMax] || l.Raw() != nil ||
				l.Reason != "the message has 2049 bytes, and 'edgeflow.message.max-bytes' is 2048" {
				t.Errorf("%s: letter %+v", name, l)
			}
			if l = ls[1]; l.Size != 5000 || l.Replay != "r7" || l.Subject != "s.4" || l.ArrivalMs != 4 {
				t.Errorf("%s: letter %+v", name, l)
			}
			if led := r.engine.Ledger().Sources[0]; led.Read != 5 || led.Decoded != 3 || led.Undecodable != 2 {
				t.Errorf("%s: ledger %+v", name, led)
			}
			r.balanced()
		}
	}
}

// A field beyond its limit makes a letter of its event, and of no other of its message,
// wherever batches end.
func TestFieldsBeyondTheirLimitAreLetters(t *testing.T) {
	const many = 3000
	wide := strings.Repeat("é", 51) // 102 bytes
	var events []string
	var want []int
	for i := range many {
		switch {
		case i%500 == 7:
			events = append(events, fmt.Sprintf(`{"n":%d,"s":"%s"}`, i, wide))
		case i%500 == 9:
			events = append(events, fmt.Sprintf(`{"n":%d,"t":["%s","b"]}`, i, wide))
		case i%500 == 11:
			events = append(events, fmt.Sprintf(`{"n":%d,"s":"%s","unused":"%s"}`, i, wide[:100], wide))
			want = append(want, i)
		default:
			events = append(events, fmt.Sprintf(`{"n":%d,"s":"e"}`, i))
			want = append(want, i)
		}
	}
	s := &script{log: []entry{{at: 1, data: `{"n":-1}`}, {at: 2, data: strings.Join(events, "\n")}, {at: 3, data: `{"n":-2,"s":"` + wide + `"}`}, {at: 4, data: `{"n":-3}`}}}
	r := newRig(t, fmt.Sprintf(admitting, ", 'edgeflow.field.max-bytes' = '100 b'"), map[string]*script{"a": s}).start()
	r.settle()
	r.commit()
	want = append(append([]int{-1}, want...), -3)
	if got := r.outbox["o"]; len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, row := range r.outbox["o"] {
		if !strings.HasPrefix(row, fmt.Sprintf(`+I {"n":%d,`, want[i])) {
			t.Fatalf("row %d is %s, want n = %d", i, row, want[i])
		}
	}
	ls := r.letters(DeadLetters)
	if len(ls) != 13 {
		t.Fatalf("%d letters", len(ls))
	}
	// Values of t are refused by the decoder, before there is a row, and those of s when the batch
	// is full: each kind is in the order of the message.
	nth := map[string]int{}
	for _, l := range ls[:12] {
		column, _, _ := strings.Cut(strings.TrimPrefix(l.Reason, "column "), " ")
		i := nth[column]
		nth[column]++
		row, offset := i*499+7, 0
		if column == "'t'" {
			row, offset = 0, strings.Index(s.log[1].data, fmt.Sprintf(`{"n":%d,`, i*500+9))
		}
		if l.Class != ClassTooLarge || l.Sequence != 2 || int(l.Row) != row || l.Offset != offset || l.Size < 102 {
			t.Errorf("letter %d of %s: %+v", i, column, l)
		}
	}
	if nth["'s'"] != 6 || nth["'t'"] != 6 {
		t.Errorf("letters by column: %v", nth)
	}
	if l := ls[12]; l.Head != wide || l.Size != 102 || l.Sequence != 3 {
		t.Errorf("last letter %+v", l)
	}
	if led := r.engine.Ledger().Sources[0]; led.Read != many+3 || led.Decoded != int64(len(want)) || led.Undecodable != 13 {
		t.Errorf("ledger %+v", led)
	}
	r.balanced()
}

// A nested value may be larger than its message: the limit is on what it takes in memory.
func TestNestedFieldsBeyondTheirLimitAreLetters(t *testing.T) {
	const sql = `SET 'edgeflow.field.max-bytes' = '1 kb';
CREATE TABLE a (n BIGINT, a ARRAY<ROW<f0 BIGINT, f1 BIGINT, f2 BIGINT, f3 BIGINT>>) WITH ('connector' = 'x', 'format' = 'json', 'json.ignore-parse-errors' = '%t');
CREATE TABLE o (n BIGINT, c INT) WITH ('connector' = 'x');
INSERT INTO o SELECT n, CARDINALITY(a) FROM a WHERE n / (n - 9) < 100;`
	swollen := `{"n":2,"a":[` + strings.Repeat("{},", 100) + "{}]}"
	for _, ignore := range []bool{false, true} {
		s := &script{log: []entry{{at: 1, data: `{"n":1,"a":[{}]}` + swollen + `{"n":3,"a":[]}{"n":9}`}}}
		r := newRig(t, fmt.Sprintf(sql, ignore), map[string]*script{"a": s}).start()
		r.settle()
		r.commit()
		wantRows(t, "within the limit", r.outbox["o"], `+I {"n":1,"c":1}`, `+I {"n":3,"c":0}`)
		ls := r.letters(DeadLetters)
		if len(ls) != 2 {
			t.Fatalf("letters %+v", ls)
		}
		large, other := ls[0], ls[1]
		if large.Class != ClassTooLarge {
			large, other = other, large
		}
		if large.Class != ClassTooLarge || large.Sequence != 1 || large.Offset != 16 || large.Size != len(swollen) || large.Head != swollen || large.Raw() != nil ||
			large.Reason != "column 'a' takes more bytes than 'edgeflow.field.max-bytes', which is 1024" {
			t.Errorf("letter %+v", large)
		}
		if string(other.Raw()) != `{"n":9}` {
			t.Errorf("letter %+v", other)
		}
		if led := r.engine.Ledger().Sources[0]; led.Read != 4 || led.Decoded != 3 || led.Undecodable != 1 {
			t.Errorf("ledger %+v", led)
		}
		r.balanced()
	}
}

func TestLimitsThatFail(t *testing.T) {
	const fail = "SET 'edgeflow.on-row-error' = 'fail';"
	for option, data := range map[string]string{
		"edgeflow.message.max-bytes": `{"n":1,"unused":"` + strings.Repeat("x", 200) + `"}`,
		"edgeflow.field.max-bytes":   `{"n":1,"s":"` + strings.Repeat("x", 200) + `"}`,
	} {
		s := &script{log: []entry{{at: 1, data: data}}}
		r := newRig(t, fail+fmt.Sprintf(admitting, ", '"+option+"' = '150 b'"), map[string]*script{"a": s}).start()
		if _, err := r.engine.Step(0, 0); !errors.Is(err, ErrRow) || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

func TestHeads(t *testing.T) {
	for _, text := range []string{"", "ab", strings.Repeat("é", headBytesMax), "x" + strings.Repeat("é", headBytesMax), strings.Repeat("世", headBytesMax), "\xff\x80" + strings.Repeat("\x80", 2*headBytesMax)} {
		head := headOf([]byte(text))
		if !utf8.ValidString(head) || utf8.ValidString(text) && (!strings.HasPrefix(text, head) || len(head) < min(len(text), headBytesMax-3)) {
			t.Errorf("the head of %.10q is %.10q (%d bytes)", text, head, len(head))
		}
	}
}

// A result with a value that is larger than a field may be is a dead letter, with its size
// and how it begins; the other results are not touched. A source that takes larger fields
// raises the limit.
func TestResultsBeyondTheLimit(t *testing.T) {
	const sql = `
CREATE TABLE a (ts TIMESTAMP(3), k STRING, v STRING, WATERMARK FOR ts AS ts) WITH ('connector' = 'x', 'format' = 'json'%s);
CREATE TABLE o (k STRING, l STRING) WITH ('connector' = 'x');
INSERT INTO o SELECT k, LISTAGG(v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end;`
	var log []entry
	for i := range 20 {
		log = append(log, entry{data: fmt.Sprintf(`{"ts":"2024-01-01 00:00:00","k":"much","v":"value %02d"}`, i)})
	}
	log = append(log, entry{data: `{"ts":"2024-01-01 00:00:00","k":"little","v":"value"}`})
	run := func(set, own string) *rig {
		r := newRig(t, noGuard+set+fmt.Sprintf(sql, own), map[string]*script{"a": {log: log, bounded: true}}).start()
		r.settle()
		r.commit()
		r.balanced()
		return r
	}
	const set = "SET 'edgeflow.field.max-bytes' = '100 b';"
	r := run(set, "")
	wantRows(t, "within the limit", r.outbox["o"], `+I {"k":"little","l":"value"}`)
	ls := r.letters(DeadLetters)
	if len(ls) != 1 || ls[0].Class != ClassTooLarge || ls[0].Size != 20*9-1 || !strings.HasPrefix(ls[0].Head, "value 00,value 01") ||
		ls[0].Reason != "column 'l' of a result has 179 bytes, and 'edgeflow.field.max-bytes' is 100" {
		t.Errorf("letters %+v", ls)
	}
	for _, r := range []*rig{run(set, ", 'edgeflow.field.max-bytes' = '179 b'"), run("SET 'edgeflow.field.max-bytes' = '0';", "")} {
		if len(r.outbox["o"]) != 2 || len(r.letters(DeadLetters)) > 0 {
			t.Errorf("rows %v, letters %+v", r.outbox["o"], r.letters(DeadLetters))
		}
	}
}
