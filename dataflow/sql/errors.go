package sql

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/nearest"
)

// Error is one diagnostic about a source text. Error() shows where (file, line,
// column), what, the source line with the span underlined, and the hint.
type Error struct {
	File     string
	Pos, End Pos
	Msg      string
	Hint     string // what to do, or ""
	Line     string // the source line of Pos, without its line break
}

// Errorf returns a diagnostic that underlines a span of src. It is the one way
// to make diagnostics, for the binder and the planner too.
func Errorf(src *Source, at Span, format string, args ...any) *Error {
	e := &Error{Pos: at.Start, End: at.End, Msg: fmt.Sprintf(format, args...)}
	if src != nil {
		e.File = src.File
		e.Line = src.line(at.Start.Offset)
	}
	return e
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithNearest sets the hint "did you mean X?" when one of the candidates is
// close to name, and returns e.
func (e *Error) WithNearest(name string, candidates []string) *Error {
	if near := Nearest(name, candidates); near != "" && near != name {
		e.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	return e
}

// line returns the line that contains the byte at offset.
func (s *Source) line(offset int) string {
	if offset < 0 || offset > len(s.Text) {
		return ""
	}
	start := strings.LastIndexByte(s.Text[:offset], '\n') + 1
	end := len(s.Text)
	if i := strings.IndexByte(s.Text[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	return strings.TrimRight(s.Text[start:end], "\r")
}

// Error formats the diagnostic over several lines, without a final line break.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	}
	if e.Pos.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", e.Pos.Line, e.Pos.Column)
	} else if e.File != "" {
		b.WriteByte(' ')
	}
	b.WriteString(e.Msg)
	if e.Pos.Line > 0 {
		e.writeLine(&b)
	}
	if e.Hint != "" {
		b.WriteString("\nhint: ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Lines longer than this many characters are shown as a window around the caret.
const lineWindow = 120

// writeLine writes the source line and the line that underlines the span. Both
// have the same gutter, and the second repeats the tabs of the first, so that
// the caret stands right whatever the tab width.
func (e *Error) writeLine(b *strings.Builder) {
	runes := []rune(e.Line)
	from := min(e.Pos.Column-1, len(runes))
	to := len(runes)
	if e.End.Line == e.Pos.Line {
		to = min(e.End.Column-1, len(runes))
	}
	to = max(to, from)

	first, last := 0, len(runes)
	if len(runes) > lineWindow {
		first = max(0, min(from-lineWindow/3, len(runes)-lineWindow))
		last = min(len(runes), first+lineWindow)
		to = min(to, last)
	}
	gutter := fmt.Sprintf("%5d", e.Pos.Line)
	lead, tail := "", ""
	if first > 0 {
		lead = "..."
	}
	if last < len(runes) {
		tail = "..."
	}
	fmt.Fprintf(b, "\n%s | %s%s%s", gutter, lead, printable(runes[first:last]), tail)
	fmt.Fprintf(b, "\n%s | %s", strings.Repeat(" ", len(gutter)), strings.Repeat(" ", len(lead)))
	for _, r := range runes[first:from] {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", runeWidth(r)))
	}
	b.WriteByte('^')
	width := 0
	for _, r := range runes[from:to] {
		width += runeWidth(r)
	}
	if width > 1 {
		b.WriteString(strings.Repeat("^", width-1))
	}
}

// printable replaces control characters, which would move a terminal's cursor.
func printable(rs []rune) string {
	var b strings.Builder
	for _, r := range rs {
		if r != '\t' && unicode.IsControl(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// runeWidth is the number of terminal cells of a character: 0 for combining
// marks, 2 for East Asian wide ones and emoji, else 1.
func runeWidth(r rune) int {
	switch {
	case r == utf8.RuneError:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0x303E, r >= 0x3041 && r <= 0xA4CF,
		r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F,
		r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1F64F,
		r >= 0x1F900 && r <= 0x1F9FF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

// Errors is what Parse returns when it finds mistakes: all that it found, in
// order of position.
type Errors []*Error

// Error joins the diagnostics with an empty line between them.
func (es Errors) Error() string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "\n\n")
}

// Unwrap lets errors.As find an *Error inside.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// err returns the errors as an error, nil when there are none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// Locate returns the first diagnostic inside err, or nil.
func Locate(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Nearest returns the candidate closest to name, or "" when none is close.
func Nearest(name string, candidates []string) string { return nearest.Name(name, candidates) }
