package op

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// What follows is the WindowAggregate's face for generated code that adds rows by itself.

// WindowPanes leads generated code to the panes of a WindowAggregate. It holds one pane in
// hand, since rows of one pane follow each other mostly.
type WindowPanes struct {
	o *WindowAggregate
	// From and To bound the wall times, in ms, whose rows are of the pane in hand; both 0
	// when there is none.
	From, To int64
	table    *state.Table
	windows  int64 // that a row of the pane is in
	rows     int64 // not accounted for yet, of the pane in hand
	taken    int64 // since the last Account
}

// Fusable tells whether generated code can stand in for the operator's Process: rows are
// assigned by event time, are never taken back, and aggregates keep their state in the row
// or in the pane's heap.
func (o *WindowAggregate) Fusable() bool {
	return !o.cfg.Window.ProcTime && o.cfg.Window.Kind != Attached && !o.cfg.Retracting && !o.set.NeedsTree()
}

// Panes makes the way in.
func (o *WindowAggregate) Panes() *WindowPanes { return &WindowPanes{o: o} }

// Wall is the wall time by which an instant is assigned to windows, both in ms since 1970.
func (p *WindowPanes) Wall(t int64) int64 { return p.o.clock.wall(t) }

// Take takes the pane of wall time t into hand. It is false, and nothing has changed, when
// one of the windows over the pane has fired or there is none: such a row is for Process.
func (p *WindowPanes) Take(t int64) bool {
	w := p.o.cfg.Window
	start := floorTo(t, w.pane(), w.Offset)
	all := w.count(start, NoWatermark)
	if all == 0 || all != w.count(start, p.o.progress.Int64(progressClosed)) {
		return false
	}
	p.settle()
	p.From, p.To, p.windows, p.table = start, start+w.pane(), all, nil
	return true
}

// settle accounts for the rows of the pane in hand.
func (p *WindowPanes) settle() {
	p.o.ledger.add(rowsIn, p.rows)
	p.o.ledger.add(assigned, p.windows*p.rows)
	p.taken += p.rows
	p.rows = 0
}

// Row is the state of the key's group in the pane in hand, for one more row: {rows i64,
// states of the AggSet}. The caller counts the row there.
func (p *WindowPanes) Row(key []byte) []byte {
	if p.table == nil {
		p.table = p.o.panes.Pane(p.From)
	}
	p.rows++
	r, _ := p.table.Upsert(key)
	return p.table.MutValue(r)
}

// Account gives back what is in hand; arrival is that of the newest row.
func (p *WindowPanes) Account(arrival int64) {
	p.settle()
	if p.taken > 0 {
		arrived(p.o.progress, arrival)
	}
	p.taken, p.From, p.To, p.table = 0, 0, 0, nil
}

// Heap is where the states of the pane in hand keep what does not fit into the row. It is
// valid until the next Take or Account.
func (p *WindowPanes) Heap() *state.Heap {
	if p.table == nil {
		p.table = p.o.panes.Pane(p.From)
	}
	return p.table.Heap()
}

// Set is the aggregates whose states the rows hold.
func (p *WindowPanes) Set() *expr.AggSet { return p.o.set }

// Input is the types of the rows that the windows aggregate.
func (p *WindowPanes) Input() []types.Type { return p.o.cfg.Input }

// RowLayout describes the bytes of a row: what generated code was made for.
func (p *WindowPanes) RowLayout() string { return RowLayout(p.o.set) }

// RowLayout describes the bytes of a group's row in a pane: a part a line, with its offset
// and size.
func RowLayout(set *expr.AggSet) string {
	var b strings.Builder
	b.WriteString("0 8 rows")
	for _, f := range set.Fields() {
		fmt.Fprintf(&b, "\n%d %d %s", f.Offset+8, f.Size, f.Name)
	}
	return b.String()
}
