package sim

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/codegen"
)

//go:generate go test github.com/edgeflow/edgeflow/agent/sim -run TestGenerated -update

var update = flag.Bool("update", false, "write the packages below generated anew")

// TestGenerated makes sure that the packages below generated are what the generator makes of
// the programs: one of each version that has code which none before it has.
func TestGenerated(t *testing.T) {
	seen, dirs := map[string]bool{}, map[string]bool{}
	for _, p := range programs {
		plans, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		defer p.give(plans)
		for i, plan := range plans {
			name := p.name + strings.Repeat("edited", i)
			pkg, err := codegen.Generate(plan, codegen.Options{Package: name, Source: strings.TrimSpace(p.text(i))})
			if err != nil {
				t.Fatal(err)
			}
			fresh := false
			for _, f := range pkg.Fragments {
				fresh = fresh || !seen[f.Fingerprint]
				seen[f.Fingerprint] = true
			}
			if fresh {
				dirs[name] = true
				compare(t, filepath.Join("generated", name), pkg.Files)
			}
		}
	}
	linked, err := os.ReadFile("generated.go")
	if err != nil {
		t.Fatal(err)
	}
	for name := range dirs {
		if !strings.Contains(string(linked), "/generated/"+name+`"`) {
			t.Errorf("generated.go does not link %s", name)
		}
	}
	if n := strings.Count(string(linked), "/generated/"); n != len(dirs) {
		t.Errorf("generated.go links %d packages, there are %d", n, len(dirs))
	}
}

// compare tells what of a folder is not as it should be, or writes it.
func compare(t *testing.T, dir string, files map[string][]byte) {
	for name, want := range files {
		path := filepath.Join(dir, name)
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the generator makes (%v): go generate ./agent/sim", path, err)
		}
	}
	if have, _ := os.ReadDir(dir); len(have) != len(files) {
		t.Errorf("%s has %d files, the generator makes %d", dir, len(have), len(files))
	}
}
