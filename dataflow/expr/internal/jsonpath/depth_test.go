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
