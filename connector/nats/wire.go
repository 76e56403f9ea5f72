package nats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// hotSID is where the ids of our own subscriptions begin, one an incarnation; those of
// nats.go count up from 1.
const hotSID = 1 << 40

// wireTransport takes the frames of its subscription off the connection before nats.go
// sees them. The subscription is its own too: nats.go knows nothing of it.
type wireTransport struct {
	client
	d *dialer
}

func (t *wireTransport) listen(subject string, incarnation uint64) error {
	t.d.mu.Lock()
	c := t.d.current
	t.d.mu.Unlock()
	if c == nil || !c.ready.Load() {
		return errDown // before CONNECT the server would refuse it
	}
	lines := ""
	if c.listening != 0 {
		lines = "UNSUB " + strconv.FormatUint(c.listening, 10) + "\r\n"
	}
	c.listening = hotSID + incarnation
	lines += "SUB " + subject + " " + strconv.FormatUint(c.listening, 10) + "\r\n"
	// What nats.go writes are whole lines with their payloads, so this falls between two.
	_, err := c.Write([]byte(lines))
	return err
}

// wireConn is a connection as nats.go sees it: what it reads is what the server sent less
// the frames of the hot subscription, which go to the intake. nats.go's read loop is the
// source's reader: it waits in Read, and returns only for what is not hot.
type wireConn struct {
	d    *dialer
	raw  net.Conn // below TLS
	conn net.Conn // what is read and written; set anew by secure, before CONNECT
	host string   // of the server; empty in process
	// ready tells that the server has accepted the log-in.
	ready atomic.Bool
	// listening is the id of the subscription; the keeper's.
	listening uint64

	// The reader's own.
	c    *chunk // being filled
	pass []byte // for nats.go, from passed
	at   int
	err  error // what the connection ended with
}

// Read gives nats.go its frames.
func (c *wireConn) Read(p []byte) (int, error) {
	for c.at == len(c.pass) {
		if c.err != nil {
			return 0, c.err
		}
		c.pass, c.at = c.pass[:0], 0
		if c.err = c.fill(); c.err != nil {
			c.d.in.quit(c.c)
			c.c = nil
		}
	}
	n := copy(p, c.pass[c.at:])
	c.at += n
	return n, nil
}

// fill takes in what one read of the connection yields.
func (c *wireConn) fill() error {
	if c.c == nil {
		c.c = c.d.in.fresh(0)
	}
	n, err := c.conn.Read(c.c.buf[c.c.w:])
	c.c.w += n
	if n == 0 {
		return c.early(err)
	}
	if !c.ready.Load() {
		if perr := c.greet(); perr != nil {
			return perr
		}
	}
	if c.ready.Load() {
		var perr error
		if c.c, c.pass, perr = c.d.in.parse(c.c, c.pass); perr != nil {
			return perr
		}
	}
	return err
}

// greet passes the frames of the handshake on, and secures the connection between the
// server's greeting and the log-in when it is to be.
func (c *wireConn) greet() error {
	var f frame
	for !c.ready.Load() {
		b := c.c
		n, need, err := parseFrame(b.buf[b.r:b.w], &f)
		if err != nil {
			return fmt.Errorf("%w; is this a NATS server?", err)
		}
		if n == 0 {
			c.c = c.d.in.room(b, need)
			return nil
		}
		c.pass = append(c.pass, b.buf[b.r:b.r+n]...)
		b.r += n
		switch f.kind {
		case frameInfo:
			if err := c.greeted(f.detail); err != nil {
				c.d.note(err)
				c.pass = c.pass[:0] // an answer to the greeting would be the log-in, in the clear
				return err
			}
		case framePong:
			c.ready.Store(true)
		}
	}
	return nil
}

// greeted decides on TLS by the server's greeting.
func (c *wireConn) greeted(info []byte) error {
	var i struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	if err := json.Unmarshal(info, &i); err != nil {
		return fmt.Errorf("%w: greeting: %v", errProtocol, err)
	}
	tc, err := c.d.o.tlsConfig()
	if err != nil {
		return err
	}
	// nats.go wants TLS in the same cases, and refuses a server that does not offer it.
	want := i.Required || i.Available && (tc != nil || c.d.o.hasTLSURL())
	if !want || c.host == "" || c.raw != c.conn {
		return nil
	}
	if c.c.r != c.c.w {
		return fmt.Errorf("%w: bytes before the TLS handshake", errProtocol)
	}
	return c.secure()
}

// hasTLSURL tells whether a URL asks for TLS; then, as in nats.go, every server is.
func (o *ConnOptions) hasTLSURL() bool {
	for _, u := range o.URLs {
		if strings.HasPrefix(u, "tls://") {
			return true
		}
	}
	return false
}

// secure does the TLS handshake. The certificate is to name the host that was dialled, or,
// for an address that another server announced, the last host known by a name.
func (c *wireConn) secure() error {
	d := c.d
	tc, err := d.o.tlsConfig()
	if err != nil {
		return err
	}
	if tc == nil {
		tc = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	named := tc.ServerName != ""
	if !named {
		tc.ServerName = c.host
	}
	d.mu.Lock()
	if !named && net.ParseIP(c.host) != nil && d.name != "" && !d.o.names(c.host) {
		tc.ServerName = d.name
	}
	d.mu.Unlock()
	t := tls.Client(c.raw, tc)
	ctx, cancel := context.WithTimeout(d.ctx, d.o.DialTimeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%s: TLS: %w", c.host, err)
	}
	d.mu.Lock()
	if net.ParseIP(c.host) == nil {
		d.name = c.host
	}
	d.mu.Unlock()
	c.conn = t
	return nil
}

// names tells whether a URL of the options has that host.
func (o *ConnOptions) names(host string) bool {
	for _, s := range o.URLs {
		var u *url.URL
		if u, _ = parseURL(s); u != nil && u.Hostname() == host {
			return true
		}
	}
	return false
}

// Close ends the connection; a Read that waits returns.
func (c *wireConn) Close() error { return c.raw.Close() }

// Write implements net.Conn.
func (c *wireConn) Write(p []byte) (int, error) {
	n, err := c.conn.Write(p)
	return n, c.early(err)
}

// early marks the end of a connection that was secured and not used yet: the server's word
// why may be lost.
func (c *wireConn) early(err error) error {
	if err == nil || c.ready.Load() || c.conn == c.raw || remoteAlert(err) != "" {
		return err
	}
	return fmt.Errorf("%w: %w", nats.ErrTLS, remote(err))
}

func (c *wireConn) LocalAddr() net.Addr                { return c.raw.LocalAddr() }
func (c *wireConn) RemoteAddr() net.Addr               { return c.raw.RemoteAddr() }
func (c *wireConn) SetDeadline(t time.Time) error      { return c.raw.SetDeadline(t) }
func (c *wireConn) SetReadDeadline(t time.Time) error  { return c.raw.SetReadDeadline(t) }
func (c *wireConn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }
