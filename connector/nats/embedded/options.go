package embedded

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"
)

// Defaults of Options.
const (
	// MaxMemoryBytesDefault bounds memory-backed streams.
	MaxMemoryBytesDefault = 64 << 20
	// MaxStoreBytesDefault bounds file-backed streams.
	MaxStoreBytesDefault = 4 << 30
	// ReadyTimeoutDefault is how long Start waits for the server; recovering
	// a large store directory after a crash takes its time.
	ReadyTimeoutDefault = 60 * time.Second
)

// Options configures an embedded server. The zero value of every field but
// StoreDir means its default.
type Options struct {
	// Name is the server's name; it must be unique among connected servers.
	Name string
	// StoreDir is the directory of JetStream's files. It is created when
	// missing and belongs to one server at a time.
	StoreDir string
	// MaxMemoryBytes and MaxStoreBytes bound what streams may take.
	MaxMemoryBytes, MaxStoreBytes int64
	// Domain is the JetStream domain; a leaf node needs one of its own.
	Domain string
	// Listen is host:port for clients; empty opens no port at all. Port 0
	// lets the system choose.
	Listen string
	// LeafListen is host:port for leaf nodes; empty opens none.
	LeafListen string
	// MQTTListen is host:port for MQTT devices; empty opens none.
	MQTTListen string
	// Username and Password, or Token, are asked of every client when set.
	Username, Password, Token string
	// Users, when set, are who may connect, each to what it may do. This process has a user
	// of its own, which no other process can use.
	Users []User
	// Open lets a listener that others than this host reach ask nobody who they are.
	Open bool
	// TLS is used by the client, leaf and MQTT listeners when set.
	TLS *tls.Config
	// StoreKey encrypts the files of streams; OldStoreKey is the one before it, whose files
	// are written anew. Files in the clear are encrypted at the start.
	StoreKey, OldStoreKey string
	// Leaf connects this server to a hub as a leaf node when set.
	Leaf *LeafOptions
	// LazySync leaves fsync to the server's two-minute timer. A power loss may
	// then roll streams back. By default every write is synced before it is
	// acknowledged.
	LazySync bool
	// MaxPayloadBytes is the largest message; 0 means the server's 1 MiB.
	MaxPayloadBytes int32
	// ReadyTimeout bounds Start.
	ReadyTimeout time.Duration
	// Logger takes the server's log; nil discards it. Notices of the server
	// are logged at debug level.
	Logger *slog.Logger
}

// LeafOptions describes the hub that the server joins.
type LeafOptions struct {
	// URLs of the hub's leaf listeners, nats-leaf://host:7422 or tls://...
	URLs []string
	// Credentials and NKey are paths of a credentials or seed file.
	Credentials, NKey string
	// TLS is used towards the hub when set.
	TLS *tls.Config
	// RequireTLS refuses a hub that offers none.
	RequireTLS bool
	// DialTimeout and FirstInfoTimeout may be raised for satellite links.
	DialTimeout, FirstInfoTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.Name == "" {
		o.Name = "edgeflow"
	}
	if o.MaxMemoryBytes == 0 {
		o.MaxMemoryBytes = MaxMemoryBytesDefault
	}
	if o.MaxStoreBytes == 0 {
		o.MaxStoreBytes = MaxStoreBytesDefault
	}
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = ReadyTimeoutDefault
	}
}

// Validate reports the first thing that is wrong with the options.
func (o *Options) Validate() error {
	if o.StoreDir == "" {
		return errors.New("embedded nats-server: StoreDir is empty: name a directory for JetStream's files")
	}
	if o.MaxMemoryBytes < 0 || o.MaxStoreBytes < 0 {
		return fmt.Errorf("embedded nats-server: limits must not be negative (memory %d, store %d bytes)", o.MaxMemoryBytes, o.MaxStoreBytes)
	}
	if o.MaxPayloadBytes < 0 {
		return fmt.Errorf("embedded nats-server: MaxPayloadBytes must not be negative (%d)", o.MaxPayloadBytes)
	}
	for _, l := range []struct{ field, addr string }{{"Listen", o.Listen}, {"LeafListen", o.LeafListen}, {"MQTTListen", o.MQTTListen}} {
		if l.addr == "" {
			continue
		}
		if _, _, err := splitAddr(l.addr); err != nil {
			return fmt.Errorf("embedded nats-server: %s: %w", l.field, err)
		}
	}
	if err := o.validateAccess(); err != nil {
		return err
	}
	if o.Token != "" && (o.Username != "" || o.Password != "") {
		return errors.New("embedded nats-server: give a token or a user name with password, not both")
	}
	if o.Leaf != nil {
		if len(o.Leaf.URLs) == 0 {
			return errors.New("embedded nats-server: Leaf.URLs is empty: name the hub, e.g. nats-leaf://hub.example:7422")
		}
		for _, u := range o.Leaf.URLs {
			if p, err := url.Parse(u); err != nil || p.Host == "" {
				return fmt.Errorf("embedded nats-server: Leaf.URLs: %q is not a URL such as nats-leaf://hub.example:7422", u)
			}
		}
		if o.Domain == "" {
			return errors.New("embedded nats-server: a leaf node needs a JetStream domain of its own: set Domain")
		}
	}
	return nil
}

// splitAddr takes host:port apart. Port 0 becomes -1, the server's word for
// a port the system chooses.
func splitAddr(addr string) (string, int, error) {
	host, ps, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", addr)
	}
	port, err := strconv.Atoi(ps)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q is not a port", ps)
	}
	if port == 0 {
		port = -1
	}
	return host, port, nil
}
