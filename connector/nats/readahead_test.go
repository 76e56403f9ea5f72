package nats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/dataflow"
)

// testReadAhead reads a stream that is far larger than what may be read ahead, slowly.
func testReadAhead(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	const messages, size = 300, 200 << 10
	data := make([]byte, size)
	for range messages {
		if _, err := h.js.Publish("s.a", data); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := open(t, h.options(), nil)
	// Two requests may be under way, or what flow control lets the server send.
	most := 2*max(s.o.PullBytes, 1<<20+64<<10) + s.o.PullBytes + 2*size
	if s.o.Delivery == Push {
		most = 64 << 20
	}
	var msgs []dataflow.Message
	for read := 0; read < messages; {
		var err error
		if msgs, _, err = s.Poll(msgs[:0], 1, time.Second); err != nil {
			t.Fatal(err)
		}
		read += len(msgs)
		s.mu.Lock()
		queued, pull := s.queuedBytes, s.pull
		s.mu.Unlock()
		if queued > most {
			t.Fatalf("%d bytes are read ahead, more than %d", queued, most)
		}
		if s.o.Delivery != Push && !strings.Contains(pull, `"max_bytes"`) {
			t.Fatalf("after %d messages requests are without a limit: %s", read, pull)
		}
	}
}

// Messages without payload fill the memory too: what the server wants to know before it sends more
// waits until some were polled.
func TestEmptyMessagesCount(t *testing.T) {
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://127.0.0.1:1"}}, Stream: "S", Delivery: Push, PullBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s.o.setDefaults()
	k := &keeper{s: s, woken: make(chan struct{}, 1)}
	k.in = &intake{s: s, ev: k}
	k.in.begin(1, place{}, 0, true)
	asked := &counting{}
	s.live, s.st.Connected = asked, true
	var c *chunk
	const n = 1000
	for i := 1; i <= n; i++ {
		c = k.in.roomFor(c)
		k.in.take(c, &frame{kind: frameMsg, sid: hotSID + 1, subject: []byte("s.a"), reply: fmt.Appendf(nil, "$JS.ACK.S.c.1.%d.%d.1.0", i, i)}, true)
	}
	k.in.take(c, &frame{kind: frameMsg, sid: hotSID + 1, header: []byte("NATS/1.0 100 FlowControl Request\r\n\r\n"), reply: []byte("$JS.FC.S.c.x")}, true)
	s.more()
	if asked.n != 0 {
		t.Fatalf("%d bytes wait, and more is asked for", s.queuedBytes)
	}
	for got := 0; got < n; {
		m, _, err := s.Poll(nil, 100, 0)
		if got += len(m); err != nil || len(m) == 0 {
			t.Fatalf("%d polled: %v", got, err)
		}
	}
	if asked.n != 1 || s.queuedBytes != 0 {
		t.Fatalf("asked %d times, %d bytes wait", asked.n, s.queuedBytes)
	}
}

// counting counts what is published.
type counting struct {
	silent
	n int
}

func (c *counting) publish(string, string, string) error {
	c.n++
	return nil
}
