package nats

import (
	"bytes"
	"slices"

	"github.com/nats-io/nats.go"
)

// clientTransport is the ordinary way: messages come as nats.go makes them.
type clientTransport struct {
	client
	in  *intake
	sub *nats.Subscription
}

const (
	// clientBatch is how many messages a batch holds at most, clientChunk a chunk.
	clientBatch = 256
	clientChunk = 1024
)

func (t *clientTransport) listen(subject string, incarnation uint64) error {
	if t.sub != nil {
		_ = t.sub.Unsubscribe()
	}
	var c *chunk // of the subscription's goroutine
	var header []byte
	sub, err := t.nc.Subscribe(subject, func(m *nats.Msg) {
		c = t.in.roomFor(c)
		f := frame{kind: frameMsg, sid: hotSID + incarnation, subject: []byte(m.Subject), reply: []byte(m.Reply), data: m.Data}
		if len(m.Header) > 0 {
			header = appendHeader(header[:0], m)
			f.header = slices.Clone(header)
		}
		n, _, _ := m.Sub.Pending() // with this one
		t.in.take(c, &f, n <= 1)
	})
	if err != nil {
		return err
	}
	t.sub = sub
	// What may come is bounded by what was asked for, or by flow control.
	return sub.SetPendingLimits(-1, -1)
}

// appendHeader writes a message's header as the protocol has it, keys in order.
func appendHeader(dst []byte, m *nats.Msg) []byte {
	h := m.Header
	dst = append(dst, "NATS/1.0"...)
	status := ""
	if len(m.Data) == 0 && !bytes.HasPrefix([]byte(m.Reply), []byte(ackPrefix)) {
		status = h.Get("Status")
	}
	if status != "" {
		dst = append(append(dst, ' '), status...)
		dst = append(append(dst, ' '), h.Get("Description")...)
	}
	dst = append(dst, "\r\n"...)
	keys := make([]string, 0, len(h))
	for k := range h {
		if status == "" || k != "Status" && k != "Description" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		for _, v := range h[k] {
			dst = append(append(dst, k...), ": "...)
			dst = append(append(dst, v...), "\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}
