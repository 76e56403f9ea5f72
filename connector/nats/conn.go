package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/edgeflow/edgeflow/connector/secret"
)

// InProcess opens in-memory connections to a server in this process.
type InProcess interface {
	InProcessConn() (net.Conn, error)
}

// ConnOptions says how to reach a server and who we are there. A secret is given as a
// file or an environment variable, read anew at each connect, or in place; User, Password
// and Token may be references, too: ${env:NAME} or ${file:/path}.
type ConnOptions struct {
	// URLs are tried in order, references resolved (see ResolveURLs): nats://host:4222 or tls://host:4222, or all of them
	// websockets, ws://host or wss://host.
	URLs []string
	// InProcess is used instead of URLs when set.
	InProcess InProcess
	// Name is shown in the server's connection list.
	Name string
	// Credentials is the path of a .creds file (JWT and seed).
	Credentials string
	// NKeySeed is the path of a file with an nkey seed.
	NKeySeed string
	User     string
	// Password and Token in place, or their file or environment variable.
	Password, PasswordFile, PasswordEnv string
	Token, TokenFile, TokenEnv          string
	// TLSCA, TLSCert and TLSKey are PEM files; certificate and key make mTLS.
	TLSCA, TLSCert, TLSKey string
	// TLSServerName is the name in the server's certificate; empty is that of its URL.
	TLSServerName string
	// TLS says when a connection has to be encrypted.
	TLS TLSMode
	// ReadFile reads the files that options name; nil is the host's.
	ReadFile func(path string) ([]byte, error)
	// LookupEnv reads the variables that options name; nil is the host's.
	LookupEnv func(name string) (string, bool)
	// TLSFirst does the TLS handshake before the server's greeting.
	TLSFirst bool
	// Domain is the JetStream domain, empty for the server's own.
	Domain string
	// DialTimeout bounds the connect, the TLS handshake and the greeting, each (default 10 s,
	// which leaves room for lost packets on a link of seconds).
	DialTimeout time.Duration
	// RequestTimeout is how long the first answer of the JetStream API is waited for (default
	// 5 s); one that does not come is asked for again and given more time.
	RequestTimeout time.Duration
}

func (o *ConnOptions) setDefaults() {
	if o.Name == "" {
		o.Name = "edgeflow"
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 5 * time.Second
	}
}

// Validate reports the first thing wrong with the options.
func (o *ConnOptions) Validate() error {
	if o.InProcess == nil && len(o.URLs) == 0 {
		return &OptionError{Key: "nats.url", Problem: "no server: name one, such as nats://127.0.0.1:4222, or run with the embedded server"}
	}
	for _, u := range o.URLs {
		if secret.IsRef(u) {
			continue
		}
		if _, err := parseURL(u); err != nil {
			return &OptionError{Key: "nats.url", Value: redact(u), Problem: err.Error()}
		}
	}
	if o.websocket() {
		for _, u := range o.URLs {
			if !isWebsocket(u) {
				return &OptionError{Key: "nats.url", Value: redact(u), Problem: "ws:// and wss:// do not stand beside other schemes"}
			}
		}
	}
	if err := o.validateTLS(); err != nil {
		return err
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return &OptionError{Key: "nats.tls.cert", Problem: "a certificate and its key come together: set both 'nats.tls.cert' and 'nats.tls.key'"}
	}
	n := 0
	for _, set := range []bool{o.Credentials != "", o.NKeySeed != "", o.User != "", o.Token != "" || o.TokenFile != "" || o.TokenEnv != ""} {
		if set {
			n++
		}
	}
	if n > 1 {
		return &OptionError{Key: "nats.credentials", Problem: "more than one way to log in: keep one of 'nats.credentials', 'nats.nkey', 'nats.user', 'nats.token'"}
	}
	return nil
}

func parseURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "nats://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not a URL such as nats://host:4222; a comma in a password is written %2C")
	}
	port := "4222"
	switch u.Scheme {
	case "nats", "tls":
	case "ws":
		port = "80"
	case "wss":
		port = "443"
	default:
		return nil, fmt.Errorf("scheme %q is not known: use nats://, tls://, ws:// or wss://", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host: write nats://host:4222")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, nil
}

func isWebsocket(u string) bool {
	return strings.HasPrefix(u, "ws://") || strings.HasPrefix(u, "wss://")
}

// websocket tells whether a server is reached through a websocket.
func (o *ConnOptions) websocket() bool {
	return o.InProcess == nil && slices.ContainsFunc(o.URLs, isWebsocket)
}

// redact hides the user, password or token in a URL, and in what may be the beginning of one that
// a comma in its password ended.
func redact(s string) string {
	if secret.IsRef(s) {
		return s
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		rest = s
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***" + rest[at:]
	} else if host, _, _ := strings.Cut(rest, "/"); !strings.HasSuffix(host, "]") {
		if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") != "" {
			rest = "***"
		}
	}
	if ok {
		return scheme + "://" + rest
	}
	return rest
}

// Server names the server for messages, without secrets.
func (o *ConnOptions) Server() string {
	if o.InProcess != nil {
		return "the embedded server"
	}
	names := make([]string, len(o.URLs))
	for i, u := range o.URLs {
		names[i] = redact(u)
	}
	return strings.Join(names, ",")
}

