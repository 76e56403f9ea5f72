package codegen

import (
	"bytes"
	"regexp"
	"strings"
)

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*`)

// discard writes `_ = name` behind the declarations of those locals that nothing reads: an
// expression may be computed for its failures or its NULL alone. Names are unique in src.
func discard(src []byte, locals []string) []byte {
	unread := make(map[string]bool, len(locals))
	for _, n := range locals {
		unread[n] = true
	}
	lines := bytes.SplitAfter(src, []byte("\n"))
	for _, l := range lines {
		for _, w := range word.FindAllString(reads(string(l)), -1) {
			delete(unread, w)
		}
	}
	if len(unread) == 0 {
		return src
	}
	var out bytes.Buffer
	for _, l := range lines {
		out.Write(l)
		names := ""
		text := strings.TrimSpace(string(l))
		if decl, ok := strings.CutPrefix(text, "var "); ok {
			names, _, _ = strings.Cut(decl, " ")
		} else if left, _, ok := strings.Cut(text, " := "); ok && !strings.HasPrefix(text, "if ") && !strings.HasPrefix(text, "//") {
			names = left
		}
		for n := range strings.SplitSeq(names, ", ") {
			if unread[n] {
				out.WriteString("_ = " + n + "\n")
			}
		}
	}
	return out.Bytes()
}

// names tells whether code uses a package: what computed a value that nothing reads has been
// left out since its package was asked for.
func names(src []byte, pkg string) bool {
	call := regexp.MustCompile(`\b` + pkg + `\.`)
	for l := range bytes.Lines(src) {
		if call.MatchString(uncommented(string(l))) {
			return true
		}
	}
	return false
}

// reads is the part of a line that reads locals. What a comment names is SQL's.
func reads(line string) string {
	line = strings.TrimSpace(uncommented(line))
	switch {
	case strings.HasPrefix(line, "if "), strings.HasPrefix(line, "} else if "), strings.HasPrefix(line, "case "):
		return line
	case strings.HasPrefix(line, "var "):
		_, right, _ := strings.Cut(line, " = ")
		return right
	}
	for _, op := range []string{" := ", " = "} {
		if _, right, ok := strings.Cut(line, op); ok {
			return right
		}
	}
	return line
}

// uncommented is a line of generated code without its comment.
func uncommented(line string) string {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '`' || c == '\'':
			quote = c
		case c == '/' && strings.HasPrefix(line[i:], "//"):
			return line[:i]
		}
	}
	return line
}
