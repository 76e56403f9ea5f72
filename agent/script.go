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
	"github.com/edgeflow/edgeflow/connector/secret"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Compile parses and plans a script. A pipeline without 'pipeline.name' is named after its
// file. Errors quote the script without the secrets in it.
func Compile(file, text string) (*plan.Plan, error) {
	hide := secret.NewMasker(text)
	script, err := sql.Parse(file, text)
	if err != nil {
		return nil, hide.Error(err)
	}
	p, err := plan.Build(script, plan.Options{Connectors: planConnectors(), Functions: nexmark.Functions()})
	if err != nil {
		return nil, hide.Error(err)
	}
	if shown := hide.Text(text); shown != text { // manifests keep the text
		kept := *p.Source
		kept.Text = shown
		p.Source = &kept
	}
	for i := range p.Warnings {
		p.Warnings[i].Text = hide.Text(p.Warnings[i].Text)
	}
	warnInPlace(p, text)
	if p.Config.Name == "" {
		p.Config.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	return p, nil
}

// Script is the text of a pipeline.
type Script struct {
	// File is where the text comes from, for messages and as a name.
	File, Text string
	// Inside tells that the program carries it: File is a name, and no file lies there.
	Inside bool
}

// ReadScripts reads files.
func ReadScripts(files []string) ([]Script, error) {
	out := make([]Script, len(files))
	for i, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		out[i] = Script{File: f, Text: string(text)}
	}
	return out, nil
}

// Names are the files of scripts.
func Names(scripts []Script) []string {
	out := make([]string, len(scripts))
	for i, s := range scripts {
		out[i] = s.File
	}
	return out
}

// Plan plans the script and checks the options of its tables.
func (s Script) Plan() (*plan.Plan, error) {
	p, err := Compile(s.File, s.Text)
	if err != nil {
		return nil, err
	}
	if err := checkTables(p); err != nil {
		return nil, fmt.Errorf("%s: %w", s.File, secret.NewMasker(s.Text).Error(err))
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

// Lint plans each script, checks the options of its tables, and prints warnings. Scripts
// that cannot be planned are reported and make it return ErrReported.
func Lint(w io.Writer, scripts []Script) error {
	bad := 0
	for _, s := range scripts {
		p, err := s.Plan()
		if err != nil {
			fmt.Fprintln(w, err)
			bad++
			continue
		}
		for _, warning := range p.Warnings {
			fmt.Fprintln(w, located(s.File, warning))
		}
		fmt.Fprintf(w, "%s: ok, %s, %s, %s\n", s.File, counted(len(p.Sources), "source"), counted(len(p.Sinks), "sink"), counted(len(p.Warnings), "warning"))
	}
	if bad > 0 {
		return ErrReported
	}
	return nil
}

// counted is a number of things in words: 1 row, 2 rows.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
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
	fmt.Fprintln(w, counted(n, "function"))
	return nil
}
