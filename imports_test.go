package edgeflow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/edgeflow/edgeflow/"

// layer lists what a folder's packages may import of the project. Longest prefix wins.
var layers = []struct {
	folder string
	may    []string
}{
	{"cmd", []string{"agent"}},
	{"agent", []string{"connector", "sync", "store", "codegen", "dataflow", "examples", "agent"}},
	{"agent/command", []string{"agent", "codegen"}},
	{"agent/sim/generated", []string{"dataflow/fused", "dataflow/op", "dataflow/state", "dataflow/vec"}},
	{"agent/wiring", []string{"sync", "store", "dataflow"}},
	{"connector", []string{"connector", "dataflow", "sync"}},
	{"sync", []string{"sync", "dataflow"}},
	{"store", []string{"store", "dataflow/state"}},
	{"codegen", []string{"codegen", "dataflow"}},
	{"codegen/golden", []string{"dataflow/fused", "dataflow/op", "dataflow/state", "dataflow/vec"}},
	{"examples", []string{"examples", "dataflow"}},
	{"bench", []string{"bench", "agent", "connector", "sync", "store", "codegen", "dataflow", "examples"}},
	{"dataflow", []string{"dataflow"}},
	{"dataflow/types", nil},
	{"dataflow/vec", []string{"dataflow/types"}},
	{"dataflow/nearest", nil},
	{"dataflow/sql", []string{"dataflow/nearest"}},
	{"dataflow/sql/sqlfuzz", []string{"dataflow/sql"}},
	{"dataflow/state", []string{"dataflow/state"}},
	{"dataflow/expr", []string{"dataflow/expr", "dataflow/types", "dataflow/vec", "dataflow/state"}},
	{"dataflow/plan", []string{"dataflow/plan", "dataflow/sql", "dataflow/expr", "dataflow/types", "dataflow/vec"}},
	{"dataflow/op", []string{"dataflow/op", "dataflow/expr", "dataflow/state", "dataflow/types", "dataflow/vec"}},
	{"dataflow/fused", []string{"dataflow/format", "dataflow/op", "dataflow/plan", "dataflow/expr", "dataflow/state", "dataflow/types", "dataflow/vec"}},
	{"dataflow/format", []string{"dataflow/nearest", "dataflow/format", "dataflow/expr", "dataflow/types", "dataflow/vec"}},
}

// banned names packages that a folder must not import, with the reason.
var banned = []struct{ folder, pkg, reason string }{
	{"dataflow", "net", "the engine talks to nobody: messages come through its source interfaces"},
	{"dataflow", "net/http", "the engine serves nothing: the agent does"},
	{"dataflow", "github.com/nats-io", "the engine knows nothing of NATS"},
	{"dataflow", "go.etcd.io/bbolt", "state is pages: the store alone knows where they lie"},
	{"dataflow", "math/rand", "randomness enters as data, or the same input gives another result"},
	{"dataflow/op", "os", "operators touch no files"},
	{"agent/wiring", "net", "the decisions reach the network through what they are handed"},
	{"agent/wiring", "os", "the decisions reach files through what they are handed"},
	{"", "unsafe", "memory safety; the packages that overlay layouts, and the bench, which calls the system raw, are named in unsafeAllowed"},
	{"", "C", "the product is pure Go"},
}

var unsafeAllowed = []string{"dataflow/state", "dataflow/expr", "dataflow/vec", "dataflow/op", "codegen", "agent/sim/generated", "bench"}

// testSupport are packages that only tests import; they may draw from a seeded generator.
var testSupport = []string{"dataflow/op/optest"}

func within(folder, prefix string) bool {
	return prefix == "" || folder == prefix || strings.HasPrefix(folder, prefix+"/")
}

func TestImportsPointOneWay(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			pkg, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			if why := refusal(filepath.ToSlash(filepath.Dir(path)), pkg); why != "" {
				t.Errorf("%s imports %s: %s", path, pkg, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("found no Go files to check")
	}
}

// refusal says why a package of the folder must not import pkg, or is empty.
func refusal(folder, pkg string) string {
	for _, b := range banned {
		if !within(folder, b.folder) || pkg != b.pkg && !strings.HasPrefix(pkg, b.pkg+"/") {
			continue
		}
		if b.pkg == "unsafe" && anyWithin(folder, unsafeAllowed) || anyWithin(folder, testSupport) {
			continue
		}
		return b.reason
	}
	own, ok := strings.CutPrefix(pkg, module)
	if !ok {
		return ""
	}
	best := -1
	for i, l := range layers {
		if within(folder, l.folder) && (best < 0 || len(l.folder) > len(layers[best].folder)) {
			best = i
		}
	}
	if best < 0 || anyWithin(own, layers[best].may) {
		return ""
	}
	return "imports point cmd -> agent -> {connector, sync, store, codegen} -> dataflow, and within dataflow as the table says"
}

func anyWithin(folder string, prefixes []string) bool {
	for _, p := range prefixes {
		if within(folder, p) {
			return true
		}
	}
	return false
}

func TestRefusalFindsViolations(t *testing.T) {
	for _, c := range []struct{ folder, pkg string }{
		{"dataflow/op", module + "store"},
		{"dataflow", "github.com/nats-io/nats.go"},
		{"store", module + "connector/nats"},
		{"connector/nats", "unsafe"},
		{"dataflow/sql", module + "dataflow/plan"},
		{"agent/wiring", module + "agent"},
		{"dataflow/fused", module + "codegen"},
		{"codegen/golden/x", module + "dataflow/plan"},
		{"codegen", module + "agent"},
	} {
		if refusal(c.folder, c.pkg) == "" {
			t.Errorf("%s may import %s", c.folder, c.pkg)
		}
	}
	if why := refusal("agent", module+"store"); why != "" {
		t.Errorf("agent must be able to import store: %s", why)
	}
}
