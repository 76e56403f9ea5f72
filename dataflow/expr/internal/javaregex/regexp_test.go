package javaregex

import (
	"errors"
	"regexp"
	"slices"
	"testing"
)

func all(t *testing.T, pattern, s string) []string {
	t.Helper()
	re, err := Compile(pattern)
	if err != nil {
		t.Fatalf("%q: %v", pattern, err)
	}
	var out []string
	re.All([]byte(s), func(m []int) bool {
		out = append(out, s[m[0]:m[1]])
		return true
	})
	return out
}

func TestMatchesAsJava(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       []string
	}{
		{`a*`, "baaac", []string{"", "aaa", "", ""}},
		{``, "ab", []string{"", "", ""}},
		{`.*`, "ab", []string{"ab", ""}},
		{`x*`, "äö", []string{"", "", ""}},
		{`\b`, "a b", []string{"", "", "", ""}},
		{`^`, "ab", []string{""}},
		{`\d+`, "12 345", []string{"12", "345"}},
		{`\s`, "a\vb", []string{"\v"}},
		{`[^\S]`, "a\v b", []string{"\v", " "}},
		{`\h+`, "a\t\u00a0b", []string{"\t\u00a0"}},
		{`\R`, "a\r\nb\u2028", []string{"\r\n", "\u2028"}},
		{`.`, "\r\n\u0085x", []string{"x"}},
		{`(?s).`, "\r\n", []string{"\r", "\n"}},
		{`(?s:.)x.`, "\nx\n\nxy", []string{"\nxy"}},
		{`[a-c[x-z]]+`, "abxyd", []string{"abxy"}},
		{`[]a]+`, "]a", []string{"]a"}},
		{`[a\-z]+`, "a-z", []string{"a-z"}},
		{`[\Q^]\E]+`, "^]", []string{"^]"}},
		{`\Qa.b\E+`, "a.bbb", []string{"a.bbb"}},
		{`\u0041\x42\0103\t`, "ABC\t", []string{"ABC\t"}},
		{`\x{1F600}\uD83D\uDE00`, "😀😀", []string{"😀😀"}},
		{`\p{Lower}+\P{Alpha}`, "ab1", []string{"ab1"}},
		{`\p{IsLatin}+`, "ab1", []string{"ab"}},
		{`\pL+`, "aä1", []string{"aä"}},
		{`(?<n>a)(?i)B`, "ab", []string{"ab"}},
		{`(?i:A)b`, "ab aB", []string{"ab"}},
		{`a{2,3}?`, "aaaa", []string{"aa", "aa"}},
		{`\$\.\|`, "$.|", []string{"$.|"}},
	} {
		if got := all(t, c.pattern, c.s); !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: %q, want %q", c.pattern, c.s, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, p := range []string{`(`, `)`, `*a`, `a**`, `[a`, `[z-a]`, `a{`, `{`, `a{x}`, `\`, `\y`, `\xg1`, `(?P<n>a)`, `(?<1>a)`, `(?<n>a)(?<n>b)`, `(?q)`, `\u12`, `a|*`, `\p{`, `a{3,1}`} {
		var syn *SyntaxError
		if _, err := Compile(p); !errors.As(err, &syn) {
			t.Errorf("%q: %v, want a syntax error", p, err)
		}
	}
	for _, p := range []string{`(a)\1`, `(?=a)`, `(?!a)`, `(?<=a)b`, `(?<!a)b`, `(?>a)`, `a++`, `a*+`, `a{2}+`, `[a&&b]`, `[a[^b]]`, `(?x)a`, `\G`, `a\Z`, `\k<n>`, `\p{InGreek}`, `a{2000}`, `a{2}{3}`} {
		var u *UnsupportedError
		if _, err := Compile(p); !errors.As(err, &u) {
			t.Errorf("%q: %v, want an unsupported construct", p, err)
		}
	}
}

// FuzzTranslate checks that what is accepted compiles, and that a pattern without
// metacharacters matches itself.
func FuzzTranslate(f *testing.F) {
	for _, p := range []string{`a*`, `(?<n>[^\]a-z&]+)\Q..\E`, `[[a]b]`, `\p{Alpha}|\u0041`, `(?i)x{2,}?`} {
		f.Add(p, "ab")
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		e, err := Translate(p)
		if err != nil {
			var syn *SyntaxError
			var u *UnsupportedError
			if !errors.As(err, &syn) && !errors.As(err, &u) {
				t.Fatalf("%q: error of type %T", p, err)
			}
			return
		}
		re, err := Compile(p)
		if err != nil {
			t.Skip()
		}
		end := 0
		re.All([]byte(s), func(m []int) bool {
			if m[0] < end || m[1] < m[0] || m[1] > len(s) {
				t.Fatalf("%q in %q: bounds %v behind %d", p, s, m, end)
			}
			end = m[1]
			return true
		})
		if regexp.QuoteMeta(p) == p && p != "" && !re.Match([]byte(p)) {
			t.Fatalf("%q (%q) does not match itself", p, e)
		}
	})
}
