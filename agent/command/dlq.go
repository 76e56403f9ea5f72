package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/dlq"
)

func dlqCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dlq",
		Short: "Dead letters, late rows and clocks ahead: list them, show them, send them again",
		Long: "Events that cannot be decoded or computed (kind dead), rows that are late (kind late, with\n" +
			"SET 'edgeflow.late' = 'divert') and events of a device whose clock is ahead (kind clock) do\n" +
			"not stop a pipeline: each becomes a letter, with the reason, the event's place and its bytes.\n" +
			"They lie in files of the data folder (--data) or, with SET 'edgeflow.dlq' = 'edge' or 'hub',\n" +
			"in a stream of the server of sources or of sinks (--stream). Files of a pipeline with encrypted\n" +
			"state are encrypted, too, and are read with its --state-key.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: dlq %s is none of list, show and replay", errUsage, args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(dlqListCommand(), dlqShowCommand(), dlqReplayCommand())
	return c
}

// dlqFlags are the flags of every dlq command.
type dlqFlags struct {
	o                 dlq.Options
	since, until, key string
}

func (d *dlqFlags) add(f *pflag.FlagSet) {
	f.StringVar(&d.o.DataDir, "data", "data", "data folder whose files hold the letters")
	f.StringVar(&d.o.Stream, "stream", "", "stream that holds the letters, instead of files, such as EDGEFLOW_DLQ")
	serverFlags(f, &d.o.NATS, "nats", "NATS server of the sources' streams")
	serverFlags(f, &d.o.Letters, "hub", "NATS server of --stream (default: that of --nats)")
	f.StringVar(&d.o.Pipeline, "pipeline", "", "letters of this pipeline")
	f.StringVar(&d.o.Instance, "instance", "", "letters of this instance; files are one's own")
	f.StringVar(&d.o.Kind, "kind", "", "letters of this kind: dead, late or clock")
	f.StringVar(&d.o.Class, "class", "", "letters of this class of reasons: decode, compute, too-large, late or clock")
	f.StringVar(&d.o.Source, "source", "", "letters of this source table")
	f.StringVar(&d.o.Reason, "reason", "", "letters whose reason contains this")
	f.StringVar(&d.since, "since", "", "events that arrived at this time or later: 2026-01-31T12:00:00Z, or 2h ago")
	f.StringVar(&d.until, "until", "", "events that arrived before this time")
	keyFlag(f, &d.key)
}

// options are the flags' with the IDs that the arguments name.
func (d *dlqFlags) options(ids []string) (dlq.Options, error) {
	o := d.o
	o.IDs = ids
	var err error
	if o.Since, err = instantFlag("--since", d.since); err != nil {
		return o, err
	}
	if o.Until, err = instantFlag("--until", d.until); err != nil {
		return o, err
	}
	o.Keys, err = agent.StateKeys(d.key)
	return o, err
}

// instantFlag reads a time, or how long ago it was.
func instantFlag(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil {
		return time.Now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%w: %s %s is neither a time such as 2026-01-31T12:00:00Z nor a duration such as 90m", errUsage, flag, s)
	}
	return t, nil
}

// serverFlags are the flags of a server that a command reaches.
func serverFlags(f *pflag.FlagSet, s *agent.Server, name, what string) {
	f.Var(urlFlag{&s.URL}, name, "URL of the "+what)
	f.StringVar(&s.Credentials, name+"-credentials", "", "credentials file for --"+name)
	f.StringVar(&s.NKey, name+"-nkey", "", "nkey seed file for --"+name)
	f.StringVar(&s.CA, name+"-ca", "", "CA certificates for --"+name)
	f.StringVar(&s.Cert, name+"-cert", "", "client certificate for --"+name)
	f.StringVar(&s.Key, name+"-key", "", "key of --"+name+"-cert")
	f.StringVar(&s.ServerName, name+"-server-name", "", "name in the certificate of --"+name+" (default: that of its URL)")
	f.StringVar(&s.TLS, name+"-tls", "", "required or off (default: required unless --"+name+" is on this host)")
	f.StringVar(&s.Domain, name+"-domain", "", "JetStream domain of --"+name)
}

func dlqListCommand() *cobra.Command {
	var d dlqFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "Count the letters by pipeline, kind and reason",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := d.options(nil)
			if err != nil {
				return err
			}
			return dlq.List(c.Context(), c.OutOrStdout(), o)
		},
	}
	d.add(c.Flags())
	c.Flags().BoolVar(&d.o.JSON, "json", false, "print JSON lines")
	return c
}

func dlqShowCommand() *cobra.Command {
	var d dlqFlags
	var o dlq.ShowOptions
	c := &cobra.Command{
		Use:   "show [ID ...]",
		Short: "Show letters: what is wrong, where the event came from, its bytes, its columns",
		Long: "Shows the newest letters that the flags pick, or those whose IDs begin as the arguments do.\n" +
			"Bytes that are no text are shown as a dump and, where they are msgpack, as JSON.",
		RunE: func(c *cobra.Command, ids []string) error {
			var err error
			if o.Options, err = d.options(ids); err != nil {
				return err
			}
			return dlq.Show(c.Context(), c.OutOrStdout(), o)
		},
	}
	d.add(c.Flags())
	c.Flags().IntVarP(&o.Last, "last", "n", 10, "how many of the newest; 0 shows all")
	c.Flags().BoolVar(&d.o.JSON, "json", false, "print JSON lines")
	c.Flags().BoolVar(&o.Raw, "raw", false, "write the bytes of the events and nothing else")
	return c
}

func dlqReplayCommand() *cobra.Command {
	var d dlqFlags
	var o dlq.ReplayOptions
	c := &cobra.Command{
		Use:   "replay [ID ...]",
		Short: "Send the events of letters to their source again",
		Long: "Publishes the bytes of the events that the flags or IDs pick to the subjects that they came\n" +
			"from, once it is confirmed. Each event is sent once: what was sent is noted beside the\n" +
			"letters, and a run that was interrupted is completed by the next one.\n\n" +
			"A replayed event is new input, with a new sequence and the header Edgeflow-Replay: every\n" +
			"pipeline that reads the stream reads it, and counts it as one more event. One that still\n" +
			"cannot be read becomes a letter again; one that is late is late again unless its window is\n" +
			"still open or edgeflow.late = correct takes it; one whose clock was ahead counts once\n" +
			"arrival time has come near its own.",
		RunE: func(c *cobra.Command, ids []string) error {
			var err error
			if o.Options, err = d.options(ids); err != nil {
				return err
			}
			o.In = c.InOrStdin()
			return dlq.Replay(c.Context(), c.OutOrStdout(), o)
		},
	}
	d.add(c.Flags())
	f := c.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be sent, and send nothing")
	f.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.Again, "again", false, "send events once more that have been replayed")
	f.StringVar(&o.Subject, "subject", "", "send to this subject of the stream instead")
	return c
}
