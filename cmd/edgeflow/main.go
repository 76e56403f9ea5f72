// Command edgeflow runs streaming SQL over NATS JetStream. It parses flags and calls the
// agent; everything else lives there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := agent.EnableFailpoints(); err != nil {
		fmt.Fprintf(os.Stderr, "edgeflow: %v\n", err)
		return exitUsage
	}
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, agent.ErrReported):
		return exitFailed
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "edgeflow: %v\n", err)
	return exitFailed
}

var errUsage = errors.New("usage")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "edgeflow",
		Short:         "Flink SQL without Flink: one static binary at the edge",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w (see `%s --help`)", errUsage, err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), demoCommand(), planCommand(), lintCommand(), testCommand(), queryCommand(),
		stateCommand(), savepointCommand(), auditCommand(), functionsCommand(), healthCommand(), versionCommand())
	return root
}
