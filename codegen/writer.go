package codegen

import (
	"bytes"
	"fmt"
	"go/format"
	"path"
	"slices"
	"strings"
)

// module is the import path that generated imports begin with.
const module = "github.com/edgeflow/edgeflow/"

// writer collects the Go source of one head's file. Lines go to the function in hand;
// fields, statements of Bind and declarations of the file are collected beside it.
type writer struct {
	// fragment and event name the head's types.
	fragment, event string

	body    bytes.Buffer // lines of the function in hand
	fields  []string     // of the fragment
	binds   []string     // statements of Bind, in which h is the *fused.Host
	decls   bytes.Buffer // declarations of the file
	imports map[string]bool
	names   map[string]int // of fresh
	locals  []string       // that may turn out to be of no use
}

func newWriter(suffix string) *writer {
	return &writer{fragment: "fragment" + suffix, event: "event" + suffix, imports: map[string]bool{}, names: map[string]int{}}
}

// p writes a line, or several, of the function in hand.
func (w *writer) p(format string, args ...any) {
	if len(args) == 0 {
		w.body.WriteString(format)
	} else {
		fmt.Fprintf(&w.body, format, args...)
	}
	w.body.WriteByte('\n')
}

// fresh is a name that the head's file does not use yet.
func (w *writer) fresh(prefix string) string {
	n := w.names[prefix]
	w.names[prefix] = n + 1
	return fmt.Sprintf("%s%d", prefix, n)
}

// field adds a field to the fragment: "day fused.Day".
func (w *writer) field(decl string) {
	if !slices.Contains(w.fields, decl) {
		w.fields = append(w.fields, decl)
	}
}

// bind adds a statement to Bind, once.
func (w *writer) bind(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(w.binds, s) {
		w.binds = append(w.binds, s)
	}
}

// decl adds a declaration to the file: the function in hand is closed by it.
func (w *writer) decl() {
	w.decls.Write(w.body.Bytes())
	w.decls.WriteByte('\n')
	w.body.Reset()
}

// use imports a package where what is written names it: "math", or one of the project by its
// folder ("dataflow/fused").
func (w *writer) use(pkg string) {
	if strings.HasPrefix(pkg, "dataflow/") {
		pkg = module + pkg
	}
	w.imports[pkg] = true
}

// file puts the file together. pre stands before the package clause.
func (w *writer) file(pre, pkg string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(pre)
	fmt.Fprintf(&b, "package %s\n\nimport (\n", pkg)
	code := discard(w.decls.Bytes(), w.locals)
	var own, std []string
	for p := range w.imports {
		if !names(code, path.Base(p)) {
			continue
		}
		if strings.HasPrefix(p, module) {
			own = append(own, p)
		} else {
			std = append(std, p)
		}
	}
	slices.Sort(own)
	slices.Sort(std)
	for _, p := range std {
		fmt.Fprintf(&b, "%q\n", p)
	}
	b.WriteByte('\n')
	for _, p := range own {
		fmt.Fprintf(&b, "%q\n", p)
	}
	b.WriteString(")\n\n")
	b.Write(code)
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the generated code is not Go: %w\n%s", err, b.Bytes())
	}
	return src, nil
}
