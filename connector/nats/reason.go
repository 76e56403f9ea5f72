package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/nats-io/nats.go"
)

// ConnectError says which server there is no connection to, why, and what to do.
type ConnectError struct {
	Server string
	Err    error
	// Hint is what to do about it; may be empty.
	Hint string
}

func (e *ConnectError) Error() string {
	s := fmt.Sprintf("no connection to %s: %v", e.Server, e.Err)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *ConnectError) Unwrap() error { return e.Err }

// errUnwanted is a server that closes a connection as soon as it is secure.
var errUnwanted = fmt.Errorf("%w: %w after the handshake", nats.ErrTLS, errGone)

// cause gives an error of nats.go its type; none stands for nil.
func cause(err, none error) error {
	if err == nil {
		return none
	}
	if errors.Is(err, io.EOF) {
		if errors.Is(err, nats.ErrTLS) {
			return errUnwanted
		}
		return errGone // io.EOF is the word for a bounded source's end
	}
	l := strings.ToLower(err.Error())
	if errors.Is(err, nats.ErrSecureConnWanted) {
		return explainPlain(err)
	}
	if errors.Is(err, nats.ErrNkeysNotSupported) {
		return fmt.Errorf("%w: the server does not ask for nkeys: check 'nats.nkey'", ErrAuthorization)
	}
	if strings.Contains(l, "authorization") || strings.Contains(l, "authentication") || strings.Contains(l, "permissions") {
		return fmt.Errorf("%w: %s", ErrAuthorization, strings.TrimPrefix(err.Error(), "nats: "))
	}
	return remote(err)
}

// remote leaves our address out of an error, which is another for each connection: what goes wrong
// again is to read the same, so that it is said once.
func remote(err error) error {
	op, ok := err.(*net.OpError)
	if !ok || op.Source == nil {
		return err
	}
	there := *op
	there.Source = nil
	return &there
}

// hint says what to do when a server cannot be reached or does not let us in; empty when the
// error itself says it or nothing is known.
func hint(err error) string {
	var ne net.Error
	var dns *net.DNSError
	var file *fs.PathError
	switch {
	case errors.As(err, &file): // and is, on the whole, a net.Error
		return ""
	case errors.Is(err, ErrAuthorization):
		return "check 'nats.credentials', 'nats.nkey', 'nats.user' or 'nats.token' (--nats-credentials, --hub-credentials, ...), and that the user may publish to $JS.API.> and subscribe to _INBOX.>"
	case errors.Is(err, errProtocol):
		return ""
	case hintTLS(err) != "":
		return hintTLS(err)
	case errors.As(err, &dns):
		return "its name has no address: check the host in the URL, and this host's name server"
	case errors.As(err, &ne), errors.Is(err, errDown), errors.Is(err, errGone), errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return "is the server running and reachable? try `nats server check connection`"
	}
	return ""
}

// hintTLS says what to do about a TLS handshake that failed.
func hintTLS(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	const own = "'nats.tls.cert' and 'nats.tls.key' (--nats-cert and --nats-key, --hub-cert and --hub-key)"
	switch alert := remoteAlert(err); {
	case errors.As(err, &authority):
		return "name the authority's certificate in 'nats.tls.ca' (--nats-ca, --hub-ca)"
	case errors.As(err, &name):
		return "use a host in the URL that the server's certificate names, or name one of those in 'nats.tls.server-name' (--nats-server-name, --hub-server-name)"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "give the server a certificate that is valid today; is this host's clock right?"
	case errors.As(err, &record):
		return "what answers there does not begin with TLS: without 'nats.tls.first' the server's greeting comes first"
	case alert == "" && errors.Is(err, nats.ErrTLS):
		return "the server closed the connection after the TLS handshake: if it wants to see a certificate of ours, name it in " + own
	case alert == "":
		return ""
	case strings.Contains(alert, "certificate required"):
		return "the server wants to see a certificate of ours: name it in " + own
	case strings.Contains(alert, "expired certificate"):
		return "our certificate has expired: renew what " + own + " name"
	case strings.Contains(alert, "certificate"), strings.Contains(alert, "handshake failure"):
		return "the server does not take our certificate, or wants one: check " + own
	}
	return "the server ended the TLS handshake: its log says why"
}

// remoteAlert is what the other side said of a TLS handshake, empty for nothing. The type of
// an alert is not exported.
func remoteAlert(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}
