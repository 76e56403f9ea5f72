package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

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
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// connectors opens what one attempt at a pipeline is connected to.
type connectors struct {
	p     *Pipeline
	sinks map[string]*plan.Sink // by output name, those with an outbox
	// result takes the rows of a bare SELECT.
	result dataflow.Printer

	mu      sync.Mutex
	inputs  []SourceStatus   // of sources with a server
	removed map[string]int64 // letters that the limits removed from files, by output

	links  map[string]link
	life   context.Context // of the links; hangUp ends it
	hangUp context.CancelFunc
	// starting is the attempt's: it ends what the opening waits for.
	starting context.Context
	// forwarder is what uses the links, nil before there is one.
	forwarder atomic.Pointer[forward.Forwarder]
}

func newConnectors(ctx context.Context, p *Pipeline) *connectors {
	c := &connectors{p: p, starting: ctx, sinks: map[string]*plan.Sink{}, removed: map[string]int64{}, links: map[string]link{}, result: p.result}
	c.life, c.hangUp = context.WithCancel(context.Background())
	return c
}

// Source opens the connector of a source.
func (c *connectors) Source(n *plan.Source, env *expr.Env) (*dataflow.SourceBinding, error) {
	k := registry[n.Table.Connector()]
	if k == nil || k.source == nil {
		return nil, &configError{fmt.Errorf("connector '%s' cannot be read from", n.Table.Connector())}
	}
	b, err := k.source(c, n, env)
	if err != nil {
		return nil, &configError{err}
	}
	if b.Messages != nil {
		b.Metadata = dataflow.NewMetadataReader(n.Columns)
	}
	return b, nil
}

// Sink opens the connector of a sink.
func (c *connectors) Sink(n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	if n.Table.Synthetic {
		if c.result == nil {
			return nil, &configError{errors.New("a bare SELECT shows its result in `edgeflow query`; `edgeflow run` takes INSERTs")}
		}
		return &dataflow.SinkBinding{Printer: c.result}, nil
	}
	k := registry[n.Table.Connector()]
	if k == nil || k.sink == nil {
		return nil, &configError{fmt.Errorf("connector '%s' cannot be written to", n.Table.Connector())}
	}
	b, err := k.sink(c, n, env)
	if err != nil {
		return nil, &configError{err}
	}
	if b.Printer == nil {
		c.sinks[n.Name] = n
	}
	return b, nil
}

// Diverted gives the frames of dead letters and late rows.
func (c *connectors) Diverted(string) (dataflow.FrameWriter, error) {
	return &forward.FrameBuilder{}, nil
}

// outputs describes the outputs to the forwarder.
func (c *connectors) outputs(names []string) ([]forward.OutputOptions, error) {
	var out []forward.OutputOptions
	for _, name := range names {
		o := forward.OutputOptions{Name: name}
		n := c.sinks[name]
		var t *plan.Table
		if n != nil {
			t = n.Table
		}
		if err := outboxOptions(&o, t, &c.p.plan.Config); err != nil {
			return nil, &configError{err}
		}
		if err := compactOptions(&o, n); err != nil {
			return nil, &configError{err}
		}
		var err error
		switch {
		case n == nil:
			err = c.divertedTarget(&o)
		case t.Connector() == "nats":
			err = c.natsTarget(&o, n)
		default:
			err = c.fileTarget(&o, n)
		}
		if err != nil {
			return nil, &configError{fmt.Errorf("output %s: %w", name, err)}
		}
		out = append(out, o)
	}
	return out, nil
}

// divertedTarget puts dead letters and late rows where edgeflow.dlq says, by default into
// files below the pipeline's folder.
func (c *connectors) divertedTarget(o *forward.OutputOptions) error {
	if l := c.p.plan.Config.Letters(); l.Target != plan.LettersToFiles {
		return c.letterStream(o, l)
	}
	opts := filesystem.Options{Path: filepath.Join(c.p.dir, o.Name), Format: "json", Keep: c.keepLetters(o.Name)}
	if keys := c.p.agent.keys; keys != nil {
		opts.Seal = func(lines []byte) ([]byte, error) { return sealLetters(keys, c.p.name, lines) }
	}
	hub, err := filesystem.NewSink(opts, format.Framing{Separator: []byte("\n")})
	if err != nil {
		return err
	}
	fileOutput(o, hub, "\n")
	// A savepoint that is restored elsewhere begins new folders.
	o.OnLost = forward.LostResend
	return nil
}

