package sql

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// dump prints a tree by its structure: types and fields that are not zero, one
// node a line. Spans are left out and so is whether a name was quoted; positions
// have a test of their own.
func dump(n any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(n), 0)
	return b.String()
}

var spanType = reflect.TypeFor[Span]()

func dumpValue(b *strings.Builder, v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString(" nil\n")
			return
		}
		if id, is := v.Interface().(*Ident); is {
			fmt.Fprintf(b, " %s\n", id.Name)
			return
		}
		if q, is := v.Interface().(*Name); is {
			fmt.Fprintf(b, " %q\n", q.Strings())
			return
		}
		dumpValue(b, v.Elem(), depth)
	case reflect.Struct:
		fmt.Fprintf(b, " %s\n", v.Type().Name())
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Type == spanType || v.Field(i).IsZero() {
				continue
			}
			fmt.Fprintf(b, "%s  %s:", indent, f.Name)
			dumpValue(b, v.Field(i), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, " %x\n", v.Bytes())
			return
		}
		b.WriteByte('\n')
		for i := range v.Len() {
			fmt.Fprintf(b, "%s  -", indent)
			dumpValue(b, v.Index(i), depth+1)
		}
	case reflect.String:
		fmt.Fprintf(b, " %q\n", v.String())
	default:
		fmt.Fprintf(b, " %v\n", v.Interface())
	}
}

func checkExprRoundTrip(t *testing.T, e Expr) {
	t.Helper()
	text := Format(e)
	again, err := ParseExpr("printed", text)
	if err != nil {
		t.Errorf("printed expression does not parse: %v", err)
		return
	}
	compareDumps(t, text, dump(e), dump(again))
}

func checkScriptRoundTrip(t *testing.T, s *Script) {
	t.Helper()
	text := s.String()
	again, err := Parse("printed", text)
	if err != nil {
		t.Errorf("printed script does not parse: %v\n%s", err, text)
		return
	}
	compareDumps(t, text, dump(s.Statements), dump(again.Statements))
}

func compareDumps(t *testing.T, text, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("the tree changes in print: line %d: %q becomes %q\n%s", i+1, a[i], b[i], text)
			return
		}
	}
	t.Errorf("the tree changes its length in print\n%s", text)
}
