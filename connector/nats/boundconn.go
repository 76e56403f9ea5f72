package nats

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// deafAfter is how long a connection may bring nothing at all: then three pings were sent in vain.
	// That an answer to a ping is missing says less, since it may wait behind a message for which a
	// slow link takes minutes.
	deafAfter = 3 * pingInterval
	// partBytes is how much is read at least of a message that a link takes its time for: a packet's
	// worth, and more than the answer to a ping, which a server gives that has lost the consumer.
	partBytes = 256
)

// boundConn is a connection that the end of a context closes, and that fails when it has brought
// nothing for deafAfter. Where nats.go makes messages of what it reads, it tells the intake of
// parts of them.
type boundConn struct {
	net.Conn
	stop func() bool
	in   *intake // nil for a wireConn's, which looks at frames, and where no source reads
	// timed tells that the reader has set a deadline, as in a handshake.
	timed atomic.Bool
}

func (d *dialer) bind(conn net.Conn) *boundConn {
	c := &boundConn{Conn: conn, stop: context.AfterFunc(d.ctx, func() { conn.Close() })}
	if !d.wire {
		c.in = d.in
	}
	return c
}

// Read is net.Conn's. A part of a message is a sign of life: a slow link takes longer for a large
// one than a server may be silent.
func (c *boundConn) Read(p []byte) (int, error) {
	own := !c.timed.Load()
	if own {
		_ = c.Conn.SetReadDeadline(time.Now().Add(deafAfter)) // Read tells what is wrong with it
	}
	n, err := c.Conn.Read(p)
	if c.in != nil && n >= partBytes {
		c.in.activity.Add(1)
	}
	if own && errors.Is(err, os.ErrDeadlineExceeded) && !c.timed.Load() {
		err = nats.ErrStaleConnection
	}
	return n, err
}

// SetDeadline is net.Conn's.
func (c *boundConn) SetDeadline(t time.Time) error {
	c.timed.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline is net.Conn's.
func (c *boundConn) SetReadDeadline(t time.Time) error {
	c.timed.Store(!t.IsZero())
	return c.Conn.SetReadDeadline(t)
}

// Close closes the connection, which its context then no longer knows.
func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
