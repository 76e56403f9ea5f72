package expr

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/javaregex"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Regular expressions have Java's syntax (see package javaregex). A literal pattern is
// compiled once; patterns from columns are kept by their text, within limits. A pattern that Java refuses
// makes the result NULL (FALSE for REGEXP); one that is valid but not supported is an
// error.

func init() {
	s, n := argString, argInt
	def := func(name, sig, doc string, t types.Type, strict bool, row func(pattern) RowFunc, args ...argSpec) *Func {
		d := rowDef{name: name, sig: sig, doc: doc, category: "string", args: args, result: always(t)}
		if len(args) > 2 && name != "REGEXP_REPLACE" {
			d.min = 2
		}
		d.prepare = func(args []Node, _ []types.Type) (RowFunc, error) {
			p, err := patternOf(args[1], strict)
			return row(p), err
		}
		return d.fn()
	}
	Register(
		def("REGEXP", "REGEXP(s, regex)", "Whether a part of s matches a regular expression.", types.TBoolean, true, regexpRow, s("s"), s("regex")),
		def("REGEXP_COUNT", "REGEXP_COUNT(s, regex)", "The number of matches of a regular expression in s.", types.TInt, false, regexpCountRow, s("s"), s("regex")),
		def("REGEXP_EXTRACT", "REGEXP_EXTRACT(s, regex [, group])", "A group (0 by default, the whole) of the first match of a regular expression in s.", types.TString, true, regexpExtractRow, s("s"), s("regex"), n("group")),
		def("REGEXP_EXTRACT_ALL", "REGEXP_EXTRACT_ALL(s, regex [, group])", "A group (1 by default) of every match of a regular expression in s, as an ARRAY<STRING>.", types.ArrayOf(types.TString), false, regexpExtractAllRow, s("s"), s("regex"), n("group")),
		def("REGEXP_INSTR", "REGEXP_INSTR(s, regex)", "The position of the first match of a regular expression in s, 0 when there is none.", types.TInt, false, regexpInstrRow, s("s"), s("regex")),
		def("REGEXP_REPLACE", "REGEXP_REPLACE(s, regex, new)", "s with every match of a regular expression replaced by the text new.", types.TString, true, regexpReplaceRow, s("s"), s("regex"), s("new")),
		def("REGEXP_SUBSTR", "REGEXP_SUBSTR(s, regex)", "The first match of a regular expression in s.", types.TString, false, regexpSubstrRow, s("s"), s("regex")),
	)
}

// pattern finds the compiled form of a row's pattern, nil when Java refuses it.
type pattern func(c *RowCtx, text vec.Datum) (*javaregex.Regexp, error)

// patternOf prepares a pattern argument. When strict, a literal that Java refuses is an
// error.
func patternOf(n Node, strict bool) (pattern, error) {
	text, ok := literalText(n)
	if !ok {
		return func(c *RowCtx, d vec.Datum) (*javaregex.Regexp, error) { return memoOf(c).regex.get(d.B) }, nil
	}
	re, err := javaregex.Compile(text)
	var syn *javaregex.SyntaxError
	if err != nil && !strict && errors.As(err, &syn) {
		err = nil
	}
	return func(*RowCtx, vec.Datum) (*javaregex.Regexp, error) { return re, nil }, err
}

// regexMemo keeps the patterns that a call has met.
type regexMemo struct {
	byText map[string]regexEntry
	bytes  int
}

type regexEntry struct {
	re  *javaregex.Regexp
	err error
}

// Limits of patterns that are not written in the query, in bytes: of a pattern, of its compiled
// form, and of the forms that a call keeps.
const (
	regexTextMax = 4 << 10
	regexSizeMax = 1 << 20
	regexMemoMax = 4 << 20
	// regexEntryBytes is what an entry of the memo takes beside its pattern.
	regexEntryBytes = 256
)

// longPattern refuses a pattern of a row that is too long.
func longPattern(text []byte) error {
	if len(text) <= regexTextMax {
		return nil
	}
	return fmt.Errorf("a regular expression has %d bytes, and %d at most where it is not written in the query", len(text), regexTextMax)
}

func (m *regexMemo) get(text []byte) (*javaregex.Regexp, error) {
	if e, ok := m.byText[string(text)]; ok {
		return e.re, e.err
	}
	if err := longPattern(text); err != nil {
		return nil, err
	}
	re, err := javaregex.CompileWithin(string(text), regexSizeMax)
	var syn *javaregex.SyntaxError
	if errors.As(err, &syn) {
		re, err = nil, nil
	}
	size := regexEntryBytes + len(text)
	if re != nil {
		size += re.Size()
	}
	if m.bytes += size; m.byText == nil || m.bytes > regexMemoMax {
		m.byText, m.bytes = map[string]regexEntry{}, size
	}
	m.byText[string(text)] = regexEntry{re, err}
	return re, err
}

func regexpRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil || len(args[1].B) == 0 {
			return vec.BoolDatum(false), err
		}
		return vec.BoolDatum(re.Match(args[0].B)), nil
	}
}

func regexpCountRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil {
			return vec.NullDatum, err
		}
		n := int64(0)
		re.All(args[0].B, func([]int) bool { n++; return true })
		return vec.IntDatum(n), nil
	}
}

func groupText(s []byte, m []int, group int64) vec.Datum {
	if m == nil || group < 0 || 2*group >= int64(len(m)) || m[2*group] < 0 {
		return vec.NullDatum
	}
	return vec.BytesDatum(s[m[2*group]:m[2*group+1]])
}

func regexpExtractRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil {
			return vec.NullDatum, err
		}
		group := int64(0)
		if len(args) == 3 {
			group = args[2].I
		}
		text, ok := re.Group(args[0].B, group)
		if !ok {
			return vec.NullDatum, nil
		}
		return vec.BytesDatum(text), nil
	}
}

func regexpExtractAllRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		group := int64(1)
		if len(args) == 3 {
			group = args[2].I
		}
		if re == nil || group < 0 || group > int64(re.Groups()) {
			return vec.NullDatum, err
		}
		vals := rowScratch(c)
		re.All(args[0].B, func(m []int) bool {
			vals = append(vals, groupText(args[0].B, m, group))
			return true
		})
		return doneArray(c, types.TString, vals)
	}
}

func regexpInstrRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil {
			return vec.NullDatum, err
		}
		m := re.Find(args[0].B)
		if m == nil {
			return vec.IntDatum(0), nil
		}
		return vec.IntDatum(int64(utf8.RuneCount(args[0].B[:m[0]])) + 1), nil
	}
}

func regexpSubstrRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil {
			return vec.NullDatum, err
		}
		return groupText(args[0].B, re.Find(args[0].B), 0), nil
	}
}

func regexpReplaceRow(p pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		re, err := p(c, args[1])
		if re == nil {
			return vec.NullDatum, err
		}
		s, b, at := args[0].B, c.Buf[:0], 0
		re.All(s, func(m []int) bool {
			b = append(append(b, s[at:m[0]]...), args[2].B...)
			at = m[1]
			return true
		})
		return done(c, append(b, s[at:]...))
	}
}

// resolveStrToMap resolves STR_TO_MAP, whose delimiters are regular expressions.
func resolveStrToMap(args []Node) (Resolved, error) {
	if len(args) != 1 && len(args) != 3 {
		return Resolved{}, countError("STR_TO_MAP", "STR_TO_MAP(s [, pairDelimiter, keyDelimiter])", len(args))
	}
	ts := make([]types.Type, len(args))
	for i, a := range args {
		var err error
		if ts[i], err = argString([]string{"s", "pairDelimiter", "keyDelimiter"}[i]).take("STR_TO_MAP", i, a); err != nil {
			return Resolved{}, err
		}
	}
	delims := []Node{&Lit{Value: vec.StringDatum(","), T: types.TString}, &Lit{Value: vec.StringDatum("="), T: types.TString}}
	if len(args) == 3 {
		delims = args[1:]
	}
	pair, err := patternOf(delims[0], true)
	if err != nil {
		return Resolved{}, err
	}
	kv, err := patternOf(delims[1], true)
	if err != nil {
		return Resolved{}, err
	}
	t := types.MapOf(types.TString, types.TString)
	return Resolved{Type: ifArgs(t)(ts), Args: ts, Impl: Impl{Row: strToMapRow(pair, kv)}}, nil
}

func strToMapRow(pair, kv pattern) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		var texts [2]vec.Datum
		copy(texts[:], args[1:])
		pairRe, err := pair(c, texts[0])
		if err != nil {
			return vec.NullDatum, err
		}
		kvRe, err := kv(c, texts[1])
		if err != nil {
			return vec.NullDatum, err
		}
		if pairRe == nil || kvRe == nil {
			return vec.NullDatum, errors.New("STR_TO_MAP: a delimiter is not a regular expression")
		}
		m := beginMap(c, types.TString)
		if len(args[0].B) > 0 {
			splitRegex(pairRe, args[0].B, func(part []byte) {
				k, v := vec.BytesDatum(part), vec.NullDatum
				if m := kvRe.Find(part); m != nil && m[1] > 0 {
					k, v = vec.BytesDatum(part[:m[0]]), vec.BytesDatum(part[m[1]:])
				}
				m.put(k, v)
			})
		}
		return m.done(c, types.TString)
	}
}

// splitRegex calls f with the parts of s between matches, as Java's String.split does:
// without empty parts at the end, nor one before an empty match at the start.
func splitRegex(re *javaregex.Regexp, s []byte, f func(part []byte)) {
	at, empty := 0, 0
	part := func(p []byte) {
		if len(p) == 0 {
			empty++
			return
		}
		for ; empty > 0; empty-- {
			f(nil)
		}
		f(p)
	}
	some := false
	re.All(s, func(m []int) bool {
		if m[1] == 0 {
			return true
		}
		part(s[at:m[0]])
		at, some = m[1], true
		return true
	})
	if !some {
		f(s)
		return
	}
	part(s[at:])
}
