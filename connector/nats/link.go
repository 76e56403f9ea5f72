package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// reconnectWait is the wait between attempts at a connection.
const reconnectWait = 250 * time.Millisecond

// Link is a client that connects in the background and, whatever ends its connection, connects
// again, until its context ends. Its methods do not wait, whereas all those of the client that it
// gives do while an attempt at a connection is under way, for up to DialTimeout.
type Link struct {
	ctx  context.Context
	o    ConnOptions
	on   func()
	done chan struct{}

	mu   sync.Mutex
	nc   *nats.Conn // while there is a connection
	last error      // of the newest attempt at one
	// denied is what the server did not permit last, on this connection.
	denied error
}

// Open begins a link. It does not wait for the server: an error is one of the options. Each time
// that there is a connection, up is called, which must not block; it may be nil.
func (o ConnOptions) Open(ctx context.Context, up func()) (*Link, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if _, err := o.clientOptions(); err != nil {
		return nil, fmt.Errorf("nats %s: %w", o.Server(), err)
	}
	if up == nil {
		up = func() {}
	}
	l := &Link{ctx: ctx, o: o, on: up, done: make(chan struct{})}
	go l.keep()
	return l, nil
}

// Conn is the connection; one that was just lost may still be given. Without one the error is why:
// a *ConnectError, and nil while nothing is known of a first attempt.
func (l *Link) Conn() (*nats.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc != nil || l.last == nil {
		return l.nc, nil
	}
	return nil, &ConnectError{Server: l.Server(), Err: l.last, Hint: hint(l.last)}
}

// Denied is what the server did not permit last, on the connection that there is, or nil. It tells
// nobody else: what was published so is not answered.
func (l *Link) Denied() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.denied
}

// Server names the server for messages, without secrets.
func (l *Link) Server() string { return l.o.Server() }

// Wait waits until the link has ended, which is soon after its context did.
func (l *Link) Wait() { <-l.done }

// keep has a client as long as the link lasts. One that was closed for good, as after some errors
// that a server ends connections with, is followed by another.
func (l *Link) keep() {
	defer close(l.done)
	for l.ctx.Err() == nil {
		closed := make(chan struct{})
		nc, err := l.client(func(*nats.Conn) { close(closed) })
		var ce *ConnectError
		switch {
		case err == nil:
			l.watch(nc, closed)
		case errors.As(err, &ce):
			l.lost(ce.Err)
		default:
			l.lost(err)
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(reconnectWait):
		}
	}
}

// client makes a client that tells of its connection. Its first attempts, one at each server, are
// made here.
func (l *Link) client(closed nats.ConnHandler) (*nats.Conn, error) {
	d := &dialer{ctx: l.ctx, o: &l.o}
	lost := func(_ *nats.Conn, err error) { l.lost(cause(err, errGone)) }
	opts := []nats.Option{
		nats.RetryOnFailedConnect(true), nats.SetCustomDialer(d), nats.SkipHostLookup(),
		nats.ConnectHandler(l.up), nats.ReconnectHandler(l.up),
		nats.DisconnectErrHandler(lost), nats.ReconnectErrHandler(lost), nats.ClosedHandler(closed),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.refused(err) }),
	}
	if l.o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(d))
	}
	return l.o.connect(opts...)
}

// watch sees a client through to its end.
func (l *Link) watch(nc *nats.Conn, closed <-chan struct{}) {
	look := time.NewTicker(reconnectWait)
	defer look.Stop()
	for {
		select {
		case <-l.ctx.Done():
			nc.Close()
			return
		case <-closed:
			l.lost(cause(nc.LastError(), errGone))
			return
		case <-look.C: // what went wrong in a handshake is in no call-back
			if err := cause(nc.LastError(), nil); err != nil {
				l.note(err)
			}
		}
	}
}

func (l *Link) up(nc *nats.Conn) {
	l.mu.Lock()
	l.nc, l.last, l.denied = nc, nil, nil
	l.mu.Unlock()
	l.on()
}

// refused takes in an error that the server tells of and goes on after.
func (l *Link) refused(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	l.mu.Lock()
	l.denied = cause(err, nil)
	l.mu.Unlock()
}

// lost takes in that there is no connection, and why.
func (l *Link) lost(err error) {
	l.mu.Lock()
	l.nc = nil
	l.mu.Unlock()
	l.note(err)
}

// note keeps why there is no connection, if there is none. What fails once the link is to end says
// nothing of the server, and an attempt at all servers nothing of any.
func (l *Link) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc == nil && l.ctx.Err() == nil && !errors.Is(err, nats.ErrNoServers) {
		l.last = err
	}
}
