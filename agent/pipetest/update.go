package pipetest

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// actual is what a failing case's sinks hold, by index of its expectations: printed rows
// for a changelog, lists of cells for a final table.
type actual map[int]any

// update rewrites the expectations of the file's failing cases with what came out, and
// leaves every other document as it is. Only rows are rewritten: a case that failed with an
// error keeps its expectations.
func update(path string, results map[int]actual) error {
	if len(results) == 0 {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	docs := strings.Split(string(data), "\n---\n")
	for i, a := range results {
		if i >= len(docs) {
			return fmt.Errorf("%s: document %d is gone", path, i+1)
		}
		if docs[i], err = rewrite(docs[i], a); err != nil {
			return fmt.Errorf("%s: document %d: %w", path, i+1, err)
		}
	}
	return os.WriteFile(path, []byte(strings.Join(docs, "\n---\n")), 0o644)
}

func rewrite(doc string, a actual) (string, error) {
	file, err := parser.ParseBytes([]byte(doc), parser.ParseComments)
	if err != nil {
		return "", err
	}
	for i, rows := range a {
		key := "final"
		if _, ok := rows.([]string); ok {
			key = "changelog"
		}
		p, err := yaml.PathString(fmt.Sprintf("$.expect[%d].%s", i, key))
		if err != nil {
			return "", err
		}
		text, err := yaml.MarshalWithOptions(rows, yaml.Flow(false))
		if err != nil {
			return "", err
		}
		if err := p.ReplaceWithReader(file, strings.NewReader(string(text))); err != nil {
			return "", err
		}
	}
	return file.String(), nil
}

// actualRows is what the sink of an expectation holds, in the expectation's own form.
func (b *bench) actualRows(e *Expect) any {
	s := b.sinks[e.Table]
	if s == nil {
		return nil
	}
	if e.Changelog != nil {
		out := []string{}
		for _, r := range s.rows {
			out = append(out, s.printRow(r.kind, r.cells, b.env))
		}
		return out
	}
	out := [][]any{}
	for _, cells := range s.final(b.env) {
		row := make([]any, len(cells))
		for j, d := range cells {
			if !d.Null {
				row[j] = printCell(d, s.schema[j].Type, b.env)
			}
		}
		out = append(out, row)
	}
	return out
}
