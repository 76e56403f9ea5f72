package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/dataflow"
)

// way is a reader with a delivery.
type way struct {
	Reader   Reader
	Delivery Delivery
}

var ways = []way{{WireReader, Pull}, {WireReader, Push}, {ClientReader, Pull}, {ClientReader, Push}}

func (w way) String() string { return w.Reader.String() + "-" + w.Delivery.String() }

func (w way) hub(t *testing.T, change ...func(*embedded.Options)) *hub {
	t.Helper()
	h := startHub(t, change...)
	h.way = w
	return h
}

// contract is what every way of reading keeps.
var contract = []struct {
	name string
	test func(*testing.T, way)
}{
	{"order and resumption", testReadsInOrderAndResumes},
	{"a message alone", testMessageAlone},
	{"fields", testMessageFields},
	{"filters and startup modes", testFiltersAndStartupModes},
	{"bounded", testBounded},
	{"a filter that lets little through", testQuietFilter},
	{"server restart", testServerRestart},
	{"consumer deleted", testConsumerDeleted},
	{"positions at open", testPositionProblemsAtOpen},
	{"stream changed while running", testStreamProblemsWhileRunning},
	{"going on while running", testGoingOnWhileRunning},
	{"purged while held up", testPurgedWhileHeldUp},
	{"the connection lost while a hole is judged", testCutWhileJudging},
	{"large messages", testLargeMessagesAndSlowPolling},
	{"what is read ahead is bounded", testReadAhead},
	{"packed messages", testPackedMessages},
	{"bounded memory", testMemoryIsBounded},
	{"a message lost on the way", testLostMessage},
	{"the newest message lost on the way", testLostLastMessage},
	{"the server falls silent", testSilence},
	{"connections cut again and again", testCuts},
	{"cancel", testCancel},
}

func TestContract(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			for _, c := range contract {
				t.Run(c.name, func(t *testing.T) { c.test(t, w) })
			}
		})
	}
}

func testPackedMessages(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	pack := func(i int) string { return strings.Repeat(fmt.Sprintf("{\"n\":%d}\n", i), 100+i%300) }
	for i := range 3000 {
		if _, err := h.js.PublishAsync("s.p", []byte(pack(i))); err != nil {
			t.Fatal(err)
		}
	}
	<-h.js.PublishAsyncComplete()
	s, _ := open(t, h.options(), nil)
	got, _ := collect(t, s, 3000)
	for i, g := range got {
		if g != pack(i) {
			t.Fatalf("message %d is %.40q of %d bytes", i, g, len(g))
		}
	}
}

