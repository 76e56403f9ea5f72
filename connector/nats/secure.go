package nats

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/secret"
)

// TLSMode says when a connection has to be encrypted.
type TLSMode uint8

// The modes of 'nats.tls'.
const (
	// TLSBeyondHost: wherever the server is not on this host, or asks for it.
	TLSBeyondHost TLSMode = iota
	// TLSAlways: on this host, too.
	TLSAlways
	// TLSOff: where the server asks for it.
	TLSOff
)

// ParseTLSMode reads 'required', 'off' or nothing.
func ParseTLSMode(s string) (TLSMode, bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "":
		return TLSBeyondHost, true
	case "required":
		return TLSAlways, true
	case "off":
		return TLSOff, true
	}
	return 0, false
}

// onHost tells whether a URL names this host itself. Names are not looked up: who answers
// for a name may be another tomorrow.
func onHost(u *url.URL) bool {
	host := u.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// needsTLS tells whether a connection in the clear is refused.
func (o *ConnOptions) needsTLS() bool {
	if o.InProcess != nil || o.TLS == TLSOff {
		return false
	}
	if o.TLS == TLSAlways {
		return true
	}
	for _, s := range o.URLs {
		if u, err := parseURL(s); err != nil || !onHost(u) {
			return true
		}
	}
	return false
}

// localOnly tells that a connection may be in the clear because all servers are on this
// host. What others they announce is then left out.
func (o *ConnOptions) localOnly() bool {
	return o.InProcess == nil && o.TLS == TLSBeyondHost && !o.needsTLS()
}

// validateTLS refuses what contradicts itself.
func (o *ConnOptions) validateTLS() error {
	for _, s := range o.URLs {
		u, err := parseURL(s)
		if err == nil && u.Scheme == "ws" && o.needsTLS() {
			return &OptionError{Key: "nats.url", Value: redact(s), Problem: "it would go over the network in the clear: use wss://, or set 'nats.tls' = 'off' where the network is trusted"}
		}
		if err == nil && (u.Scheme == "tls" || u.Scheme == "wss") && o.TLS == TLSOff {
			return &OptionError{Key: "nats.tls", Value: "off", Problem: "the server's URL, " + redact(s) + ", asks for TLS"}
		}
	}
	return nil
}

// plainHint says what to do about a server without TLS.
const plainHint = "no secure connection: the server does not offer TLS, which is wanted of every server beyond this host, and wherever 'nats.tls' or a certificate says so; " +
	"give the server a certificate, or set 'nats.tls' = 'off' (--nats-tls off, --hub-tls off) where the network is trusted: everything, passwords included, then goes in the clear"

// explainPlain adds the hint to nats.go's refusal of a server without TLS.
func explainPlain(err error) error {
	if errors.Is(err, nats.ErrSecureConnWanted) {
		return &plainError{err}
	}
	return err
}

type plainError struct{ err error }

func (e *plainError) Error() string { return plainHint }
func (e *plainError) Unwrap() error { return e.err }

// readFile reads a file that an option names.
func (o *ConnOptions) readFile(path string) ([]byte, error) {
	if o.ReadFile != nil {
		return o.ReadFile(path)
	}
	return os.ReadFile(path)
}

// ResolveURLs reads the URLs that are references; one may stand for several, separated by
// commas. Validate lets references pass, so that options can be checked on another host. What is
// wrong with a reference or with what it stands for is no OptionError: it may pass.
func (o *ConnOptions) ResolveURLs() error {
	var out []string
	for _, u := range o.URLs {
		if !secret.IsRef(u) {
			out = append(out, u)
			continue
		}
		v, err := o.resolve(u)
		if err != nil {
			return fmt.Errorf("option 'nats.url': %w", err)
		}
		list := splitList(v, ",")
		if len(list) == 0 {
			return fmt.Errorf("option 'nats.url': %s is empty", u)
		}
		for _, s := range list {
			if _, err := parseURL(s); err != nil {
				return fmt.Errorf("option 'nats.url': %s: '%s': %w", u, redact(s), err)
			}
		}
		out = append(out, list...)
	}
	o.URLs = out
	return nil
}

func (o *ConnOptions) resolve(s string) (string, error) {
	return secret.Reader{ReadFile: o.ReadFile, LookupEnv: o.LookupEnv}.Resolve(s)
}

// Insider is an InProcess server that asks who connects; it says so itself.
type Insider interface {
	// InsideUser is a user and its password, both empty where nobody is asked.
	InsideUser() (user, password string)
}
