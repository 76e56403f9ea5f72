package replay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/agent/pipetest"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/edgeflow/edgeflow/store"
)

// Options configure Run.
type Options struct {
	// Speed is how many times as fast as they arrived messages are handed out; 0 is as fast
	// as can be.
	Speed float64
	// Open leaves windows open at the capture's end, as a pipeline that goes on would.
	Open bool
	// JSON prints rows as JSON lines.
	JSON bool
	// Letters prints dead letters and late rows too.
	Letters bool
	// Test is the file that a pipeline test is written into; empty for none.
	Test string
	// AllowPaths are folders that SQL may name paths in, as for agent.Options.
	AllowPaths []string
	// Keys decrypt the capture; nil reads one in the clear.
	Keys *store.Keys
	// Messages takes what is not a row: what was read, and what is wrong.
	Messages io.Writer
}

// Run runs a pipeline over a capture, in memory, and prints the rows of its sinks. Nothing
// is connected to; sources that read no stream are opened as they are.
func Run(ctx context.Context, w io.Writer, s agent.Script, path string, o Options) error {
	p, err := s.Plan()
	if err != nil {
		return err
	}
	r := &run{ctx: ctx, o: &o, w: bufio.NewWriter(w), path: path, file: s.File, plan: p, env: p.Config.Env(), tables: map[string]*pipetest.Table{}, letters: map[string]*letters{},
		pace: &pace{speed: o.Speed, now: time.Now, sleep: sleeper(ctx)}}
	if err := r.start(); err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	err = r.steps()
	err = errors.Join(err, r.print(), r.engine.Close())
	if err != nil {
		return err
	}
	r.report()
	if o.Test == "" {
		return nil
	}
	return r.test(s)
}

// sleeper sleeps until ctx ends.
func sleeper(ctx context.Context) func(time.Duration) {
	return func(d time.Duration) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

// run is a replay under way; it opens what the engine asks for.
type run struct {
	ctx    context.Context
	o      *Options
	w      *bufio.Writer
	path   string
	file   string // of the script
	plan   *plan.Plan
	env    *expr.Env
	engine *dataflow.Engine
	pace   *pace

	header  capture.Header
	sources []*source
	live    []string // tables that are read as they are
	tables  map[string]*pipetest.Table
	order   []string // of tables
	letters map[string]*letters
	printed map[string]int
}

func (r *run) start() error {
	c, err := capture.Open(r.path, r.o.Keys)
	if err != nil {
		return err
	}
	r.header = c.Header
	if err := c.Close(); err != nil {
		return err
	}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		return err
	}
	if r.engine, err = dataflow.New(dataflow.Options{Plan: r.plan, Connectors: r, Arena: arena}); err != nil {
		return err
	}
	if _, err := r.engine.Open(r.ctx); err != nil {
		return errors.Join(err, r.engine.Close())
	}
	return nil
}

// Source gives the captured messages of a table.
func (r *run) Source(n *plan.Source, env *expr.Env) (*dataflow.SourceBinding, error) {
	number, err := r.captured(n.Table)
	if err != nil {
		return nil, err
	}
	if number < 0 {
		r.live = append(r.live, n.Table.Name)
		return agent.OpenSource(r.plan, n, env, agent.Options{AllowPaths: r.o.AllowPaths}, r.file)
	}
	c, err := capture.Open(r.path, r.o.Keys)
	if err != nil {
		return nil, err
	}
	s := &source{r: c, number: number, pace: r.pace, open: r.o.Open}
	r.sources = append(r.sources, s)
	return &dataflow.SourceBinding{
		Messages: s, Decoder: agent.SourceDecoder(n), Metadata: dataflow.NewMetadataReader(n.Columns), Log: r.header.Sources[number].Stream,
	}, nil
}

// captured is the number in the capture of what a table reads: the source of its name, or
// the only one of its stream. It is -1 for a table that reads no stream.
func (r *run) captured(t *plan.Table) (int, error) {
	if t.Connector() != "nats" {
		return -1, nil
	}
	var same []int
	var names []string
	for i, s := range r.header.Sources {
		if s.Table == t.Name {
			return i, nil
		}
		if s.Stream == t.Options["nats.stream"] {
			same = append(same, i)
		}
		names = append(names, s.Table)
	}
	if len(same) == 1 {
		return same[0], nil
	}
	return 0, fmt.Errorf("the capture has no messages of table %s, but of %s: capture it with --source %s", t.Name, strings.Join(names, ", "), t.Name)
}

