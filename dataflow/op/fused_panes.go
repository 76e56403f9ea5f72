package op

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// What follows is the WindowAggregate's face for generated code that adds rows by itself.

// WindowPanes leads generated code to the panes of a WindowAggregate. It holds two panes in
// hand, the one of the newest row and the one before, since the rows of a third are rare.
//
// Rows are added one by one while the pane has few groups, whose memory is near. Where it
// has many, rows are held until there are some, so that the memory of all is reached for at
// once, as the operator does it for a batch.
type WindowPanes struct {
	*hand // of the newest row
	hands [2]hand

	o     *WindowAggregate
	near  near
	place *nearRow // that of the key in hand, or nil
	taken int64    // since the last Account
	// now is the arrival time of the row in hand, at that of the newest row taken.
	now *int64
	at  int64

	update func(slot int, row []byte) // adds a row that was held
}

// hand is a pane in hand.
type hand struct {
	// From and To bound the wall times, in ms, whose rows are of the pane; both 0 when
	// there is none.
	From, To int64
	// Many tells that the pane has many groups: rows are to be held. Slot is that of the
	// next one.
	Many bool
	Slot int

	table   *state.Table
	windows int64  // that a row of the pane is in
	rows    int64  // not accounted for yet
	first   int    // slot
	keys    []byte // of the held rows
	offs    []uint32
}

const (
	// manyGroups is the number of groups from which on rows of a pane are held.
	manyGroups = 1 << 12
	// maxHeld is how many rows of a pane are held at most.
	maxHeld = 128
	// HeldSlots is the number of slots for rows that are held.
	HeldSlots = 2 * maxHeld
)

// Fusable tells whether generated code can stand in for the operator's Process: rows are
// assigned by event time, are never taken back, and aggregates keep their state in the row
// or in the pane's heap.
func (o *WindowAggregate) Fusable() bool {
	return !o.cfg.Window.ProcTime && o.cfg.Window.Kind != Attached && !o.cfg.Retracting && !o.set.NeedsTree()
}

// Panes makes the way in. now holds the arrival time of a row while Row is called for it.
func (o *WindowAggregate) Panes(now *int64) *WindowPanes {
	p := &WindowPanes{o: o, now: now}
	p.hands[1].first, p.hands[1].Slot = maxHeld, maxHeld
	p.hand = &p.hands[0]
	return p
}

// Wall is the wall time by which an instant is assigned to windows, both in ms since 1970.
func (p *WindowPanes) Wall(t int64) int64 { return p.o.clock.wall(t) }

// Take takes the pane of wall time t into hand. It is false, and nothing has changed, when
// one of the windows over the pane has fired or there is none: such a row is for Process.
func (p *WindowPanes) Take(t int64) bool {
	other := &p.hands[0]
	if p.hand == other {
		other = &p.hands[1]
	}
	if t >= other.From && t < other.To {
		p.hand = other
		return true
	}
	w := p.o.cfg.Window
	start := floorTo(t, w.pane(), w.Offset)
	all := w.count(start, NoWatermark)
	if all == 0 || all != w.count(start, p.o.progress.Int64(progressClosed)) {
		return false
	}
	p.hand = other
	p.settle()
	p.From, p.To, p.windows = start, start+w.pane(), all
	return true
}

// settle adds the rows that are held, accounts for those of the pane, and lets go of it.
func (p *WindowPanes) settle() {
	p.let()
	p.o.ledger.add(rowsIn, p.rows)
	p.o.ledger.add(assigned, p.windows*p.rows)
	p.taken += p.rows
	p.From, p.To, p.rows, p.table, p.Many = 0, 0, 0, nil, false
}

// Row is the state of the key's group in the pane in hand, for one more row: {rows i64,
// states of the AggSet}. The caller counts the row there.
func (p *WindowPanes) Row(key []byte) []byte {
	t := p.open()
	p.rows++
	p.at = *p.now
	r, created := t.Upsert(key)
	if created {
		p.Many = p.update != nil && t.Len() >= manyGroups
	}
	if p.place != nil {
		p.place.row, p.place = r, nil
	}
	return t.MutValue(r)
}

// open opens the table of the pane in hand.
func (p *WindowPanes) open() *state.Table {
	if p.table == nil {
		p.table = p.o.panes.Pane(p.From)
		p.Many = p.update != nil && p.table.Len() >= manyGroups
	}
	return p.table
}

// OnLet makes panes with many groups hold rows; update is then called for each of them, by
// slot, with the state as Row gives it.
func (p *WindowPanes) OnLet(update func(slot int, row []byte)) {
	p.update = update
	for i := range p.hands {
		p.hands[i].offs = make([]uint32, 1, maxHeld+1)
	}
}

// Hold holds a row, in Slot.
func (p *WindowPanes) Hold(key []byte) {
	p.rows++
	p.at = *p.now
	p.keys = append(p.keys, key...)
	p.offs = append(p.offs, uint32(len(p.keys)))
	if p.Slot++; p.Slot == p.first+maxHeld {
		p.let()
	}
}

// let adds the rows that are held.
func (p *WindowPanes) let() {
	n := p.Slot - p.first
	if n == 0 {
		return
	}
	rows := p.o.rows[:n]
	p.table.UpsertBatch(p.keys, p.offs, rows, p.o.created[:n])
	for i, r := range rows {
		p.update(p.first+i, p.table.MutValue(r))
	}
	p.Slot, p.keys, p.offs = p.first, p.keys[:0], p.offs[:1]
}

// Account gives back what is in hand.
func (p *WindowPanes) Account() {
	for i := range p.hands {
		p.hand = &p.hands[i]
		p.settle()
	}
	if p.taken > 0 {
		arrived(p.o.progress, p.at)
	}
	p.taken = 0
}

// Heap is where the states of the pane in hand keep what does not fit into the row. It is
// valid until the next Take or Account.
func (p *WindowPanes) Heap() *state.Heap {
	return p.open().Heap()
}

// Set is the aggregates whose states the rows hold.
func (p *WindowPanes) Set() *expr.AggSet { return p.o.set }

// Input is the types of the rows that the windows aggregate.
func (p *WindowPanes) Input() []types.Type { return p.o.cfg.Input }

// RowLayout describes the bytes of a row: what generated code was made for.
func (p *WindowPanes) RowLayout() string { return RowLayout(p.o.set) }

// RowLayout describes the bytes of a group's row in a pane: each part's offset, size and
// expr.AggKind.
func RowLayout(set *expr.AggSet) string {
	var b strings.Builder
	b.WriteString("0+8")
	for _, p := range set.Parts() {
		fmt.Fprintf(&b, " %d+%d:%d", p.Offset+8, p.Size, p.Kind)
	}
	return b.String()
}
