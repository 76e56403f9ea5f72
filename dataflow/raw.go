package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// events finds the bytes that a row of a source came from, for its dead letter. Rows are
// pushed to completion while their message is at hand, so those of a row that is a source's
// own are always found; a row that an operator has put together has no place in a log.
type events struct {
	in      *ingest
	decoder format.Placed // of its own: the source's may be in the middle of the message
	tried   bool
	scratch *vec.Batch
	// bounds are where the decodable events of the message seq begin and end, when known; a
	// log that was made anew may have a sequence again, in a later poll.
	seq    uint64
	known  bool
	bounds [][2]int
	header []byte
	last   int // where in ingest.msgs the last message was found
}

// find returns the bytes of the event, what has to stand before them to decode them alone
// (the header line of CSV), where in its message the event begins, and the message; nil
// when the message is not at hand.
func (e *events) find(o vec.Origin) (event, header []byte, offset int, m *Message) {
	if m = e.message(o.Seq); m == nil {
		return nil, nil, 0, nil
	}
	if e.open(); e.decoder == nil {
		return m.Data, nil, 0, m
	}
	b, ok := e.in.alone(o)
	if ok {
		e.header = headerOf(e.in.node.Table.Options, m.Data)
	} else {
		if e.seq != m.Seq || !e.known {
			e.split(m)
		}
		if int(o.Row) >= len(e.bounds) {
			return m.Data, nil, 0, m
		}
		b = e.bounds[o.Row]
	}
	if b[1] > len(m.Data) {
		return m.Data, nil, 0, m // of another message with the same sequence
	}
	if b[0] < len(e.header) {
		return m.Data[b[0]:b[1]], nil, b[0], m
	}
	return m.Data[b[0]:b[1]], e.header, b[0], m
}

// alone is where a row's event stands when generated code has left just that event of its
// message to the interpreter.
func (in *ingest) alone(o vec.Origin) (bounds [2]int, ok bool) {
	if in.fused == nil {
		return bounds, false
	}
	return in.fused.bounds, in.fused.left && in.fused.host.Seq == o.Seq && in.fused.leftRow == o.Row
}

// forget notes that other messages are at hand.
func (e *events) forget() {
	if e != nil {
		e.known = false
	}
}

// message is the one with the sequence, of those at hand.
func (e *events) message(seq uint64) *Message {
	msgs := e.in.msgs
	if e.last < len(msgs) && msgs[e.last].Seq == seq {
		return &msgs[e.last]
	}
	for i := range msgs {
		if msgs[i].Seq == seq {
			e.last = i
			return &msgs[i]
		}
	}
	return nil
}

// open makes the decoder. Formats of one event a message have none.
func (e *events) open() {
	if e.tried {
		return
	}
	e.tried = true
	d, err := e.in.bind.Decoder(func([]byte, int, error) {})
	if err != nil {
		return // the source's own was made the same way
	}
	e.in.limit(d)
	e.decoder, _ = d.(format.Placed)
	var cols []types.Type
	for _, c := range e.in.node.Columns {
		if c.Metadata == "" {
			cols = append(cols, c.Type)
		}
	}
	e.scratch = vec.NewBatch(cols)
}

// split notes where the events of a message are.
func (e *events) split(m *Message) {
	e.seq, e.known, e.bounds = m.Seq, true, e.bounds[:0]
	e.header = headerOf(e.in.node.Table.Options, m.Data)
	e.decoder.Begin(m.Data)
	for {
		from, ok := e.decoder.Next()
		if !ok {
			return
		}
		e.scratch.Reset()
		more := e.decoder.One(e.scratch)
		if e.scratch.N > 0 {
			e.bounds = append(e.bounds, [2]int{from, min(max(e.decoder.At(), from), len(m.Data))})
		}
		if !more {
			return
		}
	}
}

// headerOf is the line that the events of a message need in front of them, with its end.
func headerOf(table map[string]string, msg []byte) []byte {
	if table["format"] != "csv" {
		return nil
	}
	s, err := format.NewSplitter(table["format"], table)
	if err != nil || !s.Header() {
		return nil
	}
	return msg[:s.Line(msg, true)]
}
