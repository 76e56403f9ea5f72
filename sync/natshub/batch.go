package natshub

import (
	"strconv"

	"github.com/nats-io/nats.go"

	forward "github.com/edgeflow/edgeflow/sync"
)

// length is how many messages store a batch: the cursors, and what follows them.
func length(b *forward.Batch) int { return 1 + len(b.With) + len(b.Messages) }

// lone tells that a batch has one message of rows, which then goes before the cursor: the server
// gives a batch up of which nothing comes for ten seconds, and begins with what came first. So a row
// may take the link longer.
func lone(b *forward.Batch) bool { return len(b.With) == 0 && len(b.Messages) == 1 }

// message makes the message number i, from 1, of a batch with an id. The cursors' contents
// share a buffer: a message is to be sent before the next one is made.
func (h *Hub) message(b *forward.Batch, id string, i int) *nats.Msg {
	moves := 1 + len(b.With)
	switch {
	case lone(b) && i == 1:
		return h.rows(b, &b.Messages[0], id, i)
	case lone(b):
		return h.cursor(b, &b.Move, id, i)
	case i == 1:
		return h.cursor(b, &b.Move, id, i)
	case i <= moves:
		return h.cursor(b, &b.With[i-2], id, i)
	}
	return h.rows(b, &b.Messages[i-moves-1], id, i)
}

// cursor makes a message that moves a cursor: rolled up, never expiring, guarded.
func (h *Hub) cursor(b *forward.Batch, v *forward.Move, id string, i int) *nats.Msg {
	h.body = v.Cursor.Append(h.body[:0])
	m := &nats.Msg{Subject: v.Subject, Header: h.header(b, v, id, i), Data: h.body}
	m.Header["Nats-Rollup"] = []string{"sub"}
	m.Header["Nats-TTL"] = []string{"never"}
	m.Header["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(v.Expect, 10)}
	return m
}

// rows makes a message of rows.
func (h *Hub) rows(b *forward.Batch, d *forward.Message, id string, i int) *nats.Msg {
	m := &nats.Msg{Subject: d.Subject, Header: h.header(b, &b.Move, id, i), Data: d.Data}
	m.Header[HeaderSequence] = []string{strconv.FormatUint(d.First, 10) + "-" + strconv.FormatUint(d.Last, 10)}
	if d.WindowEndMs != 0 {
		m.Header[HeaderWindowEnd] = []string{strconv.FormatInt(d.WindowEndMs, 10)}
	}
	if d.Merged != 0 {
		m.Header[HeaderMerged] = []string{strconv.FormatUint(d.Merged, 10)}
	}
	if d.Kind != "+I" && d.Kind != "" {
		m.Header[HeaderKind] = []string{d.Kind}
	}
	return m
}

// header makes what every message of a batch bears; one that is alone is no batch.
func (h *Hub) header(b *forward.Batch, v *forward.Move, id string, i int) nats.Header {
	head := nats.Header{
		"Nats-Expected-Stream": {h.o.Stream},
		HeaderPipeline:         {b.Pipeline},
		HeaderInstance:         {b.Instance},
		HeaderOutput:           {v.Output},
		HeaderEpoch:            {strconv.FormatUint(v.Cursor.Epoch, 10)},
	}
	if n := length(b); n > 1 {
		head["Nats-Batch-Id"] = []string{id}
		head["Nats-Batch-Sequence"] = []string{strconv.Itoa(i)}
		if i == n {
			head["Nats-Batch-Commit"] = []string{"1"}
		}
	}
	return head
}
