package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/store"
)

// CaptureOptions configure Capture.
type CaptureOptions struct {
	// Out is a folder, which becomes a ring, or the name of a file that ends in .capture.
	Out string
	// NATS is the server of tables that name none.
	NATS agent.Server
	// AllowPaths and AllowEnv are what SQL may name of this host, as for agent.Options.
	AllowPaths, AllowEnv []string
	// Tables are the source tables whose messages are kept; empty is all that read streams.
	Tables []string
	// MaxBytes and MaxAge bound what is kept; For ends the capture.
	MaxBytes int64
	MaxAge   time.Duration
	For      time.Duration
	// Keys encrypt what is kept; nil leaves it in the clear.
	Keys *store.Keys
	// Since is where in the streams to begin, by time of arrival; zero is behind their
	// newest message. All begins with their oldest one.
	Since time.Time
	All   bool
	// Once ends at the messages that the streams had at the start.
	Once bool
}

// The rhythm of a capture: how long a poll waits, and how often what is there is synced.
const (
	captureWait  = 100 * time.Millisecond
	captureSync  = time.Second
	captureBatch = 1024
)

// Capture reads the streams of a pipeline's sources with readers of its own, which a
// pipeline that runs does not notice, and keeps their messages as they are.
func Capture(ctx context.Context, w io.Writer, s agent.Script, o CaptureOptions) error {
	p, err := s.Plan()
	if err != nil {
		return err
	}
	tables, err := o.tables(p)
	if err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	c := &capturing{o: &o}
	h := capture.Header{Pipeline: p.Config.Name}
	for _, t := range tables {
		src, so, err := o.open(ctx, s.File, t)
		if err != nil {
			return errors.Join(fmt.Errorf("table %s: %w", t.Name, err), c.close())
		}
		c.sources = append(c.sources, src)
		h.Sources = append(h.Sources, capture.Source{Table: t.Name, Stream: so.Stream, Server: so.Server()})
	}
	if c.w, err = capture.Create(o.Out, h, capture.Options{MaxBytes: o.MaxBytes, MaxAge: o.MaxAge, Keys: o.Keys}); err != nil {
		return errors.Join(err, c.close())
	}
	fmt.Fprintf(w, "capturing %s into %s\n", describe(h.Sources), o.Out)
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	err = c.run(ctx)
	why := ""
	if errors.Is(err, capture.ErrFull) {
		why, err = "; the file has reached its size", nil
	}
	err = errors.Join(err, c.close(), c.w.Close())
	fmt.Fprintf(w, "%d messages captured, %d bytes kept%s\n", c.messages, c.w.Bytes(), why)
	return err
}

func describe(sources []capture.Source) string {
	var out []string
	for _, s := range sources {
		out = append(out, fmt.Sprintf("%s (stream %s of %s)", s.Table, s.Stream, s.Server))
	}
	return strings.Join(out, ", ")
}

// tables are the plan's tables that are captured.
func (o *CaptureOptions) tables(p *plan.Plan) ([]*plan.Table, error) {
	var out []*plan.Table
	var names []string
	for _, n := range p.Sources {
		t := n.Table
		if t.Connector() != "nats" || slices.ContainsFunc(out, func(x *plan.Table) bool { return x.Name == t.Name }) {
			continue
		}
		names = append(names, t.Name)
		if len(o.Tables) == 0 || slices.Contains(o.Tables, t.Name) {
			out = append(out, t)
		}
	}
	for _, want := range o.Tables {
		if !slices.Contains(names, want) {
			return nil, fmt.Errorf("--source %s is no source that reads a stream; those are: %s", want, strings.Join(names, ", "))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no source reads a stream: there is nothing to capture")
	}
	return out, nil
}

// open opens a reader of a table's stream.
func (o *CaptureOptions) open(ctx context.Context, file string, t *plan.Table) (*nats.Source, nats.SourceOptions, error) {
	so, err := nats.ParseSource(t.Options)
	if err != nil {
		return nil, so, err
	}
	if len(so.URLs) == 0 {
		if o.NATS.URL == "" {
			return nil, so, errors.New("no server is named: give --nats nats://HOST:PORT; the embedded server of `edgeflow run` has a port with --embedded-listen")
		}
		if err := o.NATS.FillIn(&so.ConnOptions); err != nil {
			return nil, so, err
		}
	}
	host := agent.Options{NATS: o.NATS, AllowPaths: o.AllowPaths, AllowEnv: o.AllowEnv}
	if err := host.Confine(file, &so.ConnOptions); err != nil {
		return nil, so, err
	}
	if err := so.ResolveURLs(); err != nil {
		return nil, so, err
	}
	so.Name = "edgeflow-capture"
	so.CreateStream, so.OnGap, so.Bounded = false, nats.GapResume, o.Once
	switch {
	case o.All:
		so.Startup = nats.EarliestOffset
	case o.Since.IsZero():
		so.Startup = nats.LatestOffset
	default:
		so.Startup, so.TimestampMs = nats.Timestamp, o.Since.UnixMilli()
	}
	src, err := nats.NewSource(so)
	if err != nil {
		return nil, so, err
	}
	if _, err := src.Open(ctx, nil); err != nil {
		return nil, so, errors.Join(err, src.Close())
	}
	return src, so, nil
}

// capturing is a capture under way.
type capturing struct {
	o       *CaptureOptions
	sources []*nats.Source

	mu       sync.Mutex
	w        *capture.Writer
	messages int64
}

// run reads every source until ctx ends, a source fails, or all have ended.
func (c *capturing) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make(chan error, len(c.sources))
	for i := range c.sources {
		go func() { errs <- c.read(ctx, i) }()
	}
	var first error
	for range c.sources {
		if err := <-errs; err != nil {
			stop()
			if first == nil {
				first = err
			}
		}
	}
	return first
}

func (c *capturing) read(ctx context.Context, source int) error {
	var msgs []dataflow.Message
	synced, turned := time.Now(), time.Now()
	for ctx.Err() == nil {
		var err error
		msgs, _, err = c.sources[source].Poll(msgs[:0], captureBatch, captureWait)
		if e := c.keep(source, msgs); e != nil {
			return e
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if now := time.Now(); now.Sub(synced) >= captureSync {
			synced = now
			turn := c.o.MaxAge > 0 && now.Sub(turned) >= c.o.MaxAge/8
			if turn {
				turned = now
			}
			if err := c.settle(turn); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep appends messages.
func (c *capturing) keep(source int, msgs []dataflow.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range msgs {
		m := &msgs[i]
		r := capture.Record{Source: source, Seq: m.Seq, ArrivalMs: m.ArrivalMs, Subject: m.Subject, Header: m.Header, Data: m.Data}
		if err := c.w.Append(&r); err != nil {
			return err
		}
		c.messages++
	}
	return nil
}

func (c *capturing) settle(turn bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn {
		return c.w.Turn()
	}
	return c.w.Sync()
}

func (c *capturing) close() error {
	var errs []error
	for _, s := range c.sources {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// SetBounds sets MaxBytes and MaxAge from texts such as "256 mb" and "1 h"; an empty age is
// any. The error names the flag.
func (o *CaptureOptions) SetBounds(size, age string) (err error) {
	if o.MaxBytes, err = plan.ParseBytes(size); err != nil {
		return fmt.Errorf("--size: %w", err)
	}
	if age != "" {
		if o.MaxAge, err = plan.ParseDuration(age); err != nil {
			return fmt.Errorf("--age: %w", err)
		}
	}
	return nil
}
