package jsonpath

import (
	"strings"
	"testing"
)

const doc = `{"a":{"b":[1,{"c":"x\u0041\n"},[2,3]],"b c":true,"n":null,"q'":1.50},"a\u0062":-0,"s":[{"k":1},{"k":2},{}],"d":1,"d":2} trailing`

func TestPaths(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{`$.a.b[0]`, `1`},
		{`lax $.a.b[1].c`, `"xA\n"`},
		{`  STRICT  $['a']["b c"]`, `true`},
		{`$.ab`, `0`},
		{`$.a.n`, `null`},
		{`$.d`, `2`},
		{`a.b[-1]`, `[2,3]`},
		{`$.a['q\'']`, `1.50`},
		{`$.a.b[3]`, ``},
		{`$.a.x`, ``},
		{`$.a.x.y`, ``},
		{`$.x[*]`, ``},
		{`$.d[*]`, `[]`},
		{`$.s[*].k`, `[1,2]`},
		{`$.s[*]['k','z']`, `[{"k":1},{"k":2},{}]`},
		{`$.a['n', 'b c']`, `{"b c":true,"n":null}`},
		{`$..k`, `[1,2]`},
		{`$..[0]`, `[1,2,{"k":1}]`},
		{`$.a.b[0:1]`, `[1]`},
		{`$.a.b[-2:]`, `[{"c":"xA\n"},[2,3]]`},
		{`$.a.b[0,2]`, `[1,[2,3]]`},
		{`$.a.b[2].*`, `[2,3]`},
		{`$.s[?(@.k)]`, `[{"k":1},{"k":2}]`},
		{`$.s[?(@.k > 1)].k`, `[2]`},
		{`$.s[?( @.k<=1 || !(@.k) )]`, `[{"k":1},{}]`},
		{`$.s[?(@.k != 1 && @.k != '2')]`, `[{}]`},
		{`$.s[?(@.k == $.d)].k`, `[2]`},
		{`$.a.b[?(@.c == 'xA\\n')]`, `[]`},
		{`$.a[?(@.n == null)].b[0]`, `[1]`},
		{`$..[?(@.k == 2)]`, `[{"k":2}]`},
		{`$`, `{"a":{"b":[1,{"c":"xA\n"},[2,3]],"b c":true,"n":null,"q'":1.50},"ab":0,"d":2,"s":[{"k":1},{"k":2},{}]}`},
	} {
		p, err := ParsePath(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		v, found, err := p.Eval([]byte(doc))
		got := ""
		if found {
			got = string(v.Append(nil))
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.path, got, err, c.want)
		}
	}
}

func TestPathErrors(t *testing.T) {
	for _, p := range []string{``, `$.`, `$..`, `$a`, `$[`, `$['a`, `$[x]`, `$.a b`, `$.length()`, `$[?(@.a]`, `@.a`, `$[1`, `$['a']x`, `$[1:2:3]`, "$[0]\x00", `$[99999999999]`} {
		if _, err := ParsePath(p); err == nil {
			t.Errorf("%q is taken for a path", p)
		}
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
		kind Kind
	}{
		{`{}`, true, Object}, {` [] x`, true, Array}, {`"a`, false, 0}, {`"a"b`, true, String}, {`1"`, false, 0}, {`1 "`, true, Number},
		{`tru`, false, 0}, {`truex`, false, 0}, {`null`, true, Null}, {``, false, 0}, {`01`, false, 0}, {`1.`, false, 0}, {`-`, false, 0}, {`1e`, false, 0},
		{`[1,]`, false, 0}, {`{"a":1,}`, false, 0}, {`{a:1}`, false, 0}, {"\"\n\"", false, 0}, {`"\u12g4"`, false, 0}, {`"\x"`, false, 0}, {`[1 2]`, false, 0},
		{strings.Repeat("[", MaxDepth+1), false, 0}, {`"\ud83d\ude00\ud800"`, true, String},
	} {
		k, err := Check([]byte(c.text))
		if (err == nil) != c.ok || c.ok && k != c.kind {
			t.Errorf("%.40s: %v %v", c.text, k, err)
		}
	}
	if v, err := Parse([]byte(`"\ud83d\ude00\ud800\/"`)); err != nil || string(v.Text) != "😀\uFFFD/" {
		t.Errorf("%q %v", v.Text, err)
	}
	if _, err := ParseUnique([]byte(`{"a":1,"a":2}`)); err == nil {
		t.Error("a repeated member is taken")
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "12": "12", "1.50": "1.50", "123456789.987654321": "123456789.987654321", "1e3": "1E+3", "1.5E3": "1.5E+3",
		"1e-3": "0.001", "0.0000001": "1E-7", "-12.5e-1": "-1.25", "1e0": "1", "0.00": "0.00", "100e-2": "1.00", "-0.0": "0.0",
	} {
		if got := string(AppendNumber(nil, []byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPlainNumbers(t *testing.T) {
	for in, want := range map[string]string{"1e3": "1000", "-1.5e1": "-15", "12.5": "12.5", "125e-2": "1.25", "5e-3": "0.005", "5e-1": "0.5", "0e2": "000", "0.0e1": "0",
		"0.001e-1": "0.0001", "-0.5e1": "-5", "12.5e0": "12.5", "1e401": ""} {
		if got, _ := AppendPlain(nil, []byte(in)); string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// The zeros of a small number with an exponent are written at once, not one copy of the
// number for each.
func TestPlainNumberOfManyZeros(t *testing.T) {
	zeros := strings.Repeat("0", 20_000)
	text, dst := []byte("0."+zeros+"1e0"), make([]byte, 0, 32<<10)
	var out []byte
	if n := testing.AllocsPerRun(1, func() { out, _ = AppendPlain(dst, text) }); n > 10 {
		t.Errorf("%.0f allocations for %d digits", n, len(text))
	}
	if want := "0." + zeros + "1"; string(out) != want {
		t.Errorf("%d digits, want %d", len(out), len(want))
	}
}

// FuzzPath checks that a path that is found by scanning names what it names in the tree,
// and that printed JSON reads back.
func FuzzPath(f *testing.F) {
	for _, p := range []string{`$.a.b[1].c`, `lax $..k`, `$['a','b'][-1:2]`, `$.*[0,1]`} {
		f.Add(p, doc)
	}
	for _, p := range []string{`$.a[?(@.b > 1 && !(@.c == 'x'))].d`, `$[?(@[?(@.x)] || $.a != null)]`} {
		f.Add(p, doc)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		p, err := ParsePath(path)
		if err != nil {
			return
		}
		v, found, err := p.Eval([]byte(text))
		slow := *p
		slow.direct = false
		v2, found2, err2 := slow.Eval([]byte(text))
		if found != found2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%q on %q: %v %v, by the tree %v %v", path, text, found, err, found2, err2)
		}
		if _, err3 := Check([]byte(text)); (err3 == nil) != (err == nil) {
			t.Fatalf("%q: %v, but checked %v", text, err, err3)
		}
		if !found {
			return
		}
		out := v.Append(nil)
		if string(out) != string(v2.Append(nil)) {
			t.Fatalf("%q on %q: %s, by the tree %s", path, text, out, v2.Append(nil))
		}
		again, err := Parse(out)
		if err != nil || string(again.Append(nil)) != string(out) {
			t.Fatalf("%s reads back as %s: %v", out, again.Append(nil), err)
		}
	})
}
