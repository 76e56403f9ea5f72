// Package certs holds certificates that are read anew when their files change, so that a
// renewed certificate needs no restart. A pair that cannot be read, or whose key does not
// fit, leaves the one before in use and is warned about.
//
// It imports nothing of the project.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options name the files. All of them are PEM.
type Options struct {
	// Cert and Key are a certificate with its chain, and its key; both or none.
	Cert, Key string
	// CA are the certificates that the other side's is verified with; empty are those of
	// the host for a server's, and none for a client's.
	CA string
	// Now is the clock; nil is the host's.
	Now func() time.Time
	// ReadFile reads a file; nil is the host's.
	ReadFile func(path string) ([]byte, error)
	// Logger is told of renewed certificates and of bad ones; it may be nil.
	Logger *slog.Logger
}

// lookEvery is how often files are looked at, when connections are made.
const lookEvery = time.Second

// Files are certificates in files. Their methods may be called from any goroutine.
type Files struct {
	o Options

	mu     sync.Mutex
	looked time.Time
	seen   [3]stamp
	now    current
}

type current struct {
	cert *tls.Certificate
	pool *x509.CertPool
}

// stamp tells one version of a file from another.
type stamp struct {
	mod  time.Time
	size int64
}

// Load reads the files. An error at the start is an error; later ones are warnings.
func Load(o Options) (*Files, error) {
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("a certificate and its key come together")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Files{o: o, looked: o.Now()}
	f.seen = f.stamps()
	var err error
	f.now, err = f.read()
	return f, err
}

func (f *Files) stamps() (s [3]stamp) {
	for i, path := range []string{f.o.Cert, f.o.Key, f.o.CA} {
		if info, err := os.Stat(path); path != "" && err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

func (f *Files) read() (c current, err error) {
	if f.o.Cert != "" {
		cert, err := f.o.ReadFile(f.o.Cert)
		if err != nil {
			return c, fmt.Errorf("certificate: %w", err)
		}
		key, err := f.o.ReadFile(f.o.Key)
		if err != nil {
			return c, fmt.Errorf("key of the certificate: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return c, fmt.Errorf("certificate %s with key %s: %w", f.o.Cert, f.o.Key, err)
		}
		c.cert = &pair
	}
	if f.o.CA != "" {
		pem, err := f.o.ReadFile(f.o.CA)
		if err != nil {
			return c, fmt.Errorf("CA certificates: %w", err)
		}
		c.pool = x509.NewCertPool()
		if !c.pool.AppendCertsFromPEM(pem) {
			return c, fmt.Errorf("%s holds no PEM certificate", f.o.CA)
		}
	}
	return c, nil
}

// Reload reads the files now, whether they look changed or not.
func (f *Files) Reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload()
}

func (f *Files) reload() {
	f.seen = f.stamps()
	c, err := f.read()
	if err != nil {
		f.o.Logger.Warn("a changed certificate is left out, and the one before stays in use", "certificate", f.o.Cert, "ca", f.o.CA, "error", err)
		return
	}
	f.now = c
	f.o.Logger.Info("certificates were read anew", "certificate", f.o.Cert, "ca", f.o.CA)
}

// current looks at the files, at most once a second, and returns what is in use.
func (f *Files) current() current {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.o.Now(); now.Sub(f.looked) >= lookEvery || now.Before(f.looked) {
		f.looked = now
		if f.stamps() != f.seen {
			f.reload()
		}
	}
	return f.now
}

// Server makes the configuration of a listener. Clients may show a certificate that the CA
// has signed; with must they have to.
func (f *Files) Server(must bool) *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	set := func(c *tls.Config, now current) *tls.Config {
		if now.cert != nil {
			c.Certificates = []tls.Certificate{*now.cert}
		}
		switch {
		case now.pool == nil:
		case must:
			c.ClientCAs, c.ClientAuth = now.pool, tls.RequireAndVerifyClientCert
		default:
			c.ClientCAs, c.ClientAuth = now.pool, tls.VerifyClientCertIfGiven
		}
		return c
	}
	out := set(base.Clone(), f.current())
	out.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return set(base.Clone(), f.current()), nil
	}
	return out
}

// Client makes the configuration towards a server of a name; empty takes the name that is
// dialled. The client's certificate is the current one at each connect; the CA is that of
// this call.
func (f *Files) Client(serverName string) *tls.Config {
	now := f.current()
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: now.pool, ServerName: serverName}
	if now.cert != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return f.current().cert, nil
		}
	}
	return c
}
