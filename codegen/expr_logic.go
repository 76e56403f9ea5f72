package codegen

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// isFalse is a bool that tells whether a BOOLEAN is FALSE.
func (v value) isFalse() string {
	switch {
	case v.no != "":
		return v.no
	case v.null == "":
		return not(v.truth())
	}
	return "(!" + v.null + " && " + not(v.truth()) + ")"
}

// not negates a bool.
func not(s string) string {
	if rest := strings.TrimPrefix(s, "!"); rest != s && isName(rest) {
		return rest
	}
	return "!" + parens(s)
}

// argument is one of several that are evaluated from left to right, each only where the
// former ask for it.
type argument struct {
	text string // statements
	v    value
}

// arguments emits all of them; the statements of the first are written.
func (x *exprs) arguments(ns []expr.Node) (out []argument, pure bool, err error) {
	pure = true
	for i, n := range ns {
		var a argument
		if i == 0 {
			a.v, err = x.value(n)
		} else {
			a.text, err = x.capture(func() (err error) { a.v, err = x.value(n); return err })
		}
		if err != nil {
			return nil, false, err
		}
		pure = pure && a.text == ""
		out = append(out, a)
	}
	return out, pure, nil
}

// logic is AND or OR in three-valued logic.
func (x *exprs) logic(n *expr.Logic) (value, error) {
	args, pure, err := x.arguments(n.Args)
	if err != nil {
		return value{}, err
	}
	if !pure {
		return x.lazyLogic(n.Or, args), nil
	}
	// decided and undecided are whether each argument is the value that decides, or the
	// other one.
	var yes, no []string
	anyNull := false
	for _, a := range args {
		yes, no = append(yes, a.v.isTrue()), append(no, a.v.isFalse())
		anyNull = anyNull || a.v.null != ""
	}
	and, or := " && ", " || "
	if n.Or {
		and, or = or, and
	}
	v := value{yes: "(" + strings.Join(yes, and) + ")"}
	v.cond = v.yes
	if anyNull {
		v.no = "(" + strings.Join(no, or) + ")"
		v.null = "(!" + v.yes + " && !" + v.no + ")"
	}
	return v, nil
}

// lazyLogic is logic where later arguments have statements.
func (x *exprs) lazyLogic(or bool, args []argument) value {
	name := x.w.fresh("v")
	x.w.locals = append(x.w.locals, name)
	anyNull := false
	for _, a := range args {
		anyNull = anyNull || a.v.null != ""
	}
	// The local is whether no argument has decided so far.
	open, decides := name, value.isFalse
	if or {
		decides = value.isTrue
	}
	x.line(name + " := !" + parens(decides(args[0].v)))
	unknown := ""
	if anyNull {
		unknown = name + "Null"
		x.w.locals = append(x.w.locals, unknown)
		first := args[0].v.null
		if first == "" {
			first = "false"
		}
		x.line(unknown + " := " + first)
	}
	for _, a := range args[1:] {
		x.line("if " + open + " {")
		x.raw(a.text)
		if a.v.null != "" {
			x.line("if " + a.v.null + " {\n" + unknown + " = true\n} else {")
		}
		d := a.v
		d.null, d.yes, d.no = "", "", ""
		x.line(name + " = !" + parens(decides(d)))
		if a.v.null != "" {
			x.line("}")
		}
		x.line("}")
	}
	v := value{cond: name}
	if or {
		v.cond = "!" + name
	}
	if anyNull {
		v.null = "(" + open + " && " + unknown + ")"
	}
	return v
}

// parens puts a Go expression in parentheses unless it is surely within some, or needs none.
func parens(s string) string {
	if isName(s) || enclosed(s) {
		return s
	}
	return "(" + s + ")"
}

// enclosed tells that the first parenthesis is closed by the end of s; it does not look
// into strings.
func enclosed(s string) bool {
	if !strings.HasPrefix(s, "(") || strings.ContainsAny(s, "\"'`") {
		return false
	}
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i == len(s)-1
			}
		}
	}
	return false
}

// conjunction is a bool that tells whether n is TRUE; a later part of an AND is evaluated
// only where all the former are TRUE, as in the interpreter's filters.
func (x *exprs) conjunction(n expr.Node) (string, error) {
	l, ok := n.(*expr.Logic)
	if !ok || l.Or {
		v, err := x.value(n)
		return v.isTrue(), err
	}
	var parts []string
	for i, a := range l.Args {
		var code string
		if i == 0 {
			var err error
			if code, err = x.conjunction(a); err != nil {
				return "", err
			}
			parts = append(parts, code)
			continue
		}
		text, err := x.capture(func() (err error) { code, err = x.conjunction(a); return err })
		if err != nil {
			return "", err
		}
		if text == "" {
			parts = append(parts, code)
			continue
		}
		name := x.local(strings.Join(parts, " && "))
		x.line("if " + name + " {")
		x.raw(text)
		x.line(name + " = " + code + "\n}")
		parts = []string{name}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return "(" + strings.Join(parts, " && ") + ")", nil
}

// choose is CASE.
func (x *exprs) choose(n *expr.Case) (value, error) {
	conds, _, err := x.arguments(n.Conds)
	if err != nil {
		return value{}, err
	}
	vals := make([]argument, 0, len(n.Vals)+1)
	branches := n.Vals
	if n.Else != nil {
		branches = append(branches[:len(branches):len(branches)], n.Else)
	}
	mayNull := n.Else == nil
	for _, b := range branches {
		var a argument
		if a.text, err = x.capture(func() (err error) { a.v, err = x.value(b); return err }); err != nil {
			return value{}, err
		}
		mayNull = mayNull || a.v.null != ""
		vals = append(vals, a)
	}
	if n.Else == nil {
		vals = append(vals, argument{v: null(n.T)})
	}
	out := x.result(n.T, mayNull)
	ends := 0
	for i, c := range conds {
		if i > 0 && c.text != "" {
			x.line("} else {")
			x.raw(c.text)
			ends++
		}
		open := "if "
		if i > 0 && c.text == "" {
			open = "} else if "
		}
		x.line(open + c.v.isTrue() + " {")
		x.raw(vals[i].text)
		x.set(out, vals[i].v)
	}
	x.line("} else {")
	x.raw(vals[len(conds)].text)
	x.set(out, vals[len(conds)].v)
	x.line(strings.Repeat("}\n", ends+1))
	return out, nil
}

// coalesce is the first argument that is not NULL.
func (x *exprs) coalesce(n *expr.Call) (value, error) {
	args, _, err := x.arguments(n.Args)
	if err != nil {
		return value{}, err
	}
	if args[0].v.null == "" {
		return args[0].v, nil
	}
	mayNull := true
	for _, a := range args {
		mayNull = mayNull && a.v.null != ""
	}
	out := x.result(n.T, mayNull)
	ends := 0
	for i, a := range args {
		if i > 0 {
			x.raw(a.text)
		}
		if a.v.null == "" || i == len(args)-1 {
			x.set(out, a.v)
			break
		}
		x.line("if !" + a.v.null + " {")
		some := a.v
		some.null = ""
		x.set(out, some)
		x.line("} else {")
		ends++
	}
	x.line(strings.Repeat("}\n", ends))
	return out, nil
}
