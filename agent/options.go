package agent

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/connector/nats"
)

// ErrReported is returned when what went wrong has been printed already.
var ErrReported = errors.New("see above")

// Options configure an Agent. Flags of the command fill them one by one.
type Options struct {
	// DataDir holds the pipelines' state, outboxes and the embedded server's streams.
	DataDir string
	// NATS is the server of sources, and of sinks unless Hub is set. Without a URL an
	// embedded server is started when a pipeline needs one.
	NATS, Hub Server
	// Embedded configures the embedded server.
	Embedded Embedded
	// Instance is the name under which this host's cursors are kept at the hub.
	Instance string
	// Listen is the address of metrics, health and control; empty for none.
	Listen string
	// Access says who may use Listen.
	Access Access
	// LogLevel is debug, info, warn or error.
	LogLevel string
	LogJSON  bool
	// ResetState sets existing state aside at the start.
	ResetState bool
	// Drain ends the sources at the stop, so that all windows fire.
	Drain bool
	// FromSavepoint is where a pipeline without state starts from.
	FromSavepoint string
	// Logger overrides LogLevel and LogJSON.
	Logger *slog.Logger
	// Clock is the host's clock; nil for the real one.
	Clock Clock
	// HashSeed goes into the hashes of new state, so that senders of events cannot choose keys
	// that collide; 0 draws one. Results do not depend on it.
	HashSeed uint64
	// AllowPaths are folders that the paths in pipelines' SQL may lie in, besides DataDir,
	// the working directory and the folder of the pipeline's file, unless these two are the
	// top of the tree. nil confines nothing.
	AllowPaths []string
	// AllowEnv are the variables of the environment that pipelines' SQL may name; empty
	// allows all.
	AllowEnv []string
	// StateKey is a reference, ${env:NAME} or ${file:/path}, to the keys that encrypt state,
	// savepoints and the embedded server's streams, one a line: the first encrypts, all
	// decrypt. Empty leaves them in the clear.
	StateKey string
	// Reload makes the agent read certificates and tokens anew; they are looked at when
	// connections are made, too.
	Reload <-chan os.Signal
	// Interpret leaves registered fragments of generated code aside.
	Interpret bool
}

// Server is how a NATS server is reached. ServerName is the name in its certificate, empty
// for that of its URL; TLS is required, off, or empty: required beyond this host.
type Server struct {
	URL, Credentials, NKey, CA, Cert, Key, Domain, ServerName, TLS string
}

// Embedded configures the embedded server.
type Embedded struct {
	// Listen and MQTTListen open ports; empty for none. LeafURL is a hub to join.
	Listen, MQTTListen, LeafURL, Domain string
	// Users is a YAML file that names who may connect to the ports (see usersFile). Cert and
	// Key make them ones of TLS, read anew when they change; with ClientCA, clients have to
	// show certificates.
	Users, Cert, Key, ClientCA string
	// Open lets ports that others than this host reach ask nobody who they are.
	Open bool
	// Leaf is how the hub at LeafURL is reached: files, and TLS as for Server.
	Leaf Server
	// MaxStoreBytes bounds its streams; 0 for the default.
	MaxStoreBytes int64
	// Lazy leaves syncing to the server's timer.
	Lazy bool
}

// Clock is the host's time.
type Clock interface {
	Now() time.Time
}

type realClock struct{}

// Now reads the host's clock.
func (realClock) Now() time.Time { return time.Now() }

// Validate checks the options and fills in defaults.
func (o *Options) Validate() error {
	if o.DataDir == "" {
		return fmt.Errorf("--data: name a folder for state and outboxes")
	}
	if o.Instance == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "edgeflow"
		}
		o.Instance = host
	}
	if strings.ContainsFunc(o.Instance, func(c rune) bool { return c >= utf8.RuneSelf }) {
		return fmt.Errorf("--instance: %q has letters that subjects do not, and hosts could share a cursor at the hub: name it with A-Z, a-z, 0-9, - and _ (an instance of this name that has cursors goes on as %q)", o.Instance, token(o.Instance))
	}
	o.Instance = token(o.Instance)
	if o.Clock == nil {
		o.Clock = realClock{}
	}
	for o.HashSeed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails: the runtime ends the process instead
		o.HashSeed = binary.LittleEndian.Uint64(b[:])
	}
	if o.Listen != "" {
		if _, _, err := net.SplitHostPort(o.Listen); err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
	}
	if err := o.Access.validate(o.Listen); err != nil {
		return err
	}
	for _, s := range []struct{ flag, mode string }{{"--nats-tls", o.NATS.TLS}, {"--hub-tls", o.Hub.TLS}, {"--embedded-leaf-tls", o.Embedded.Leaf.TLS}} {
		if _, ok := nats.ParseTLSMode(s.mode); !ok {
			return fmt.Errorf("%s: %q is neither 'required' nor 'off'", s.flag, s.mode)
		}
	}
	return o.logger()
}

func (o *Options) logger() error {
	if o.Logger != nil {
		return nil
	}
	var level slog.Level
	if o.LogLevel == "" {
		o.LogLevel = "info"
	}
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", o.LogLevel)
	}
	h := &slog.HandlerOptions{Level: level}
	if o.LogJSON {
		o.Logger = slog.New(slog.NewJSONHandler(os.Stderr, h))
	} else {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, h))
	}
	return nil
}
