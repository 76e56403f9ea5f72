package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/demo"
	"github.com/edgeflow/edgeflow/agent/pipetest"
)

// hostFlags are the flags of every command that runs pipelines.
func hostFlags(f *pflag.FlagSet, o *agent.Options) {
	f.StringVar(&o.DataDir, "data", "data", "folder of state, outboxes and the embedded server")
	serverFlags(f, &o.NATS, "nats", "NATS server of sources and sinks (default: an embedded server)")
	serverFlags(f, &o.Hub, "hub", "NATS server that sinks forward to (default: that of --nats)")
	f.StringVar(&o.Instance, "instance", "", "this instance's name at the hub (default: the host's name)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:9464", "address of metrics, health and control; empty for none")
	accessFlags(f, &o.Access)
	embeddedFlags(f, &o.Embedded)
	keyFlag(f, &o.StateKey)
	allowPathFlag(f, &o.AllowPaths, "--data, the working directory and the folder of the SQL file")
	allowEnvFlag(f, &o.AllowEnv)
	f.StringVar(&o.Embedded.Listen, "embedded-listen", "", "client address of the embedded server, e.g. 127.0.0.1:4222 (default: none)")
	f.StringVar(&o.Embedded.MQTTListen, "embedded-mqtt", "", "MQTT address of the embedded server, e.g. 127.0.0.1:1883 (default: none)")
	f.Var(urlFlag{&o.Embedded.LeafURL}, "embedded-leaf", "hub that the embedded server joins as a leaf node")
	f.StringVar(&o.Embedded.Domain, "embedded-domain", "", "JetStream domain of the embedded server")
	f.StringVar(&o.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.LogJSON, "log-json", false, "log as JSON")
}

func runCommand(inside []agent.Script) *cobra.Command {
	var o agent.Options
	c := &cobra.Command{
		Use:   "run FILE.sql ...",
		Short: "Run pipelines until stopped",
		Long: "Run pipelines, each from a SQL file, until stopped by SIGINT or SIGTERM; a final\n" +
			"checkpoint is taken. Started again, each goes on where its last checkpoint was.",
		Args: filesOrInside(cobra.MinimumNArgs(1), inside),
		RunE: func(c *cobra.Command, files []string) error {
			all, err := scripts(files, inside)
			if err != nil {
				return err
			}
			reloads(&o)
			return agent.Run(c.Context(), o, all)
		},
	}
	hostFlags(c.Flags(), &o)
	c.Flags().BoolVar(&o.ResetState, "reset-state", false, "set existing state aside and start anew")
	c.Flags().BoolVar(&o.Drain, "drain", false, "on stop, end the sources so that all windows fire; the pipeline has then ended for good, and begins anew with --reset-state alone")
	c.Flags().StringVar(&o.FromSavepoint, "from-savepoint", "", "start from this savepoint when there is no state")
	return c
}

func demoCommand() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch the video-quality example run from an edge server to a hub",
		Long: "Starts two real JetStream servers, an edge and a hub, plays video-quality beacons into\n" +
			"the edge, runs the example's SQL over them, and shows what arrives at the hub. At the\n" +
			"end the hub's totals are compared with totals computed straight from the beacons.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return demo.Run(c.Context(), o) },
	}
	f := c.Flags()
	f.DurationVar(&o.Duration, "duration", 0, "stop after this long and verify (default: until interrupted)")
	f.IntVar(&o.Rate, "rate", 2000, "beacons a second")
	f.BoolVar(&o.Chaos, "chaos", false, "cut the hub off, and kill and restart the engine, while it runs")
	f.StringVar(&o.DataDir, "data", "", "folder to keep the demo's data in (default: a temporary one)")
	f.BoolVar(&o.Plain, "plain", false, "print lines instead of redrawing the screen")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the beacons")
	return c
}

