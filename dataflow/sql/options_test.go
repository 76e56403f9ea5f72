package sql

import (
	"fmt"
	"testing"
)

func TestWrittenOptions(t *testing.T) {
	for text, want := range map[string]string{
		`CREATE TABLE t (a INT) WITH ('a' = 'b', 'c'/* 'x' = 'y' */='it''s');`: `[{a b [b]} {c it's [it''s]}]`,
		"SET 'a' -- why\n = -- so\n 'b'":                                       `[{a b [b]}]`,
		"'a' = 'b1'\n'b2' , 'c'":                                               `[{a b1b2 [b1 b2]}]`,
		`U&'\0061' = U&'\0062'`:                                                `[{a b [\0062]}]`,
		`SELECT FROM WHERE ('a' = _utf8'b' ( 'c' = N'd'`:                       `[{a b [b]} {c d [d]}]`,
		`'a' = U&'\00' 'b' = 'c'`:                                              `[{b c [c]}]`,
		`'a' = 'b`:                                                             `[]`,
		`'a' = '''b'''`:                                                        `[{a 'b' [''b'']}]`,
		`'a' =`:                                                                `[]`,
		``:                                                                     `[]`,
	} {
		if got := fmt.Sprint(WrittenOptions(text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
