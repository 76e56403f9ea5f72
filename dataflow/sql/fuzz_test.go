package sql

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks that no text makes the parser panic, that diagnostics can be
// printed and lie in the text, and that what parses survives printing.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for _, stmt := range strings.SplitAfter(string(text), ";") {
			f.Add(stmt)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz", text)
		if err != nil {
			for _, e := range err.(Errors) {
				if e.Pos.Offset > len(text) || e.End.Offset > len(text) || e.Pos.Line == 0 {
					t.Errorf("error outside of the text: %+v", e)
				}
			}
			if utf8.ValidString(text) && !utf8.ValidString(err.Error()) {
				t.Errorf("message is not UTF-8: %q", err.Error())
			}
		}
		checkScriptRoundTrip(t, s)
	})
}
