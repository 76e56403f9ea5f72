package javaregex

import (
	"runtime/debug"
	"strings"
	"testing"
)

// Patterns that nest without end are refused long before the stack ends.
func TestDeepPatterns(t *testing.T) {
	old := debug.SetMaxStack(16 << 20)
	defer debug.SetMaxStack(old)
	const n = 1 << 19
	for _, p := range []string{
		strings.Repeat("(", n), strings.Repeat("(", n) + strings.Repeat(")", n), strings.Repeat("(?:", n) + "a" + strings.Repeat(")*", n),
		strings.Repeat("[", n), strings.Repeat("[a&&", n) + strings.Repeat("]", n), strings.Repeat("(?=", n), strings.Repeat("[^", n) + "a" + strings.Repeat("]", n),
	} {
		if _, err := Compile(p); err == nil {
			t.Errorf("Compile takes %.10s...", p)
		}
	}
}
