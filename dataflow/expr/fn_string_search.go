package expr

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	s, n := argString, argInt
	Register(
		&Func{Name: "TRIM", Signature: "TRIM([BOTH | LEADING | TRAILING] [chars] FROM s)", Category: "string",
			Doc: "s without the characters of chars (a space by default) at its ends.", Resolve: resolveTrim},
		rowDef{name: "BTRIM", sig: "BTRIM(s [, chars])", doc: "s without the characters of chars (a space by default) at both ends.", category: "string",
			args: []argSpec{s("s"), s("chars")}, min: 1, result: ifArgs(types.TString), row: trimRow(true, true)}.fn(),
		rowDef{name: "LTRIM", sig: "LTRIM(s [, chars])", doc: "s without the characters of chars (a space by default) at its start.", category: "string",
			args: []argSpec{s("s"), s("chars")}, min: 1, result: varyingFirst, row: trimRow(true, false)}.fn(),
		rowDef{name: "RTRIM", sig: "RTRIM(s [, chars])", doc: "s without the characters of chars (a space by default) at its end.", category: "string",
			args: []argSpec{s("s"), s("chars")}, min: 1, result: varyingFirst, row: trimRow(false, true)}.fn(),
		rowDef{name: "POSITION", sig: "POSITION(part IN s)", doc: "The position of the first occurrence of part in s, 0 when there is none.", category: "string",
			args: []argSpec{s("part"), s("s"), n("from")}, min: 2, result: ifArgs(types.TInt), row: locateRow}.fn(),
		rowDef{name: "LOCATE", sig: "LOCATE(part, s [, from])", doc: "The position of the first occurrence of part in s at or behind a position, 0 when there is none.", category: "string",
			args: []argSpec{s("part"), s("s"), n("from")}, min: 2, result: ifArgs(types.TInt), row: locateRow}.fn(),
		rowDef{name: "INSTR", sig: "INSTR(s, part [, from [, nth]])", doc: "The position of the nth occurrence of part in s; a negative from searches backwards from the end.", category: "string",
			args: []argSpec{s("s"), s("part"), n("from"), n("nth")}, min: 2, result: ifArgs(types.TInt), row: instrRow}.fn(),
		&Func{Name: "STARTSWITH", Signature: "STARTSWITH(s, start)", Category: "string",
			Doc: "Whether s begins with start; both are character strings or both binary.", Resolve: resolveAffix("STARTSWITH", bytes.HasPrefix)},
		&Func{Name: "ENDSWITH", Signature: "ENDSWITH(s, end)", Category: "string",
			Doc: "Whether s ends with end; both are character strings or both binary.", Resolve: resolveAffix("ENDSWITH", bytes.HasSuffix)},
		&Func{Name: "CONCAT", Signature: "CONCAT(s1, s2, ...)", Category: "string",
			Doc: "The strings one behind the other; NULL when one is.", Resolve: resolveConcat},
		rowDef{name: "CONCAT_WS", sig: "CONCAT_WS(separator, s1, s2, ...)", doc: "The strings that are not NULL, with a separator between them; NULL when the separator is.", category: "string",
			args: []argSpec{s("separator"), s("s")}, min: 1, variadic: true, nullOK: true, result: ifFirst(types.TString), row: concatWSRow}.fn(),
		&Func{Name: "ELT", Signature: "ELT(n, s1, s2, ...)", Category: "string",
			Doc: "The nth of the strings, NULL when there is none.", Resolve: resolveElt},
		rowDef{name: "SPLIT", sig: "SPLIT(s, separator)", doc: "The parts of s between separators as an ARRAY<STRING>; its characters when the separator is empty.", category: "string",
			args: []argSpec{s("s"), s("separator")}, result: ifArgs(types.ArrayOf(types.TString)), row: splitRow}.fn(),
		rowDef{name: "SPLIT_INDEX", sig: "SPLIT_INDEX(s, separator, n)", doc: "The nth part, from 0, of s between separators (a string or a character's code); NULL when there is none.", category: "string",
			args:   []argSpec{s("s"), argOf("a character string or an integer", types.TString, func(t types.Type) bool { return t.IsString() || t.IsInteger() })("separator"), n("n")},
			result: always(types.TString), row: splitIndexRow}.fn(),
		rowDef{name: "IS_ALPHA", sig: "IS_ALPHA(x)", doc: "Whether x is a string of letters.", category: "string",
			args: []argSpec{argAny("x")}, nullOK: true, result: never(types.TBoolean), row: isTextRow(isAlphaText, func(types.Type) bool { return false })}.fn(),
		rowDef{name: "IS_DIGIT", sig: "IS_DIGIT(x)", doc: "Whether x is an integer or a string of digits.", category: "string",
			args: []argSpec{argAny("x")}, nullOK: true, result: never(types.TBoolean), row: isTextRow(isDigitText, types.Type.IsInteger)}.fn(),
		rowDef{name: "IS_DECIMAL", sig: "IS_DECIMAL(x)", doc: "Whether x is a number or a string that reads as one.", category: "string",
			args: []argSpec{argAny("x")}, nullOK: true, result: never(types.TBoolean), row: isTextRow(isDecimalText, types.Type.IsNumeric)}.fn(),
	)
}

