package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// Compaction says how rows of a sink, the results of TUMBLE windows, are merged into rows of
// wider windows while they wait in the outbox (option 'edgeflow.outbox.compact').
type Compaction struct {
	// Widths are the lengths of the wider windows, ascending; each divides the next.
	Widths []time.Duration
	// Start and End are the columns of the sink's schema with the bounds of the window, Time
	// the one with its last millisecond; -1 where there is none. End is always there.
	Start, End, Time int
	// Keys are the columns that rows to be merged agree in.
	Keys []int
	// Merge are the columns that are merged, each by the aggregate over it in Calls.
	Merge []int
	Calls []*expr.AggCall
}

const compactOption = "edgeflow.outbox.compact"

// ParseWidths reads the widths of wider windows: durations with commas between, ascending,
// each a multiple of the one before.
func ParseWidths(s string) ([]time.Duration, error) {
	var out []time.Duration
	for _, part := range strings.Split(s, ",") {
		d, err := ParseDuration(part)
		if err != nil {
			return nil, err
		}
		if d < time.Millisecond || d%time.Millisecond != 0 {
			return nil, fmt.Errorf("a window of %s; expected whole milliseconds", FormatDuration(d))
		}
		if n := len(out); n > 0 && (d <= out[n-1] || d%out[n-1] != 0) {
			return nil, fmt.Errorf("%s does not divide %s; expected ascending lengths such as '1 min, 1 h'", FormatDuration(out[n-1]), FormatDuration(d))
		}
		out = append(out, d)
	}
	return out, nil
}

func widthsText(widths []time.Duration) string {
	var out []string
	for _, d := range widths {
		out = append(out, FormatDuration(d))
	}
	return strings.Join(out, ", ")
}

func widthsOption(key, doc string, field func(*Config) *[]time.Duration) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(c *Config, v string) error { return into(field(c), ParseWidths, v) },
		get: func(c *Config) string { return widthsText(*field(c)) }}
}

// compactions finds out how the rows of each sink can be merged. A table that asks for what
// cannot be done is an error; where the pipeline asks for it, such a table gets a warning.
func (l *lowering) compactions() error {
	for _, n := range l.plan.Sinks {
		text, own := n.Table.Options[compactOption]
		widths, span := l.b.cfg.OutboxCompact, l.targets[n].span
		if own {
			span = n.Table.spans[compactOption]
			var err error
			if widths, err = ParseWidths(text); err != nil {
				return l.b.errorf(span, "option '%s': %v", compactOption, err)
			}
		}
		if len(widths) == 0 || n.Table.Synthetic || n.Table.Connector() == "print" || n.Table.Connector() == "blackhole" {
			continue
		}
		c, err := compaction(n, widths)
		switch {
		case err == nil:
			n.Compaction = c
		case own:
			return l.b.errorf(span, "option '%s': rows of table %s cannot be merged: %s", compactOption, n.Table.Name, err.why).WithHint("%s", err.hint)
		default:
			l.b.warnf(span, "rows of table %s are not merged by '%s': %s", n.Table.Name, compactOption, err.why)
		}
	}
	return nil
}

// unmergeable says why rows cannot be merged, and what to do.
type unmergeable struct{ why, hint string }

func compaction(n *Sink, widths []time.Duration) (*Compaction, *unmergeable) {
	if len(n.PrimaryKey) > 0 || n.Upserts {
		return nil, &unmergeable{"it has a PRIMARY KEY, and two rows for parts of one window would replace each other", "leave the key out, so that rows are added up at the hub"}
	}
	if n.Table.Partitioned || slices.ContainsFunc(n.Metadata, func(k string) bool { return k != "" }) {
		return nil, &unmergeable{"it has metadata columns or partitions, which are kept outside of the rows", "leave them out, or the option"}
	}
	w, from, why := resultsOf(n)
	if why != nil {
		return nil, why
	}
	if w.Window.Kind != Tumble || w.Window.Attached() || w.Late == LateCorrect {
		return nil, &unmergeable{"only results of TUMBLE windows that are never revised can be", "windows that overlap or move cannot be added up"}
	}
	if size := widths[0].Milliseconds(); w.Window.Offset != 0 || size <= w.Window.Size || size%w.Window.Size != 0 {
		return nil, &unmergeable{fmt.Sprintf("windows of %s do not fill one of %s", FormatDuration(time.Duration(w.Window.Size)*time.Millisecond), FormatDuration(widths[0])),
			"give a multiple of the window's length, and windows without an offset"}
	}
	c := &Compaction{Widths: widths, Start: -1, End: -1, Time: -1}
	for i, e := range from {
		if why := c.column(n, w, i, e); why != nil {
			return nil, why
		}
	}
	if c.End < 0 {
		return nil, &unmergeable{"it has no column with the window's end", "write window_end (and window_start) into a column of type TIMESTAMP(3)"}
	}
	return c, nil
}

