package command

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/codegen"
)

type generateOptions struct {
	out, pkg     string
	types, check bool
}

func generateCommand() *cobra.Command {
	var o generateOptions
	c := &cobra.Command{
		Use:   "generate FILE.sql ... -o DIR",
		Short: "Write the Go code of a pipeline's generated operators, or types for its producers",
		Long: "Writes a Go package with compiled code for parts of the pipeline, and says which parts\n" +
			"are left to the interpreter, and why. A program that imports the package, and whose main\n" +
			"calls Main of github.com/edgeflow/edgeflow/agent/command, runs the pipeline with it;\n" +
			"`edgeflow build` makes such a program without any code of yours. With several files, each\n" +
			"has a folder of its own in DIR. In a Go module of yours:\n\n" +
			"  //go:generate go run github.com/edgeflow/edgeflow/cmd/edgeflow generate pipeline.sql -o .\n\n" +
			"With --types it writes Go types for the rows of the source tables instead, which encode\n" +
			"themselves as JSON and msgpack.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error { return generate(c.OutOrStdout(), files, o) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "folder of the Go package")
	f.StringVar(&o.pkg, "package", "", "name of the Go package (default: by the Go files or the name of the folder)")
	f.BoolVar(&o.types, "types", false, "write types for producers")
	f.BoolVar(&o.check, "check", false, "write nothing; exit with 1 when the folder does not hold what would be written")
	_ = c.MarkFlagRequired("out")
	return c
}

func generate(w io.Writer, files []string, o generateOptions) error {
	all, err := agent.ReadScripts(files)
	if err != nil {
		return err
	}
	stale := false
	seen := map[string]string{}
	for _, s := range all {
		dir := o.out
		if len(all) > 1 {
			dir = filepath.Join(dir, scriptName(s))
		}
		if other, ok := seen[dir]; ok {
			return fmt.Errorf("%s and %s would both be generated into %s", other, s.File, dir)
		}
		seen[dir] = s.File
		g, err := generated(s, dir, o)
		if err != nil {
			return err
		}
		report(w, g, s, dir)
		if !o.check {
			if err := g.Write(dir); err != nil {
				return err
			}
			continue
		}
		changes, err := g.Compare(dir)
		if err != nil {
			return err
		}
		for _, c := range changes {
			stale = true
			what := "differs from what is generated"
			if c.Gone {
				what = "is not generated any more"
			}
			fmt.Fprintf(w, "%s %s\n", filepath.Join(dir, c.File), what)
		}
	}
	if stale {
		fmt.Fprintln(w, "the same command without --check brings it up to date")
		return agent.ErrReported
	}
	return nil
}

// generated makes the package of a script for a folder.
func generated(s agent.Script, dir string, o generateOptions) (*codegen.Package, error) {
	if err := s.RefuseInPlace("what is generated carries the script"); err != nil {
		return nil, err
	}
	p, err := s.Plan()
	if err != nil {
		return nil, err
	}
	opt := codegen.Options{Package: o.pkg, Source: s.Text}
	if opt.Package == "" {
		opt.Package = codegen.PackageName(dir)
	}
	make := codegen.Generate
	if o.types {
		make = codegen.Types
	}
	g, err := make(p, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.File, err)
	}
	return g, nil
}

// scriptName is the name of a script's package.
func scriptName(s agent.Script) string {
	return codegen.Identifier(strings.TrimSuffix(filepath.Base(s.File), filepath.Ext(s.File)))
}

// report prints what is generated, and what is not; dir is "" for what no file is kept of.
func report(w io.Writer, g *codegen.Package, s agent.Script, dir string) {
	if g.Files[codegen.TypesFile] != nil {
		fmt.Fprintf(w, "%s: types of %s\n", filepath.Join(dir, codegen.TypesFile), s.File)
		return
	}
	for _, f := range g.Fragments {
		what := f.Kind + " of " + f.Source
		if f.Kind == "calc" { // known by its operator's name
			what = f.Source
		}
		at := s.File
		if dir != "" {
			at = filepath.Join(dir, f.File)
		}
		fmt.Fprintf(w, "%s: %s, fingerprint %s\n", at, what, f.Fingerprint)
	}
	for _, f := range g.Fallbacks {
		fmt.Fprintf(w, "%s: %s of %s is left to the interpreter: %s\n", s.File, f.Node, f.Source, f.Reason)
	}
	if len(g.Fragments) == 0 {
		fmt.Fprintf(w, "%s: nothing of it is generated; it runs interpreted\n", s.File)
	}
}
