package sql

import (
	"strings"
	"testing"
)

// caretColumn returns the terminal cell of the first caret and of the text that
// it should stand under, with tabs at every eighth cell.
func caretColumn(t *testing.T, message, under string) (caret, want int) {
	t.Helper()
	lines := strings.Split(message, "\n")
	if len(lines) < 3 {
		t.Fatalf("no source line in %q", message)
	}
	cells := func(s string) int {
		n := 0
		for _, r := range s {
			if r == '\t' {
				n += 8 - n%8
				continue
			}
			n += runeWidth(r)
		}
		return n
	}
	at := strings.Index(lines[1], under)
	mark := strings.IndexByte(lines[2], '^')
	if at < 0 || mark < 0 {
		t.Fatalf("no %q or no caret in %q", under, message)
	}
	return cells(lines[2][:mark]), cells(lines[1][:at])
}

func TestCaretStandsUnderTheSpan(t *testing.T) {
	pad := strings.Repeat("x + ", 100)
	for _, text := range []string{
		"SELECT BAD! FROM t",
		"\tSELECT\ta,\tBAD! FROM t",
		"SELECT 'größe', BAD! FROM t",
		"SELECT '漢字かな', BAD! FROM t",
		"SELECT 'e\u0301', \t BAD! FROM t",
		"SELECT '😀', BAD!",
		"SELECT 1,\r\n  BAD!",
		"SELECT " + pad + "BAD! + " + pad + " 1",
		"SELECT " + pad + "BAD!",
	} {
		at := strings.Index(text, "!")
		_, err := Parse("f.sql", text)
		e := Locate(err)
		if e == nil {
			t.Errorf("no error for %q", text)
			continue
		}
		if e.Pos.Offset != at {
			t.Errorf("error at byte %d instead of %d: %v", e.Pos.Offset, at, e)
		}
		caret, want := caretColumn(t, e.Error(), "!")
		if caret != want {
			t.Errorf("caret in cell %d instead of %d:\n%v", caret, want, e)
		}
	}
}

func TestErrorfUnderlinesTheSpan(t *testing.T) {
	s, err := Parse("f.sql", "SELECT one,\n  tow FROM t")
	if err != nil {
		t.Fatal(err)
	}
	item := s.Statements[0].(*QueryStmt).Query.Body.(*Select).Items[1]
	got := Errorf(s.Source, item.X.Range(), "column %s does not exist", "tow").WithNearest("tow", []string{"one", "two"}).Error()
	want := "f.sql:2:3: column tow does not exist\n" +
		"    2 |   tow FROM t\n" +
		"      |   ^^^\n" +
		"hint: did you mean two?"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTooLongTextIsRefused(t *testing.T) {
	_, err := Parse("f.sql", "SELECT 1 --"+strings.Repeat("x", textBytesMax))
	if e := Locate(err); e == nil || !strings.Contains(e.Msg, "longer than") {
		t.Errorf("got %v", err)
	}
}
