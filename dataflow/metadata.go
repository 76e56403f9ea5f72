package dataflow

import (
	"bytes"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// MetadataReader fills metadata columns of a batch from the message that its rows came in.
type MetadataReader interface {
	// Read fills cells from to to-1 of the metadata columns among cols.
	Read(m *Message, cols []*vec.Vector, from, to int)
}

// NewMetadataReader reads the metadata that every message has: "subject", "sequence",
// "arrival_time" (also "timestamp"), "headers" (a MAP<STRING, STRING>, the first value of
// each key) and "header.NAME". The columns must have types that ValidMetadata accepts.
func NewMetadataReader(cols []plan.SourceColumn) MetadataReader {
	r := &metadataReader{}
	for i, c := range cols {
		if c.Metadata != "" {
			name, _ := strings.CutPrefix(c.Metadata, "header.")
			r.cols = append(r.cols, metadataColumn{index: i, key: c.Metadata, header: []byte(name), t: c.Type})
		}
	}
	if len(r.cols) == 0 {
		return nil
	}
	return r
}

// MetadataKeys lists the keys that NewMetadataReader knows, with the type of each.
func MetadataKeys() map[string]types.Type {
	str := types.TString
	return map[string]types.Type{
		"subject": str, "sequence": types.TBigInt, "arrival_time": types.TimestampLTZOf(3),
		"timestamp": types.TimestampLTZOf(3), "headers": types.MapOf(str.Required(), str),
	}
}

type metadataColumn struct {
	index  int
	key    string
	header []byte // NAME of the key "header.NAME"
	t      types.Type
}

type metadataReader struct {
	cols       []metadataColumn
	buf        []byte
	keys, vals []vec.Datum
}

func (r *metadataReader) Read(m *Message, cols []*vec.Vector, from, to int) {
	for i := range r.cols {
		c := &r.cols[i]
		d := r.value(c, m)
		v := cols[c.index]
		for k := from; k < to; k++ {
			v.Set(k, d)
		}
	}
}

func (r *metadataReader) value(c *metadataColumn, m *Message) vec.Datum {
	switch c.key {
	case "subject":
		return vec.BytesDatum(m.Subject)
	case "sequence":
		return vec.IntDatum(int64(m.Seq))
	case "arrival_time", "timestamp":
		return vec.IntDatum(m.ArrivalMs * 1000)
	case "headers":
		if m.Header == nil {
			return vec.NullDatum
		}
		r.keys, r.vals = r.keys[:0], r.vals[:0]
		eachHeader(m.Header, func(k, v []byte) bool {
			for _, known := range r.keys {
				if bytes.Equal(known.B, k) {
					return true
				}
			}
			r.keys, r.vals = append(r.keys, vec.BytesDatum(k)), append(r.vals, vec.BytesDatum(v))
			return true
		})
		r.buf = vec.AppendMap(r.buf[:0], *c.t.Key, *c.t.Elem, r.keys, r.vals)
		return vec.BytesDatum(r.buf)
	}
	if len(c.header) == len(c.key) {
		return vec.NullDatum
	}
	out := vec.NullDatum
	eachHeader(m.Header, func(k, v []byte) bool {
		if bytes.EqualFold(k, c.header) {
			out = vec.BytesDatum(v)
			return false
		}
		return true
	})
	return out
}

// eachHeader calls fn for the headers of a NATS header block ("NATS/1.0\r\nKey: value\r\n").
func eachHeader(block []byte, fn func(key, value []byte) bool) {
	first := true
	for len(block) > 0 {
		line := block
		if i := bytes.Index(block, []byte("\r\n")); i >= 0 {
			line, block = block[:i], block[i+2:]
		} else {
			block = nil
		}
		if first {
			first = false
			continue
		}
		k, v, ok := bytes.Cut(line, []byte(":"))
		if ok && !fn(bytes.TrimSpace(k), bytes.TrimSpace(v)) {
			return
		}
	}
}
