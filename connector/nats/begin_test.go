package nats

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// A server that takes connections and says nothing is waited for no longer than the context
// lasts: neither by Begin, nor by who asks or closes a client that connects in the background.
func TestBeginEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan *nats.Conn, 1)
	go func() {
		nc, why, err := ConnOptions{URLs: []string{"nats://" + l.Addr().String()}, DialTimeout: time.Hour}.Begin(ctx)
		if err != nil {
			t.Error(err)
		} else if why() != nil {
			t.Errorf("the end of the context is taken for the server's fault: %v", why())
		}
		begun <- nc
	}()
	<-accepted
	cancel()
	select {
	case nc := <-begun:
		nc.Close()
	case <-time.After(time.Minute):
		t.Fatal("it waits")
	}
}

// What goes wrong on connection after connection reads the same each time.
func TestAReasonReadsTheSameAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var said []string
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 1))
		said = append(said, cause(err, nil).Error(), (&wireConn{conn: c}).early(err).Error())
	}
	if said[0] != said[2] || said[1] != said[3] {
		t.Errorf("%q", said)
	}
}
