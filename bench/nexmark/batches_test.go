package nexmark

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestContentsDoNotFollowFromBatches runs every query with batches of several sizes and
// with restarts from checkpoints at random moments, and wants the same rows to be left: at a
// rate that makes many events of one millisecond, and at one that makes many windows.
func TestContentsDoNotFollowFromBatches(t *testing.T) {
	set, err := Load(published)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no published texts beside the checkout")
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteSideInput(dir); err != nil {
		t.Fatal(err)
	}
	all := func(*rand.Rand) int { return vec.BatchSize }
	few := func(*rand.Rand) int { return 7 }
	some := func(r *rand.Rand) int { return 1 + r.IntN(300) }
	type cut struct {
		what     string
		size     func(r *rand.Rand) int
		restarts int
	}
	for _, c := range []struct {
		rate   string
		events int64
		cuts   []cut
	}{
		{"1000000", 20_000, []cut{{"batches of 7", few, 0}, {"random batches, restarted", some, 10}}},
		{"500", 5_000, []cut{{"random batches, restarted", some, 10}}},
	} {
		s := &Set{Queries: set.Queries, Patterns: set.Patterns, DDL: maps.Clone(set.DDL)}
		s.DDL["ddl_gen"] = strings.ReplaceAll(set.DDL["ddl_gen"], "${TPS}", c.rate)
		for _, name := range set.Names() {
			t.Run(name+" at "+c.rate, func(t *testing.T) {
				text, err := s.Script(name, c.events)
				if err != nil {
					t.Fatal(err)
				}
				text = strings.ReplaceAll(text, "${FLINK_HOME}", dir)
				want := newTrial(t, text, all, 0).run()
				if len(want) == 0 {
					t.Fatal("no rows")
				}
				for _, v := range c.cuts {
					tr := newTrial(t, text, v.size, v.restarts)
					if d := differing(tr.run(), want); d != "" {
						t.Errorf("%s: %s", v.what, d)
					}
					if tr.restarts == v.restarts && v.restarts > 0 {
						t.Errorf("%s: none came", v.what)
					}
				}
			})
		}
	}
}

// differing counts the rows that are not in both, and shows some.
func differing(got, want map[string]int) string {
	n, shown := 0, ""
	for _, side := range []struct {
		sign    string
		in, not map[string]int
	}{{"+", got, want}, {"-", want, got}} {
		for _, row := range slices.Sorted(maps.Keys(side.in)) {
			if side.in[row] > side.not[row] {
				if n++; n <= 4 {
					shown += "\n" + side.sign + row
				}
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d rows differ:%s", n, shown)
}

// trial runs a script in an engine that starts again from its last checkpoint now and then.
type trial struct {
	t        *testing.T
	plan     *plan.Plan
	size     func(*rand.Rand) int
	restarts int // that are left
	rnd      *rand.Rand

	rows     map[string]int // as committed
	since    []string       // changes since
	pages    map[state.PageID][]byte
	roots    state.Roots
	manifest []byte
	epoch    state.Epoch
	env      expr.Env
}

func newTrial(t *testing.T, text string, size func(*rand.Rand) int, restarts int) *trial {
	t.Helper()
	script, err := sql.Parse("query.sql", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(script, plan.Options{Functions: nexmark.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	return &trial{t: t, plan: p, size: size, restarts: restarts, rows: map[string]int{}, pages: map[state.PageID][]byte{},
		rnd: rand.New(rand.NewPCG(1, 2))}
}

// Source cuts the events into batches.
func (r *trial) Source(n *plan.Source, env *expr.Env) (*dataflow.SourceBinding, error) {
	b, err := connectors{r, nil}.Source(n, env)
	if err == nil && b.Rows != nil {
		b.Rows = cutter{b.Rows, func() int { return r.size(r.rnd) }}
	}
	return b, err
}

func (r *trial) Sink(*plan.Sink, *expr.Env) (*dataflow.SinkBinding, error) {
	return &dataflow.SinkBinding{Printer: r}, nil
}

func (r *trial) Diverted(string) (dataflow.FrameWriter, error) { return &discard{}, nil }

// cutter hands out fewer rows at a time.
type cutter struct {
	dataflow.RowSource
	size func() int
}

func (c cutter) Next(b *vec.Batch, limit int, now int64) (uint64, error) {
	return c.RowSource.Next(b, min(limit, c.size()), now)
}

// Print notes changes.
func (r *trial) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		r.since = append(r.since, op.FormatRow(b, b.Row(k), &r.env))
	}
	return nil
}

func (r *trial) Close() error { return nil }

// open starts an engine from the last checkpoint.
func (r *trial) open() *dataflow.Engine {
	arena, err := state.NewArena(state.Options{})
	r.check(err)
	var m *dataflow.Manifest
	if r.manifest != nil {
		m, err = dataflow.DecodeManifest(r.manifest)
		r.check(err)
		r.check(arena.Restore(r.roots, func(fn func(state.PageID, []byte) error) error {
			for p, image := range r.pages {
				if err := fn(p, image); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	e, err := dataflow.New(dataflow.Options{Plan: r.plan, Connectors: r, Arena: arena, Restored: m})
	r.check(err)
	_, err = e.Open(context.Background())
	r.check(err)
	return e
}

func (r *trial) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// run runs to the end and returns the rows that are left, with how often they are there.
func (r *trial) run() map[string]int {
	e := r.open()
	for {
		p, err := e.Step(0, 1<<60)
		r.check(err)
		if p.Ended {
			break
		}
		switch {
		case r.restarts > 0 && r.rnd.IntN(8) == 0:
			r.commit(e)
		case r.restarts > 0 && r.manifest != nil && r.rnd.IntN(4) == 0:
			r.restarts--
			r.since = r.since[:0]
			r.check(e.Close())
			e = r.open()
		}
	}
	r.apply()
	r.check(e.Close())
	return r.rows
}

// commit takes a checkpoint.
func (r *trial) commit(e *dataflow.Engine) {
	r.epoch++
	c := e.Barrier(r.epoch)
	r.check(c.Delta.Each(func(p state.PageID, image []byte) error {
		r.pages[p] = slices.Clone(image)
		return nil
	}))
	r.check(c.Delta.Freed(func(p state.PageID) error {
		delete(r.pages, p)
		return nil
	}))
	var err error
	r.manifest, err = c.Manifest.MarshalMsg(nil)
	r.check(err)
	r.roots = c.Delta.Roots()
	c.Delta.Done()
	e.Committed(c.Manifest)
	r.apply()
}

// apply collapses the changes since the last checkpoint.
func (r *trial) apply() {
	for _, change := range r.since {
		kind, row := change[:2], change[2:]
		if kind == "-U" || kind == "-D" {
			if r.rows[row]--; r.rows[row] == 0 {
				delete(r.rows, row)
			}
			continue
		}
		r.rows[row]++
	}
	r.since = r.since[:0]
}