func resolveTrim(args []Node) (Resolved, error) {
	const sig = "TRIM([BOTH | LEADING | TRAILING] [chars] FROM s)"
	mode, rest := "BOTH", args
	if len(args) > 1 && args[0].Type().Kind == types.Symbol {
		var err error
		if mode, err = symbolArg("TRIM", 0, args[0], "BOTH", "LEADING", "TRAILING"); err != nil {
			return Resolved{}, err
		}
		rest = args[1:]
	}
	if len(rest) < 1 || len(rest) > 2 || len(rest) == 2 && len(args) == 2 {
		return Resolved{}, countError("TRIM", sig, len(args))
	}
	head := len(args) - len(rest)
	ts := make([]types.Type, len(args))
	for i, a := range args {
		if i < head {
			ts[i] = a.Type()
			continue
		}
		var err error
		if ts[i], err = argString("s").take("TRIM", i, a); err != nil {
			return Resolved{}, err
		}
	}
	lead, trail := mode != "TRAILING", mode != "LEADING"
	t := varying(ts[len(ts)-1].Plain()).WithNull(!anyNullable(ts))
	return Resolved{Type: t, Args: ts, Impl: Impl{Row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
		args = args[head:]
		if len(args) == 1 {
			return vec.BytesDatum(trimSet(args[0].B, spaceSet, lead, trail)), nil
		}
		return vec.BytesDatum(trimSet(args[1].B, args[0].B, lead, trail)), nil
	}}}, nil
}

var spaceSet = []byte(" ")

// trimSet cuts the characters of set from the ends of s.
func trimSet(s, set []byte, lead, trail bool) []byte {
	for lead && len(s) > 0 {
		_, w := utf8.DecodeRune(s)
		if !hasChar(set, s[:w]) {
			break
		}
		s = s[w:]
	}
	for trail && len(s) > 0 {
		_, w := utf8.DecodeLastRune(s)
		if !hasChar(set, s[len(s)-w:]) {
			break
		}
		s = s[:len(s)-w]
	}
	return s
}

// hasChar tells whether the character c is one of set. In UTF-8 a character's bytes are
// found only where the character is.
func hasChar(set, c []byte) bool { return bytes.Contains(set, c) }

func trimRow(lead, trail bool) RowFunc {
	return func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
		set := spaceSet
		if len(args) == 2 {
			set = args[1].B
		}
		return vec.BytesDatum(trimSet(args[0].B, set, lead, trail)), nil
	}
}

// indexChars is the position, from 1, of the first occurrence of part in s at or behind
// position from, and 0 when there is none. An empty part is found at 1.
func indexChars(s, part []byte, from int64) int64 {
	if len(part) == 0 {
		return 1
	}
	start := runeOffset(s, from-1)
	at := bytes.Index(s[start:], part)
	if at < 0 {
		return 0
	}
	return int64(utf8.RuneCount(s[:start+at])) + 1
}

func locateRow(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
	from := int64(1)
	if len(args) == 3 {
		from = args[2].I
	}
	return vec.IntDatum(indexChars(args[1].B, args[0].B, from)), nil
}

func instrRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	from, nth := int64(1), int64(1)
	if len(args) > 2 {
		from = args[2].I
	}
	if len(args) > 3 {
		nth = args[3].I
	}
	if nth <= 0 {
		return vec.NullDatum, fmt.Errorf("INSTR: the occurrence must be positive, not %d", nth)
	}
	s, part := args[0].B, args[1].B
	if from >= 0 {
		return vec.IntDatum(nthIndex(s, part, from, nth)), nil
	}
	b := appendReverse(c.Buf[:0], s)
	b = appendReverse(b, part)
	c.Buf = b
	pos := nthIndex(b[:len(s)], b[len(s):], -from, nth)
	if pos > 0 {
		pos = int64(utf8.RuneCount(s)) + 2 - pos - int64(utf8.RuneCount(part))
	}
	return vec.IntDatum(pos), nil
}

func nthIndex(s, part []byte, from, nth int64) int64 {
	if from == 0 {
		return 0
	}
	at := int64(0)
	for ; nth > 0; nth-- {
		if at = indexChars(s, part, from); at == 0 || len(part) == 0 {
			return at
		}
		from = at + 1
	}
	return at
}

// resolveAlike resolves arguments that are all character strings or all binary ones.
func resolveAlike(fn string, args []Node, first int) ([]types.Type, error) {
	ts := make([]types.Type, len(args))
	binary := false
	for i, a := range args {
		if i < first {
			ts[i] = a.Type()
			continue
		}
		binary = binary || a.Type().IsBinary()
	}
	spec := argString("s")
	if binary {
		spec = argBinary("s")
	}
	for i := first; i < len(args); i++ {
		var err error
		if ts[i], err = spec.take(fn, i, args[i]); err != nil {
			return nil, err
		}
	}
	return ts, nil
}

