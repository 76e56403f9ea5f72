package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/secret"
)

// Access says who may use the control address. The zero value lets anybody on this host in,
// which is refused for an address that others reach.
type Access struct {
	// ReadToken and ControlToken are references, ${env:NAME} or ${file:/path}, to bearer
	// tokens, several of them one a line. With a token for reading one sees metrics and
	// status; with one for control one also takes savepoints and drains.
	ReadToken, ControlToken string
	// Cert and Key make the address one of TLS; they are read anew when they change.
	Cert, Key string
	// ClientCA signs certificates of clients, which may read. ControlClients are the common
	// or DNS names of those that may control.
	ClientCA       string
	ControlClients []string
	// Open lets an address that others reach be without tokens and client certificates.
	Open bool
}

// role is what a caller may do; a higher one includes the lower ones.
type role uint8

const (
	nobody role = iota
	reader
	controller
)

// tokenBytesMin is the least length of a token: shorter ones can be guessed.
const tokenBytesMin = 16

// loopback tells whether only this host reaches an address host:port.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// guarded tells whether callers have to say who they are.
func (a *Access) guarded() bool {
	return a.ReadToken != "" || a.ControlToken != "" || a.ClientCA != ""
}

// validate refuses an address that is open to others.
func (a *Access) validate(listen string) error {
	if (a.Cert == "") != (a.Key == "") {
		return errors.New("--listen-cert and --listen-key come together")
	}
	if a.ClientCA != "" && a.Cert == "" {
		return errors.New("--listen-client-ca needs --listen-cert and --listen-key: clients show certificates under TLS only")
	}
	if len(a.ControlClients) > 0 && a.ClientCA == "" {
		return errors.New("--listen-control-client needs --listen-client-ca, which signs its certificate")
	}
	if listen == "" || loopback(listen) || a.guarded() || a.Open {
		return nil
	}
	return fmt.Errorf("--listen %s: others than this host reach the address, and anybody could read and control; "+
		"give tokens (--listen-control-token '${file:/path}', --listen-read-token '${env:NAME}') or have clients show certificates "+
		"(--listen-cert, --listen-key and --listen-client-ca), or say --listen-insecure to open it to everybody", listen)
}

// gate decides who a caller is.
type gate struct {
	a       Access
	now     func() time.Time
	log     *slog.Logger
	secrets secret.Reader
	certs   *certs.Files

	mu     sync.Mutex
	looked time.Time
	tokens []tokenOf
	// Calls that were turned away since the last one that was logged, at told.
	away int
	told time.Time
}

type tokenOf struct {
	sum  [sha256.Size]byte
	role role
}

// tokensEvery is how often references to tokens are read anew, when somebody calls.
const tokensEvery = time.Second

func newGate(a Access, now func() time.Time, log *slog.Logger) (*gate, error) {
	g := &gate{a: a, now: now, log: log, looked: now()}
	var err error
	if g.tokens, err = g.read(); err != nil {
		return nil, err
	}
	if a.Cert != "" {
		g.certs, err = certs.Load(certs.Options{Cert: a.Cert, Key: a.Key, CA: a.ClientCA, Now: now, Logger: log})
		if err != nil {
			return nil, fmt.Errorf("--listen-cert: %w", err)
		}
	}
	return g, nil
}

// read resolves the references to tokens.
func (g *gate) read() (out []tokenOf, err error) {
	for _, t := range []struct {
		flag, ref string
		role      role
	}{{"--listen-read-token", g.a.ReadToken, reader}, {"--listen-control-token", g.a.ControlToken, controller}} {
		text, err := g.secrets.Must(t.flag, t.ref)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(text, "\n") {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || line[0] == '#':
				continue
			case len(line) < tokenBytesMin:
				return nil, fmt.Errorf("%s: %s has a token of fewer than %d characters: make one with `openssl rand -hex 32`", t.flag, t.ref, tokenBytesMin)
			}
			out = append(out, tokenOf{sha256.Sum256([]byte(line)), t.role})
		}
	}
	return out, nil
}

// current are the tokens of now. When they cannot be read any more, those before stay.
func (g *gate) current() []tokenOf {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); now.Sub(g.looked) >= tokensEvery || now.Before(g.looked) {
		g.looked = now
		g.reload()
	}
	return g.tokens
}

func (g *gate) reload() {
	tokens, err := g.read()
	switch {
	case err != nil:
		g.log.Warn("tokens cannot be read anew, and those before stay in use", "error", err)
	case !slices.Equal(tokens, g.tokens):
		g.tokens = tokens
		g.log.Info("tokens were read anew", "tokens", len(tokens))
	}
}

// renew reads tokens and certificates now.
func (g *gate) renew() {
	g.mu.Lock()
	g.reload()
	g.mu.Unlock()
	if g.certs != nil {
		g.certs.Reload()
	}
}

// awayEvery is how often calls that are turned away are logged at most.
const awayEvery = 10 * time.Second

// turnAway notes a call that may not be. A flood of them is one line now and then.
func (g *gate) turnAway(r *http.Request, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away++
	now := g.now()
	if !g.told.IsZero() && now.Sub(g.told) < awayEvery && !now.Before(g.told) {
		return
	}
	g.log.Warn("a call to the control address was turned away", "from", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "status", status, "calls", g.away)
	g.away, g.told = 0, now
}

// who tells the role of a caller. Every token is compared, in constant time.
func (g *gate) who(r *http.Request) role {
	if !g.a.guarded() {
		return controller
	}
	is := nobody
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
		for _, t := range g.current() {
			if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
				is = max(is, t.role)
			}
		}
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		is = max(is, reader)
		leaf := r.TLS.VerifiedChains[0][0]
		for _, name := range append([]string{leaf.Subject.CommonName}, leaf.DNSNames...) {
			if name != "" && slices.Contains(g.a.ControlClients, name) {
				is = controller
			}
		}
	}
	return is
}

// Renew reads certificates and tokens anew.
func (a *Agent) Renew() {
	if a.control != nil {
		a.control.gate.renew()
	}
	a.embedded.renew()
}
