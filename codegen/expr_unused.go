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

// reads is the part of a line that reads locals.
func reads(line string) string {
	line = strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(line, "//"):
		return ""
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