// secret returns the value given in place or as a reference, in a file or in the environment.
func (o *ConnOptions) secret(what, inPlace, file, env string) (string, error) {
	switch {
	case inPlace != "":
		v, err := o.resolve(inPlace)
		if err != nil {
			return "", fmt.Errorf("the %s: %w", what, err)
		}
		return v, nil
	case file != "":
		b, err := o.readFile(file)
		if err != nil {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		return strings.TrimSpace(string(b)), nil
	case env != "":
		v, err := o.resolve("${env:" + env + "}")
		if err != nil {
			return "", fmt.Errorf("the %s: %w", what, err)
		}
		return v, nil
	}
	return "", nil
}

// identity is what a client tells a server about itself.
type identity struct {
	user, pass, token, jwt, nkey string
	sign                         func(nonce []byte) ([]byte, error)
}

// identify reads the secrets that the options name; those in a URL are nats.go's to read.
func (o *ConnOptions) identify() (id identity, err error) {
	switch {
	case o.Credentials != "":
		b, err := o.readFile(o.Credentials)
		if err != nil {
			return id, fmt.Errorf("read the credentials file: %w", err)
		}
		if id.jwt, err = nkeys.ParseDecoratedJWT(b); err != nil {
			return id, fmt.Errorf("credentials file %s: %w", o.Credentials, err)
		}
		if strings.Count(id.jwt, ".") != 2 { // nkeys takes any text for a JWT, and it would be sent
			return id, fmt.Errorf("credentials file %s: it holds no JWT", o.Credentials)
		}
		id.sign = func(nonce []byte) ([]byte, error) {
			kp, err := nkeys.ParseDecoratedNKey(b)
			if err != nil {
				return nil, fmt.Errorf("credentials file %s: %w", o.Credentials, err)
			}
			defer kp.Wipe()
			return kp.Sign(nonce)
		}
	case o.NKeySeed != "":
		b, err := o.readFile(o.NKeySeed)
		if err != nil {
			return id, fmt.Errorf("read the nkey seed file: %w", err)
		}
		kp, err := nkeys.ParseDecoratedNKey(b)
		if err != nil {
			return id, fmt.Errorf("nkey seed file %s: %w", o.NKeySeed, err)
		}
		if id.nkey, err = kp.PublicKey(); err != nil {
			return id, fmt.Errorf("nkey seed file %s: %w", o.NKeySeed, err)
		}
		id.sign = kp.Sign
	case o.User != "":
		if id.user, err = o.resolve(o.User); err != nil {
			return id, fmt.Errorf("the user: %w", err)
		}
		id.pass, err = o.secret("password", o.Password, o.PasswordFile, o.PasswordEnv)
	case o.Token != "" || o.TokenFile != "" || o.TokenEnv != "":
		id.token, err = o.secret("token", o.Token, o.TokenFile, o.TokenEnv)
	case o.InProcess != nil:
		if in, ok := o.InProcess.(Insider); ok {
			id.user, id.pass = in.InsideUser()
		}
	}
	return id, err
}

// tlsConfig reads the certificates; nil when no TLS option is set.
func (o *ConnOptions) tlsConfig() (*tls.Config, error) {
	if o.TLSCA == "" && o.TLSCert == "" && o.TLSServerName == "" && !o.TLSFirst && !o.needsTLS() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.TLSServerName}
	if o.TLSCA != "" {
		b, err := o.readFile(o.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("read 'nats.tls.ca': %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("'nats.tls.ca' %s holds no PEM certificate", o.TLSCA)
		}
	}
	if o.TLSCert != "" {
		cert, err := o.keyPair()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// keyPair reads our certificate.
func (o *ConnOptions) keyPair() (pair tls.Certificate, err error) {
	var cert, key []byte
	if cert, err = o.readFile(o.TLSCert); err == nil {
		key, err = o.readFile(o.TLSKey)
	}
	if err == nil {
		pair, err = tls.X509KeyPair(cert, key)
	}
	if err != nil {
		err = fmt.Errorf("load 'nats.tls.cert' and 'nats.tls.key': %w", err)
	}
	return pair, err
}

// pingInterval is how often a connection is tried. One that has not answered two pings when the
// third is due, 20 to 30 s after it fell silent, is given up for another.
const pingInterval = 10 * time.Second

// clientOptions says to nats.go how to log in and how to secure a connection. Secrets and
// certificates are read now, so that a wrong file is an error at once, and again at each
// connect.
func (o *ConnOptions) clientOptions() ([]nats.Option, error) {
	if slices.ContainsFunc(o.URLs, secret.IsRef) {
		if err := o.ResolveURLs(); err != nil {
			return nil, err
		}
		if err := o.Validate(); err != nil {
			return nil, err
		}
	}
	opts := []nats.Option{
		nats.Name(o.Name), nats.Timeout(o.DialTimeout), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.PingInterval(pingInterval), nats.IgnoreAuthErrorAbort(),
	}
	id, err := o.identify()
	if err != nil {
		return nil, err
	}
	sign := func(nonce []byte) ([]byte, error) {
		i, err := o.identify()
		if err != nil {
			return nil, err
		}
		return i.sign(nonce)
	}
	switch {
	case id.jwt != "":
		opts = append(opts, nats.UserJWT(func() (string, error) {
			i, err := o.identify()
			return i.jwt, err
		}, sign))
	case id.nkey != "":
		opts = append(opts, nats.Nkey(id.nkey, sign))
	case id.token != "":
		opts = append(opts, nats.TokenHandler(func() string {
			i, _ := o.identify() // without its file the server refuses the empty token
			return i.token
		}))
	case id.user != "":
		opts = append(opts, nats.UserInfoHandler(func() (string, string) {
			i, _ := o.identify() // as above
			return i.user, i.pass
		}))
	}
	tc, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	if tc != nil {
		opts = append(opts, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.TLSServerName}), o.certificates)
	}
	if o.localOnly() {
		opts = append(opts, nats.IgnoreDiscoveredServers())
	}
	if o.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}

// certificates makes nats.go read the certificates at each connect.
func (o *ConnOptions) certificates(to *nats.Options) error {
	if o.TLSCert != "" {
		to.TLSCertCB = o.keyPair
	}
	if o.TLSCA != "" {
		to.RootCAsCB = func() (*x509.CertPool, error) {
			c, err := o.tlsConfig()
			if err != nil {
				return nil, err
			}
			return c.RootCAs, nil
		}
	}
	return nil
}

// Connect opens a client of the nats.go library, for publishing and requests, which
// reconnects forever. A server that cannot be reached is a *ConnectError.
func (o ConnOptions) Connect() (*nats.Conn, error) {
	return o.connect()
}

func (o ConnOptions) connect(extra ...nats.Option) (*nats.Conn, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	opts, err := o.clientOptions()
	if err != nil {
		return nil, &ConnectError{Server: o.Server(), Err: err}
	}
	opts = append(opts, nats.ReconnectWait(reconnectWait))
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(o.InProcess))
	}
	nc, err := nats.Connect(strings.Join(o.URLs, ","), append(opts, extra...)...)
	if err != nil {
		err = cause(err, nil)
		return nil, &ConnectError{Server: o.Server(), Err: err, Hint: hint(err)}
	}
	return nc, nil
}

// APIPrefix is the prefix of JetStream API subjects, with the final dot.
func (o *ConnOptions) APIPrefix() string {
	if o.Domain == "" {
		return "$JS.API."
	}
	return "$JS." + o.Domain + ".API."
}
