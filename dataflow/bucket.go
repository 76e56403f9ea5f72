package dataflow

import (
	"bytes"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// A key-value bucket of NATS is a stream: a put is a message with the value, a deletion an
// empty one with a header that says so; the key is in the subject, `$KV.<bucket>.<key>`. A
// table that is read for lookups alone takes deletions as -D of the row with that primary
// key, which is one column.

var (
	bucketPrefix    = []byte("$KV.")
	bucketOperation = []byte("KV-Operation:")
	bucketMarker    = []byte("Nats-Marker-Reason:")
)

// removedKey is the key that a message takes out of a bucket.
func removedKey(m *Message) (key []byte, ok bool) {
	if len(m.Data) > 0 || len(m.Header) == 0 || !removes(m.Header) {
		return nil, false
	}
	rest, ok := bytes.CutPrefix(m.Subject, bucketPrefix)
	if !ok {
		return nil, false
	}
	_, key, ok = bytes.Cut(rest, []byte{'.'})
	return key, ok
}

// removes tells the headers of a deletion, by a client or by the server's own marker.
func removes(header []byte) bool {
	if bytes.Contains(header, bucketMarker) {
		return true
	}
	_, op, ok := bytes.Cut(header, bucketOperation)
	if !ok {
		return false
	}
	op, _, _ = bytes.Cut(op, []byte("\r\n"))
	op = bytes.TrimSpace(op)
	return string(op) == "DEL" || string(op) == "PURGE"
}

// keyColumn is the column of the batch that holds the table's primary key; -1 when it is
// not one column that is read.
func (in *ingest) keyColumn() int {
	pk := in.node.Table.PrimaryKey
	if len(pk) != 1 {
		return -1
	}
	for i, c := range in.node.Columns {
		if c.Column == pk[0] && c.Metadata == "" && len(c.Path) == 1 {
			return i
		}
	}
	return -1
}

// remove appends the deletion of a key to the batch.
func (in *ingest) remove(m *Message, key []byte) (pushed int, err error) {
	in.ledger.Read++
	d, err := expr.ParseDatum(key, in.node.Columns[in.keyAt].Type, &expr.Env{})
	if err != nil {
		in.ledger.Undecodable++
		in.undecodable(key, 0, err)
		if len(in.refused) == 0 {
			return 0, nil
		}
		return in.divert()
	}
	in.ledger.Decoded++
	b := in.batch
	row := b.N
	for _, c := range b.Cols {
		c.SetNull(row)
	}
	b.Cols[in.keyAt].Set(row, d)
	in.payload.N = row + 1
	in.stamp(m, row, 0)
	b.Kinds = in.kindsTo(b.N)
	b.Kinds[row] = vec.Delete
	return 0, nil
}

// kindsTo extends the row kinds of the batch to n rows.
func (in *ingest) kindsTo(n int) []vec.RowKind {
	if in.batch.Kinds == nil {
		in.kinds = in.kinds[:0]
	}
	for len(in.kinds) < n {
		in.kinds = append(slices.Grow(in.kinds, vec.BatchSize-len(in.kinds)), vec.Insert)
	}
	return in.kinds
}
