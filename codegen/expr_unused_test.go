package codegen

import "testing"

// A column of the query may bear the name of a local: a comment that tells of it is no use
// of the local.
func TestDiscard(t *testing.T) {
	const src = "type s struct {\n\tsum int64 // SUM(v1)\n\tt string // of v2\n}\nv1 := f()\nv2 := g()\nx := \"// v2\" + v2\nvar v3 int64\nv3 = 1 // v3\nv4 := 1\nif a && v4 > 0 {\n"
	const want = "type s struct {\n\tsum int64 // SUM(v1)\n\tt string // of v2\n}\nv1 := f()\n_ = v1\nv2 := g()\nx := \"// v2\" + v2\nvar v3 int64\n_ = v3\nv3 = 1 // v3\nv4 := 1\nif a && v4 > 0 {\n"
	if got := string(discard([]byte(src), []string{"v1", "v2", "v3", "v4"})); got != want {
		t.Errorf("%s", got)
	}
	for line, want := range map[string]string{
		"a // b\n": "a ", "// b": "", `x("//") // y`: `x("//") `, "x(`//`, '\"') // y": "x(`//`, '\"') ", `"\"//" // c`: `"\"//" `, "a / b": "a / b",
	} {
		if got := uncommented(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for src, want := range map[string]bool{
		"x := math.Inf(1)\n":               true,
		"x := 1 // math.Inf\n":             false,
		"x := \"//\" + math.String()\n":    true,
		"x := mymath.Inf(1)\n":             false,
		"x := fused.Millis(math.MaxInt)\n": true,
	} {
		if got := names([]byte(src), "math"); got != want {
			t.Errorf("%q: %v", src, got)
		}
	}
}
