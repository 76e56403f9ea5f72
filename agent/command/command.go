// Package command is the command line of edgeflow: flags and exit codes. What the commands
// do is the agent's and, for `generate` and `build`, that of codegen.
//
// A program of one's own is a whole edgeflow when its main calls Main; packages made by
// `edgeflow generate` run in it when it imports them:
//
//	package main
//
//	import (
//		"os"
//
//		"github.com/edgeflow/edgeflow/agent/command"
//
//		_ "example.com/mine/pipeline"
//	)
//
//	func main() { os.Exit(command.Main(os.Args[1:])) }
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // hosts without time zone data compute in any zone

	"github.com/spf13/cobra"

	"github.com/edgeflow/edgeflow/agent"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

var errUsage = errors.New("usage")

// Main runs the command that the arguments name and returns the exit code: 0 when all went
// well, 1 when something failed, 2 for wrong usage. It stops at SIGINT and SIGTERM.
//
// Scripts inside are pipelines that the program carries: commands that take files take them
// where no file is named, and without a command they are run.
func Main(args []string, inside ...agent.Script) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := agent.EnableFailpoints(); err != nil {
		fmt.Fprintf(os.Stderr, "edgeflow: %v\n", err)
		return exitUsage
	}
	root := rootCommand(inside)
	root.SetArgs(withDefault(args, inside))
	began := false
	noteRuns(root, &began)
	c, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, agent.ErrReported):
		return exitFailed
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	case !began: // an unknown command, or arguments that it does not take
		fmt.Fprintf(os.Stderr, "%v: %v (see `%s --help`)\n", errUsage, err, c.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "edgeflow: %v\n", err)
	return exitFailed
}

// noteRuns makes the commands note that one of them runs: errors before are of wrong usage.
func noteRuns(c *cobra.Command, began *bool) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*began = true
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		noteRuns(sub, began)
	}
}

// withDefault makes `run` the command of a program with pipelines inside when there are
// none but its flags.
func withDefault(args []string, inside []agent.Script) []string {
	if len(inside) == 0 || len(args) > 0 && (!strings.HasPrefix(args[0], "-") || args[0] == "-h" || args[0] == "--help") {
		return args
	}
	return append([]string{"run"}, args...)
}

func rootCommand(inside []agent.Script) *cobra.Command {
	root := &cobra.Command{
		Use:           "edgeflow",
		Short:         "Flink SQL without Flink: one static binary at the edge",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	if len(inside) > 0 {
		root.Long = root.Short + ".\nInside: " + strings.Join(agent.Names(inside), ", ") + ". Without a command it is run."
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		err = withoutValue(err)
		return fmt.Errorf("%w: %w (see `%s --help`)", errUsage, err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(inside), demoCommand(), planCommand(inside), lintCommand(inside), testCommand(), queryCommand(),
		dlqCommand(), captureCommand(inside), replayCommand(inside),
		generateCommand(), buildCommand(), stateCommand(), savepointCommand(), auditCommand(), functionsCommand(), healthCommand(),
		versionCommand(inside))
	return root
}

// filesOrInside wants files only where there is nothing inside.
func filesOrInside(want cobra.PositionalArgs, inside []agent.Script) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 && len(inside) > 0 {
			return nil
		}
		return want(c, args)
	}
}

// scripts reads the files, or is what is inside when none is named.
func scripts(files []string, inside []agent.Script) ([]agent.Script, error) {
	if len(files) == 0 {
		out := slices.Clone(inside)
		for i := range out {
			out[i].Inside = true
		}
		return out, nil
	}
	return agent.ReadScripts(files)
}
