package nats

import (
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
