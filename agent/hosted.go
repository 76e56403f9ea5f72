package agent

import (
	"context"
	"errors"
	"sync"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// hosted is the agent's embedded server. A start, which recovers all streams, may take long: it
// goes on in the background, and only those who need the server wait for it.
type hosted struct {
	mu     sync.Mutex
	start  *hostedStart // the one under way, or the one that worked
	certs  *certs.Files // those of the server's ports, if they have any
	closed bool
}

// hostedStart is one start; what it came to is valid after done.
type hostedStart struct {
	done   chan struct{}
	server *embedded.Server
	err    error
}

// Embedded returns the embedded server, which the first call starts. One that could not start is
// started anew by the next call. ctx ends the wait, not the start.
func (a *Agent) Embedded(ctx context.Context) (*embedded.Server, error) {
	s := a.embedded.begin(a.startEmbedded)
	select {
	case <-s.done:
		return s.server, s.err
	case <-ctx.Done():
		return nil, away(context.Cause(ctx))
	}
}

// begin returns the start that there is, or begins one.
func (h *hosted) begin(start func() (*embedded.Server, *certs.Files, error)) *hostedStart {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.start != nil {
		return h.start
	}
	s := &hostedStart{done: make(chan struct{})}
	h.start = s
	go func() {
		var server *embedded.Server
		var files *certs.Files
		err := contain(func() (err error) { server, files, err = start(); return err })
		h.mu.Lock()
		defer h.mu.Unlock()
		defer close(s.done)
		switch {
		case err == nil && h.closed:
			server.Shutdown()
			s.err = away(errors.New("the embedded server was stopped"))
		case err == nil:
			s.server, h.certs = server, files
		default:
			s.err, h.start = err, nil
		}
	}()
	return s
}

// startEmbedded starts the server as the options say.
func (a *Agent) startEmbedded() (*embedded.Server, *certs.Files, error) {
	o, files, err := a.embeddedOptions()
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		return nil, nil, &configError{err}
	}
	s, err := embedded.Start(o)
	if err != nil {
		return nil, nil, away(err)
	}
	a.log.Info("embedded server ready", "after", s.ReadyIn(), "clients", o.Listen, "mqtt", o.MQTTListen)
	return s, files, nil
}

// renew reads the certificates anew.
func (h *hosted) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.certs != nil {
		h.certs.Reload()
	}
}

// close stops the server. A start under way is not waited for: what it starts is stopped when it
// is ready, or ends with the process, as at any crash.
func (h *hosted) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.start == nil {
		return
	}
	select {
	case <-h.start.done:
		if h.start.server != nil {
			h.start.server.Shutdown()
		}
	default:
	}
}
