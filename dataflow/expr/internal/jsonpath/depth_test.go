package jsonpath

import (
	"runtime/debug"
	"strings"
	"testing"
)

// Texts that nest without end are refused long before the stack ends.
func TestDeepTextsAndPaths(t *testing.T) {
	old := debug.SetMaxStack(8 << 20)
	defer debug.SetMaxStack(old)
	const n = 1 << 20
	for _, text := range []string{
		strings.Repeat("[", n), strings.Repeat("[", n) + strings.Repeat("]", n), strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n),
		strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat("}]", n/2),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("Parse takes %.10s...", text)
		}
		if _, err := ParseUnique([]byte(text)); err == nil {
			t.Errorf("ParseUnique takes %.10s...", text)
		}
		if _, err := Check([]byte(text)); err == nil {
			t.Errorf("Check takes %.10s...", text)
		}
	}
	for _, path := range []string{
		"$[?(" + strings.Repeat("(", n), "$[?(" + strings.Repeat("!", n) + "@.a)]", "$[?(@" + strings.Repeat("[?(@", n), "$[?(@.a == " + strings.Repeat("[", n),
		"$[?(" + strings.Repeat("@.a && ", n) + "@.a)]", "$[?(@.a in " + strings.Repeat("[", n),
	} {
		if _, err := ParsePath(path); err == nil && !strings.Contains(path, "&&") {
			t.Errorf("ParsePath takes %.20s...", path)
		}
	}
}

// What a path names is bounded where it would grow with the depth of the nesting: every
// `a` of the document holds the ones below it.
func TestPathsThatMultiplyTheDocument(t *testing.T) {
	nest := func(depth int, inner string) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + inner + strings.Repeat("}", depth))
	}
	eval := func(path string, doc []byte) (Value, error) {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		v, _, err := p.Eval(doc)
		return v, err
	}
	const kb = 1 << 10
	v, err := eval("$..a", nest(900, `"`+strings.Repeat("x", kb)+`"`))
	if err != nil || len(v.Elems) != 900 {
		t.Fatalf("%d values: %v", len(v.Elems), err)
	}
	if out, ok := v.AppendWithin(nil, 100*kb); ok || len(out) > 102*kb {
		t.Errorf("%d bytes, ok %t, within %d", len(out), ok, 100*kb)
	}
	if out, ok := v.AppendWithin([]byte("x"), 5000*kb); !ok || string(out[1:]) != string(v.Append(nil)) {
		t.Errorf("%d bytes, ok %t", len(out), ok)
	}
	for path, want := range map[string]error{
		"$..a..a": ErrTooMuch, "$..a..a..a..a..b": ErrTooMuch, "$[?($..a == $..a)]": nil,
		"$..[?(@..a == $..a)]": ErrTooMuch, "$..a..b": nil,
	} {
		if _, err := eval(path, nest(900, "1")); err != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
