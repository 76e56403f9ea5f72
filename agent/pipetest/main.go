package pipetest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Options configure Main.
type Options struct {
	// Verbose prints a line for each case, JSON each result as a JSON line.
	Verbose, JSON bool
	// Update rewrites the expectations of failing cases.
	Update bool
	// Match keeps the cases whose name contains it.
	Match string
}

// Main runs the test files that the paths name, prints the outcome and reports whether
// every case passed.
func Main(w io.Writer, paths []string, o Options) (ok bool, err error) {
	files, err := Find(paths)
	if err != nil {
		return false, err
	}
	passed, failed := 0, 0
	for _, f := range files {
		cases, err := Load(f)
		if err != nil {
			return false, err
		}
		changed := map[int]actual{}
		for _, c := range cases {
			if !strings.Contains(c.Name, o.Match) {
				continue
			}
			for _, r := range safeRun(c) {
				if r.Err == nil {
					passed++
				} else {
					failed++
				}
				report(w, c, r, o)
				if r.actual != nil {
					changed[c.Index] = r.actual
				}
			}
		}
		if o.Update {
			if err := update(f, changed); err != nil {
				return false, err
			}
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return failed == 0, nil
}

// safeRun makes a panic of the engine a failure of the case.
func safeRun(c *Case) (out []Result) {
	defer func() {
		if p := recover(); p != nil {
			out = append(out, Result{Name: c.Name, Err: fmt.Errorf("panic: %v", p)})
		}
	}()
	return Run(c)
}

func report(w io.Writer, c *Case, r Result, o Options) {
	if o.JSON {
		line := map[string]any{"name": r.Name, "file": c.Path, "ok": r.Err == nil}
		if r.Err != nil {
			line["error"] = r.Err.Error()
			line["diff"] = r.Diff
		}
		b, _ := json.Marshal(line)
		fmt.Fprintf(w, "%s\n", b)
		return
	}
	if r.Err == nil {
		if o.Verbose {
			fmt.Fprintf(w, "ok %s\n", r.Name)
		}
		return
	}
	fmt.Fprintf(w, "FAIL %s\n", r.Name)
	fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(r.Err.Error(), "\n", "\n    "))
	for _, d := range r.Diff {
		fmt.Fprintf(w, "    %s\n", d)
	}
}
