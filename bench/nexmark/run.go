package nexmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Job is a run of a query. Without a log and a file, rows are generated.
type Job struct {
	Query string
	// Events is the number of events, where they are generated.
	Events int64
	// Log holds encoded events, a message each; File is one of JSON lines.
	Log  *Log
	File string
	Sink dataflow.Printer
	// Begin, where there is one, is called once the engine is open, before the first event.
	Begin func() error
	// Settings are statements before the query's, such as SET.
	Settings string
	// Each, where there is one, is called after each batch with the number of events so far
	// and the time that the batch took.
	Each func(events int64, took time.Duration, s state.Stats)
}

// Result is what a run did.
type Result struct {
	Events int64
	// Elapsed is the time from the first event to the end, in which one core was busy.
	Elapsed time.Duration
	// Median and P99 are the times of batches: what 50 and 99 in 100 batches do not exceed.
	Median, P99 time.Duration
	// StateBytes are the pages in use at the end.
	StateBytes int64
}

// Run runs a query over so many generated events.
func (s *Set) Run(name string, events int64, sink dataflow.Printer) (Result, error) {
	return s.Do(Job{Query: name, Events: events, Sink: sink})
}

// Do runs a job.
func (s *Set) Do(j Job) (Result, error) {
	text, err := s.Script(j.Query, j.Events)
	switch {
	case err != nil:
	case j.Log != nil:
		text, err = ReadFrom(text, "'connector' = 'values', 'format' = 'json'")
	case j.File != "":
		text, err = ReadFrom(text, FileOptions(j.File))
	}
	if err != nil {
		return Result{}, err
	}
	return run(j.Settings+text, j)
}

// FileOptions are the options of a table that reads a file of JSON lines, here and in Flink.
func FileOptions(path string) string {
	return "'connector' = 'filesystem', 'path' = 'file://" + path + "', 'format' = 'json'"
}

// run runs a script to its end.
func run(text string, j Job) (r Result, err error) {
	if strings.Contains(text, "${FLINK_HOME}") {
		var dir string
		if dir, err = os.MkdirTemp("", "nexmark"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if err := WriteSideInput(dir); err != nil {
			return r, err
		}
		text = strings.ReplaceAll(text, "${FLINK_HOME}", dir)
	}
	script, err := sql.Parse(j.Query+".sql", text)
	if err != nil {
		return r, err
	}
	p, err := plan.Build(script, plan.Options{Functions: nexmark.Functions()})
	if err != nil {
		return r, err
	}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		return r, err
	}
	e, err := dataflow.New(dataflow.Options{Plan: p, Connectors: connectors{j.Sink, j.Log}, Arena: arena})
	if err != nil {
		return r, err
	}
	if _, err = e.Open(context.Background()); err != nil {
		return r, err
	}
	if j.Begin != nil {
		if err := j.Begin(); err != nil {
			return r, err
		}
	}
	var each func(time.Duration)
	if j.Each != nil {
		each = func(took time.Duration) { j.Each(e.Events(), took, arena.Stats()) }
	}
	if err := r.all(e, each); err != nil {
		return r, err
	}
	r.StateBytes = int64(arena.Stats().Pages) * int64(arena.PageSize())
	return r, e.Close()
}

// all runs an engine until its source ends, and takes the time of each batch, which it
// tells each when there is one.
func (r *Result) all(e *dataflow.Engine, each func(took time.Duration)) error {
	var batches []time.Duration
	began := time.Now()
	for at := began; ; {
		step, err := e.Step(0, 1<<60)
		if err != nil {
			return err
		}
		end := time.Now()
		if step.Rows > 0 {
			batches = append(batches, end.Sub(at))
			if each != nil {
				each(end.Sub(at))
				end = time.Now()
			}
		}
		at = end
		if step.Ended {
			break
		}
	}
	r.Elapsed = time.Since(began)
	r.Events = e.Events()
	if n := len(batches); n > 0 {
		slices.Sort(batches)
		r.Median, r.P99 = batches[n/2], batches[n*99/100]
	}
	return nil
}

// connectors reads the tables of a script and hands rows to a printer.
type connectors struct {
	sink dataflow.Printer
	// log is what tables of encoded events are read from.
	log *Log
}

func (c connectors) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	switch n.Table.Connector() {
	case "nexmark":
	case "values":
		return decoded(n, &reader{log: c.log}), nil
	default:
		return fileTable(n)
	}
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

// fileTable reads a file: events, or the table that query 13 looks up in, which has arrived
// before all events.
func fileTable(n *plan.Source) (*dataflow.SourceBinding, error) {
	o, err := filesystem.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", n.Table.Name, err)
	}
	if n.Table.Name == "side_input" {
		o.StartMs = 1
	}
	src, err := filesystem.NewSource(o)
	if err != nil {
		return nil, err
	}
	return decoded(n, src), nil
}

// decoded reads a table from messages in its format.
func decoded(n *plan.Source, src dataflow.MessageSource) *dataflow.SourceBinding {
	return &dataflow.SourceBinding{Messages: src, Metadata: dataflow.NewMetadataReader(n.Columns),
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		}}
}

func (c connectors) Sink(*plan.Sink, *expr.Env) (*dataflow.SinkBinding, error) {
	return &dataflow.SinkBinding{Printer: c.sink}, nil
}

func (c connectors) Diverted(string) (dataflow.FrameWriter, error) { return &discard{}, nil }

// discard drops dead letters and late rows.
type discard struct{ rows int }

func (d *discard) Append(_, _ []byte, _ vec.RowKind, _ int64) { d.rows++ }
func (d *discard) Len() int                                   { return 0 }
func (d *discard) Rows() int                                  { return d.rows }
func (d *discard) Seal(uint64) []byte                         { d.rows = 0; return nil }

// Counter counts rows by kind.
type Counter struct{ Kinds [4]int64 }

// Print counts.
func (c *Counter) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		c.Kinds[b.Kind(b.Row(k))]++
	}
	return nil
}

// Rows is the number of rows.
func (c *Counter) Rows() int64 { return c.Kinds[0] + c.Kinds[1] + c.Kinds[2] + c.Kinds[3] }

// Close does nothing.
func (c *Counter) Close() error { return nil }
