package faulttest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// relay is a link to a server that can be cut, go silent and answer late.
type relay struct {
	t      *testing.T
	l      net.Listener
	target string

	mu     sync.Mutex
	conns  map[net.Conn]bool
	opened int
	down   bool          // connections are refused
	silent bool          // bytes vanish, in both directions
	late   time.Duration // what the server says takes longer
	// watch sees what goes to the server before it does; it may be nil.
	watch func([]byte)
	// up and back count bytes carried.
	up, back int
}

// newRelay is a link to an address.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, l: l, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		r.set(func() { r.down = true })
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(in)
		}
	}()
	return r
}

func (r *relay) url() string { return "nats://" + r.l.Addr().String() }

// set changes what happens on the link; a link that is down breaks its connections.
func (r *relay) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	if r.down {
		for c := range r.conns {
			c.Close()
		}
	}
}

// connections counts those that were made so far.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

func (r *relay) carry(in net.Conn) {
	defer in.Close()
	r.mu.Lock()
	down := r.down
	r.mu.Unlock()
	if down {
		return
	}
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer out.Close()
	r.mu.Lock()
	if r.down {
		r.mu.Unlock()
		return
	}
	r.opened++
	r.conns[in], r.conns[out] = true, true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.conns, in)
		delete(r.conns, out)
		r.mu.Unlock()
	}()
	ended := make(chan struct{}, 2)
	go func() { r.copy(out, in, true); ended <- struct{}{} }()
	go func() { r.copy(in, out, false); ended <- struct{}{} }()
	<-ended
}

// copy carries bytes one way. Those that are late wait in order.
func (r *relay) copy(to, from net.Conn, up bool) {
	type late struct {
		b  []byte
		at time.Time
	}
	queue := make(chan late, 1<<14)
	defer close(queue)
	go func() {
		defer to.Close()
		for q := range queue {
			if d := time.Until(q.at); d > 0 {
				pause(d)
			}
			if _, err := to.Write(q.b); err != nil {
				from.Close()
			}
		}
	}()
	buf := make([]byte, 4<<10) // small: what is watched for is found in the middle
	for lost := false; ; {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		watch, delay := r.watch, r.late
		lost = lost || r.silent // what follows lost bytes would make no sense
		if up {
			r.up += n
			delay = 0
		} else {
			r.back += n
		}
		r.mu.Unlock()
		if up && watch != nil {
			watch(buf[:n])
		}
		if !lost {
			queue <- late{append([]byte(nil), buf[:n]...), time.Now().Add(delay)}
		}
	}
}
