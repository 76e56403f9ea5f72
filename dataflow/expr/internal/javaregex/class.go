package javaregex

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Contents of classes that Java's escapes stand for.
const (
	spaceSet    = `\t-\r `
	notSpaceSet = `\x{0}-\x{8}\x{E}-\x{1F}!-\x{10FFFF}`
	blankSet    = `\t \x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}`
	breakSet    = `\n-\r\x{85}\x{2028}\x{2029}`
)

// escape translates what follows a backslash outside a class, and reports whether a
// quantifier may follow.
func (t *translator) escape() bool {
	switch c := t.peekAt(1); c {
	case 0:
		t.fail(t.bad("a backslash at the end"))
		return false
	case 'b', 'B', 'A', 'z':
		t.put(t.p[t.i : t.i+2])
		t.i += 2
		return true
	case 'Z', 'G', 'X', 'N':
		t.fail(t.unsupported(`\` + string(c)))
		return false
	case 'R':
		t.put(`(?:\r\n|[` + breakSet + `])`)
		t.i += 2
		return true
	case 'k', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		t.fail(t.unsupported("the back-reference \\" + string(c)))
		return false
	case 'Q':
		return t.quoted()
	}
	if set, negated := t.setEscape(); set != "" {
		if negated {
			t.put("[^" + set + "]")
		} else {
			t.put("[" + set + "]")
		}
		return true
	}
	if r, ok := t.charEscape(); ok {
		t.put(regexp.QuoteMeta(string(r)))
		return true
	}
	return false
}

// quoted translates \Q...\E.
func (t *translator) quoted() bool {
	text, _, _ := strings.Cut(t.p[t.i+2:], `\E`)
	t.i = min(len(t.p), t.i+2+len(text)+2)
	if text == "" {
		return false
	}
	last, w := utf8.DecodeLastRuneInString(text)
	t.put(regexp.QuoteMeta(text[:len(text)-w]) + regexp.QuoteMeta(string(last)))
	return true
}

// setEscape translates an escape for a set of characters to the content of a class, and
// skips it; set is "" when there is none.
func (t *translator) setEscape() (set string, negated bool) {
	switch t.peekAt(1) {
	case 'd':
		set = `0-9`
	case 'D':
		set, negated = `0-9`, true
	case 'w':
		set = `0-9A-Za-z_`
	case 'W':
		set, negated = `0-9A-Za-z_`, true
	case 's':
		set = spaceSet
	case 'S':
		set, negated = spaceSet, true
	case 'h':
		set = blankSet
	case 'H':
		set, negated = blankSet, true
	case 'v':
		set = breakSet
	case 'V':
		set, negated = breakSet, true
	case 'p':
		return t.property(), false
	case 'P':
		return t.property(), true
	default:
		return "", false
	}
	t.i += 2
	return set, negated
}

var posix = map[string]string{
	"Lower": "a-z", "Upper": "A-Z", "ASCII": `\x{0}-\x{7F}`, "Alpha": "A-Za-z", "Digit": "0-9", "Alnum": "0-9A-Za-z",
	"Punct": `!-/:-@\[-` + "`" + `{-~`, "Graph": "!-~", "Print": " -~", "Blank": `\t `, "Cntrl": `\x{0}-\x{1F}\x{7F}`,
	"XDigit": "0-9A-Fa-f", "Space": spaceSet,
	"IsAlphabetic": `\p{L}\p{Nl}`, "IsLetter": `\p{L}`, "IsDigit": `\p{Nd}`, "IsUppercase": `\p{Lu}`, "IsLowercase": `\p{Ll}`,
	"IsPunctuation": `\p{P}`, "IsWhite_Space": `\t-\r\x{85}\p{Z}`, "IsControl": `\p{Cc}`,
	"javaLowerCase": `\p{Ll}`, "javaUpperCase": `\p{Lu}`, "L1": `\x{0}-\x{FF}`,
	"javaWhitespace": `\t-\r\x{1C}-\x{1F}\p{Z}`, "LC": `\p{Lu}\p{Ll}\p{Lt}`,
}

// property translates \p{name}, \P{name} and \pL to the content of a class.
func (t *translator) property() string {
	name, n := "", 0
	if t.peekAt(2) == '{' {
		end := strings.IndexByte(t.p[t.i:], '}')
		if end < 0 {
			t.fail(t.bad("unclosed character family"))
			return ""
		}
		name, n = t.p[t.i+3:t.i+end], end+1
	} else if t.peekAt(2) != 0 {
		_, w := utf8.DecodeRuneInString(t.p[t.i+2:])
		name, n = t.p[t.i+2:t.i+2+w], 2+w
	}
	set, ok := posix[name]
	if !ok {
		short := strings.TrimPrefix(name, "Is")
		for _, p := range [...]string{"script=", "sc=", "general_category=", "gc="} {
			short = strings.TrimPrefix(short, p)
		}
		if unicode.Categories[short] == nil && unicode.Scripts[short] == nil || short == "" {
			t.fail(t.unsupported("the character family " + strconv.Quote(name)))
			return ""
		}
		set = `\p{` + short + `}`
	}
	t.i += n
	return set
}

// charEscape reads an escape for one character and skips it.
func (t *translator) charEscape() (rune, bool) {
	if t.err != nil {
		return 0, false
	}
	switch c := t.peekAt(1); c {
	case 't', 'n', 'r', 'f', 'a', 'e':
		t.i += 2
		return map[byte]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'a': '\a', 'e': 0x1B}[c], true
	case 'c':
		if t.peekAt(2) == 0 {
			t.fail(t.bad("illegal control escape"))
			return 0, false
		}
		r := rune(t.peekAt(2)) ^ 64
		t.i += 3
		return r, true
	case '0':
		return t.octal()
	case 'x':
		if t.peekAt(2) == '{' {
			end := strings.IndexByte(t.p[t.i:], '}')
			if end < 0 {
				t.fail(t.bad("unclosed hexadecimal escape"))
				return 0, false
			}
			return t.hex(3, end-3, end+1)
		}
		return t.hex(2, 2, 4)
	case 'u':
		return t.unicodeEscape()
	default:
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == 0 {
			t.fail(t.bad("illegal escape sequence"))
			return 0, false
		}
		r, w := utf8.DecodeRuneInString(t.p[t.i+1:])
		t.i += 1 + w
		return r, true
	}
}

// hex reads n hexadecimal digits at a distance and skips the whole escape.
func (t *translator) hex(at, n, whole int) (rune, bool) {
	if t.i+at+n > len(t.p) || n <= 0 {
		t.fail(t.bad("illegal hexadecimal escape"))
		return 0, false
	}
	x, err := strconv.ParseUint(t.p[t.i+at:t.i+at+n], 16, 32)
	if err != nil || x > unicode.MaxRune {
		t.fail(t.bad("illegal hexadecimal escape"))
		return 0, false
	}
	t.i += whole
	return rune(x), true
}

// unicodeEscape reads \uXXXX, two of which may be a surrogate pair.
func (t *translator) unicodeEscape() (rune, bool) {
	r, ok := t.hex(2, 4, 6)
	if !ok || r < 0xD800 || r > 0xDFFF {
		return r, ok
	}
	if r < 0xDC00 && t.has(`\u`) {
		if lo, ok := t.hex(2, 4, 6); ok && lo >= 0xDC00 && lo <= 0xDFFF {
			return (r-0xD800)<<10 | (lo - 0xDC00) + 0x10000, true
		}
	}
	t.fail(t.unsupported("half of a surrogate pair"))
	return 0, false
}

func (t *translator) octal() (rune, bool) {
	n := 2
	for n < 5 && t.peekAt(n) >= '0' && t.peekAt(n) <= '7' {
		n++
	}
	if n == 5 && t.peekAt(2) > '3' {
		n = 4
	}
	x, err := strconv.ParseUint(t.p[t.i+2:t.i+n], 8, 32)
	if err != nil {
		t.fail(t.bad("illegal octal escape"))
		return 0, false
	}
	t.i += n
	return rune(x), true
}

// class translates [...]. A class in a class is joined to it when neither is negated.
func (t *translator) class() {
	start := t.i
	t.i++
	neg := t.peekAt(0) == '^'
	if neg {
		t.i++
	}
	var b strings.Builder
	t.members(&b, neg, 0)
	if t.err != nil {
		return
	}
	if b.Len() == 0 {
		t.i = start
		t.fail(t.bad("empty character class"))
		return
	}
	if neg {
		t.put("[^" + b.String() + "]")
	} else {
		t.put("[" + b.String() + "]")
	}
}

// members translates the members of a class up to and with its closing bracket.
func (t *translator) members(b *strings.Builder, neg bool, depth int) {
	for first := true; t.more(); first = false {
		switch {
		case t.p[t.i] == ']' && !first:
			t.i++
			return
		case t.has("&&"):
			t.fail(t.unsupported("the class intersection &&"))
			return
		case t.p[t.i] == '[':
			t.i++
			if t.peekAt(0) == '^' || neg || depth > maxNesting {
				t.fail(t.unsupported("a negated class in a class"))
				return
			}
			t.members(b, neg, depth+1)
		case t.has(`\Q`):
			text, _, _ := strings.Cut(t.p[t.i+2:], `\E`)
			t.i = min(len(t.p), t.i+2+len(text)+2)
			for _, r := range text {
				b.WriteString(classRune(r))
			}
		default:
			t.member(b)
		}
		if t.err != nil {
			return
		}
	}
	t.fail(t.bad("unclosed character class"))
}

// member translates a character, a range or an escape in a class.
func (t *translator) member(b *strings.Builder) {
	if t.p[t.i] == '\\' {
		at := t.peekAt(1)
		if set, negated := t.setEscape(); set != "" {
			if negated {
				set = t.complement(at, set)
			}
			b.WriteString(set)
			return
		}
	}
	lo, ok := t.memberRune()
	if !ok {
		return
	}
	if t.peekAt(0) != '-' || t.peekAt(1) == ']' || t.peekAt(1) == '[' || t.peekAt(1) == 0 {
		b.WriteString(classRune(lo))
		return
	}
	t.i++
	hi, ok := t.memberRune()
	if !ok {
		return
	}
	if hi < lo {
		t.fail(t.bad("illegal character range"))
		return
	}
	b.WriteString(classRune(lo) + "-" + classRune(hi))
}

func (t *translator) memberRune() (rune, bool) {
	if t.p[t.i] == '\\' {
		return t.charEscape()
	}
	r, w := utf8.DecodeRuneInString(t.p[t.i:])
	t.i += w
	return r, true
}

// complement is the content of a class for a negated escape.
func (t *translator) complement(c byte, set string) string {
	switch c {
	case 'D':
		return `\D`
	case 'W':
		return `\W`
	case 'S':
		return notSpaceSet
	case 'P':
		if strings.HasPrefix(set, `\p{`) && strings.Count(set, `\p{`) == 1 && strings.HasSuffix(set, "}") {
			return `\P` + set[2:]
		}
	}
	t.fail(t.unsupported(`\` + string(c) + " in a class"))
	return ""
}

// classRune writes a character in a class.
func classRune(r rune) string {
	if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
		return string(r)
	}
	return fmt.Sprintf(`\x{%X}`, r)
}