func planCommand(inside []agent.Script) *cobra.Command {
	var o agent.PlanOptions
	c := &cobra.Command{
		Use:   "plan FILE.sql",
		Short: "Show how a pipeline would run, and what becomes of existing state",
		Args:  filesOrInside(cobra.ExactArgs(1), inside),
		RunE: func(c *cobra.Command, files []string) error {
			all, err := scripts(files, inside)
			if err != nil {
				return err
			}
			for _, s := range all {
				if len(all) > 1 {
					fmt.Fprintf(c.OutOrStdout(), "-- %s\n", s.File)
				}
				if err := agent.Plan(c.OutOrStdout(), s, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.StateDir, "state", "", "data folder whose state is compared with the plan")
	keyFlag(c.Flags(), &o.StateKey)
	return c
}

func lintCommand(inside []agent.Script) *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE.sql ...",
		Short: "Check pipelines without running them",
		Args:  filesOrInside(cobra.MinimumNArgs(1), inside),
		RunE: func(c *cobra.Command, files []string) error {
			all, err := scripts(files, inside)
			if err != nil {
				return err
			}
			return agent.Lint(c.OutOrStdout(), all)
		},
	}
}

func testCommand() *cobra.Command {
	var o pipetest.Options
	c := &cobra.Command{
		Use:   "test FILE|DIR ...",
		Short: "Run pipeline tests (*_test.yaml)",
		Long:  pipetest.Help,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, paths []string) error {
			ok, err := pipetest.Main(c.OutOrStdout(), paths, o)
			if err == nil && !ok {
				err = agent.ErrReported
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "a line for each case")
	f.BoolVar(&o.JSON, "json", false, "print results as JSON lines")
	f.BoolVar(&o.Update, "update", false, "rewrite the expectations of failing cases")
	f.StringVar(&o.Match, "run", "", "only the cases whose name contains this")
	return c
}

func queryCommand() *cobra.Command {
	var o agent.QueryOptions
	c := &cobra.Command{
		Use:   "query 'SELECT ...'",
		Short: "Show the live result of a query",
		Long: "Runs a script that ends in a SELECT and shows its result as a live table. Rows are\n" +
			"shown before they are committed. CREATE TABLE statements may stand in the text, or in\n" +
			"files given with --file.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return agent.Query(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	hostFlags(c.Flags(), &o.Options)
	c.Flags().StringArrayVar(&o.Files, "file", nil, "SQL file with table definitions; its INSERTs are left out")
	c.Flags().IntVar(&o.Limit, "limit", 0, "stop after this many rows of the changelog")
	c.Flags().BoolVar(&o.Changelog, "changelog", false, "print the changelog as lines instead of a table")
	c.Flags().DurationVar(&o.Duration, "duration", 0, "stop after this long")
	return c
}

func stateCommand() *cobra.Command {
	var o agent.StateOptions
	c := &cobra.Command{
		Use:   "state DIR|FILE",
		Short: "Inspect, check or dump the state of a pipeline that is not running",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return agent.InspectState(c.OutOrStdout(), args[0], o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Check, "check", false, "verify every structure and page")
	f.BoolVar(&o.Dump, "dump", false, "print the state in canonical form")
	f.BoolVar(&o.Compact, "compact", false, "give free file space back")
	f.BoolVar(&o.Outbox, "outbox", false, "print what waits in the outboxes")
	f.BoolVar(&o.Rekey, "rekey", false, "write the state anew, encrypted with the first key of --state-key")
	f.BoolVar(&o.Decrypt, "decrypt", false, "write the state anew in the clear")
	keyFlag(f, &o.StateKey)
	return c
}

func savepointCommand() *cobra.Command {
	var o agent.SavepointOptions
	c := &cobra.Command{
		Use:   "savepoint PIPELINE [NAME]",
		Short: "Take a savepoint of a running pipeline",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Pipeline = args[0]
			if len(args) > 1 {
				o.File = args[1]
			}
			return agent.Savepoint(c.Context(), c.OutOrStdout(), o)
		},
	}
	callerFlags(c, &o.Server)
	return c
}

func auditCommand() *cobra.Command {
	var o agent.AuditOptions
	c := &cobra.Command{
		Use:   "audit [PIPELINE]",
		Short: "Print the ledger: every event accounted for",
		Long:  "Asks a running edgeflow. Exits with 1 when an equation of the ledger does not hold.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Pipeline = args[0]
			}
			return agent.Audit(c.Context(), c.OutOrStdout(), o)
		},
	}
	callerFlags(c, &o.Server)
	return c
}

func functionsCommand() *cobra.Command {
	var match string
	c := &cobra.Command{
		Use:   "functions [NAME]",
		Short: "List the functions of the language",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				match = args[0]
			}
			return agent.Functions(c.OutOrStdout(), match)
		},
	}
	return c
}

func healthCommand() *cobra.Command {
	var server string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a running edgeflow whether it is healthy (for container health checks)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return agent.Health(c.Context(), c.OutOrStdout(), server, timeout)
		},
	}
	callerFlags(c, &server)
	c.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait")
	return c
}

func versionCommand(inside []agent.Script) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and which pipelines and generated fragments are inside",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return agent.Version(c.OutOrStdout(), inside) },
	}
}
