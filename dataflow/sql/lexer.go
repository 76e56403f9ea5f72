package sql

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer cuts a text into tokens. It never fails: what is no token becomes a
// tokenError, which the parser reports where it meets it.
type lexer struct {
	text   string
	pos    Pos
	inHint bool
	tokens []token
}

// lex returns the tokens of a text, ended by a tokenEOF.
func lex(text string) []token {
	l := &lexer{text: text, pos: Pos{Line: 1, Column: 1}}
	if strings.HasPrefix(text, "\uFEFF") {
		l.pos.Offset = len("\uFEFF") // a byte order mark is no character of the text
	}
	for l.next() {
	}
	l.tokens = append(l.tokens, token{Span: Span{l.pos, l.pos}, kind: tokenEOF})
	return l.tokens
}

// rest is the text not yet read.
func (l *lexer) rest() string { return l.text[l.pos.Offset:] }

// at returns the byte n places ahead, 0 past the end.
func (l *lexer) at(n int) byte {
	if i := l.pos.Offset + n; i < len(l.text) {
		return l.text[i]
	}
	return 0
}

// advance moves over n bytes, counting lines and characters.
func (l *lexer) advance(n int) {
	end := min(l.pos.Offset+n, len(l.text))
	for l.pos.Offset < end {
		c := l.text[l.pos.Offset]
		size := 1
		switch {
		case c == '\n':
			l.pos.Line++
			l.pos.Column = 1
		case c < utf8.RuneSelf:
			l.pos.Column++
		default:
			_, size = utf8.DecodeRuneInString(l.rest())
			l.pos.Column++
		}
		l.pos.Offset += size
	}
}

// emit advances over n bytes and adds them as a token.
func (l *lexer) emit(t token, n int) {
	start := l.pos
	l.advance(n)
	t.Span = Span{start, l.pos}
	l.tokens = append(l.tokens, t)
}

func (l *lexer) fail(n int, hint, format string, args ...any) {
	l.emit(token{kind: tokenError, text: fmt.Sprintf(format, args...), hint: hint}, n)
}

// next reads one token or piece of blank text; false at the end.
func (l *lexer) next() bool {
	rest := l.rest()
	if rest == "" {
		return false
	}
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		l.advance(1)
	case strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "//"):
		l.advance(lineLength(rest))
	case strings.HasPrefix(rest, "/*+"):
		l.inHint = true
		l.emit(token{kind: tokenHintBegin, text: "/*+"}, 3)
	case strings.HasPrefix(rest, "/*"):
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			l.advance(end + 4)
		} else {
			l.fail(len(rest), "", "comment without its end */")
		}
	case l.inHint && strings.HasPrefix(rest, "*/"):
		l.inHint = false
		l.emit(token{kind: tokenHintEnd, text: "*/"}, 2)
	case c == '\'':
		l.quoted(0, token{kind: tokenString})
	case c == '`':
		l.backtick()
	case c == '"':
		l.doubleQuote()
	case isDigit(c) || c == '.' && isDigit(l.at(1)) && !l.afterOperand():
		l.number()
	case isWordStart(rest):
		l.wordOrPrefix()
	default:
		l.operator()
	}
	return true
}

// afterOperand tells whether the last token touches this place and ends an
// operand, so that a dot here is an access and not the start of a number.
func (l *lexer) afterOperand() bool {
	if len(l.tokens) == 0 {
		return false
	}
	t := &l.tokens[len(l.tokens)-1]
	if t.End.Offset != l.pos.Offset {
		return false
	}
	switch t.kind {
	case tokenWord, tokenQuoted, tokenNumber, tokenString:
		return true
	case tokenOp:
		return t.text == ")" || t.text == "]"
	}
	return false
}

