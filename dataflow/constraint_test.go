package dataflow

import (
	"errors"
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// What a table declares inside rows and collections holds when the option asks for it.
func TestNestedConstraints(t *testing.T) {
	const sql = `
CREATE TABLE a (id INT, r ROW<x INT, c CHAR(3)>, l ARRAY<VARCHAR(2)>, m MAP<STRING, INT>) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (id INT, r ROW<x INT NOT NULL, c CHAR(3)>, l ARRAY<VARCHAR(2) NOT NULL>, m MAP<STRING, INT NOT NULL>) WITH ('connector' = 'x');
INSERT INTO o SELECT id, r, l, m FROM a;`
	log := []entry{{data: `{"id":1,"r":{"x":1,"c":"äbc"},"l":["a","bc"],"m":{"k":1}}{"id":2,"r":{"x":null,"c":"abc"}}`},
		{data: `{"id":3,"r":{"x":3,"c":"abcd"}}{"id":4,"r":{"x":4,"c":"a"}}{"id":5,"l":[null]}{"id":6,"l":["abc"]}{"id":7,"m":{"k":null}}{"id":8}`}}
	const (
		one   = `+I {"id":1,"r":{"x":1,"c":"äbc"},"l":["a","bc"],"m":{"k":1}}`
		two   = `+I {"id":2,"r":{"x":null,"c":"abc"},"l":null,"m":null}`
		three = `+I {"id":3,"r":{"x":3,"c":"abcd"},"l":null,"m":null}`
		four  = `+I {"id":4,"r":{"x":4,"c":"a"},"l":null,"m":null}`
		five  = `+I {"id":5,"r":null,"l":[null],"m":null}`
		six   = `+I {"id":6,"r":null,"l":["abc"],"m":null}`
		seven = `+I {"id":7,"r":null,"l":null,"m":{"k":null}}`
		eight = `+I {"id":8,"r":null,"l":null,"m":null}`
	)
	const deep = "SET 'table.exec.sink.nested-constraint-enforcer' = 'ROWS_AND_COLLECTIONS';"
	const rows = "SET 'table.exec.sink.nested-constraint-enforcer' = 'ROWS';"
	for set, want := range map[string]struct {
		rows    []string
		letters int
	}{
		"SET 'table.exec.sink.nested-constraint-enforcer' = 'IGNORE';": {[]string{one, two, three, four, five, six, seven, eight}, 0},
		rows: {[]string{one, three, four, five, six, seven, eight}, 1},
		rows + "SET 'table.exec.sink.not-null-enforcer' = 'DROP';SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD';": {[]string{one,
			`+I {"id":3,"r":{"x":3,"c":"abc"},"l":null,"m":null}`, `+I {"id":4,"r":{"x":4,"c":"a  "},"l":null,"m":null}`, five, six, seven, eight}, 0},
		"": {[]string{one, three, four, six, eight}, 3},
		deep + "SET 'table.exec.sink.not-null-enforcer' = 'DROP';SET 'table.exec.sink.type-length-enforcer' = 'ERROR';": {[]string{one, eight}, 3},
	} {
		r := newRig(t, set+sql, map[string]*script{"a": {log: log}}).start()
		r.settle()
		r.commit()
		wantRows(t, "rows with "+set, r.outbox["o"], want.rows...)
		if ls := r.letters(DeadLetters); len(ls) != want.letters {
			t.Errorf("%s: letters %+v", set, ls)
		}
		r.balanced()
	}
}

// A row that has no subject is a dead letter, and those beside it are written.
func TestSubjectThatIsNone(t *testing.T) {
	r := newRig(t, `
CREATE TABLE a (id INT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (id INT) WITH ('connector' = 'x');
INSERT INTO o SELECT id FROM a;`, map[string]*script{"a": {log: []entry{{data: `{"id":1}{"id":2}{"id":3}`}}}})
	r.subject = func(dst []byte, b *vec.Batch, i int) ([]byte, error) {
		if b.Cols[0].Get(i).I == 2 {
			return dst, errors.New("no folder")
		}
		return dst, nil
	}
	r.start().settle()
	r.commit()
	wantRows(t, "rows", r.outbox["o"], `+I {"id":1}`, `+I {"id":3}`)
	if ls := r.letters(DeadLetters); len(ls) != 1 || ls[0].Reason != "no folder" {
		t.Errorf("letters %+v", ls)
	}
	r.balanced()
}

// So is a row whose subject the target does not take.
func TestSubjectThatIsNotTaken(t *testing.T) {
	r := newRig(t, `
CREATE TABLE a (id INT, s STRING) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (id INT, s STRING METADATA FROM 'subject') WITH ('connector' = 'x');
INSERT INTO o SELECT id, s FROM a;`, map[string]*script{"a": {log: []entry{{data: `{"id":1,"s":"x"}{"id":2,"s":"x y"}{"id":3,"s":""}{"id":4}`}}}})
	r.takes = func(subject []byte) error {
		if string(subject) != "x" {
			return fmt.Errorf("not taken: %q", subject)
		}
		return nil
	}
	r.start().settle()
	r.commit()
	wantRows(t, "rows", r.outbox["o"], `+I {"id":1}`, `+I {"id":3}`, `+I {"id":4}`)
	if ls := r.letters(DeadLetters); len(ls) != 1 || ls[0].Reason != `not taken: "x y"` {
		t.Errorf("letters %+v", ls)
	}
	r.balanced()
}
