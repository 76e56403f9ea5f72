//go:build !race

package nats

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
)

func TestReadingDoesNotAllocate(t *testing.T) {
	var stream bytes.Buffer
	const n = 100_000
	for i := 1; i <= n; i++ {
		data := fmt.Sprintf(`{"n":%d,"pad":"%0100d"}`, i, i)
		fmt.Fprintf(&stream, "MSG s.a.b %d $JS.ACK.S.edgeflow-x-1.1.%d.%d.1700000000123456789.%d %d\r\n%s\r\n", hotSID+1, i, i, n-i, len(data), data)
	}
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://unused"}}, Stream: "S"})
	if err != nil {
		t.Fatal(err)
	}
	raw := &replay{}
	raw.in.Reset(stream.Bytes())
	k := &keeper{s: s, woken: make(chan struct{}, 1)}
	in := &intake{s: s, ev: k}
	in.begin(1, place{}, 0, true)
	conn := &wireConn{d: &dialer{in: in}, raw: raw, conn: raw}
	conn.ready.Store(true)
	s.live = silent{}
	var msgs []dataflow.Message
	var pos []byte
	total := 0
	once := func() {
		for got := 0; got < 5000; {
			if s.queuedMessages == 0 {
				if err := conn.fill(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if msgs, _, err = s.Poll(msgs[:0], 300, 0); err != nil {
				t.Fatal(err)
			}
			got += len(msgs)
			total += len(msgs)
		}
		pos = s.Position(pos[:0], &msgs[len(msgs)-1])
	}
	for range 5 {
		once()
	}
	// The library of the server looks at the process each second, which allocates.
	least := math.Inf(1)
	for range 7 {
		least = min(least, testing.AllocsPerRun(1, once))
	}
	if least > 0 {
		t.Errorf("%v allocations for 5000 messages", least)
	}
	if msgs[len(msgs)-1].Seq != uint64(total) {
		t.Errorf("message %d after %d", msgs[len(msgs)-1].Seq, total)
	}
}
