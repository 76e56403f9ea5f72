package nats

import (
	"context"
	"flag"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

var slow = flag.Bool("slow", false, "also tests that take minutes")

// TestLargeMessageOverASlowLink reads a message that takes its link 40 s, behind which the answers to
// pings wait. A connection that is given up meanwhile begins with the same message again.
func TestLargeMessageOverASlowLink(t *testing.T) {
	if !*slow {
		t.Skip("takes 40 s each; run with -args -slow")
	}
	for _, w := range []way{{WireReader, Pull}, {ClientReader, Pull}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			h := w.hub(t, func(o *embedded.Options) { o.Listen = "127.0.0.1:0" })
			h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
			const size, rate = 600 << 10, 15 << 10 // bytes, and bytes a second
			if _, err := h.js.Publish("s.a", make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			link := slowLink(t, strings.TrimPrefix(h.srv.ClientURL(), "nats://"), rate)
			s, _ := open(t, h.options(func(o *SourceOptions) {
				o.InProcess, o.URLs, o.Heartbeat, o.PullExpires = nil, []string{"nats://" + link}, 0, 0
			}), nil)
			if data, _ := collect(t, s, 1); len(data[0]) != size {
				t.Fatalf("%d bytes", len(data[0]))
			}
			if st := s.Status(); st.Reconnects > 0 {
				t.Fatalf("the link was given up: %+v", st)
			}
		})
	}
}

// slowLink is an address that leads to another; what comes back is so many bytes a second.
func slowLink(t *testing.T, to string, rate int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			_ = near.(*net.TCPConn).SetReadBuffer(16 << 10)
			context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() {
				defer near.Close()
				for {
					if _, err := io.CopyN(near, far, 1024); err != nil {
						return
					}
					time.Sleep(time.Second * 1024 / time.Duration(rate))
				}
			}()
		}
	}()
	return l.Addr().String()
}