// quoted reads a string literal whose opening quote is prefix bytes ahead.
func (l *lexer) quoted(prefix int, t token) {
	rest := l.rest()
	var b strings.Builder
	for i := prefix + 1; i < len(rest); i++ {
		if rest[i] != '\'' {
			b.WriteByte(rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		t.text = b.String()
		l.finishString(t, i+1)
		return
	}
	n := lineLength(rest)
	start := l.pos
	l.fail(n, "a quote inside a string is written twice: 'it''s'", "string without its closing quote")
	l.tokens[len(l.tokens)-1].End = Pos{start.Offset + n, start.Line, l.pos.Column}
	l.advance(len(rest)) // nothing behind it can be trusted
}

// finishString emits a complete literal, checking bytes and hexadecimal digits.
func (l *lexer) finishString(t token, n int) {
	if !utf8.ValidString(t.text) {
		l.fail(n, "", "string is not valid UTF-8")
		return
	}
	if t.kind == tokenBinary {
		raw, err := hex.DecodeString(t.text)
		if err != nil {
			l.fail(n, "write two hexadecimal digits for each byte: x'0aff'", "malformed binary literal")
			return
		}
		t.text = string(raw)
	}
	l.emit(t, n)
}

func (l *lexer) backtick() {
	rest := l.rest()
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		if rest[i] != '`' {
			b.WriteByte(rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '`' {
			b.WriteByte('`')
			i++
			continue
		}
		switch name := b.String(); {
		case name == "":
			l.fail(i+1, "", "empty name in backticks")
		case !utf8.ValidString(name):
			l.fail(i+1, "", "name is not valid UTF-8")
		default:
			l.emit(token{kind: tokenQuoted, text: name}, i+1)
		}
		return
	}
	l.fail(lineLength(rest), "", "name without its closing backtick")
	l.advance(len(l.rest()))
}

func (l *lexer) doubleQuote() {
	rest := l.rest()
	n := 1
	if end := strings.IndexByte(rest[1:lineLength(rest)], '"'); end >= 0 {
		n = end + 2
	}
	l.fail(n, "names are quoted with backticks, strings with single quotes", "double quotes are not used")
}

// number reads a number. A keyword may touch it (THEN 1ELSE 2), a name may not.
func (l *lexer) number() {
	rest := l.rest()
	i := digits(rest, 0)
	if i < len(rest) && rest[i] == '.' {
		i = digits(rest, i+1)
	}
	if i < len(rest) && (rest[i] == 'e' || rest[i] == 'E') {
		j := i + 1
		if j < len(rest) && (rest[j] == '+' || rest[j] == '-') {
			j++
		}
		if end := digits(rest, j); end > j {
			i = end
		}
	}
	if word := rest[i : i+wordLength(rest[i:])]; isWordStart(word) && !reserved[strings.ToUpper(word)] {
		l.fail(i+wordLength(rest[i:]), "a name that starts with a digit is written in backticks", "malformed number")
		return
	}
	l.emit(token{kind: tokenNumber, text: rest[:i]}, i)
}

// wordOrPrefix reads a word, or the literal that a word such as x or _UTF16
// introduces.
func (l *lexer) wordOrPrefix() {
	rest := l.rest()
	n := wordLength(rest)
	text := rest[:n]
	upper := strings.ToUpper(text)
	if n < len(rest) && rest[n] == '\'' {
		switch {
		case upper == "X":
			l.quoted(n, token{kind: tokenBinary})
			return
		case upper == "N":
			l.quoted(n, token{kind: tokenString})
			return
		case len(text) > 1 && text[0] == '_':
			l.quoted(n, token{kind: tokenString, charset: upper[1:]})
			return
		}
	}
	if upper == "U" && strings.HasPrefix(rest[1:], "&'") {
		l.quoted(2, token{kind: tokenString, unicode: true})
		return
	}
	l.emit(token{kind: tokenWord, text: text, word: upper}, n)
}

// operators with two characters; all others have one.
var longOperators = []string{"<>", "!=", "<=", ">=", "=>", "||"}

func (l *lexer) operator() {
	rest := l.rest()
	for _, op := range longOperators {
		if strings.HasPrefix(rest, op) {
			l.emit(token{kind: tokenOp, text: op}, 2)
			return
		}
	}
	if strings.IndexByte("+-*/%=<>()[]{},.;:?|^$", rest[0]) >= 0 {
		l.emit(token{kind: tokenOp, text: rest[:1]}, 1)
		return
	}
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == utf8.RuneError && size <= 1:
		l.fail(1, "save the file as UTF-8", "text is not valid UTF-8")
	case r == '\u2018' || r == '\u2019':
		l.fail(size, "strings are quoted with the plain '", "unexpected typographic quote")
	case unicode.IsSpace(r):
		l.advance(size)
	default:
		l.fail(size, "", "unexpected character %q", r)
	}
}

// lineLength is the number of bytes before the next line break.
func lineLength(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// isWordStart tells whether a word starts at the beginning of s.
func isWordStart(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && (r == '_' || r != utf8.RuneError && unicode.IsLetter(r))
}

// wordLength is the length in bytes of the word at the beginning of s.
func wordLength(s string) int {
	for i, r := range s {
		if r == '_' || r == '$' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && unicode.Is(unicode.Mn, r)) {
			continue
		}
		return i
	}
	return len(s)
}

// isPlainName tells whether a name needs no backticks for its characters.
func isPlainName(s string) bool { return isWordStart(s) && wordLength(s) == len(s) }
