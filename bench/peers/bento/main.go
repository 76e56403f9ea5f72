// Command bento runs a Bento stream: the configuration is read from standard input as YAML,
// and the process ends when the stream's input has ended. `go run ./bench peers` starts it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/warpstreamlabs/bento/public/components/io"
	_ "github.com/warpstreamlabs/bento/public/components/nats"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
	"github.com/warpstreamlabs/bento/public/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bento:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	b := service.NewStreamBuilder()
	if err := b.SetYAML(string(config)); err != nil {
		return err
	}
	s, err := b.Build()
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
