package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/edgeflow/edgeflow/connector/secret"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// QueryOptions configure Query.
type QueryOptions struct {
	Options
	// Files define tables; INSERTs in them are left out.
	Files []string
	// Limit ends after so many rows of the changelog; 0 is any number.
	Limit int
	// Changelog prints changes as lines instead of drawing the table anew.
	Changelog bool
	// Duration ends the query; 0 runs until interrupted.
	Duration time.Duration
}

// Query runs a script that ends in a SELECT and shows its result as it changes. Rows are
// shown before they are committed, and nothing of the query is kept.
func Query(ctx context.Context, w io.Writer, text string, o QueryOptions) error {
	if err := (Script{File: "query", Text: text}).RefuseInPlace("the processes of this host are shown with it"); err != nil {
		return err
	}
	p, err := compileQuery(text, o.Files)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "edgeflow-query-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := o.Options
	if opts.AllowPaths != nil {
		opts.AllowPaths = slices.Clone(opts.AllowPaths)
		for _, f := range o.Files {
			opts.AllowPaths = append(opts.AllowPaths, filepath.Dir(f))
		}
	}
	if opts.Listen == "127.0.0.1:9464" {
		opts.Listen = "" // a running edgeflow has the default address
	}
	if opts.LogLevel == "info" {
		opts.LogLevel = "warn"
	}
	a, err := New(opts)
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	t := newLiveTable(w, p, o, cancel)
	t.head()
	pl, err := a.addQuery(ctx, p, dir, t)
	if err != nil {
		return err
	}
	t.follow(pl)
	return pl.Err()
}

// compileQuery puts the table definitions of the files before the text.
func compileQuery(text string, files []string) (*plan.Plan, error) {
	var b strings.Builder
	for _, f := range files {
		def, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		script, err := sql.Parse(f, string(def))
		if err != nil {
			return nil, secret.NewMasker(string(def)).Error(err)
		}
		for _, s := range script.Statements {
			switch s.(type) {
			case *sql.Insert, *sql.StatementSet, *sql.QueryStmt, *sql.Explain:
			default:
				b.WriteString(script.Source.Slice(s.Range()))
				b.WriteString(";\n")
			}
		}
	}
	b.WriteString(text)
	p, err := Compile("query", b.String())
	if err != nil {
		return nil, err
	}
	if len(p.Sinks) != 1 || !p.Sinks[0].Table.Synthetic {
		return nil, fmt.Errorf("a query ends in one SELECT; to run INSERTs use `edgeflow run`")
	}
	return p, nil
}

// liveTable shows the result of a query: the table as it is, drawn a few times a second,
// or its changelog.
type liveTable struct {
	w      io.Writer
	schema plan.Schema
	env    *expr.Env
	o      QueryOptions
	done   func()

	mu    sync.Mutex
	rows  map[string]int // printed row: how often it is there
	seen  int
	dirty bool
}

func newLiveTable(w io.Writer, p *plan.Plan, o QueryOptions, done func()) *liveTable {
	return &liveTable{w: w, schema: p.Sinks[0].Base().Schema, env: p.Config.Env(), o: o, done: done, rows: map[string]int{}}
}

// head begins a changelog, before there are rows.
func (t *liveTable) head() {
	if t.o.Changelog {
		fmt.Fprintf(t.w, "op\t%s\n", strings.Join(t.schema.Names(), "\t"))
	}
}

// Print takes the rows of a batch.
func (t *liveTable) Print(b *vec.Batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range b.Rows() {
		if t.o.Limit > 0 && t.seen >= t.o.Limit {
			break
		}
		i := b.Row(k)
		t.seen++
		line := t.text(b, i)
		if t.o.Changelog {
			fmt.Fprintf(t.w, "%s\t%s\n", b.Kind(i), line)
		} else if b.Kind(i).Retracts() {
			if t.rows[line]--; t.rows[line] <= 0 {
				delete(t.rows, line)
			}
		} else {
			t.rows[line]++
		}
	}
	t.dirty = true
	if t.o.Limit > 0 && t.seen >= t.o.Limit {
		t.done()
	}
	return nil
}

// Close has nothing to do.
func (t *liveTable) Close() error { return nil }

func (t *liveTable) text(b *vec.Batch, i int) string {
	parts := make([]string, len(b.Cols))
	for c, v := range b.Cols {
		parts[c] = "NULL"
		if !v.IsNull(i) {
			parts[c] = Cell(string(expr.FormatDatum(nil, v.Get(i), t.schema[c].Type, t.env)))
		}
	}
	return strings.Join(parts, "\t")
}

// follow draws until the pipeline has ended.
func (t *liveTable) follow(p *Pipeline) {
	if t.o.Changelog {
		<-p.Done()
		return
	}
	terminal := isTerminal(t.w)
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			t.draw(terminal)
			return
		case <-tick.C:
			if terminal {
				t.draw(true)
			}
		}
	}
}

// rowsShown bounds what is drawn of a long result.
const rowsShown = 40

func (t *liveTable) draw(clear bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if clear && !t.dirty {
		return
	}
	t.dirty = false
	var b strings.Builder
	if clear {
		b.WriteString("\x1b[H\x1b[2J")
	}
	tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(t.schema.Names(), "\t"))
	lines := make([]string, 0, len(t.rows))
	total := 0
	for l, n := range t.rows {
		total += n
		for range n {
			if len(lines) < 100_000 {
				lines = append(lines, l)
			}
		}
	}
	sort.Strings(lines)
	if clear && len(lines) > rowsShown {
		lines = lines[len(lines)-rowsShown:]
	}
	for _, l := range lines {
		fmt.Fprintln(tw, l)
	}
	tw.Flush()
	fmt.Fprintf(&b, "%d rows, %d changes (uncommitted)\n", total, t.seen)
	io.WriteString(t.w, b.String())
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
