package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edgeflow/edgeflow/connector/blackhole"
	"github.com/edgeflow/edgeflow/connector/datagen"
	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/connector/print"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	forward "github.com/edgeflow/edgeflow/sync"
)

// connector is what the host knows of a connector: how the planner sees it, how its
// options are checked, and how it is opened.
type connector struct {
	plan.Connector
	// checkSource and checkSink report the first thing wrong with a table's options.
	checkSource, checkSink func(t *plan.Table) error
	source                 func(c *connectors, n *plan.Source, env *expr.Env) (*dataflow.SourceBinding, error)
	sink                   func(c *connectors, n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error)
}

// registry lists the connectors by the name that 'connector' takes.
var registry = map[string]*connector{}

func init() {
	registry["nats"] = &connector{
		Connector:   plan.Connector{Source: true, Sink: true, SinkMode: keyedOrAppend, Options: append(nats.OptionKeys(), forward.OptionKeys...), Metadata: metadataKeys()},
		checkSource: func(t *plan.Table) error { return withFormat(t, checkNATSSource(t)) },
		checkSink:   func(t *plan.Table) error { return withFormat(t, checkNATSSink(t)) },
		source:      openNATSSource, sink: openNATSSink,
	}
	registry["datagen"] = &connector{
		Connector:   plan.Connector{Source: true, Options: []string{"rows-per-second", "number-of-rows", "datagen.*", "fields.*"}, Metadata: []string{}},
		checkSource: checkDatagen, source: openDatagen,
	}
	registry["nexmark"] = &connector{
		Connector:   plan.Connector{Source: true, Options: nexmark.Keys, Metadata: []string{}},
		checkSource: func(t *plan.Table) error { _, err := nexmark.ParseOptions(t.Options); return err }, source: openNexmark,
	}
	registry["filesystem"] = &connector{
		Connector:   plan.Connector{Source: true, Sink: true, SinkMode: appendOnly, Partitions: true, Options: append([]string{"path", "source.*", "sink.*", "partition.*", "filesystem.*", "edgeflow.on-gap"}, forward.OptionKeys...), Metadata: []string{"subject", "sequence", "arrival_time", "timestamp"}},
		checkSource: func(t *plan.Table) error { return withFormat(t, checkFilesystemSource(t)) },
		checkSink:   func(t *plan.Table) error { return withFormat(t, checkFilesystemSink(t)) },
		source:      openFilesystemSource, sink: openFilesystemSink,
	}
	registry["print"] = &connector{
		Connector: plan.Connector{Sink: true, AtLeastOnce: true, Options: []string{"print-identifier", "standard-error"}},
		checkSink: func(t *plan.Table) error { _, err := print.ParseOptions(t.Options); return err }, sink: openPrint,
	}
	registry["blackhole"] = &connector{
		Connector: plan.Connector{Sink: true, AtLeastOnce: true, Options: []string{}},
		checkSink: func(*plan.Table) error { return nil }, sink: openBlackhole,
	}
}

func metadataKeys() []string {
	return append(slices.Sorted(maps.Keys(dataflow.MetadataKeys())), "header.*")
}

// keyedOrAppend takes upserts when the table has a primary key, each row with its kind in a
// header, and inserts alone when it has none.
func keyedOrAppend(t *plan.Table) plan.ChangelogMode {
	if m, ok := t.ChangelogMode(); ok {
		return m
	}
	if len(t.PrimaryKey) > 0 {
		return plan.Upsert
	}
	return plan.AppendOnly
}

// appendOnly takes inserts alone.
func appendOnly(*plan.Table) plan.ChangelogMode { return plan.AppendOnly }

// planConnectors is the registry as the planner sees it.
func planConnectors() map[string]plan.Connector {
	out := map[string]plan.Connector{}
	for name, c := range registry {
		out[name] = c.Connector
	}
	return out
}

