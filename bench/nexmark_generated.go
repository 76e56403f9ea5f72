package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/edgeflow/edgeflow/bench/nexmark"
	"github.com/edgeflow/edgeflow/codegen"
	nexmarksource "github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// generatedCode is a query's package, where one was generated.
func generatedCode(set *nexmark.Set, query string, events int64, pkg string) (*codegen.Package, error) {
	text, err := set.Script(query, events)
	if err == nil {
		text, err = nexmark.ReadFrom(text, nexmark.FileOptions("/events.json")) // where from makes no difference
	}
	if err != nil {
		return nil, err
	}
	s, err := sql.Parse(query+".sql", text)
	if err != nil {
		return nil, err
	}
	p, err := plan.Build(s, plan.Options{Functions: nexmarksource.Functions()})
	if err != nil {
		return nil, err
	}
	return codegen.Generate(p, codegen.Options{Package: pkg, Source: text})
}

// buildGenerated builds this program once more, below dir, with code generated for the
// queries that have some. The packages are laid over the module's files for that one build.
func (o *nexmarkOptions) buildGenerated(ctx context.Context, set *nexmark.Set, dir string) (binary string, err error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("the module's folder: %w: run it in a checkout", err)
	}
	root := strings.TrimSpace(string(module))
	overlay := map[string]string{}
	write := func(at string, data []byte) error {
		path := filepath.Join(dir, fmt.Sprintf("overlay%d.go", len(overlay)))
		overlay[filepath.Join(root, "bench", at)] = path
		return os.WriteFile(path, data, 0o644)
	}
	imports := "package main\n\nimport (\n"
	known := map[string]bool{}
	for i, q := range o.queries {
		pkg := fmt.Sprintf("q%d", i)
		code, err := generatedCode(set, q, o.events, pkg)
		if err != nil {
			return "", fmt.Errorf("%s: %w", q, err)
		}
		fresh := len(code.Fragments) > 0
		for _, f := range code.Fragments {
			fresh = fresh && !known[f.Fingerprint]
		}
		if !fresh {
			continue // the same head as that of another query, or none
		}
		for _, f := range code.Fragments {
			known[f.Fingerprint] = true
		}
		for name, data := range code.Files {
			if err := write(filepath.Join("nexmarkcode", pkg, name), data); err != nil {
				return "", err
			}
		}
		imports += "\t_ \"github.com/edgeflow/edgeflow/bench/nexmarkcode/" + pkg + "\"\n"
	}
	if err := write("nexmarkcode.go", []byte(imports+")\n")); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	at, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "bench-generated")
	if err := os.WriteFile(at, list, 0o644); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", at, "-o", binary, "./bench")
	build.Dir = root
	if b, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building with generated code: %w: %s", err, b)
	}
	return binary, nil
}

// generated runs the queries over a source once more, with generated code, and checks that
// they yield as many rows.
func (o *nexmarkOptions) generated(ctx context.Context, set *nexmark.Set, dir, source string, report *nexmarkReport) error {
	binary, err := o.buildGenerated(ctx, set, dir)
	if err != nil {
		return err
	}
	before := len(report.Rows)
	o.code, childBinary = true, binary
	err = o.source(ctx, set, dir, source, report)
	o.code, childBinary = false, ""
	for _, g := range report.Rows[before:] {
		g.Generated = true
		for _, r := range report.Rows[:before] {
			if r.Source == g.Source && r.Query == g.Query && r.Error == "" && g.Error == "" && r.Rows != g.Rows && g.Query != "q12" {
				err = errors.Join(err, fmt.Errorf("%s, %s: %d rows from generated code, %d interpreted", source, g.Query, g.Rows, r.Rows))
			}
		}
	}
	return err
}
