package agent

import (
	"context"
	"fmt"
	"slices"

	natsgo "github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// link is a connection to a server of sinks. It comes up by itself; why tells why it is down.
type link struct {
	id  int // among the pipeline's
	nc  *natsgo.Conn
	why func() error
}

// connect opens a connection, or returns the one open to the same server with the same
// credentials, unless that was closed for good. It does not wait for the server.
func (c *connectors) connect(o nats.ConnOptions) (*link, error) {
	// All that makes a connection another one, secrets included: it is never shown.
	key := fmt.Sprintf("%q %p %d", append(slices.Clone(o.URLs), o.Credentials, o.NKeySeed, o.User, o.Password, o.PasswordFile, o.PasswordEnv,
		o.Token, o.TokenFile, o.TokenEnv, o.TLSCA, o.TLSCert, o.TLSKey, o.TLSServerName, o.Domain), o.InProcess, o.TLS)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, natsgo.ErrConnectionClosed
	}
	if l := c.links[key]; l != nil && !l.nc.IsClosed() {
		return l, nil
	}
	o.Name = "edgeflow-" + c.p.name
	life, hangUp := context.WithCancel(c.life)
	begun := context.AfterFunc(c.ctx, hangUp) // a start that is to end waits for no attempt
	nc, why, err := o.Begin(life)
	begun()
	if err != nil {
		return nil, err
	}
	c.opened++
	c.links[key] = &link{c.opened, nc, why}
	return c.links[key], nil
}

// hub makes a stream of a server the target of an output. The outputs of one stream are a group.
func (c *connectors) hub(out *forward.OutputOptions, to nats.ConnOptions, o natshub.Options) error {
	l, err := c.connect(to)
	if err != nil {
		return err
	}
	o.Prefix = to.APIPrefix()
	o.Renew = func() (*natsgo.Conn, error) {
		again, err := c.connect(to)
		if err != nil {
			return nil, err
		}
		l = again
		return l.nc, nil
	}
	o.Why = func() error { return l.why() }
	out.Hub, out.RequestTimeout, out.Group = natshub.New(l.nc, o), to.RequestTimeout, fmt.Sprint(l.id, " ", o.Stream)
	return nil
}

// note keeps how a source's connection is, and tells whether that is news.
func (c *connectors) note(table string, s nats.Status) bool {
	now := SourceStatus{Table: table, Link: linkUp}
	if !s.Connected {
		now.Link = linkDown
		if s.Err != nil {
			now.Error = s.Err.Error()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.inputs {
		if c.inputs[i].Table == table {
			news := c.inputs[i] != now
			c.inputs[i] = now
			return news
		}
	}
	c.inputs = append(c.inputs, now)
	return true
}

// sources is how the connections of sources are.
func (c *connectors) sources() []SourceStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.inputs)
}

// close closes the connections; sources are closed by the engine.
func (c *connectors) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.hangUp()
	for _, l := range c.links {
		l.nc.Close()
	}
	return nil
}