// testMemoryIsBounded fills a stream with more than may wait in memory and does not poll.
func testMemoryIsBounded(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	const n, size = 12_000, 1000
	for range n {
		if _, err := h.js.PublishAsync("s.a", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	<-h.js.PublishAsyncComplete()
	s, _ := open(t, h.options(func(o *SourceOptions) { o.PullMessages, o.PullBytes = 100, 64<<10 }), nil)
	// Pulled, what may wait when the second of two requests is made, and both; pushed, the
	// server's first window and what came before its question.
	most := 64<<10 + 201*(size+256) // what lies around a message counts
	if w.Delivery == Push {
		most = 3 << 20
	}
	look := func() (messages, bytes int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if int(s.queuedBytes) > most || w.Delivery == Pull && s.queuedMessages+s.asked > 400 {
			t.Fatalf("%d bytes and %d messages wait, %d are asked for", s.queuedBytes, s.queuedMessages, s.asked)
		}
		return s.queuedMessages, int(s.queuedBytes)
	}
	// Until nothing comes any more, over some heartbeats; and again, when the source has lost its
	// consumer meanwhile.
	for range 2 {
		for same, last, began := 0, -1, time.Now(); same < 50 || time.Since(began) < 8*s.o.Heartbeat; {
			if _, err := h.js.StreamInfo("S"); err != nil { // passes some time
				t.Fatal(err)
			}
			m, _ := look()
			if same++; m != last || m == 0 {
				same, last = 0, m
			}
		}
		for _, name := range h.consumers() {
			if err := h.js.DeleteConsumer("S", name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m, _ := look(); m == n {
		t.Fatal("everything lies in memory")
	}
	var msgs []dataflow.Message
	for got := 0; got < n; got += len(msgs) {
		var err error
		if msgs, _, err = s.Poll(msgs[:0], 37, time.Second); err != nil {
			t.Fatal(err)
		}
		for i := range msgs {
			if msgs[i].Seq != uint64(got+i+1) {
				t.Fatalf("sequence %d after %d", msgs[i].Seq, got+i)
			}
		}
		if w.Delivery == Pull {
			look() // pushed, the server's window grows by each answer
		}
	}
}

// meddler stands between a source and its server, and gives each frame of the subscription
// to a function that tells whether it passes, or that the connection ends here.
type meddler struct {
	InProcess
	mu    sync.Mutex // one connection may end while the next begins
	frame func(f *frame) (pass, cut bool)
	// sent, unless nil, is given what the source writes, and tells that the connection ends before.
	sent func(b []byte) (cut bool)
}

func (m *meddler) InProcessConn() (net.Conn, error) {
	inner, err := m.InProcess.InProcessConn()
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	done := func() { inner.Close(); far.Close() }
	go func() {
		defer done()
		buf := make([]byte, 64<<10)
		for {
			n, err := far.Read(buf)
			if err != nil || m.sent != nil && m.sent(buf[:n]) {
				return
			}
			if _, err := inner.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	go func() {
		defer done()
		var buf []byte
		part := make([]byte, 64<<10)
		for {
			n, err := inner.Read(part)
			if err != nil {
				return
			}
			buf = append(buf, part[:n]...)
			for {
				var f frame
				n, _, err := parseFrame(buf, &f)
				if n == 0 || err != nil {
					break
				}
				pass, cut := true, false
				if m.frame != nil && f.kind == frameMsg && (len(f.reply) > len(ackPrefix) || strings.Contains(string(f.header), "NATS/1.0 100")) {
					m.mu.Lock()
					pass, cut = m.frame(&f)
					m.mu.Unlock()
				}
				if cut {
					return
				}
				if pass {
					if _, err := far.Write(buf[:n]); err != nil {
						return
					}
				}
				buf = buf[n:]
			}
		}
	}()
	return near, nil
}

// meddled opens a source through a meddler and a stream of n messages.
func meddled(t *testing.T, w way, n int, f func(f *frame) (pass, cut bool)) (*hub, *Source) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a", n)
	return h, openCut(t, h.options(func(o *SourceOptions) {
		o.InProcess = &meddler{InProcess: h.srv, frame: f}
		o.BackoffMax = 100 * time.Millisecond
	}))
}

// openCut opens a source, again where the connection is cut meanwhile.
func openCut(t *testing.T, o SourceOptions) *Source {
	for {
		s, err := NewSource(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Open(context.Background(), nil)
		if errors.Is(err, errGone) {
			continue // cut before the server had answered, when it pushes at once
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func testLostMessage(t *testing.T, w way) {
	seen := 0
	_, s := meddled(t, w, 5000, func(*frame) (bool, bool) { seen++; return seen != 1234, false })
	got, _ := collect(t, s, 5000)
	want(t, got, "s.a", 0, 5000)
	if s.Status().Reconnects == 0 {
		t.Fatal("the loss was not noticed")
	}
}

func testLostLastMessage(t *testing.T, w way) {
	lost := false
	_, s := meddled(t, w, 100, func(f *frame) (bool, bool) {
		if a, ok := parseAckReply(f.reply); ok && a.streamSeq == 100 && !lost {
			lost = true
			return false, false
		}
		return true, false
	})
	got, _ := collect(t, s, 100)
	want(t, got, "s.a", 0, 100)
}

func testSilence(t *testing.T, w way) {
	seen := 0
	_, s := meddled(t, w, 3000, func(*frame) (bool, bool) { seen++; return seen < 1000 || seen > 4000, false })
	got, _ := collect(t, s, 3000)
	want(t, got, "s.a", 0, 3000)
}

func testCuts(t *testing.T, w way) {
	seen := 0
	_, s := meddled(t, w, 4000, func(*frame) (bool, bool) { seen++; return true, seen%800 == 0 })
	got, pos := collect(t, s, 4000)
	want(t, got, "s.a", 0, 4000)
	if p, err := DecodePosition(pos); err != nil || p.Sequence != 4000 || p.Hash == 0 {
		t.Fatalf("position %+v, %v", p, err)
	}
}

func testCancel(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a", 10_000)
	s, _ := open(t, h.options(), nil)
	collect(t, s, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A server that accepts and says nothing.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c, err := l.Accept()
		if err == nil {
			cancel()
			defer c.Close()
			_, _ = c.Read(make([]byte, 1))
		}
	}()
	s, err = NewSource(h.options(func(o *SourceOptions) {
		o.InProcess, o.URLs, o.DialTimeout = nil, []string{"nats://" + l.Addr().String()}, time.Hour
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("Open after its context has ended: %v", err)
	}
}
