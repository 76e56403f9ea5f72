package faulttest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// radio joins two namespaces as a slow link does: packets go out one after the other at a rate,
// arrive after a delay, some are lost, and those for which the queue has no room are.
type radio struct {
	edge, hub *netns
	rate      float64 // bytes a second, each way
	delay     time.Duration
	loss      float64

	mu      sync.Mutex
	silent  bool  // no packet arrives, and nobody is told
	carried int64 // bytes of packets from the edge to the hub
	lost    int
}

// queueBytes is how much waits to go out, as in a modem.
const queueBytes = 32 << 10

const (
	edgeIP = "10.99.0.1"
	hubIP  = "10.99.0.2"
)

// newRadio makes the namespaces and begins to carry packets between them.
func newRadio(t *testing.T, kbits float64, delay time.Duration, loss float64) *radio {
	t.Helper()
	r := &radio{edge: newNetns(t, edgeIP, hubIP), hub: newNetns(t, hubIP, edgeIP), rate: kbits * 1000 / 8, delay: delay, loss: loss}
	go r.carry(r.edge, r.hub, true)
	go r.carry(r.hub, r.edge, false)
	return r
}

func (r *radio) carry(from, to *netns, up bool) {
	type packet struct {
		b  []byte
		at time.Time
	}
	queue := make(chan packet, 1<<14)
	defer close(queue)
	go func() {
		for p := range queue {
			if d := time.Until(p.at); d > 0 {
				pause(d)
			}
			_, _ = to.tun.Write(p.b) // a namespace that is gone takes nothing
		}
	}()
	rnd := rand.New(rand.NewPCG(*seed, 13))
	var free time.Time // when the link has sent what waits
	buf := make([]byte, 1<<16)
	for {
		n, err := from.tun.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		r.mu.Lock()
		drop := r.silent || free.Sub(now).Seconds()*r.rate+float64(n) > queueBytes
		if !drop {
			free = free.Add(time.Duration(float64(n) / r.rate * float64(time.Second)))
			drop = rnd.Float64() < r.loss // on the air, which has been used
			if up {
				r.carried += int64(n)
			}
		}
		if drop {
			r.lost++
		}
		r.mu.Unlock()
		if !drop {
			queue <- packet{append([]byte(nil), buf[:n]...), free.Add(r.delay)}
		}
	}
}

// count is the bytes carried to the hub and the packets lost so far.
func (r *radio) count() (bytes int64, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.carried, r.lost
}

func (r *radio) fall(silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = silent
}

// site is an edge and a hub at the ends of the radio.
func (r *radio) site(t *testing.T) *site {
	t.Helper()
	ports := freePorts(t, 2)
	edge := &natsServer{t: t, name: "edge", dir: t.TempDir(), host: "127.0.0.1", port: ports[0], ns: r.edge}
	hub := &natsServer{t: t, name: "hub", dir: t.TempDir(), host: hubIP, port: ports[1], ns: r.hub}
	for _, s := range []*natsServer{edge, hub} {
		s.start()
		t.Cleanup(s.kill)
	}
	return newSite(t, edge, hub.url(), hub.connect())
}
