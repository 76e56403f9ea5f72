package nats

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// reaches opens a source with each reader, and a client, with the same connection options,
// and reads a message that was published with the last. Either all get through or none
// does; the error is the wire reader's.
func reaches(t *testing.T, c ConnOptions) error {
	t.Helper()
	c.DialTimeout = natstest.Patience
	var first error
	for _, r := range []Reader{ClientReader, WireReader} {
		s, err := NewSource(SourceOptions{ConnOptions: c, Stream: "S", Subjects: []string{"s.>"}, CreateStream: true, Reader: r})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Open(context.Background(), nil); err == nil {
			defer s.Close()
		}
		nc, cerr := c.Connect()
		if cerr == nil {
			defer nc.Close()
		}
		if (err == nil) != (cerr == nil) {
			t.Fatalf("the source says %v, the client %v", err, cerr)
		}
		if r == WireReader && errors.Is(err, ErrAuthorization) != errors.Is(first, ErrAuthorization) {
			t.Fatalf("one reader says %v, the other %v", first, err)
		}
		if first = err; err != nil {
			continue
		}
		if err := nc.Publish("s.x", []byte(r.String())); err != nil {
			t.Fatal(err)
		}
		if got, _ := collect(t, s, 1); got[0] != ClientReader.String() {
			t.Fatalf("the first message is %q", got[0])
		}
	}
	return first
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswordAndToken(t *testing.T) {
	h := startHub(t, func(o *embedded.Options) { o.Listen, o.Username, o.Password = "127.0.0.1:0", "me", "secret" })
	url := h.srv.ClientURL()
	t.Setenv("EDGEFLOW_TEST_PASSWORD", "secret")
	for _, c := range []ConnOptions{
		{User: "me", Password: "secret"},
		{User: "me", PasswordFile: file(t, "pw", "secret\n")},
		{User: "me", PasswordEnv: "EDGEFLOW_TEST_PASSWORD"},
	} {
		c.URLs = []string{url}
		if err := reaches(t, c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := reaches(t, ConnOptions{URLs: []string{strings.Replace(url, "nats://", "nats://me:secret@", 1)}}); err != nil {
		t.Error(err)
	}
	err := reaches(t, ConnOptions{URLs: []string{url}, User: "me", Password: "wrong"})
	if !errors.Is(err, ErrAuthorization) || strings.Contains(err.Error(), "wrong\"") {
		t.Errorf("wrong password: %v", err)
	}
	if err := reaches(t, ConnOptions{URLs: []string{url}, User: "me", PasswordEnv: "EDGEFLOW_TEST_NOT_SET"}); err == nil || !strings.Contains(err.Error(), "EDGEFLOW_TEST_NOT_SET") {
		t.Errorf("no variable: %v", err)
	}
	h = startHub(t, func(o *embedded.Options) { o.Listen, o.Token = "127.0.0.1:0", "tok" })
	if err := reaches(t, ConnOptions{URLs: []string{h.srv.ClientURL()}, TokenFile: file(t, "token", "tok")}); err != nil {
		t.Error(err)
	}
}

func TestNKey(t *testing.T) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := kp.Seed()
	pub, _ := kp.PublicKey()
	srv := serve(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: pub}} })
	if err := reaches(t, ConnOptions{URLs: []string{srv.ClientURL()}, NKeySeed: file(t, "seed", string(seed))}); err != nil {
		t.Error(err)
	}
	other, _ := nkeys.CreateUser()
	wrong, _ := other.Seed()
	if err := reaches(t, ConnOptions{URLs: []string{srv.ClientURL()}, NKeySeed: file(t, "seed", string(wrong))}); !errors.Is(err, ErrAuthorization) {
		t.Errorf("another key: %v", err)
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pem = file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func (a *authority) issue(name string, change ...func(*x509.Certificate)) (certFile, keyFile string) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, f := range change {
		f(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	kb, _ := x509.MarshalECPrivateKey(key)
	return file(a.t, "c.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		file(a.t, "k.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kb})))
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	h := &hub{t: t, o: embedded.Options{StoreDir: t.TempDir(), LazySync: true, Listen: "127.0.0.1:0",
		TLS: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}}}
	if h.srv, err = embedded.Start(h.o); err != nil {
		t.Fatal(err)
	}
	defer h.srv.Shutdown()
	url := strings.Replace(h.srv.ClientURL(), "nats://", "tls://", 1)
	ccert, ckey := ca.issue("client")
	if err := reaches(t, ConnOptions{URLs: []string{url}, TLSCA: ca.pem, TLSCert: ccert, TLSKey: ckey}); err != nil {
		t.Errorf("mTLS: %v", err)
	}
	if err := reaches(t, ConnOptions{URLs: []string{url}, TLSCA: ca.pem}); err == nil {
		t.Error("without a client certificate it connects")
	}
	stranger := newAuthority(t)
	if err := reaches(t, ConnOptions{URLs: []string{url}, TLSCA: stranger.pem, TLSCert: ccert, TLSKey: ckey}); err == nil {
		t.Error("with another authority it connects")
	}
	if err := reaches(t, ConnOptions{URLs: []string{url}, TLSCA: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "nats.tls.ca") {
		t.Errorf("no file: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", natstest.Ports(t, 1)[0])
	err := reaches(t, ConnOptions{URLs: []string{"nats://" + addr}})
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "is the server running") {
		t.Errorf("nobody listens: %v", err)
	}
	// A server that is down is passed over for one that is up.
	h := startHub(t, func(o *embedded.Options) { o.Listen = "127.0.0.1:0" })
	if err := reaches(t, ConnOptions{URLs: []string{"nats://" + addr, h.srv.ClientURL()}}); err != nil {
		t.Error(err)
	}
	// Something else that speaks first.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = c.Close()
		}
	}()
	if err := reaches(t, ConnOptions{URLs: []string{"nats://" + l.Addr().String()}}); !errors.Is(err, errProtocol) {
		t.Errorf("a mail server: %v", err)
	}
}

func TestNoJetStream(t *testing.T) {
	srv := serve(t, func(o *server.Options) { o.JetStream = false })
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{srv.ClientURL()}}, Stream: "S"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(context.Background(), nil); !errors.Is(err, ErrNoJetStream) || !strings.Contains(err.Error(), "enable JetStream") {
		t.Errorf("got %v", err)
	}
}

var _ nats.InProcessConnProvider = (*embedded.Server)(nil)
