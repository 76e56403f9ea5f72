package sql

import "strings"

// WrittenOption is an option as a text has it, wherever that is: 'key' = 'value'.
type WrittenOption struct {
	Key, Value string
	// Pieces are the literals that the value is written in, as they stand between their quotes.
	Pieces []string
}

// WrittenOptions finds the options in a text, whether or not it parses, as far as its tokens can be
// told apart: not in comments, nor behind a quote that is not closed, nor behind as many mistakes
// as Parse reports.
func WrittenOptions(text string) []WrittenOption {
	p := newParser("", text)
	var out []WrittenOption
	for p.tok().kind != tokenEOF && len(p.errs) < errorsMax {
		if p.tok().kind != tokenString {
			p.i++
			continue
		}
		behind := p.i + 1
		if !p.try(func() {
			o := WrittenOption{Key: p.stringTokens().Value}
			if !p.acceptOp("=") || p.tok().kind != tokenString {
				return
			}
			from := p.i
			o.Value = p.stringTokens().Value
			for _, t := range p.tokens[from:p.i] {
				if t.kind == tokenString {
					_, written, _ := strings.Cut(text[t.Start.Offset:t.End.Offset-1], "'")
					o.Pieces = append(o.Pieces, written)
				}
			}
			out = append(out, o)
		}) {
			p.i = behind
		}
	}
	return out
}
