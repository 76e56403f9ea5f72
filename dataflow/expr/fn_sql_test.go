package expr

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// sqlTest reads the SQL of test cases: literals, casts, constructors and calls, with the
// keyword forms of the functions under test.
type sqlTest struct {
	s string
	i int
}

func parseSQLTest(s string) (n Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(parseFailure); ok {
				err = e.err
				return
			}
			panic(r)
		}
	}()
	p := &sqlTest{s: s}
	n = p.expr()
	p.space()
	if p.i < len(p.s) {
		p.fail("unread text %q", p.s[p.i:])
	}
	return n, nil
}

// parseFailure carries an error out of the parser.
type parseFailure struct{ err error }

// syntaxFailure is the error for a form that the parser does not know.
type syntaxFailure struct{ error }

func (p *sqlTest) fail(format string, args ...any) {
	panic(parseFailure{err: syntaxFailure{fmt.Errorf(format, args...)}})
}

func (p *sqlTest) check(n Node, err error) Node {
	if err != nil {
		panic(parseFailure{err: err})
	}
	return n
}

func (p *sqlTest) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// word takes keywords, if they are next.
func (p *sqlTest) word(ws ...string) bool {
	at := p.i
	for _, w := range ws {
		p.space()
		end := p.i + len(w)
		if end > len(p.s) || !strings.EqualFold(p.s[p.i:end], w) || end < len(p.s) && isWordByte(p.s[end]) {
			p.i = at
			return false
		}
		p.i = end
	}
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func (p *sqlTest) op(s string) bool {
	p.space()
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

func (p *sqlTest) need(s string) {
	if !p.op(s) {
		p.fail("expected %q at %q", s, p.s[p.i:])
	}
}

func (p *sqlTest) name() string {
	p.space()
	if p.op("`") {
		end := strings.IndexByte(p.s[p.i:], '`')
		s := p.s[p.i : p.i+end]
		p.i += end + 1
		return s
	}
	start := p.i
	for p.i < len(p.s) && isWordByte(p.s[p.i]) {
		p.i++
	}
	return p.s[start:p.i]
}

func (p *sqlTest) str() string {
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		if c != '\'' {
			b.WriteByte(c)
		} else if p.i < len(p.s) && p.s[p.i] == '\'' {
			b.WriteByte('\'')
			p.i++
		} else {
			return b.String()
		}
	}
	p.fail("unclosed string")
	return ""
}

func (p *sqlTest) expr() Node {
	n := p.primary()
	for {
		switch {
		case LookupFunc("||") != nil && p.op("||"):
			n = p.check(NewCall("||", n, p.primary()))
		case p.op("["):
			n = p.check(NewCall("ITEM", n, p.expr()))
			p.need("]")
		case p.word("IS"):
			not := p.word("NOT")
			switch {
			case p.word("JSON"):
				what := ""
				for _, w := range []string{"VALUE", "OBJECT", "ARRAY", "SCALAR"} {
					if p.word(w) {
						what = w
					}
				}
				n = p.check(NewIsJSON(n, what, not))
			case p.word("NULL") && !not:
				n = p.check(NewCall("IS NULL", n))
			default:
				p.fail("IS")
			}
		default:
			return n
		}
	}
}

func (p *sqlTest) primary() Node {
	p.space()
	switch {
	case p.op("'"):
		return NewString(p.str())
	case p.op("x'"):
		b, err := hex.DecodeString(p.str())
		return p.check(NewBytes(b), err)
	case p.op("("):
		n := p.list(")")
		if len(n) == 1 {
			return n[0]
		}
		return p.check(NewCall("ROW", n...))
	case p.word("NULL"):
		return NewNull(types.TNull)
	case p.word("TRUE"):
		return NewBool(true)
	case p.word("FALSE"):
		return NewBool(false)
	}
	if c := p.s[p.i]; c == '-' || '0' <= c && c <= '9' {
		return p.number()
	}
	name := strings.ToUpper(p.name())
	switch {
	case name == "":
		p.fail("unknown form %q", p.s[p.i:])
	case name == "DATE" || name == "TIME" || name == "TIMESTAMP":
		p.need("'")
		t := map[string]types.Type{"DATE": types.TDate, "TIME": {Kind: types.Time}, "TIMESTAMP": types.TimestampOf(3)}[name]
		text := p.str()
		if dot := strings.IndexByte(text, '.'); dot >= 0 && name == "TIMESTAMP" {
			t.Prec = len(text) - dot - 1
		}
		d, err := ParseDatum([]byte(text), t, nil)
		return p.check(NewLit(d, t), err)
	case name == "ARRAY" && p.op("["):
		return p.check(NewCall("ARRAY", p.list("]")...))
	case name == "MAP" && p.op("["):
		return p.check(NewCall("MAP", p.list("]")...))
	}
	p.need("(")
	return p.call(name)
}

func (p *sqlTest) number() Node {
	start := p.i
	for p.i++; p.i < len(p.s) && (p.s[p.i] == '.' || '0' <= p.s[p.i] && p.s[p.i] <= '9'); p.i++ {
	}
	text := p.s[start:p.i]
	if strings.Contains(text, ".") {
		return p.check(NewDecimal(text))
	}
	i, err := strconv.ParseInt(text, 10, 64)
	return p.check(NewInt(i), err)
}

// list reads expressions up to a closing bracket.
func (p *sqlTest) list(end string) []Node {
	var out []Node
	if p.op(end) {
		return nil
	}
	for {
		out = append(out, p.expr())
		if p.op(end) {
			return out
		}
		p.need(",")
	}
}

func (p *sqlTest) call(name string) Node {
	switch name {
	case "CAST":
		n := p.expr()
		if !p.word("AS") {
			p.fail("CAST without AS")
		}
		t := p.typ()
		p.need(")")
		return p.check(NewCast(n, t, false))
	case "TRIM":
		return p.trim()
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY":
		return p.json(name)
	}
	var args []Node
	for !p.op(")") {
		args = append(args, p.expr())
		if p.op(",") || p.word("FROM") || p.word("FOR") || p.word("IN") || p.word("PLACING") {
			continue
		}
		p.need(")")
		break
	}
	if LookupFunc(name) == nil {
		p.fail("no function %s", name)
	}
	return p.check(NewCall(name, args...))
}

func (p *sqlTest) trim() Node {
	mode := ""
	for _, w := range []string{"BOTH", "LEADING", "TRAILING"} {
		if p.word(w) {
			mode = w
		}
	}
	if mode == "" {
		n := p.expr()
		p.need(")")
		return p.check(NewCall("TRIM", n))
	}
	chars := Node(NewString(" "))
	if !p.word("FROM") {
		chars = p.expr()
		p.word("FROM")
	}
	s := p.expr()
	p.need(")")
	return p.check(NewCall("TRIM", NewSymbol(mode), chars, s))
}

func (p *sqlTest) json(name string) Node {
	switch name {
	case "JSON_OBJECT":
		var keys, vals []Node
		absent := false
		for !p.op(")") {
			switch {
			case p.word("NULL", "ON", "NULL"):
			case p.word("ABSENT", "ON", "NULL"):
				absent = true
			case p.op(","):
			case p.word("KEY"):
				keys = append(keys, p.expr())
				if !p.word("VALUE") {
					p.fail("KEY without VALUE")
				}
				vals = append(vals, p.expr())
			default:
				p.fail("JSON_OBJECT")
			}
		}
		return p.check(NewJSONObject(keys, vals, absent))
	case "JSON_ARRAY":
		var vals []Node
		absent := true
		for !p.op(")") {
			switch {
			case p.word("NULL", "ON", "NULL"):
				absent = false
			case p.word("ABSENT", "ON", "NULL"), p.op(","):
			default:
				vals = append(vals, p.expr())
			}
		}
		return p.check(NewJSONArray(vals, absent))
	}
	arg := p.expr()
	p.need(",")
	path := p.expr()
	var v JSONValueOptions
	var q JSONQueryOptions
	exists := ""
	for !p.op(")") {
		at := p.i
		if p.word("RETURNING") {
			t := p.typ()
			v.Returning, q.Returning = &t, &t
			continue
		}
		for _, w := range [][]string{{"WITHOUT", "WRAPPER"}, {"WITH", "CONDITIONAL", "WRAPPER"}, {"WITH", "UNCONDITIONAL", "WRAPPER"}} {
			if p.word(w...) {
				q.Wrapper = strings.Join(w[:len(w)-1], " ")
			}
		}
		var def Node
		kind := ""
		for _, w := range []string{"NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN", "EMPTY ARRAY", "EMPTY OBJECT"} {
			if kind == "" && p.word(strings.Fields(w)...) {
				kind = w
			}
		}
		if kind == "" && p.word("DEFAULT") {
			kind, def = "DEFAULT", p.expr()
		}
		switch {
		case kind == "" && p.i == at:
			p.fail("clause")
		case kind == "":
		case p.word("ON", "EMPTY"):
			v.OnEmpty, v.DefaultOnEmpty, q.OnEmpty = kind, def, kind
		case p.word("ON", "ERROR"):
			v.OnError, v.DefaultOnError, q.OnError, exists = kind, def, kind, kind
		default:
			p.fail("clause")
		}
	}
	switch name {
	case "JSON_VALUE":
		return p.check(NewJSONValue(arg, path, v))
	case "JSON_QUERY":
		return p.check(NewJSONQuery(arg, path, q))
	}
	return p.check(NewJSONExists(arg, path, exists))
}

func (p *sqlTest) typ() types.Type {
	name := strings.ToUpper(p.name())
	var nums []int
	if p.op("(") {
		for !p.op(")") {
			i, _ := strconv.Atoi(p.name())
			nums = append(nums, i)
			p.op(",")
		}
	}
	num := func(i, def int) int {
		if i < len(nums) {
			return nums[i]
		}
		return def
	}
	t := map[string]types.Type{
		"STRING": types.TString, "BYTES": types.TBytes, "INT": types.TInt, "INTEGER": types.TInt, "BIGINT": types.TBigInt, "SMALLINT": types.TSmallInt,
		"TINYINT": types.TTinyInt, "FLOAT": types.TFloat, "DOUBLE": types.TDouble, "BOOLEAN": types.TBoolean, "DATE": types.TDate,
		"VARCHAR": types.VarcharOf(num(0, types.MaxLength)), "CHAR": types.CharOf(num(0, 1)), "BINARY": types.BinaryOf(num(0, 1)),
		"VARBINARY": types.VarbinaryOf(num(0, types.MaxLength)), "DECIMAL": types.DecimalOf(num(0, 10), num(1, 0)), "TIME": {Kind: types.Time, Prec: num(0, 0)},
		"TIMESTAMP": types.TimestampOf(num(0, 6)), "TIMESTAMP_LTZ": types.TimestampLTZOf(num(0, 6)),
	}[name]
	switch name {
	case "ARRAY", "MULTISET":
		p.need("<")
		t = types.ArrayOf(p.typ())
		p.need(">")
	case "MAP":
		p.need("<")
		k := p.typ()
		p.need(",")
		t = types.MapOf(k, p.typ())
		p.need(">")
	case "ROW":
		p.need("<")
		var fs []types.Field
		for !p.op(">") {
			n := p.name()
			fs = append(fs, types.Field{Name: n, Type: p.typ()})
			p.op(",")
		}
		t = types.RowOf(fs...)
	}
	if t.Kind == types.Invalid {
		p.fail("type %q", name)
	}
	if p.word("NOT", "NULL") {
		t = t.Required()
	}
	return t
}
