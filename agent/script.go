package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Compile parses and plans a script. A pipeline without 'pipeline.name' is named after its
// file.
func Compile(file, text string) (*plan.Plan, error) {
	script, err := sql.Parse(file, text)
	if err != nil {
		return nil, err
	}
	p, err := plan.Build(script, plan.Options{Connectors: planConnectors(), Functions: nexmark.Functions()})
	if err != nil {
		return nil, err
	}
	if p.Config.Name == "" {
		p.Config.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	return p, nil
}

// compileFile plans a file and checks the options of its tables.
func compileFile(file string) (*plan.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := Compile(file, string(text))
	if err != nil {
		return nil, err
	}
	if err := checkTables(p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// located is a warning with the place it is about, as FILE:LINE:COLUMN.
func located(file string, w plan.Warning) string {
	if w.Pos.Line == 0 {
		return file + ": warning: " + w.Text
	}
	return fmt.Sprintf("%s:%d:%d: warning: %s", file, w.Pos.Line, w.Pos.Column, w.Text)
}

// Lint plans each file, checks the options of its tables, and prints warnings. Files that
// cannot be planned are reported and make it return ErrReported.
func Lint(w io.Writer, files []string) error {
	bad := 0
	for _, f := range files {
		p, err := compileFile(f)
		if err != nil {
			fmt.Fprintln(w, err)
			bad++
			continue
		}
		for _, warning := range p.Warnings {
			fmt.Fprintln(w, located(f, warning))
		}
		fmt.Fprintf(w, "%s: ok, %d sources, %d sinks, %d warnings\n", f, len(p.Sources), len(p.Sinks), len(p.Warnings))
	}
	if bad > 0 {
		return ErrReported
	}
	return nil
}

// Functions lists the functions of the language, or those whose name contains match.
func Functions(w io.Writer, match string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	n, last := 0, ""
	for _, e := range expr.Listing() {
		if match != "" && !strings.Contains(e.Name+" "+strings.Join(e.Also, " "), strings.ToUpper(match)) {
			continue
		}
		if e.Category != last {
			if err := tw.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(tw, "%s\n", strings.ToUpper(e.Category))
			last = e.Category
		}
		doc := e.Doc
		if len(e.Also) > 0 {
			doc += " Also " + strings.Join(e.Also, ", ") + "."
		}
		fmt.Fprintf(tw, "  %s\t%s\n", e.Signature, doc)
		n++
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if n == 0 {
		if instead, gap := expr.NotOffered(match); gap {
			return errors.New(strings.TrimSuffix(strings.ToUpper(match)+" is not supported; "+instead, "; "))
		}
		if near := sql.Nearest(strings.ToUpper(match), expr.FuncNames()); near != "" {
			return fmt.Errorf("no function contains %q; did you mean %s?", match, near)
		}
		return fmt.Errorf("no function contains %q", match)
	}
	fmt.Fprintf(w, "%d functions\n", n)
	return nil
}