// checkTables checks the options of the tables that a plan reads and writes.
func checkTables(p *plan.Plan) error {
	for _, s := range p.Sources {
		c := registry[s.Table.Connector()]
		if c == nil || c.checkSource == nil {
			return fmt.Errorf("table %s: connector '%s' cannot be read from", s.Table.Name, s.Table.Connector())
		}
		if err := c.checkSource(s.Table); err != nil {
			return fmt.Errorf("table %s: %w", s.Table.Name, err)
		}
	}
	for _, s := range p.Sinks {
		if s.Table.Synthetic {
			continue
		}
		c := registry[s.Table.Connector()]
		if c == nil || c.checkSink == nil {
			return fmt.Errorf("table %s: connector '%s' cannot be written to", s.Table.Name, s.Table.Connector())
		}
		if err := c.checkSink(s.Table); err != nil {
			return fmt.Errorf("table %s: %w", s.Table.Name, err)
		}
	}
	return nil
}

// withFormat checks the table's format when its connector's options are right.
func withFormat(t *plan.Table, err error) error {
	if err != nil {
		return err
	}
	name, ok := t.Options["format"]
	if !ok {
		return fmt.Errorf("option 'format' is missing: one of %v", format.Names())
	}
	return format.Validate(name, t.Options)
}

// decoder makes the decoder of a source's format.
func decoder(n *plan.Source) func(func([]byte, int, error)) (format.Decoder, error) {
	return func(onBad func([]byte, int, error)) (format.Decoder, error) {
		return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
	}
}

// encoder makes the encoder of a sink's format.
func encoder(n *plan.Sink) (format.Encoder, error) {
	return format.NewEncoder(n.Table.Options["format"], sinkSchema(n), format.Options{Table: n.Table.Options})
}

// sinkSchema is what a sink's encoder writes.
func sinkSchema(n *plan.Sink) (s format.Schema) {
	for _, i := range dataflow.SinkColumns(n) {
		col := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: col.Name, Type: col.Type})
	}
	return s
}

// committedSink binds a sink whose rows leave through the outbox.
func committedSink(n *plan.Sink) (*dataflow.SinkBinding, error) {
	enc, err := encoder(n)
	if err != nil {
		return nil, err
	}
	return &dataflow.SinkBinding{Encoder: enc, Frames: &forward.FrameBuilder{}}, nil
}

func checkNATSSource(t *plan.Table) error {
	o, err := nats.ParseSource(t.Options)
	if err != nil {
		return err
	}
	unaddressed(&o.ConnOptions)
	return o.Validate()
}

func checkNATSSink(t *plan.Table) error {
	o, err := nats.ParseSink(t.Options)
	if err != nil {
		return err
	}
	unaddressed(&o.ConnOptions)
	return o.Validate()
}

// unaddressed stands in for the server that the host's flags name.
func unaddressed(o *nats.ConnOptions) {
	if len(o.URLs) == 0 {
		o.URLs = []string{"nats://127.0.0.1:4222"}
	}
}

func checkDatagen(t *plan.Table) error {
	_, err := datagen.ParseOptions(t.Options)
	return err
}

func checkFilesystemSource(t *plan.Table) error {
	_, err := filesystem.ParseOptions(t.Options)
	if err == nil && t.Partitioned {
		err = errors.New("a table that is PARTITIONED BY columns is written, not read: declare one without for the rows of its files")
	}
	return err
}

func checkFilesystemSink(t *plan.Table) error {
	_, err := filesystem.ParseOptions(t.Options)
	if err == nil && t.Partitioned && len(t.PartitionBy) == len(t.Columns) {
		err = errors.New("all columns are in PARTITIONED BY, and none is left for the rows")
	}
	return err
}

func openBlackhole(*connectors, *plan.Sink, *expr.Env) (*dataflow.SinkBinding, error) {
	return &dataflow.SinkBinding{Printer: blackhole.New(blackhole.Options{})}, nil
}

// outboxOptions reads a sink's budget and rate: the pipeline's, unless the table has its own.
func outboxOptions(o *forward.OutputOptions, t *plan.Table, cfg *plan.Config) error {
	table := map[string]string{}
	for _, key := range forward.OptionKeys {
		if v, ok := cfg.Values[key]; ok {
			table[key] = v
		}
		if t != nil {
			if v, ok := t.Options[key]; ok {
				table[key] = v
			}
		}
	}
	return forward.ParseOutput(table, o)
}
