package demo

import (
	"io"
	"net"
	"sync"
)

// link is a TCP proxy that can be cut: connections are closed and new ones refused until
// it is mended.
type link struct {
	l      net.Listener
	target string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

func newLink(target string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{l: l, target: target, conns: map[net.Conn]bool{}}
	go k.accept()
	return k, nil
}

func (k *link) addr() string { return k.l.Addr().String() }

func (k *link) accept() {
	for {
		c, err := k.l.Accept()
		if err != nil {
			return
		}
		go k.serve(c)
	}
}

func (k *link) serve(c net.Conn) {
	if !k.add(c) {
		c.Close()
		return
	}
	defer k.remove(c)
	t, err := net.Dial("tcp", k.target)
	if err != nil || !k.add(t) {
		if t != nil {
			t.Close()
		}
		return
	}
	defer k.remove(t)
	done := make(chan struct{}, 2)
	pipe := func(dst, src net.Conn) {
		io.Copy(dst, src) // the end of either direction ends both
		done <- struct{}{}
	}
	go pipe(c, t)
	go pipe(t, c)
	<-done
}

func (k *link) add(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return false
	}
	k.conns[c] = true
	return true
}

func (k *link) remove(c net.Conn) {
	c.Close()
	k.mu.Lock()
	delete(k.conns, c)
	k.mu.Unlock()
}

// cut closes what is open and refuses what comes; mend ends that.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = true
	for c := range k.conns {
		c.Close()
	}
}

func (k *link) mend() {
	k.mu.Lock()
	k.down = false
	k.mu.Unlock()
}

func (k *link) isDown() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down
}

func (k *link) close() {
	k.l.Close()
	k.cut()
}