// fileOutput makes a folder an output's target. A part file takes what one publish carries.
func fileOutput(o *forward.OutputOptions, hub forward.Hub, separator string) {
	o.Hub, o.Subject, o.CursorSubject = hub, o.Name, o.Name
	o.Pack, o.Separator = 1000, separator
}

func (c *connectors) fileTarget(o *forward.OutputOptions, n *plan.Sink) error {
	opts, err := filesystem.ParseOptions(n.Table.Options)
	if err != nil {
		return err
	}
	opts.Roots = c.p.roots
	if opts.Roots != nil { // an error now, and not a target that cannot be reached
		dir, err := opts.Roots.OpenDir(opts.Path, true)
		if err != nil {
			return away(err)
		}
		dir.Close()
	}
	enc, err := encoder(n)
	if err != nil {
		return err
	}
	if n.Table.Partitioned {
		opts.Partitions.By = n.Table.PartitionBy
	}
	f := enc.Framing()
	hub, err := filesystem.NewSink(opts, f)
	if err != nil {
		return err
	}
	fileOutput(o, hub, string(f.Separator))
	o.CursorSubject = c.p.name + "." + c.p.agent.opt.Instance + "." + n.Name
	return nil
}

func (c *connectors) natsTarget(o *forward.OutputOptions, n *plan.Sink) error {
	s, err := nats.ParseSink(n.Table.Options)
	if err != nil {
		return err
	}
	if err := c.address(&s.ConnOptions, true); err != nil {
		return err
	}
	if err := s.Validate(); err != nil {
		return err
	}
	enc, err := encoder(n)
	if err != nil {
		return err
	}
	if err := c.hub(o, s.ConnOptions, natshub.Options{
		Stream: s.Stream, Subjects: c.subjects(s), Create: s.CreateStream,
		MaxBytes: s.StreamMaxBytes, MaxAge: s.StreamMaxAge, Replicas: s.StreamReplicas, Warn: func(w string) { c.p.log.Warn(w, "output", n.Name) },
	}); err != nil {
		return err
	}
	o.Subject = s.Subject
	o.CursorSubject = natshub.CursorSubject(s.Prefix, c.p.name, c.p.agent.opt.Instance, n.Name)
	f := enc.Framing()
	o.Separator = string(f.Separator)
	if f.Single && o.Pack > 1 {
		return fmt.Errorf("option 'edgeflow.pack': format '%s' carries one row a message", n.Table.Options["format"])
	}
	return nil
}

// subjects lists the subjects of a stream's creation: those of every sink of the pipeline
// that writes to it, and of their cursors.
func (c *connectors) subjects(to nats.SinkOptions) []string {
	var out []string
	for _, n := range c.p.plan.Sinks {
		if n.Table.Connector() != "nats" {
			continue
		}
		s, err := nats.ParseSink(n.Table.Options)
		if err != nil || s.Stream != to.Stream || c.address(&s.ConnOptions, true) != nil || s.Server() != to.Server() {
			continue
		}
		for _, subject := range s.StreamSubjects {
			if !slices.Contains(out, subject) {
				out = append(out, subject)
			}
		}
	}
	return out
}

// address fills in the host's server where a table names none.
func (c *connectors) address(o *nats.ConnOptions, sink bool) error {
	c.p.agent.opt.confine(c.p.roots, o)
	if len(o.URLs) > 0 {
		if c.p.agent.planning {
			return nil
		}
		return away(o.ResolveURLs())
	}
	srv := c.p.agent.opt.NATS
	if hub := c.p.agent.opt.Hub; sink && hub.URL != "" {
		srv = hub
	}
	if srv.URL == "" {
		e, err := c.p.agent.Embedded(c.starting)
		if err != nil {
			return err
		}
		o.InProcess = e
		return nil
	}
	return srv.FillIn(o)
}

