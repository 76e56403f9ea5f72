package command

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/codegen/gobuild"
)

type buildOptions struct {
	out, source string
	targets     []string
}

func buildCommand() *cobra.Command {
	var o buildOptions
	c := &cobra.Command{
		Use:   "build FILE.sql ... [-o BIN] [--target OS/ARCH ...]",
		Short: "Compile an edgeflow with pipelines and their generated operators inside",
		Long: "Compiles a static binary that is a whole edgeflow with the pipelines inside. Without a\n" +
			"command it runs them; commands that take files take them where none is named; `BIN version`\n" +
			"tells what is inside. This host needs Go " + gobuild.MinGo + " or later; the host that runs the\n" +
			"binary needs nothing.\n\n" +
			"The sources of edgeflow are those of --source, of a checkout around the working directory,\n" +
			"or of the installed version in the module cache.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error { return build(c.Context(), c.OutOrStdout(), files, o) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "the binary (default: the name of the first file); with several targets each is put behind it")
	f.StringSliceVar(&o.targets, "target", nil, "platform to build for, such as linux/arm64 or linux/arm/7; may be repeated (default: this one)")
	f.StringVar(&o.source, "source", "", "checkout of edgeflow to build from")
	return c
}

func build(ctx context.Context, w io.Writer, files []string, o buildOptions) error {
	all, err := agent.ReadScripts(files)
	if err != nil {
		return err
	}
	opt := gobuild.Options{Out: o.out, Source: o.source, Log: w}
	if opt.Out == "" {
		opt.Out = strings.TrimSuffix(filepath.Base(files[0]), filepath.Ext(files[0]))
	}
	for _, t := range o.targets {
		target, err := gobuild.ParseTarget(t)
		if err != nil {
			return fmt.Errorf("--target: %w", err)
		}
		opt.Targets = append(opt.Targets, target)
	}
	seen := map[string]string{}
	for _, s := range all {
		name := scriptName(s)
		if other, ok := seen[name]; ok {
			return fmt.Errorf("%s and %s have the same name: rename one", other, s.File)
		}
		seen[name] = s.File
		g, err := generated(s, name, generateOptions{pkg: name})
		if err != nil {
			return err
		}
		report(w, g, s, "")
		opt.Pipelines = append(opt.Pipelines, gobuild.Pipeline{Name: name, File: filepath.Base(s.File), SQL: s.Text, Code: g})
	}
	return gobuild.Build(ctx, opt)
}
