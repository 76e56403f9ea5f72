package dataflow

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// build makes an operator for each node of the plan and connects them.
func (e *Engine) build() error {
	for _, n := range e.plan.Nodes {
		v := &vertex{node: n}
		e.vertices = append(e.vertices, v)
		if s, ok := n.(*plan.Source); ok {
			if err := e.addSource(s, v); err != nil {
				return err
			}
			continue
		}
		var err error
		if v.op, err = e.operator(n); err != nil {
			v.op = nil
			return fmt.Errorf("%s: %w", n.Kind(), err)
		}
	}
	for ordinal, edges := range e.plan.Consumers() {
		for _, c := range edges {
			v := e.vertices[ordinal]
			v.out.edges = append(v.out.edges, edge{to: e.vertices[c.Node.Base().Ordinal], input: c.Input})
		}
	}
	for _, v := range e.vertices {
		if s, ok := v.op.(*sink); ok {
			s.fieldMax = e.resultMax()
		}
	}
	e.letters.sources = e.sources
	lookups := e.plan.LookupTables()
	for _, in := range e.sources {
		if slices.Contains(lookups, in.node.Table.Name) {
			in.loading, in.keyAt = true, in.keyColumn()
		}
	}
	return nil
}

func (e *Engine) addSource(n *plan.Source, v *vertex) error {
	bind, err := e.conns.Source(n, e.env)
	if err != nil {
		return fmt.Errorf("source %s: %w", n.Table.Name, err)
	}
	in, err := newIngest(n, len(e.sources), bind, &v.out, e.letters)
	if err != nil {
		return fmt.Errorf("source %s: %w", n.Table.Name, errors.Join(err, in.close()))
	}
	in.bound(e.plan.Config.Admission(n.Table))
	e.sources = append(e.sources, in)
	return nil
}

// ErrOutputName is returned, wrapped, for a sink whose table is named like another output:
// "dead-letters" and "late" are the engine's own.
var ErrOutputName = errors.New("the pipeline has another output of this name: give the table another one")

func (e *Engine) addSink(n *plan.Sink) (op.Operator, error) {
	bind, err := e.conns.Sink(n, e.env)
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", n.Table.Name, err)
	}
	var out *Output
	if bind.Printer == nil {
		if slices.Contains(e.Outputs(), n.Name) {
			return nil, fmt.Errorf("sink %s: %w", n.Name, ErrOutputName)
		}
		out = newOutput(n.Name, bind.Frames)
		if n.Upserts && len(n.PrimaryKey) > 0 {
			out.upserts = newCoalescer(n.PrimaryKey)
		}
		e.outputs = append(e.outputs, out)
	}
	return newSink(n, bind, out, &rowErrors{letters: e.letters, node: n, schemas: []plan.Schema{n.Base().Schema}}, e.NowMs), nil
}

// context is what an operator gets.
func (e *Engine) context(v *vertex) *op.Context {
	c := &op.Context{Arena: e.arena, ID: v.node.Base().ID, Out: &v.out, Env: e.env}
	c.Migrated = func(m op.Migration) { e.migrated = append(e.migrated, Migrated{c.ID, m}) }
	errs := &rowErrors{letters: e.letters, node: v.node, input: &v.input}
	for _, in := range v.node.Base().Inputs {
		errs.schemas = append(errs.schemas, in.Base().Schema)
	}
	c.Errors = errs
	c.Results = &rowErrors{letters: e.letters, node: v.node, schemas: []plan.Schema{v.node.Base().Schema}}
	if e.divertsLate(v.node) {
		c.Late = &lateRows{e.letters, e.late, v.node, errs.schemas[0]}
	}
	return c
}

func inputNames(n plan.Node) []string { return n.Base().Inputs[0].Base().Schema.Names() }

func inputTypes(n plan.Node) []types.Type { return n.Base().Inputs[0].Base().Schema.Types() }

func ms(d time.Duration) int64 { return d.Milliseconds() }

