// Command bench measures edgeflow: throughput beside a program written by hand (qoe), the
// behaviour of large state (state), and the size and start of the product (product).
//
// Every measured program is a process of its own, this binary started again with the name
// of a program and a job on its standard input, so that its CPU time, memory and
// allocations are its own. Every run is checked against the result of the others.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run ./bench COMMAND [flags]

  qoe      the video-quality queries, from JetStream or from memory, beside a ceiling
  readers  the ways to read a stream: pull, push with flow control, nats.go; TCP and in process
  latency  from an event's scheduled arrival to its row, at 50 and 80 % of the greatest rate
  state    stalls, restores and small checkpoints with large state
  product  binary size, memory and start of the demo's pipeline
  nexmark  the queries of the Nexmark benchmark: engine alone, decoding, from JetStream, beside Flink
  peers    the video-quality queries on eKuiper and Bento, over a file and from JetStream
  growth   state and batch times of Nexmark queries, of the first and the last million events
  soak     an hour at 70 % of the greatest rate: memory, open files, latency, loss
  outage   the hub cannot be reached for a day of event time: totals, budgets, drain
  limits   a pipeline beside others that are at their limits, in one agent
  sim      a site and its hub simulated from seeds, with faults: seeds a minute, faults by step, violations

go run ./bench COMMAND -h lists a command's flags. Engine-only benchmarks:
go test ./bench/... -bench .
`

// commands are what a person runs; see programs for what those start.
var commands = map[string]func(ctx context.Context, args []string) error{
	"qoe":     qoeCommand,
	"state":   stateCommand,
	"product": productCommand,
	"nexmark": nexmarkCommand,
	"growth":  growthCommand,
	"latency": latencyCommand,
	"readers": readersCommand,
	"peers":   peersCommand,
	"sim":     simCommand,
	"limits":  limitsCommand,
	"outage":  outageCommand,
	"soak":    soakCommand,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == "program" {
		os.Exit(runProgram(os.Args[2]))
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
