package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/connector/nats"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// link is a connection to a server of sinks.
type link struct {
	id string // among the pipeline's
	*nats.Link
}

// connect opens a link, or returns the one to the same server with the same credentials. It does
// not wait for the server.
func (c *connectors) connect(o nats.ConnOptions) (link, error) {
	// All that makes a connection another one, secrets included: it is never shown.
	key := fmt.Sprintf("%q %p %d", append(slices.Clone(o.URLs), o.Credentials, o.NKeySeed, o.User, o.Password, o.PasswordFile, o.PasswordEnv,
		o.Token, o.TokenFile, o.TokenEnv, o.TLSCA, o.TLSCert, o.TLSKey, o.TLSServerName, o.Domain), o.InProcess, o.TLS)
	if l, ok := c.links[key]; ok {
		return l, nil
	}
	o.Name = "edgeflow-" + c.p.name
	id := fmt.Sprint(len(c.links))
	l, err := o.Open(c.life, func() {
		if f := c.forwarder.Load(); f != nil {
			f.Wake(id)
		}
	})
	var option *nats.OptionError
	if errors.As(err, &option) {
		return link{}, err
	}
	if err != nil {
		return link{}, away(err) // a secret or certificate cannot be read
	}
	c.links[key] = link{id, l}
	return c.links[key], nil
}

// hub makes a stream of a server the target of an output. The outputs of one stream are a group.
func (c *connectors) hub(out *forward.OutputOptions, to nats.ConnOptions, o natshub.Options) error {
	l, err := c.connect(to)
	if err != nil {
		return err
	}
	o.Prefix = to.APIPrefix()
	out.Hub, out.RequestTimeout, out.Link, out.Group = natshub.New(l, o), to.RequestTimeout, l.id, l.id+" "+o.Stream
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

// close closes the links; sources are closed by the engine.
func (c *connectors) close() {
	c.hangUp()
	for _, l := range c.links {
		l.Wait()
	}
}
