package agent

import "strings"

// Printable keeps what comes from events from steering a terminal: control characters but tabs
// and ends of lines are replaced.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '\ufffd'
	}, s)
}

var oneLine = strings.NewReplacer("\n", " ", "\t", " ")

// Cell is a printable text of one line without tabs, as a table takes it.
func Cell(s string) string { return Printable(oneLine.Replace(s)) }
