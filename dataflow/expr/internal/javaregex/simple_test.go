package javaregex

import (
	"math/rand"
	"regexp"
	"regexp/syntax"
	"slices"
	"testing"
)

// check compares the matcher of a pattern with package regexp, from every start.
func check(t *testing.T, pattern string, s []byte) {
	t.Helper()
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	p := newSimple(tree)
	if p == nil {
		return
	}
	re := regexp.MustCompile(pattern)
	m := make([]int, 2*(p.groups+1))
	want := re.FindSubmatchIndex(s)
	if ok := p.find(s, 0, m); ok != (want != nil) || ok && !slices.Equal(m, want) {
		t.Fatalf("%q in %q: %v %v, want %v", pattern, s, ok, m, want)
	}
	if want == nil || want[1] == 0 || tree.Op == syntax.OpEmptyMatch || matchesEmpty(tree) {
		return
	}
	from := 0
	for _, want := range re.FindAllSubmatchIndex(s, -1) {
		if ok := p.find(s, from, m); !ok || !slices.Equal(m, want) {
			t.Fatalf("%q in %q from %d: %v %v, want %v", pattern, s, from, ok, m, want)
		}
		from = m[1]
	}
	if p.find(s, from, m) {
		t.Fatalf("%q in %q from %d: %v, want none", pattern, s, from, m)
	}
}

var simplePatterns = []string{
	`(&|^)channel_id=([^&]*)`, `(&|^)a=([^&]*)`, `(a|b|^)b(c+)`, `^a+b$`, `ab`, `a+b?`, `(a)(b*)(c)`, `[^&]a`, `[^&]+&`, `.b`,
	`(.)(&)`, `a*$`, `a[bc]*d?$`, `^`, `$`, `a?`, `(é)+`, `é[^é]*a`, `é(.)`, `([^a]*)a`, `[ab]*[cd]*[&=]`, `a=(\d+)`, `(&|^)[ab]*=`,
	`(?:&|^)a=([^&]*)&?`, `((&|^)a)b*`, `https?://([^/]+)(/.*)?`, `aa`, `a(^)b`, `a$b`, `(?i)ab`, `x|y`, `[&]|^`, `(b*)`, `b*$`, `()a`,
}

func TestSimpleIsRegexp(t *testing.T) {
	taken := 0
	for _, p := range simplePatterns {
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if newSimple(tree) != nil {
			taken++
		}
	}
	if taken < len(simplePatterns)/2 {
		t.Errorf("only %d of %d patterns are simple", taken, len(simplePatterns))
	}
	r := rand.New(rand.NewSource(1))
	parts := []string{"a", "b", "c", "d", "&", "=", "a=", "&a=", "é", "\xc3", "\xa9", "\xff", "1", "\n", "channel_id=", "http://", "/"}
	for range 30_000 {
		var s []byte
		for range r.Intn(9) {
			s = append(s, parts[r.Intn(len(parts))]...)
		}
		check(t, simplePatterns[r.Intn(len(simplePatterns))], s)
	}
}

// TestSimpleRandomPatterns makes the patterns of random pieces too.
func TestSimpleRandomPatterns(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	pieces := []string{"a", "b", "ab", "é", "[ab]", "[^b]", ".", "a*", "b+", "[^a]*", "[^b]+", "a?", "[^ab]?", "(a)", "(b*)", "([^a]+)", "^", "$", "(a|^)", "(a|b|^)", "(?:b|^)", "(a|b)"}
	parts := []string{"a", "b", "c", "é", "\xc3", "\xa9", "\n"}
	taken := 0
	for range 20_000 {
		var p string
		for range 1 + r.Intn(4) {
			p += pieces[r.Intn(len(pieces))]
		}
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if newSimple(tree) == nil {
			continue
		}
		taken++
		for range 5 {
			var s []byte
			for range r.Intn(7) {
				s = append(s, parts[r.Intn(len(parts))]...)
			}
			check(t, p, s)
		}
	}
	if taken < 1000 {
		t.Errorf("only %d patterns were simple", taken)
	}
}

func FuzzSimple(f *testing.F) {
	for _, p := range simplePatterns {
		f.Add(p, []byte("a=1&channel_id=x&b"))
	}
	f.Fuzz(func(t *testing.T, p string, s []byte) {
		if e, err := Translate(p); err == nil {
			if _, err := regexp.Compile(e); err == nil {
				check(t, e, s)
			}
		}
	})
}

// TestNeededText compares patterns with the text that their matches need, and without.
func TestNeededText(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{`(a|b)xyz[0-9]{2}q`, "xyz"}, {`(ab)+c`, "ab"}, {`a|b`, ""}, {`(abc)?d`, "d"}, {`(?i)abc`, ""}, {`(abc)*`, ""}, {`x(?:abc|abd)`, "ab"},
	} {
		tree, err := syntax.Parse(c.pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(needed(tree)); got != c.want {
			t.Errorf("%q needs %q, want %q", c.pattern, got, c.want)
		}
	}
	re, err := Compile(`(a|b)xyz[0-9]{2}q`)
	if err != nil {
		t.Fatal(err)
	}
	if re.simple != nil || re.Match([]byte("axy12q")) || !re.Match([]byte("bxyz12q")) {
		t.Error("a pattern with needed text")
	}
	if g, ok := re.Group([]byte("--bxyz12q"), 1); !ok || string(g) != "b" {
		t.Errorf("group %q %v", g, ok)
	}
	if re, err = Compile(`(x)?(y)`); err != nil {
		t.Fatal(err)
	}
	if _, ok := re.Group([]byte("y"), 1); ok {
		t.Error("a group that took no part has a text")
	}
}
