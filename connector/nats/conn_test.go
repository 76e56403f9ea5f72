package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// serve runs a server with JetStream for one test.
func serve(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		JetStreamMaxMemory: 1 << 26, JetStreamMaxStore: 1 << 28, AuthTimeout: 60, TLSTimeout: 60} // whatever the machine does
	change(o)
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(natstest.Patience) {
		t.Fatal("not ready")
	}
	return srv
}

// serverTLS is a server's TLS, which asks for certificates when mutual.
func serverTLS(t *testing.T, ca *authority, mutual bool) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(ca.issue("server"))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if mutual {
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AddCert(ca.cert)
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

func TestTLSFirst(t *testing.T) {
	ca := newAuthority(t)
	srv := serve(t, func(o *server.Options) {
		o.TLSConfig, o.TLSHandshakeFirst = serverTLS(t, ca, true), true
	})
	cert, key := ca.issue("client")
	c := ConnOptions{URLs: []string{srv.ClientURL()}, TLSCA: ca.pem, TLSCert: cert, TLSKey: key, TLSFirst: true}
	if err := reaches(t, c); err != nil {
		t.Error(err)
	}
	c.TLSCA = newAuthority(t).pem
	if err := reaches(t, c); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with another authority: %v", err)
	}
}

// TestTLSIsWanted: a server that only offers TLS is used with it when the URL or a
// certificate says so, and refused when it does not offer any.
func TestTLSIsWanted(t *testing.T) {
	ca := newAuthority(t)
	srv := serve(t, func(o *server.Options) {
		o.TLSConfig, o.AllowNonTLS = serverTLS(t, ca, false), true
	})
	url := strings.Replace(srv.ClientURL(), "tls://", "nats://", 1)
	for _, c := range []struct {
		o       ConnOptions
		secured bool
	}{
		{ConnOptions{URLs: []string{url}}, false},
		{ConnOptions{URLs: []string{url}, TLSCA: ca.pem}, true},
		{ConnOptions{URLs: []string{strings.Replace(url, "nats://", "tls://", 1)}, TLSCA: ca.pem}, true},
	} {
		for _, r := range []Reader{WireReader, ClientReader} {
			s, _ := open(t, SourceOptions{ConnOptions: c.o, Stream: "S", Subjects: []string{"s.>"}, CreateStream: true, Reader: r}, nil)
			z, err := srv.Connz(nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(z.Conns) != 1 || (z.Conns[0].TLSVersion != "") != c.secured {
				t.Errorf("%+v by %v: connections %+v", c.o, r, z.Conns)
			}
			s.Close()
			for srv.NumClients() > 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
	plain := serve(t, func(*server.Options) {})
	if err := reaches(t, ConnOptions{URLs: []string{plain.ClientURL()}, TLSCA: ca.pem}); err == nil || !strings.Contains(err.Error(), "secure") && !strings.Contains(err.Error(), "TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
}

// TestCertificateNamesTheHost: the name that was dialled is what the certificate is to say.
func TestCertificateNamesTheHost(t *testing.T) {
	ca := newAuthority(t) // certificates for 127.0.0.1
	srv := serve(t, func(o *server.Options) { o.TLSConfig = serverTLS(t, ca, false) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(srv.ClientURL(), "tls://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := reaches(t, ConnOptions{URLs: []string{"tls://127.0.0.1:" + port}, TLSCA: ca.pem}); err != nil {
		t.Error(err)
	}
	if err := reaches(t, ConnOptions{URLs: []string{"tls://localhost:" + port}, TLSCA: ca.pem}); err == nil || !strings.Contains(err.Error(), "localhost") {
		t.Errorf("the certificate is not for localhost: %v", err)
	}
}

// operator is a server whose users are known by JWT alone.
func operator(t *testing.T) (*server.Server, func(expires time.Time) string) {
	t.Helper()
	must := func(kp nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		pub, err := kp.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return kp, pub
	}
	okp, opub := must(nkeys.CreateOperator())
	_, spub := must(nkeys.CreateAccount())
	akp, apub := must(nkeys.CreateAccount())
	encode := func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	oc := jwt.NewOperatorClaims(opub)
	oc.SystemAccount = spub
	ot, err := jwt.DecodeOperatorClaims(encode(oc.Encode(okp)))
	if err != nil {
		t.Fatal(err)
	}
	ac := jwt.NewAccountClaims(apub)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: 1 << 26, DiskStorage: 1 << 26, Streams: 10, Consumer: 100}
	res := &server.MemAccResolver{}
	for pub, token := range map[string]string{
		apub: encode(ac.Encode(okp)), spub: encode(jwt.NewAccountClaims(spub).Encode(okp)),
	} {
		if err := res.Store(pub, token); err != nil {
			t.Fatal(err)
		}
	}
	srv := serve(t, func(o *server.Options) {
		o.TrustedOperators, o.SystemAccount, o.AccountResolver = []*jwt.OperatorClaims{ot}, spub, res
	})
	return srv, func(expires time.Time) string {
		ukp, upub := must(nkeys.CreateUser())
		uc := jwt.NewUserClaims(upub)
		if !expires.IsZero() {
			uc.Expires = expires.Unix()
		}
		seed, _ := ukp.Seed()
		b, err := jwt.FormatUserConfig(encode(uc.Encode(akp)), seed)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestCredentials(t *testing.T) {
	srv, user := operator(t)
	c := ConnOptions{URLs: []string{srv.ClientURL()}, Credentials: file(t, "user.creds", user(time.Time{}))}
	if err := reaches(t, c); err != nil {
		t.Fatal(err)
	}
	c.Credentials = file(t, "old.creds", user(time.Now().Add(-time.Hour)))
	if err := reaches(t, c); !errors.Is(err, ErrAuthorization) || !strings.Contains(err.Error(), "nats.credentials") {
		t.Errorf("credentials that have expired: %v", err)
	}
	_, stranger := operator(t)
	c.Credentials = file(t, "other.creds", stranger(time.Time{}))
	if err := reaches(t, c); !errors.Is(err, ErrAuthorization) {
		t.Errorf("credentials of another operator: %v", err)
	}
	c.Credentials = file(t, "no.creds", "nothing")
	if err := reaches(t, c); err == nil || !strings.Contains(err.Error(), "no.creds") {
		t.Errorf("no credentials in the file: %v", err)
	}
}

// TestDeniedSubject: a user who may not subscribe or ask is told so at once.
func TestDeniedSubject(t *testing.T) {
	for _, denied := range []string{"_INBOX.>", "$JS.API.>"} {
		p := &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{denied}}, Subscribe: &server.SubjectPermission{Deny: []string{denied}}}
		srv := serve(t, func(o *server.Options) { o.Users = []*server.User{{Username: "u", Password: "p", Permissions: p}} })
		for _, r := range []Reader{WireReader, ClientReader} {
			s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{srv.ClientURL()}, User: "u", Password: "p", RequestTimeout: time.Minute},
				Stream: "S", Subjects: []string{"s.>"}, CreateStream: true, Reader: r})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := s.Open(t.Context(), nil); !errors.Is(err, ErrAuthorization) || !strings.Contains(err.Error(), strings.TrimSuffix(denied, ">")) {
				t.Errorf("%s by %v: %v after %v", denied, r, err, time.Since(began))
			}
		}
	}
}

func TestWebsocketFallsBack(t *testing.T) {
	srv := serve(t, func(o *server.Options) {
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: -1, NoTLS: true}
	})
	url := srv.WebsocketURL()
	nc, err := nats.Connect(srv.ClientURL(), nats.Timeout(natstest.Patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, _ := open(t, SourceOptions{ConnOptions: ConnOptions{URLs: []string{url}}, Stream: "S", Subjects: []string{"s.>"}, CreateStream: true}, nil)
	for i := range 1000 {
		if err := nc.Publish("s.a", fmt.Appendf(nil, "s.a %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := collect(t, s, 1000)
	want(t, got, "s.a", 0, 1000)
	if st := s.Status(); st.Reader != ClientReader || !strings.Contains(st.Fallback, "websocket") {
		t.Errorf("status %+v", st)
	}
	if _, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{url, srv.ClientURL()}}, Stream: "S"}); !errors.Is(err, ErrOption) {
		t.Errorf("a websocket beside another URL: %v", err)
	}
}
