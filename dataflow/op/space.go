package op

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// layoutVersion is the version of the operators' state layouts.
const layoutVersion = 1

// node is what operators have in common.
type node struct {
	ctx    *Context
	space  *state.Space
	ledger ledger
	layout layout `scratch:"how state is laid out"`
	calm   bool   // a watermark or a tick is in hand
}

// layout collects the columns of an operator's space; its hash covers all of them, but for
// the names of input columns.
type layout struct {
	names []string // of the input columns, where they are known
	cols  []state.Column
	hash  []byte

	// What a migration needs: the aggregates, where their states begin in a row, and how
	// the rows of a space are moved; a nil move is for operators that cannot.
	set      *expr.AggSet
	base     int
	retracts bool
	move     func(s *state.Space, m *expr.AggMove) error
}

func (l *layout) add(structure, name, typ string, key bool, offset, size int) {
	l.hash = fmt.Appendf(l.hash, "%s/%s/%s/%v/%d/%d\n", structure, name, typ, key, offset, size)
	l.cols = append(l.cols, state.Column{Structure: structure, Name: name, Type: typ, Key: key, Offset: offset, Size: size})
}

// column describes input column i, kept as the n-th of its kind.
func (l *layout) column(structure string, n, i int, t types.Type, key bool, offset, size int) {
	l.add(structure, fmt.Sprintf("column %d", n), t.Nullable().Plain().String(), key, offset, size)
	if i < len(l.names) {
		l.cols[len(l.cols)-1].Name = l.names[i]
	}
}

// encoded describes input column i as column does, where a whole row is kept encoded in the
// structure's heap, at a Ref.
func (l *layout) encoded(structure string, n, i int, t types.Type, ref int) {
	l.column(structure, n, i, t, false, ref, 8)
	l.cols[len(l.cols)-1].Heap = true
}

// keys describes a packed key; the offset of a column is its place among them.
func (l *layout) keys(structure string, k *keyCodec) {
	for n, t := range k.types {
		l.column(structure, n, k.cols[n], t, true, n, 0)
	}
}

// aggs describes the states of an AggSet that lie from offset on.
func (l *layout) aggs(structure string, set *expr.AggSet, offset int) {
	l.set, l.base = set, offset
	for _, f := range set.Fields() {
		l.add(structure, f.Text, aggregateType, false, offset+f.Offset, f.Size)
		c := &l.cols[len(l.cols)-1]
		c.ID, c.Refs, c.Floats = f.Name, uint64(f.Refs), uint64(f.Floats)
	}
}

// bind opens the operator's space.
func (n *node) bind(c *Context, l layout) error {
	n.ctx, n.layout = c, l
	s, err := n.openSpace(c)
	if err != nil {
		return err
	}
	n.space = s
	n.ledger = ledger{s.Scalars("ledger", ledgerFields*8)}
	return nil
}

// fail hands a row to the dead letters.
func (n *node) fail(b *vec.Batch, row int, err error) error {
	n.ledger.add(failed, 1)
	if n.ctx.Errors == nil {
		return fmt.Errorf("%s: row %d: %w", n.ctx.ID, row, err)
	}
	return n.ctx.Errors.RowError(b, row, err)
}

// failResult hands a row that the operator has made to the dead letters. It is none of the
// input's, and so not in the ledger.
func (n *node) failResult(b *vec.Batch, row int, err error) error {
	if n.ctx.Results == nil {
		return fmt.Errorf("%s: %w", n.ctx.ID, err)
	}
	return n.ctx.Results.RowError(b, row, err)
}

// Close has nothing to release: state belongs to the arena.
func (n *node) Close() error { return nil }

// ledger counts in pages.
type ledger struct{ s *state.Scalars }

// The fields of a ledger, eight bytes each.
const (
	rowsIn = iota
	filtered
	failed
	dropped
	late
	assigned
	fired
	droppedLate
	ledgerFields
)

func (l ledger) add(field int, n int64) {
	if n != 0 {
		l.s.SetInt64(field*8, l.s.Int64(field*8)+n)
	}
}

// audit reads the ledger; Open is the operator's to fill in.
func (l ledger) audit() Audit {
	at := func(f int) int64 { return l.s.Int64(f * 8) }
	return Audit{Rows: at(rowsIn), Filtered: at(filtered), Failed: at(failed), Dropped: at(dropped), Late: at(late),
		Assigned: at(assigned), Fired: at(fired), DroppedLate: at(droppedLate)}
}

// calmly calls fn, which emits what a watermark or a tick to the time t lets go, and may call
// relieve.
func (n *node) calmly(fn func(t int64) error, t int64) error {
	n.calm = true
	err := fn(t)
	n.calm = false
	return err
}

// relieve keeps memory within its limit while an operator goes through much state. It is
// called where the operator holds no bytes of the arena. Operators before it may hold some
// while they hand rows on, but not while they hand a watermark or a tick on; else this does
// nothing.
func (n *node) relieve() {
	if n.calm {
		n.ctx.Arena.Relieve()
	}
}

// auditOpen reads the ledger of an operator with windows; open counts what is open in its
// state. To read state that is not in memory would take as long as all of it takes, at each
// checkpoint.
func (n *node) auditOpen(open func() int64) Audit {
	a := n.ledger.audit()
	if a.Derived = n.ctx.Arena.Stats().Spilled > 0; a.Derived {
		a.Open = a.Assigned - a.Fired - a.DroppedLate
	} else {
		a.Open = open()
	}
	return a
}

// checkRow tells when a row of state is larger than a page holds.
func checkRow(a *state.Arena, what string, size int) error {
	if most := a.PageSize() - 512; size > most {
		return fmt.Errorf("%s: a row of state takes %d bytes, and a page holds %d: use fewer aggregates or a larger page size", what, size, most)
	}
	return nil
}

// every is the selection of all rows.
var every = func() (s [vec.BatchSize]int32) {
	for i := range s {
		s[i] = int32(i)
	}
	return s
}()

// selection is the rows of b that count.
func selection(b *vec.Batch) []int32 {
	if b.Sel != nil {
		return b.Sel
	}
	return every[:b.N]
}

// narrow makes dst the same batch as b with other rows selected.
func narrow(dst, b *vec.Batch, sel []int32) *vec.Batch {
	*dst = *b
	dst.Sel = sel
	return dst
}

func typesOf(in []types.Type, cols []int) []types.Type {
	out := make([]types.Type, len(cols))
	for i, c := range cols {
		out[i] = in[c]
	}
	return out
}

// millis is the time of a timestamp cell in ms since 1970, rounded down.
func millis(micros int64) int64 {
	ms := micros / 1000
	if micros%1000 < 0 {
		ms--
	}
	return ms
}

func zoneOf(c *Context) *time.Location {
	if c.Env == nil {
		return nil
	}
	return c.Env.Zone
}