func openNATSSource(c *connectors, n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	o, err := nats.ParseSource(n.Table.Options)
	if err != nil {
		return nil, err
	}
	if err := c.address(&o.ConnOptions, false); err != nil {
		return nil, err
	}
	o.Name = "edgeflow-" + c.p.name
	o.Owner = fmt.Sprintf("%q", []string{c.p.name, c.p.agent.opt.Instance, n.Base().ID})
	o.OnStatus = func(s nats.Status) {
		if !c.note(n.Table.Name, s) {
			return
		}
		switch {
		case s.Connected:
			c.p.log.Info("source connected", "table", n.Table.Name, "reconnects", s.Reconnects, "reader", s.Reader, "delivery", s.Delivery)
		case errors.Is(s.Err, io.EOF):
			c.p.log.Info("source read to its end", "table", n.Table.Name)
		case !errors.Is(s.Err, nats.ErrClosed):
			c.p.log.Warn("source disconnected; trying again", "table", n.Table.Name, "error", s.Err)
		}
	}
	o.OnGapFound = func(r dataflow.OpenReport) {
		c.p.log.Warn(r.Warning, "table", n.Table.Name, "gap", r.Gap)
	}
	src, err := nats.NewSource(o)
	if err != nil {
		return nil, err
	}
	if why := src.Status().Fallback; why != "" {
		c.p.log.Warn("source is read through the client library", "table", n.Table.Name, "because", why)
	}
	return &dataflow.SourceBinding{Messages: src, Decoder: decoder(n), Log: o.Stream}, nil
}

func openNATSSink(_ *connectors, n *plan.Sink, _ *expr.Env) (*dataflow.SinkBinding, error) {
	o, err := nats.ParseSink(n.Table.Options)
	if err != nil {
		return nil, err
	}
	b, err := committedSink(n)
	if err != nil {
		return nil, err
	}
	b.Takes = o.TakesRow
	return b, nil
}

func openDatagen(_ *connectors, n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	o, err := datagen.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, err
	}
	src, err := datagen.New(o, dataflow.DecoderSchema(n))
	if err != nil {
		return nil, err
	}
	return &dataflow.SourceBinding{Rows: src}, nil
}

func openNexmark(_ *connectors, n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	o, err := nexmark.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, err
	}
	src, err := nexmark.New(o, dataflow.DecoderSchema(n))
	if err != nil {
		return nil, err
	}
	return &dataflow.SourceBinding{Rows: src}, nil
}

func openFilesystemSource(c *connectors, n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	o, err := filesystem.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, err
	}
	o.Roots = c.p.roots
	src, err := filesystem.NewSource(o)
	if err != nil {
		return nil, err
	}
	return &dataflow.SourceBinding{Messages: src, Decoder: decoder(n), Log: fileLog + o.Path}, nil
}

// fileLog begins the log of letters of a source that reads files.
const fileLog = "file:"

func openFilesystemSink(_ *connectors, n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	opts, err := filesystem.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, err
	}
	b, err := committedSink(n)
	if err != nil {
		return nil, err
	}
	b.Follows = opts.Follows()
	if !n.Table.Partitioned {
		return b, nil
	}
	var cols []filesystem.Column
	for _, name := range n.Table.PartitionBy {
		i := slices.IndexFunc(n.Base().Schema, func(c plan.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("PARTITIONED BY %s: the column is not written", name)
		}
		cols = append(cols, filesystem.Column{Name: name, Index: i, Type: n.Base().Schema[i].Type})
	}
	b.Subject = filesystem.Folder(cols, opts.Partitions.DefaultName, env)
	return b, nil
}

func openPrint(_ *connectors, n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	o, err := print.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, err
	}
	o.Env = env
	return &dataflow.SinkBinding{Printer: print.New(o)}, nil
}
