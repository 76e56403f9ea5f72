package vec

import "github.com/edgeflow/edgeflow/dataflow/types"

// RowKind is the kind of a change.
type RowKind uint8

// The row kinds, in Flink's order.
const (
	Insert RowKind = iota
	UpdateBefore
	UpdateAfter
	Delete
)

// String is the short form: +I -U +U -D.
func (k RowKind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k&3] }

// Retracts tells whether the row takes an earlier one back (-U, -D).
func (k RowKind) Retracts() bool { return k == UpdateBefore || k == Delete }

// Origin says where a row came from: the source's ordinal, the sequence of its message
// (or the row number), and the row's index in a message of many.
type Origin struct {
	Seq    uint64
	Row    uint32
	Source uint32
}

// Batch is up to BatchSize rows as columns. It belongs to its producer and is valid
// until the producer's next call.
type Batch struct {
	// N is the number of rows, selected or not.
	N    int
	Cols []*Vector
	// Sel lists the rows that count, ascending; nil means all N.
	Sel []int32
	// Kinds are the rows' kinds; nil means all Insert.
	Kinds []RowKind
	// Arrival is each row's arrival time, in ms since 1970; nil where rows have none.
	Arrival []int64
	// Origin is where each row came from; nil behind an operator that combines rows.
	Origin []Origin
}

// NewBatch makes a batch with a vector for each type.
func NewBatch(ts []types.Type) *Batch {
	b := &Batch{Cols: make([]*Vector, len(ts))}
	for i, t := range ts {
		b.Cols[i] = New(t)
	}
	return b
}

// Reset makes the batch empty.
func (b *Batch) Reset() {
	b.N, b.Sel, b.Kinds = 0, nil, nil
	b.Arrival, b.Origin = b.Arrival[:0], b.Origin[:0]
	for _, c := range b.Cols {
		c.Reset()
	}
}

// Rows is the number of rows that count.
func (b *Batch) Rows() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Row is the index of the k-th row that counts.
func (b *Batch) Row(k int) int {
	if b.Sel != nil {
		return int(b.Sel[k])
	}
	return k
}

// Kind is the kind of row i.
func (b *Batch) Kind(i int) RowKind {
	if b.Kinds == nil {
		return Insert
	}
	return b.Kinds[i]
}

// ArrivalAt is the arrival time of row i, or 0 when the batch has none.
func (b *Batch) ArrivalAt(i int) int64 {
	if i < len(b.Arrival) {
		return b.Arrival[i]
	}
	return 0
}
