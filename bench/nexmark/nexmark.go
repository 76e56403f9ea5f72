// Package nexmark runs the queries of the Nexmark benchmark, and its pattern queries, in an
// engine alone: events made by the nexmark connector, rows counted where a sink would take
// them.
//
// Terms: a set is the file of published texts: the DDL with parameters in ${...}, queries by
// name, patterns by name.
package nexmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

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

// Set holds the published texts.
type Set struct {
	DDL      map[string]string `yaml:"ddl"`
	Queries  map[string]string `yaml:"queries"`
	Patterns map[string]string `yaml:"patterns"`
}

// Load reads a set from a file.
func Load(file string) (*Set, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	return s, yaml.Unmarshal(text, s)
}

// Names lists the queries, then the patterns under the names "pattern q0" and so on.
func (s *Set) Names() []string {
	var out []string
	for n := range s.Queries {
		out = append(out, n)
	}
	for n := range s.Patterns {
		out = append(out, "pattern "+n)
	}
	slices.SortFunc(out, func(a, b string) int {
		if pa, pb := strings.HasPrefix(a, "pattern "), strings.HasPrefix(b, "pattern "); pa != pb {
			if pb {
				return -1
			}
			return 1
		}
		return number(a) - number(b)
	})
	return out
}

func number(name string) int {
	n, _ := strconv.Atoi(name[strings.LastIndexByte(name, 'q')+1:])
	return n
}

// The SELECT of query 6 that ranks, and the same with the filter on the rank around it: the
// published text filters a rank in the SELECT that defines it.
const (
	rankedAndFiltered = "SELECT *, ROW_NUMBER() OVER (PARTITION BY A.id, A.seller ORDER BY B.price DESC) AS rownum"
	rankedThen        = "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id, seller ORDER BY price DESC) AS rownum"
)

// Script is the pipeline of a query: the DDL, the views and the query, for a number of
// events at a rate of event time.
func (s *Set) Script(name string, events int64) (string, error) {
	text, ok := s.Queries[name]
	if p, is := strings.CutPrefix(name, "pattern "); is {
		text, ok = s.Patterns[p]
	}
	if !ok {
		return "", fmt.Errorf("no query %s: there are %s", name, strings.Join(s.Names(), ", "))
	}
	if name == "q6" {
		text = strings.Replace(text, rankedAndFiltered, rankedThen, 1)
		text = strings.Replace(text, "and A.expires)\n    WHERE", "and A.expires))\n    WHERE", 1)
		text = strings.Replace(text, "and A.expires)\n        WHERE", "and A.expires))\n        WHERE", 1)
	}
	return s.parameters(s.DDL["ddl_gen"]+"\n"+s.DDL["ddl_views"]+"\n"+text, events), nil
}

// parameters fills in the parameters of a text.
func (s *Set) parameters(text string, events int64) string {
	for k, v := range map[string]string{
		"TPS": "10000", "EVENTS_NUM": strconv.FormatInt(events, 10), "PERSON_PROPORTION": "1", "AUCTION_PROPORTION": "3",
		"BID_PROPORTION": "46", "NEXMARK_TABLE": "datagen",
	} {
		text = strings.ReplaceAll(text, "${"+k+"}", v)
	}
	return text
}

// Result is what a run did.
type Result struct {
	Events, Rows int64
	// Elapsed is the time from the first event to the end, in which one core was busy.
	Elapsed time.Duration
	// StateBytes are the pages in use at the end.
	StateBytes int64
}

// Run runs a query over so many events.
func (s *Set) Run(name string, events int64, sink dataflow.Printer) (r Result, err error) {
	text, err := s.Script(name, events)
	if err != nil {
		return r, err
	}
	return run(name, text, connectors{sink: sink})
}

// run runs a script to its end.
func run(name, text string, c connectors) (r Result, err error) {
	if strings.Contains(text, "${FLINK_HOME}") {
		var dir string
		if dir, err = os.MkdirTemp("", "nexmark"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if err := writeSideInput(dir); err != nil {
			return r, err
		}
		text = strings.ReplaceAll(text, "${FLINK_HOME}", dir)
	}
	script, err := sql.Parse(name+".sql", text)
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
	e, err := dataflow.New(dataflow.Options{Plan: p, Connectors: c, Arena: arena})
	if err != nil {
		return r, err
	}
	if _, err = e.Open(context.Background()); err != nil {
		return r, err
	}
	began := time.Now()
	for {
		step, err := e.Step(0, 1<<60)
		if err != nil {
			return r, err
		}
		if step.Ended {
			break
		}
	}
	r.Elapsed = time.Since(began)
	r.Events = e.Events()
	r.StateBytes = int64(arena.Stats().Pages) * int64(arena.PageSize())
	return r, e.Close()
}

// connectors reads nexmark tables and hands rows to a printer.
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
		return sideInput(n)
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

// sideInput reads a file, the table that query 13 looks up in.
func sideInput(n *plan.Source) (*dataflow.SourceBinding, error) {
	o, err := filesystem.ParseOptions(n.Table.Options)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", n.Table.Name, err)
	}
	o.StartMs = 1
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

// writeSideInput makes the file of query 13 below a folder: a key and a value a line.
func writeSideInput(dir string) error {
	var b strings.Builder
	for k := range sideRows {
		fmt.Fprintf(&b, "%d,value-%d\n", k, k)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "data", "side_input.txt"), []byte(b.String()), 0o644)
}

// sideRows is the number of rows of the side input.
const sideRows = 10_000

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
