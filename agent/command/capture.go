package command

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/replay"
)

// besidesSQL are the folders of commands that have no data folder.
const besidesSQL = "the working directory and the folder of the SQL file"

func captureCommand(inside []agent.Script) *cobra.Command {
	var o replay.CaptureOptions
	var size, age, since, key string
	c := &cobra.Command{
		Use:   "capture FILE.sql -o DIR|FILE.capture",
		Short: "Keep recent raw input of a pipeline, to replay it elsewhere",
		Long: "Reads the streams of the pipeline's sources with readers of its own, which a pipeline that\n" +
			"runs does not notice, and keeps their messages as they are: in a folder, which is a ring of\n" +
			"the newest ones within --size and --age, or in one file, which ends when it has its size.\n" +
			"Without --since or --all it begins with what comes next. It ends when it is interrupted,\n" +
			"after --for, or with --once where the streams ended at the start. With --state-key what is\n" +
			"kept is encrypted, and `edgeflow replay` takes the key, too.\n\n" +
			"  edgeflow capture pipeline.sql --nats nats://edge:4222 --since 10m --once -o case.capture\n" +
			"  edgeflow replay pipeline.sql case.capture --test case_test.yaml",
		Args: filesOrInside(cobra.ExactArgs(1), inside),
		RunE: func(c *cobra.Command, files []string) error {
			s, err := oneScript(files, inside)
			if err != nil {
				return err
			}
			if err := o.SetBounds(size, age); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if o.Since, err = instantFlag("--since", since); err != nil {
				return err
			}
			if o.Keys, err = agent.StateKeys(key); err != nil {
				return err
			}
			return replay.Capture(c.Context(), c.ErrOrStderr(), s, o)
		},
	}
	f := c.Flags()
	serverFlags(f, &o.NATS, "nats", "NATS server of sources that name none")
	f.StringVarP(&o.Out, "out", "o", "", "folder of the ring, or a file whose name ends in .capture")
	f.StringSliceVar(&o.Tables, "source", nil, "source table to capture; may be repeated (default: all that read streams)")
	f.StringVar(&size, "size", "256 mb", "size of what is kept; 0 is any")
	f.StringVar(&age, "age", "", "how old messages may be in a ring, such as '1 h' (default: any)")
	f.DurationVar(&o.For, "for", 0, "stop after this long")
	f.StringVar(&since, "since", "", "begin with messages that arrived at this time: 2026-01-31T12:00:00Z, or 10m ago")
	f.BoolVar(&o.All, "all", false, "begin with the streams' oldest messages")
	keyFlag(f, &key)
	allowPathFlag(f, &o.AllowPaths, besidesSQL)
	allowEnvFlag(f, &o.AllowEnv)
	f.BoolVar(&o.Once, "once", false, "stop at the messages that the streams had at the start")
	_ = c.MarkFlagRequired("out")
	return c
}

func replayCommand(inside []agent.Script) *cobra.Command {
	var o replay.Options
	var speed, key string
	c := &cobra.Command{
		Use:   "replay FILE.sql CAPTURE",
		Short: "Run a pipeline over a capture, and make a test of it",
		Long: "Runs the pipeline in memory over the messages that `edgeflow capture` kept, in the order and\n" +
			"with the times of their arrival, and prints the rows of its sinks; what was read, and which\n" +
			"events became letters, is told on standard error. No server takes part and nothing is kept.\n" +
			"The same capture gives the same rows at any speed.\n\n" +
			"With --test it writes a test for `edgeflow test`: the events as rows of the sources, and\n" +
			"what the tables hold at the end. Arrival time in tests moves in steps of 200 ms and begins\n" +
			"in 2100: where that makes the rows others than the replay's, it says which.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && len(inside) > 0 {
				return nil
			}
			return cobra.ExactArgs(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := oneScript(args[:len(args)-1], inside)
			if err != nil {
				return err
			}
			if o.Speed, err = parseSpeed(speed); err != nil {
				return err
			}
			if o.Keys, err = agent.StateKeys(key); err != nil {
				return err
			}
			o.Messages = c.ErrOrStderr()
			return replay.Run(c.Context(), c.OutOrStdout(), s, args[len(args)-1], o)
		},
	}
	f := c.Flags()
	f.StringVar(&speed, "speed", "max", "max, event (as fast as the messages arrived), or a multiple of that such as 10x")
	keyFlag(f, &key)
	allowPathFlag(f, &o.AllowPaths, besidesSQL)
	f.BoolVar(&o.Open, "open", false, "leave windows open at the capture's end")
	f.BoolVar(&o.JSON, "json", false, "print rows as JSON lines")
	f.BoolVar(&o.Letters, "letters", false, "print dead letters and late rows too, to standard error")
	f.StringVar(&o.Test, "test", "", "write a pipeline test to this file, such as case_test.yaml")
	return c
}

// parseSpeed reads a multiple of the pace of arrival; 0 is as fast as can be.
func parseSpeed(s string) (float64, error) {
	switch s {
	case "max":
		return 0, nil
	case "event":
		return 1, nil
	}
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(x > 0) || x > 1e9 {
		return 0, fmt.Errorf("%w: --speed %s is neither max, event nor a multiple such as 10x", errUsage, s)
	}
	return x, nil
}

// oneScript is the file that is named, or the one pipeline that is inside.
func oneScript(files []string, inside []agent.Script) (agent.Script, error) {
	all, err := scripts(files, inside)
	if err != nil {
		return agent.Script{}, err
	}
	if len(all) != 1 {
		return agent.Script{}, fmt.Errorf("%w: name the file of one pipeline of %s", errUsage, strings.Join(agent.Names(all), ", "))
	}
	return all[0], nil
}