// resultsOf finds the window aggregate behind a sink, and for each column of the sink what
// it is over the aggregate's columns.
func resultsOf(n *Sink) (*WindowAggregate, []expr.Node, *unmergeable) {
	in := n.Base().Inputs[0]
	from := make([]expr.Node, len(n.Base().Schema))
	for i := range from {
		from[i] = &expr.Col{Index: i, T: n.Base().Schema[i].Type}
	}
	for {
		switch x := in.(type) {
		case *WindowAggregate:
			return x, from, nil
		case *Calc:
			if x.Filter != nil {
				return nil, nil, &unmergeable{"HAVING leaves rows out that count in a wider window", "filter at the hub"}
			}
			for i, e := range from {
				if col, ok := e.(*expr.Col); ok {
					from[i] = x.Project[col.Index]
				} else if !constant(e) {
					return nil, nil, &unmergeable{fmt.Sprintf("column %s is computed from results", n.Base().Schema[i].Name), "write the results themselves and compute at the hub"}
				}
			}
			in = x.Base().Inputs[0]
		default:
			return nil, nil, &unmergeable{"they are no results of a window aggregation", "leave the option out for this table"}
		}
	}
}

func constant(e expr.Node) bool {
	_, ok := e.(*expr.Lit)
	return ok
}

// column takes in what column i of the sink is: e, over the columns of w.
func (c *Compaction) column(n *Sink, w *WindowAggregate, i int, e expr.Node) *unmergeable {
	name := n.Base().Schema[i].Name
	col, ok := e.(*expr.Col)
	if !ok {
		if !constant(e) {
			return &unmergeable{fmt.Sprintf("column %s is computed from results, or converted", name),
				"write the results themselves, in columns of exactly their types, and compute at the hub"}
		}
		c.Keys = append(c.Keys, i)
		return nil
	}
	k := col.Index
	if k < len(w.Keys) {
		c.Keys = append(c.Keys, i)
		return nil
	}
	if k -= len(w.Keys); k >= len(w.Aggs) {
		switch w.Props[k-len(w.Aggs)] {
		case PropStart:
			c.Start = i
		case PropEnd:
			c.End = i
		default:
			c.Time = i
		}
		return nil
	}
	call := w.Aggs[k].Call
	with := map[string]string{"COUNT": "SUM", "SUM": "SUM", "MIN": "MIN", "MAX": "MAX"}[call.Func.Name]
	if with == "" || call.Distinct {
		return &unmergeable{fmt.Sprintf("column %s is %s; only COUNT, SUM, MIN and MAX without DISTINCT add up", name, call),
			"for an average write SUM and COUNT and divide at the hub"}
	}
	by, err := expr.NewAgg(with, []expr.Node{&expr.Col{Index: i, Name: name, T: call.T}}, expr.AggOptions{})
	if err != nil || !by.T.Nullable().Equal(call.T.Nullable()) {
		return &unmergeable{fmt.Sprintf("column %s is %s, whose results do not add up to their own type", name, call), "write it with another type"}
	}
	if set, err := expr.NewAggSet([]*expr.AggCall{by}, nil, false); err != nil || set.NeedsHeap() || set.NeedsTree() {
		return &unmergeable{fmt.Sprintf("column %s is %s over values without a fixed length", name, call), "leave it out, or the option"}
	}
	c.Merge, c.Calls = append(c.Merge, i), append(c.Calls, by)
	return nil
}