func resolveAffix(name string, test func(a, b []byte) bool) func([]Node) (Resolved, error) {
	return func(args []Node) (Resolved, error) {
		if len(args) != 2 {
			return Resolved{}, countError(name, name+"(s, part)", len(args))
		}
		ts, err := resolveAlike(name, args, 0)
		if err != nil {
			return Resolved{}, err
		}
		return Resolved{Type: ifArgs(types.TBoolean)(ts), Args: ts, Impl: Impl{Kernel: boolOfBytes2Kernel(test)}}, nil
	}
}

func resolveConcat(args []Node) (Resolved, error) {
	if len(args) == 0 {
		return Resolved{}, countError("CONCAT", "CONCAT(s1, s2, ...)", 0)
	}
	ts, err := resolveAlike("CONCAT", args, 0)
	if err != nil {
		return Resolved{}, err
	}
	t := types.TString
	if ts[0].IsBinary() {
		t = types.TBytes
	}
	return Resolved{Type: ifArgs(t)(ts), Args: ts, Impl: Impl{Kernel: concatKernel}}, nil
}

func concatWSRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null {
		return vec.NullDatum, nil
	}
	b, some := c.Buf[:0], false
	for _, a := range args[1:] {
		if a.Null {
			continue
		}
		if some {
			b = append(b, args[0].B...)
		}
		b, some = append(b, a.B...), true
	}
	return done(c, b)
}

func resolveElt(args []Node) (Resolved, error) {
	if len(args) < 2 {
		return Resolved{}, countError("ELT", "ELT(n, s1, s2, ...)", len(args))
	}
	ts, err := resolveAlike("ELT", args, 1)
	if err != nil {
		return Resolved{}, err
	}
	if ts[0], err = argInt("n").take("ELT", 0, args[0]); err != nil {
		return Resolved{}, err
	}
	if l, ok := args[0].(*Lit); ok && !l.Value.Null && l.Value.I < 0 {
		return Resolved{}, fmt.Errorf("the index of ELT is at least 0, not %d", l.Value.I)
	}
	t := ts[1]
	for _, o := range ts[2:] {
		if !o.Equal(t) {
			longest := max(t.Prec, o.Prec)
			t = varying(t)
			t.Prec = longest
		}
	}
	return Resolved{Type: t.Nullable(), Args: ts, Impl: Impl{CallsOnNull: true, Row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
		if args[0].Null || args[0].I < 1 || args[0].I >= int64(len(args)) {
			return vec.NullDatum, nil
		}
		return args[args[0].I], nil
	}}}, nil
}

func splitRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, sep := args[0].B, args[1].B
	parts := rowScratch(c)
	switch {
	case len(sep) == 0:
		for len(s) > 0 {
			_, w := utf8.DecodeRune(s)
			parts = append(parts, vec.BytesDatum(s[:w]))
			s = s[w:]
		}
	default:
		for {
			at := bytes.Index(s, sep)
			if at < 0 {
				break
			}
			parts = append(parts, vec.BytesDatum(s[:at]))
			s = s[at+len(sep):]
		}
		parts = append(parts, vec.BytesDatum(s))
	}
	return doneArray(c, types.TString, parts)
}

func splitIndexRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, n := args[0].B, args[2].I
	if n < 0 || len(s) == 0 {
		return vec.NullDatum, nil
	}
	sep := args[1].B
	if c.ArgTypes[1].IsInteger() {
		code := args[1].I
		if code < 1 || code > 255 {
			return vec.NullDatum, nil
		}
		c.Buf = utf8.AppendRune(c.Buf[:0], rune(code))
		sep = c.Buf
	}
	if len(sep) == 0 {
		sep = spaceSet
	}
	for ; n > 0; n-- {
		at := bytes.Index(s, sep)
		if at < 0 {
			return vec.NullDatum, nil
		}
		s = s[at+len(sep):]
	}
	if at := bytes.Index(s, sep); at >= 0 {
		s = s[:at]
	}
	return vec.BytesDatum(s), nil
}

func isTextRow(text func([]byte) bool, typed func(types.Type) bool) RowFunc {
	return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		t := c.ArgTypes[0]
		if args[0].Null {
			return vec.BoolDatum(false), nil
		}
		return vec.BoolDatum(typed(t) || t.IsString() && text(args[0].B)), nil
	}
}

// isDecimalText tells what Java's Double.parseDouble reads.
func isDecimalText(s []byte) bool {
	t := strings.TrimFunc(string(s), func(r rune) bool { return r <= ' ' })
	if t != "" && (t[0] == '+' || t[0] == '-') {
		t = t[1:]
	}
	if t == "NaN" || t == "Infinity" {
		return true
	}
	if t != "" && strings.IndexByte("dDfF", t[len(t)-1]) >= 0 {
		t = t[:len(t)-1]
	}
	if t == "" || t[0] != '.' && (t[0] < '0' || t[0] > '9') || strings.Contains(t, "_") {
		return false
	}
	_, err := strconv.ParseFloat(t, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}
