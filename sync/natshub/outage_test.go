package natshub_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// cable is a TCP way to a server that breaks after a random number of bytes, in either
// direction, so that requests or replies are lost.
type cable struct {
	l      net.Listener
	target string
	mu     sync.Mutex
	rng    *rand.Rand
	whole  bool
	cuts   int
}

func newCable(t *testing.T, target string, seed uint64) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{l: l, target: target, rng: rand.New(rand.NewPCG(seed, 1))}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(in)
		}
	}()
	return c
}

func (c *cable) limit() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole {
		return 1 << 40
	}
	c.cuts++
	return 2000 + c.rng.Int64N(60_000)
}

func (c *cable) carry(in net.Conn) {
	out, err := net.Dial("tcp", c.target)
	if err != nil {
		in.Close()
		return
	}
	up, down := c.limit(), c.limit()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.CopyN(out, in, up); done <- struct{}{} }()
	go func() { _, _ = io.CopyN(in, out, down/8); done <- struct{}{} }()
	<-done
	in.Close()
	out.Close()
}

// limits is how many were drawn, two for each connection.
func (c *cable) limits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// mend makes the cable whole; connections that stand may break once more.
func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = true
}

func TestBrokenLinkAndTwoInstances(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	var err error
	if w.srv, err = embedded.Start(embedded.Options{StoreDir: w.dir, Listen: "127.0.0.1:0", LazySync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.srv.Shutdown)
	if w.nc, err = w.srv.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.nc.Close)
	if w.js, err = w.nc.JetStream(nats.MaxWait(natstest.Patience)); err != nil {
		t.Fatal(err)
	}
	link := newCable(t, strings.TrimPrefix(w.srv.ClientURL(), "nats://"), 7)
	var made []*nats.Conn
	instance := func(store *outbox) *forward.Forwarder {
		nc, err := nats.Connect("nats://"+link.l.Addr().String(), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond),
			nats.ReconnectJitter(0, 0), nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1), nats.Timeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, nc)
		fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, BackoffMin: time.Millisecond, BackoffMax: 10 * time.Millisecond,
			Outputs: []forward.OutputOptions{{Name: "out", Hub: natshub.New(fixed{nc}, natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true}),
				Subject: "hub.results", CursorSubject: cursorSubject, Pack: 5, Separator: "\n", RequestTimeout: 300 * time.Millisecond}}}, store.states)
		if err != nil {
			t.Fatal(err)
		}
		return fw
	}
	defer func() {
		for _, nc := range made {
			nc.Close()
		}
	}()
	const rows = 20_000
	store, old := &outbox{}, &outbox{} // of two hosts, so that commits of one take nothing from the other
	for i := 0; i < rows; i += 100 {
		store.add(i, 100)
		old.add(i, 100)
	}
	live, zombie := instance(store), instance(old)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	turn := 0
	for !live.Drained() {
		turn++
		if turn >= 40 && link.limits() >= 4 { // attempts at a connection may take longer than 40 turns
			link.mend()
		}
		fw := live
		if turn%7 == 0 && zombie != nil {
			fw = zombie
		}
		_, err := fw.Step(ctx, time.Now().Add(time.Hour*time.Duration(turn))) // never waits
		switch {
		case errors.Is(err, forward.ErrFenced) && fw == zombie:
			zombie = nil
		case errors.Is(err, forward.ErrFenced):
			live = instance(store)
		case err != nil:
			t.Fatalf("turn %d, the old instance: %v: %v", turn, fw == zombie, err)
		}
		if turn%10 == 0 && fw == live {
			store.commit(live.Plan(time.Now()))
			if err := live.Committed(uint64(turn)); err != nil {
				t.Fatal(err)
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("not drained after %d turns: %+v", turn, live.Statuses(time.Now()))
		}
	}
	w.expect(rows)
	t.Logf("%d turns, %d connections that broke", turn, link.limits()/2)
	if n := link.limits(); n < 4 {
		t.Errorf("only %d limits were drawn: the link did not break", n)
	}
}
