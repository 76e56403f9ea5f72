package pipetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The passing of arrival time in a test, in ms: where it starts (2100-01-01 UTC), from step
// to step, over a restart, and after an open end.
const (
	startMs   = 4_102_444_800_000
	stepMs    = 200
	restartMs = 60_000
	openEndMs = 24 * 3_600_000
	// stepsMax bounds the batches that one step of a test may take.
	stepsMax = 1_000_000
)

// Result is the outcome of one case, or of one expression of a case.
type Result struct {
	Name string
	// Err is nil when the case passed.
	Err error
	// Diff shows expected (-) and actual (+) rows that differ.
	Diff []string

	actual actual
}

// Run runs a case and returns a result for it, or one for each of its expressions.
func Run(c *Case) []Result {
	if len(c.Expressions) > 0 {
		return runExpressions(c)
	}
	r := Result{Name: c.Name}
	r.Diff, r.actual, r.Err = runPipeline(c)
	return []Result{r}
}

// errMismatch is returned when a sink holds other rows than expected.
var errMismatch = errors.New("rows differ")

func runPipeline(c *Case) ([]string, actual, error) {
	wantText, wantErr := "", false
	for _, e := range c.Expect {
		if t, ok := wantsError(e.Error); ok {
			wantText, wantErr = t, true
		}
	}
	b, err := newBench(c)
	if err == nil {
		err = b.run()
	}
	if wantErr {
		switch {
		case err == nil:
			return nil, nil, fmt.Errorf("expected an error, but the pipeline ran")
		case !strings.Contains(err.Error(), wantText):
			return nil, nil, fmt.Errorf("expected an error with %q, got: %w", wantText, err)
		}
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	diff, err := b.check()
	if !errors.Is(err, errMismatch) {
		return diff, nil, err
	}
	got := actual{}
	for i := range c.Expect {
		if rows := b.actualRows(&c.Expect[i]); rows != nil {
			got[i] = rows
		}
	}
	return diff, got, err
}

// bench is one case being run.
type bench struct {
	c      *Case
	plan   *plan.Plan
	env    *expr.Env
	arena  *state.Arena
	engine *dataflow.Engine
	feeds  map[string]*feed
	sinks  map[string]*collector
	now    int64
	epoch  state.Epoch
	pages  map[state.PageID][]byte
}

func newBench(c *Case) (*bench, error) {
	script, err := sql.Parse(c.Path, c.SQL)
	if err != nil {
		return nil, err
	}
	inferModes(c, script)
	set := map[string]string{"edgeflow.on-row-error": "fail", "edgeflow.watermark.max-ahead": "0 s"}
	for k, v := range c.Set {
		set[k] = v
	}
	p, err := plan.Build(script, plan.Options{Set: set})
	if err != nil {
		return nil, err
	}
	b := &bench{c: c, plan: p, env: p.Config.Env(), now: startMs, feeds: map[string]*feed{}, sinks: map[string]*collector{}, pages: map[state.PageID][]byte{}}
	return b, b.start(nil, state.Roots{})
}

// start makes an engine, restored from the pages when there is a manifest.
func (b *bench) start(m *dataflow.Manifest, roots state.Roots) error {
	var err error
	if b.arena, err = state.NewArena(state.Options{}); err != nil {
		return err
	}
	if m != nil {
		err = b.arena.Restore(roots, func(fn func(state.PageID, []byte) error) error {
			for p, image := range b.pages {
				if err := fn(p, image); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	b.engine, err = dataflow.New(dataflow.Options{Plan: b.plan, Connectors: b, Arena: b.arena, Restored: m, StartMs: b.now})
	if err != nil {
		return err
	}
	_, err = b.engine.Open(context.Background())
	return err
}

// Source gives a table's feed.
func (b *bench) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	return &dataflow.SourceBinding{Rows: &reader{feed: b.feed(n.Table), cols: n.Columns}}, nil
}

func (b *bench) feed(t *plan.Table) *feed {
	f := b.feeds[t.Name]
	if f == nil {
		f = &feed{table: t}
		b.feeds[t.Name] = f
	}
	return f
}

// Sink gives a table's collector.
func (b *bench) Sink(n *plan.Sink, _ *expr.Env) (*dataflow.SinkBinding, error) {
	s := b.sinks[n.Table.Name]
	if s == nil {
		s = newCollector(n)
		b.sinks[n.Table.Name] = s
	}
	return &dataflow.SinkBinding{Printer: s}, nil
}

// Diverted swallows dead letters and late rows: a test fails at the first dead letter.
func (b *bench) Diverted(string) (dataflow.FrameWriter, error) { return &discard{}, nil }

// discard is a FrameWriter whose frames nobody reads.
type discard struct{ rows int }

func (d *discard) Append(_, _ []byte, _ vec.RowKind, _ int64) { d.rows++ }
func (d *discard) Len() int                                   { return 0 }
func (d *discard) Rows() int                                  { return d.rows }
func (d *discard) Seal(uint64) []byte                         { d.rows = 0; return nil }

func (b *bench) run() (err error) {
	defer func() { err = errors.Join(err, b.engine.Close()) }()
	steps := lookupsFirst(b.c.Input, b.plan.LookupTables())
	for i := range steps {
		if err := b.step(&steps[i]); err != nil {
			return fmt.Errorf("input step %d: %w", i+1, err)
		}
	}
	switch b.c.End {
	case "", "drain":
		for _, f := range b.feeds {
			f.ended = true
		}
		return b.settle()
	case "open":
		b.now += openEndMs
		return b.engine.Tick(b.now)
	}
	return fmt.Errorf("end: %q is neither drain nor open", b.c.End)
}

func (b *bench) step(s *Step) error {
	switch {
	case s.Table != "":
		if err := b.deliver(s); err != nil {
			return err
		}
	case s.Checkpoint == "restart":
		return b.restart()
	case s.Checkpoint != "":
		return fmt.Errorf("checkpoint: %q is not restart", s.Checkpoint)
	case s.ArriveAfter != "":
		d, err := plan.ParseDuration(s.ArriveAfter)
		if err != nil {
			return err
		}
		b.now += d.Milliseconds()
		return b.engine.Tick(b.now)
	case s.Watermark != nil:
		for table, text := range s.Watermark {
			t, err := parseInstant(text)
			if err != nil {
				return err
			}
			if err := b.engine.Watermark(table, t); err != nil {
				return err
			}
		}
	}
	b.now += stepMs
	return b.engine.Tick(b.now)
}

func (b *bench) deliver(s *Step) error {
	t := b.plan.Catalog.Table(s.Table)
	if t == nil {
		return fmt.Errorf("no table %s", s.Table)
	}
	f := b.feed(t)
	for i, v := range s.Rows {
		row, err := parseRow(v, t, b.env)
		if err != nil {
			return fmt.Errorf("table %s, row %d: %w", s.Table, i+1, err)
		}
		row.arrival = b.now
		f.rows = append(f.rows, row)
	}
	return b.settle()
}

// settle runs the engine until nothing is pending.
func (b *bench) settle() error {
	for range stepsMax {
		p, err := b.engine.Step(0, b.now)
		if err != nil {
			return err
		}
		if p.Ended || p.Rows == 0 && p.Pending == 0 {
			return nil
		}
	}
	return fmt.Errorf("the pipeline does not come to rest")
}

// restart commits, drops the engine's memory, and restores it.
func (b *bench) restart() error {
	b.epoch++
	cp := b.engine.Barrier(b.epoch)
	err := cp.Delta.Each(func(p state.PageID, image []byte) error {
		b.pages[p] = append([]byte(nil), image...)
		return nil
	})
	if err != nil {
		return err
	}
	err = cp.Delta.Freed(func(p state.PageID) error {
		delete(b.pages, p)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := cp.Manifest.MarshalMsg(nil)
	if err != nil {
		return err
	}
	m, err := dataflow.DecodeManifest(data)
	if err != nil {
		return err
	}
	roots := cp.Delta.Roots()
	cp.Delta.Done()
	if err := b.engine.Close(); err != nil {
		return err
	}
	b.now += restartMs
	return b.start(m, roots)
}

func (b *bench) check() ([]string, error) {
	var diff []string
	for _, e := range b.c.Expect {
		s := b.sinks[e.Table]
		if s == nil {
			return nil, fmt.Errorf("nothing writes to table %s", e.Table)
		}
		switch {
		case e.Changelog != nil:
			diff = append(diff, s.diff(*e.Changelog, s.rows, true, b.env)...)
		case e.Final != nil:
			var got []change
			for _, cells := range s.final(b.env) {
				got = append(got, change{cells: cells})
			}
			diff = append(diff, s.diff(*e.Final, got, false, b.env)...)
		default:
			return nil, fmt.Errorf("table %s: expect needs changelog or final", e.Table)
		}
	}
	if diff != nil {
		return diff, errMismatch
	}
	return nil, nil
}

// parseInstant reads a watermark: a timestamp in either ISO form, in UTC.
func parseInstant(s string) (ms int64, err error) {
	s = strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z")
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is no timestamp", s)
}