// Sink keeps the rows of a sink.
func (r *run) Sink(n *plan.Sink, env *expr.Env) (*dataflow.SinkBinding, error) {
	t := r.tables[n.Table.Name]
	if t == nil {
		t = pipetest.NewTable(n, env)
		r.tables[n.Table.Name] = t
		r.order = append(r.order, n.Table.Name)
	}
	return &dataflow.SinkBinding{Printer: t}, nil
}

// Diverted keeps dead letters and late rows.
func (r *run) Diverted(output string) (dataflow.FrameWriter, error) {
	l := &letters{}
	r.letters[output] = l
	return l, nil
}

// letters is a FrameWriter that keeps what it is given.
type letters struct{ all []dataflow.Letter }

// Append keeps a letter.
func (l *letters) Append(payload, _ []byte, _ vec.RowKind, _ int64) {
	var x dataflow.Letter
	if err := json.Unmarshal(payload, &x); err != nil {
		x.Reason = err.Error() // the engine has just written it as JSON
	}
	l.all = append(l.all, x)
}

// Len is 0: there is no frame.
func (l *letters) Len() int { return 0 }

// Rows is 0: there is no frame.
func (l *letters) Rows() int { return 0 }

// Seal has nothing to do.
func (l *letters) Seal(uint64) []byte { return nil }

// stepWait is how long a step waits for messages that are not due.
const stepWait = 50 * time.Millisecond

// steps runs the engine to the capture's end.
func (r *run) steps() error {
	r.printed = map[string]int{}
	for {
		p, err := r.engine.Step(stepWait, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := r.print(); err != nil {
			return err
		}
		switch {
		case p.Ended:
			return nil
		case r.o.Open && !p.Taken && r.drained():
			return nil
		case r.ctx.Err() != nil:
			fmt.Fprintln(r.o.Messages, "interrupted: windows that are open do not show")
			return nil
		}
	}
}

// drained tells that every source is at the end of the capture.
func (r *run) drained() bool {
	return !slices.ContainsFunc(r.sources, func(s *source) bool { return !s.end || s.held })
}

// print prints the changes that are new.
func (r *run) print() error {
	for _, name := range r.order {
		t := r.tables[name]
		for ; r.printed[name] < t.Changes(); r.printed[name]++ {
			if err := r.change(name, t, r.printed[name]); err != nil {
				return err
			}
		}
	}
	return r.w.Flush()
}

func (r *run) change(name string, t *pipetest.Table, i int) error {
	if !r.o.JSON {
		prefix := name + "> "
		if len(r.order) == 1 {
			prefix = ""
		}
		_, err := fmt.Fprintf(r.w, "%s%s\n", prefix, t.Change(i))
		return err
	}
	kind, cells := t.Cells(i)
	row := map[string]*string{}
	for j, c := range t.Columns() {
		row[c] = cells[j]
	}
	return json.NewEncoder(r.w).Encode(map[string]any{"table": name, "op": kind, "row": row})
}

// report says what was read and what became of it.
func (r *run) report() {
	l := r.engine.Ledger()
	for _, s := range l.Sources {
		fmt.Fprintf(r.o.Messages, "%s: %d events read, %d cannot be decoded\n", s.Name, s.Read, s.Undecodable)
	}
	for _, name := range r.order {
		fmt.Fprintf(r.o.Messages, "%s: %d changes\n", name, r.tables[name].Changes())
	}
	for _, output := range []string{dataflow.DeadLetters, dataflow.LateRows} {
		all := r.letters[output].all
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(r.o.Messages, "%s: %d (%s)\n", output, len(all), classes(all))
		if !r.o.Letters {
			continue
		}
		for i := range all {
			b, err := json.Marshal(&all[i])
			if err != nil {
				b = []byte(err.Error())
			}
			fmt.Fprintf(r.o.Messages, "  %s\n", b)
		}
	}
	for _, s := range r.sources {
		if s.r.Torn > 0 {
			fmt.Fprintf(r.o.Messages, "%s: the end of %d segments is cut off; what is before it was read\n", r.path, s.r.Torn)
			break
		}
	}
	for _, name := range r.live {
		fmt.Fprintf(r.o.Messages, "%s is not captured: it was read as it is\n", name)
	}
}

// classes counts letters by class.
func classes(all []dataflow.Letter) string {
	n := map[string]int{}
	for _, l := range all {
		n[l.Class]++
	}
	var out []string
	for _, c := range []string{dataflow.ClassDecode, dataflow.ClassCompute, dataflow.ClassTooLarge, dataflow.ClassLate, dataflow.ClassClock} {
		if n[c] > 0 {
			out = append(out, fmt.Sprintf("%d %s", n[c], c))
		}
	}
	return strings.Join(out, ", ")
}
