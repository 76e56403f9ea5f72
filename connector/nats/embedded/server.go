// Package embedded runs a nats-server inside the process: own store directory,
// explicit limits, every write synced, and no open port unless one is asked
// for. Clients in the process use an in-memory connection.
//
// Invariants: two servers never share a store directory; the limits are
// always explicit (the library's defaults are a temporary folder, 75% of RAM and
// the whole disk); the server installs no signal handlers and never ends the process.
//
// It imports nothing of the engine.
package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is a running embedded server. Its methods may be called from several
// goroutines.
type Server struct {
	srv   *server.Server
	opts  Options
	ready time.Duration
	log   *bridge
	once  sync.Once
	// inside is who this process is to the server.
	inside User
}

// Start runs a server and returns once JetStream is ready. The caller stops it
// with Shutdown.
func Start(o Options) (*Server, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.StoreDir, 0o750); err != nil {
		return nil, fmt.Errorf("embedded nats-server: create its store directory: %w", err)
	}
	inside := insideUser(&o)
	so, err := serverOptions(&o, inside)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	srv, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	s := &Server{srv: srv, opts: o, inside: inside, log: &bridge{log: o.Logger, fatal: make(chan string, 1)}}
	srv.SetLoggerV2(s.log, false, false, false)
	started := make(chan bool, 1)
	go func() {
		srv.Start()
		started <- srv.ReadyForConnections(o.ReadyTimeout)
	}()
	select {
	case msg := <-s.log.fatal:
		s.Shutdown() // the next attempt finds the folder and the ports free
		return nil, fmt.Errorf("embedded nats-server: %s", msg)
	case ok := <-started:
		if !ok {
			s.Shutdown()
			return nil, fmt.Errorf("embedded nats-server: not ready within %v: is an address in use (listen %q, leaf %q, mqtt %q)?", o.ReadyTimeout, o.Listen, o.LeafListen, o.MQTTListen)
		}
	}
	if !srv.JetStreamEnabled() {
		s.Shutdown()
		return nil, errors.New("embedded nats-server: JetStream did not start: " + s.log.lastProblem())
	}
	s.ready = time.Since(begin)
	if o.Logger != nil {
		o.Logger.Info("embedded nats-server ready", "name", o.Name, "store_dir", o.StoreDir, "ready_ms", s.ready.Milliseconds(),
			"client_url", s.ClientURL())
	}
	return s, nil
}

const (
	// handshakeTimeout is how long a client may take for its TLS handshake, and logInTimeout for that
	// and the log-in, in seconds. Our own clients take as long, over links of seconds; the library's
	// two seconds are too short for those, and for a host that stands still for some.
	handshakeTimeout = 10
	logInTimeout     = 2 * handshakeTimeout
	// connectTimeout is how long a client in this process waits for the server. There is no link that
	// could have failed, only a host that stands still.
	connectTimeout = time.Minute
	// storeTimeout is how long the MQTT listener waits for its own streams, which wait for the disk: a
	// card may take longer than the library's five seconds, and devices would be sent away.
	storeTimeout = time.Minute
)

func serverOptions(o *Options, inside User) (*server.Options, error) {
	so := &server.Options{
		ServerName:             o.Name,
		DontListen:             o.Listen == "",
		JetStream:              true,
		StoreDir:               o.StoreDir,
		JetStreamMaxMemory:     o.MaxMemoryBytes,
		JetStreamMaxStore:      o.MaxStoreBytes,
		JetStreamDomain:        o.Domain,
		SyncAlways:             !o.LazySync,
		MaxPayload:             o.MaxPayloadBytes,
		Username:               o.Username,
		Password:               o.Password,
		Authorization:          o.Token,
		AuthTimeout:            logInTimeout,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	}
	if o.StoreKey != "" {
		so.JetStreamKey, so.JetStreamOldKey, so.JetStreamCipher = o.StoreKey, o.OldStoreKey, server.AES
	}
	if len(o.Users) > 0 {
		so.Users = serverUsers(o.Users, inside)
	}
	if o.Listen != "" {
		so.Host, so.Port, _ = splitAddr(o.Listen)
		so.TLSConfig, so.TLSTimeout = o.TLS, handshakeTimeout
	}
	if o.LeafListen != "" {
		so.LeafNode.Host, so.LeafNode.Port, _ = splitAddr(o.LeafListen)
		so.LeafNode.TLSConfig, so.LeafNode.TLSTimeout, so.LeafNode.AuthTimeout = o.TLS, handshakeTimeout, logInTimeout
		so.LeafNode.Username, so.LeafNode.Password = o.Username, o.Password
	}
	if o.MQTTListen != "" {
		so.MQTT.Host, so.MQTT.Port, _ = splitAddr(o.MQTTListen)
		so.MQTT.TLSConfig, so.MQTT.TLSTimeout = o.TLS, handshakeTimeout
		so.MQTT.JSAPITimeout = storeTimeout
	}
	if o.Leaf != nil {
		r := &server.RemoteLeafOpts{
			Credentials: o.Leaf.Credentials, Nkey: o.Leaf.NKey, TLSConfig: o.Leaf.TLS, TLS: o.Leaf.TLS != nil || o.Leaf.RequireTLS,
			DialTimeout: o.Leaf.DialTimeout, FirstInfoTimeout: o.Leaf.FirstInfoTimeout,
		}
		for _, u := range o.Leaf.URLs {
			p, err := url.Parse(u)
			if err != nil {
				return nil, fmt.Errorf("embedded nats-server: Leaf.URLs: %w", err)
			}
			r.URLs = append(r.URLs, p)
		}
		so.LeafNode.Remotes = []*server.RemoteLeafOpts{r}
	}
	return so, nil
}

// InProcessConn opens an in-memory connection; with it Server is a
// nats.InProcessConnProvider.
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.InProcessConn() }

// Connect opens a client over an in-memory connection, with the server's own
// credentials.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	all := []nats.Option{nats.InProcessServer(s), nats.Timeout(connectTimeout)}
	switch {
	case s.opts.Token != "":
		all = append(all, nats.Token(s.opts.Token))
	case s.inside.Name != "":
		all = append(all, nats.UserInfo(s.inside.Name, s.inside.Password))
	}
	return nats.Connect("", append(all, opts...)...)
}

// ReadyIn is the time from Start's beginning until JetStream was ready.
func (s *Server) ReadyIn() time.Duration { return s.ready }

// ClientURL is where clients connect, or "" when no port is open.
func (s *Server) ClientURL() string {
	if s.opts.Listen == "" {
		return ""
	}
	return s.srv.ClientURL()
}

// LeafURL is where leaf nodes connect, or "" when no port is open.
func (s *Server) LeafURL() string {
	if s.opts.LeafListen == "" {
		return ""
	}
	v, err := s.srv.Varz(nil)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("nats-leaf://%s", net.JoinHostPort(v.LeafNode.Host, fmt.Sprint(v.LeafNode.Port)))
}

// MQTTAddr is host:port of the MQTT listener, or "" when there is none.
func (s *Server) MQTTAddr() string {
	if s.opts.MQTTListen == "" {
		return ""
	}
	v, err := s.srv.Varz(nil)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(v.MQTT.Host, fmt.Sprint(v.MQTT.Port))
}

// LeafConnected tells whether a leaf connection is up (either direction).
func (s *Server) LeafConnected() bool { return s.srv.NumLeafNodes() > 0 }

// Shutdown stops the server and waits until its files are closed. It may be
// called more than once.
func (s *Server) Shutdown() {
	s.once.Do(func() {
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
	})
}