func (e *Engine) operator(n plan.Node) (op.Operator, error) {
	switch n := n.(type) {
	case *plan.Calc:
		c := op.CalcConfig{Input: inputTypes(n), Filter: n.Filter, Project: n.Project}
		if !e.interpret {
			var err error
			if c.Code, err = fused.BindCalc(n, e.env); err != nil {
				return nil, err
			}
		}
		return op.NewCalc(c)
	case *plan.WatermarkAssigner:
		return op.NewWatermarkAssigner(e.watermarks(n))
	case *plan.WindowTVF:
		return op.NewWindowTVF(op.WindowTVFConfig{Input: inputTypes(n), Names: inputNames(n), Window: window(n.Window), Keys: n.PartitionBy})
	case *plan.WindowAggregate:
		c := op.WindowAggConfig{Input: inputTypes(n), Names: inputNames(n), Window: window(n.Window), Keys: n.Keys, Aggs: calls(n.Aggs),
			Props: props(n), Retracting: n.Retract, LatenessMs: ms(n.AllowedLateness)}
		if c.Window.Kind == op.Session {
			return op.NewSessionAggregate(c)
		}
		return op.NewWindowAggregate(c)
	case *plan.GroupAggregate:
		return op.NewGroupAggregate(op.GroupAggConfig{Input: inputTypes(n), Names: inputNames(n), Keys: n.Keys, Aggs: calls(n.Aggs),
			Retracting: n.Retract, UpdateBefore: n.EmitBefore, TTLMs: ms(n.Base().StateTTL), MiniBatch: n.MiniBatch})
	case *plan.Union:
		return op.NewUnion(len(n.Base().Inputs))
	case *plan.Unnest:
		return op.NewUnnest(op.UnnestConfig{Input: inputTypes(n), Arg: n.Arg, Pass: n.Pass, Ordinality: n.Ordinality,
			Outer: n.Outer, Output: n.Base().Schema.Types(), Updates: n.Base().Mode.Updates()})
	case *plan.Join:
		return regularJoin(n)
	case plan.BoundedJoin:
		return boundedJoin(n)
	case *plan.MatchRecognize:
		return op.NewMatch(matchConfig(n))
	case *plan.ChangelogNormalize:
		return op.NewChangelogNormalize(op.NormalizeConfig{Input: inputTypes(n), Names: inputNames(n), Keys: n.KeyCols,
			UpdateBefore: n.EmitBefore, TTLMs: ms(n.Base().StateTTL)})
	case *plan.DropUpdateBefore:
		return op.NewDropUpdateBefore(op.DropBeforeConfig{Input: inputTypes(n), AsDelete: n.AsDelete, Keys: n.KeyCols})
	case *plan.Values:
		return op.NewValues(op.ValuesConfig{Output: n.Base().Schema.Types(), Rows: n.Rows})
	case *plan.Rank, *plan.WindowRank, *plan.Over, *plan.Sort, *plan.UpsertMaterialize:
		return orderedOperator(n)
	case *plan.Sink:
		return e.addSink(n)
	}
	return nil, fmt.Errorf("no operator for %T", n)
}

func (e *Engine) watermarks(n *plan.WatermarkAssigner) op.WatermarkConfig {
	c := op.WatermarkConfig{
		Input: inputTypes(n), Time: n.TimeCol, Expr: n.Expr, OnEvent: n.Strategy == plan.OnEvent,
		IntervalMs: ms(n.Interval), Gap: n.Gap, By: -1, ByIdleMs: ms(n.ByTimeout), IdleMs: ms(n.IdleTimeout),
		MaxBehindMs: ms(n.MaxBehind), MaxAheadMs: ms(n.MaxAhead), Ahead: op.Ahead(n.Ahead),
	}
	if len(n.By) > 0 {
		c.By = n.By[0]
	}
	switch {
	case e.guardOff:
		c.MaxAheadMs = 0
	case c.MaxAheadMs > 0 && c.Input[c.Time].Kind == types.Timestamp:
		// Such a time is that of a clock on a wall, and an arrival time is that of UTC.
		c.ZoneMs = aheadOfUTC(e.plan.Config.Zone).Milliseconds()
		c.MaxAheadMs += c.ZoneMs
	}
	return c
}

// aheadOfUTC is by how much the clocks of a zone are ahead of UTC at most, as of the years since
// 2000; 0 where they are behind.
func aheadOfUTC(zone *time.Location) (most time.Duration) {
	for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2038; at = at.AddDate(0, 0, 14) {
		_, offset := at.In(zone).Zone()
		most = max(most, time.Duration(offset)*time.Second)
	}
	return most
}

func window(w plan.Window) op.Window {
	out := op.Window{Kind: op.WindowKind(w.Kind), Size: w.Size, Slide: w.Slide, Offset: w.Offset,
		Time: w.TimeCol, ProcTime: w.ProcTime, Local: w.LTZ, Start: w.StartCol, End: w.EndCol}
	if w.Attached() {
		out.Kind = op.Attached
	}
	return out
}

// calls are the aggregates under their identities.
func calls(aggs []plan.Aggregate) []*expr.AggCall {
	out := make([]*expr.AggCall, len(aggs))
	for i, a := range aggs {
		c := *a.Call
		c.ID = a.ID
		out[i] = &c
	}
	return out
}

func props(n *plan.WindowAggregate) []op.WindowProp {
	out := make([]op.WindowProp, len(n.Props))
	for i, p := range n.Props {
		out[i] = op.WindowProp(p)
		if p == plan.PropTime && n.Window.ProcTime {
			out[i] = op.WindowProcTime
		}
	}
	return out
}
