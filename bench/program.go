package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// programs are the processes that the commands start, by name. Each takes a job and
// returns a report; both cross the process border as JSON.
var programs = map[string]func(job []byte) (any, error){
	"engine":        typed(engineProgram),
	"wire":          typed(wireProgram),
	"natsgo":        typed(natsgoProgram),
	"engine-memory": typed(engineMemoryProgram),
	"hand-memory":   typed(handMemoryProgram),
	"server":        typed(serverProgram),
	"file":          typed(fileProgram),
	"way":           typed(wayProgram),
	"latency":       typed(latencyProgram),
	"publish":       typed(publishProgram),
	"reader":        typed(readerProgram),
	"nexmark":       typed(nexmarkProgram),
	"nexmark-nats":  typed(nexmarkStreamProgram),
	"stall":         typed(stallProgram),
	"restore":       typed(restoreProgram),
}

// typed adapts a program to programs.
func typed[J, R any](fn func(J) (R, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		var job J
		if err := json.Unmarshal(b, &job); err != nil {
			return nil, err
		}
		return fn(job)
	}
}

// runProgram is the main function of a child process.
func runProgram(name string) int {
	fn := programs[name]
	if fn == nil {
		fmt.Fprintf(os.Stderr, "no program %q\n", name)
		return 2
	}
	job, err := stdin.ReadBytes('\n')
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: job: %v\n", name, err)
		return 2
	}
	report, err := fn(job)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// stdin carries the job, a line; a server lives until it ends.
var stdin = bufio.NewReader(os.Stdin)

// childBinary is what programs are started from; empty is this binary.
var childBinary string

// start starts a program with a job. Its standard input stays open until in is closed.
func start(ctx context.Context, name string, job any, out io.Writer, env ...string) (cmd *exec.Cmd, in io.WriteCloser, err error) {
	self := childBinary
	if self == "" {
		if self, err = os.Executable(); err != nil {
			return nil, nil, err
		}
	}
	b, err := json.Marshal(job)
	if err != nil {
		return nil, nil, err
	}
	cmd = exec.CommandContext(ctx, self, "program", name)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if in, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	if _, err := in.Write(append(b, '\n')); err != nil {
		return nil, nil, errors.Join(err, cmd.Wait())
	}
	return cmd, in, nil
}

// call runs a program to its end and returns its report.
func call[R any](ctx context.Context, name string, job any, env ...string) (report R, err error) {
	var out bytes.Buffer
	cmd, in, err := start(ctx, name, job, &out, env...)
	if err != nil {
		return report, fmt.Errorf("%s: %w", name, err)
	}
	err = cmd.Wait()
	in.Close()
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &report)
	}
	if err != nil {
		return report, fmt.Errorf("%s: %w", name, err)
	}
	return report, nil
}
