package op_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stateLint looks for operator state outside of pages: in every struct that an operator
// reaches within the package, a map, a channel or a slice is refused unless the field
// carries the tag `scratch:"why it may be lost"`. Types of other packages and
// configurations (names that end in Config, and Window) are not looked into.
type stateLint struct {
	structs  map[string]*ast.StructType
	methods  map[string]map[string]bool
	seen     map[string]bool
	findings []string
}

func lintState(files []*ast.File) []string {
	l := &stateLint{structs: map[string]*ast.StructType{}, methods: map[string]map[string]bool{}, seen: map[string]bool{}}
	for _, f := range files {
		for _, d := range f.Decls {
			l.declare(d)
		}
	}
	for name, m := range l.methods {
		if m["Open"] && m["Process"] && m["Watermark"] && m["Tick"] {
			l.visit(name)
		}
	}
	slices.Sort(l.findings)
	return l.findings
}

func (l *stateLint) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if t, ok := s.(*ast.TypeSpec); ok {
				if st, ok := t.Type.(*ast.StructType); ok {
					l.structs[t.Name.Name] = st
				}
			}
		}
	case *ast.FuncDecl:
		if d.Recv == nil {
			return
		}
		name := typeName(d.Recv.List[0].Type)
		if l.methods[name] == nil {
			l.methods[name] = map[string]bool{}
		}
		l.methods[name][d.Name.Name] = true
	}
}

// typeName is the name of a type of the package, behind pointers and arrays, or "".
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		if e.Len != nil {
			return typeName(e.Elt)
		}
	}
	return ""
}

func (l *stateLint) visit(name string) {
	st := l.structs[name]
	if st == nil || l.seen[name] || strings.HasSuffix(name, "Config") || name == "Window" || name == "Context" {
		return
	}
	l.seen[name] = true
	for _, f := range st.Fields.List {
		if scratch(f) {
			continue
		}
		where := name + "." + typeName(f.Type)
		if len(f.Names) > 0 {
			where = name + "." + f.Names[0].Name
		}
		switch t := f.Type.(type) {
		case *ast.MapType:
			l.findings = append(l.findings, where+" is a map")
		case *ast.ChanType:
			l.findings = append(l.findings, where+" is a channel")
		case *ast.ArrayType:
			if t.Len == nil {
				l.findings = append(l.findings, where+" is a slice")
			}
		}
		l.visit(typeName(f.Type))
	}
}

func scratch(f *ast.Field) bool {
	if f.Tag == nil {
		return false
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	return err == nil && reflect.StructTag(tag).Get("scratch") != ""
}

func TestOperatorStateLiesInPages(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	set := token.NewFileSet()
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			f, err := parser.ParseFile(set, e.Name(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	for _, f := range lintState(files) {
		t.Errorf("%s: keep it in the operator's Space, or tag it `scratch:\"why it may be lost\"`", f)
	}
}

func TestLintFindsStateOnTheHeap(t *testing.T) {
	const planted = `package op
type Bad struct {
	node
	helper *inner
	counts map[string]int64
	waiting [][]byte
	free    []int32 ` + "`scratch:\"rows of a batch\"`" + `
	cfg     BadConfig
}
type inner struct { done chan int; last [2]deep }
type deep struct { rows []int64 }
type BadConfig struct { Keys []int }
type Bystander struct { m map[int]int }
func (b *Bad) Open(c *Context) error { return nil }
func (b *Bad) Process(int, *vec.Batch) error { return nil }
func (b *Bad) Watermark(int, int64) error { return nil }
func (b *Bad) Tick(int64) error { return nil }
`
	f, err := parser.ParseFile(token.NewFileSet(), "planted.go", planted, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Bad.counts is a map", "Bad.waiting is a slice", "deep.rows is a slice", "inner.done is a channel"}
	if got := lintState([]*ast.File{f}); !slices.Equal(got, want) {
		t.Fatal(fmt.Sprint("found ", got, ", want ", want))
	}
}
