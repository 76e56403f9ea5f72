package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// TestReasons lets a client in the background and a source with each reader try servers that
// cannot be reached or do not let them in. Each tells why, and what to do.
func TestReasons(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	secured := func(mutual bool) string {
		return serve(t, func(o *server.Options) { o.TLSConfig = serverTLS(t, ca, mutual) }).ClientURL()
	}
	plain, mutual := secured(false), secured(true)
	old := func() string {
		cert, key := ca.issue("old", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		})
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return serve(t, func(o *server.Options) {
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		}).ClientURL()
	}()
	strict := serve(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" }).ClientURL()
	closed := fmt.Sprintf("nats://127.0.0.1:%d", natstest.Ports(t, 1)[0])
	scert, skey := stranger.issue("client")
	for _, c := range []struct {
		name  string
		o     ConnOptions
		words []string
	}{
		{"refused", ConnOptions{URLs: []string{closed}}, []string{"connection refused", "is the server running"}},
		{"unresolved", ConnOptions{URLs: []string{"nats://nowhere.invalid:4222"}, TLS: TLSOff}, []string{"nowhere.invalid", "check the host in the URL"}},
		{"unknown authority", ConnOptions{URLs: []string{plain}, TLSCA: stranger.pem}, []string{"unknown authority", "'nats.tls.ca'", "--hub-ca"}},
		{"wrong name", ConnOptions{URLs: []string{plain}, TLSCA: ca.pem, TLSServerName: "elsewhere"}, []string{"elsewhere", "'nats.tls.server-name'"}},
		{"expired", ConnOptions{URLs: []string{old}, TLSCA: ca.pem}, []string{"expired", "clock right"}},
		{"certificate wanted", ConnOptions{URLs: []string{mutual}, TLSCA: ca.pem}, []string{"tls", "'nats.tls.cert'", "--hub-cert"}},
		{"certificate of others", ConnOptions{URLs: []string{mutual}, TLSCA: ca.pem, TLSCert: scert, TLSKey: skey}, []string{"tls", "'nats.tls.cert'"}},
		{"no user", ConnOptions{URLs: []string{strict}}, []string{"not authorized", "'nats.user'"}},
		{"wrong password", ConnOptions{URLs: []string{strict}, User: "me", Password: "hunter2"}, []string{"not authorized", "'nats.user'"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wanted := func(err error) {
				t.Helper()
				for _, w := range append(c.words, strings.TrimPrefix(c.o.URLs[0], "nats://")) {
					if err == nil || !strings.Contains(err.Error(), w) {
						t.Fatalf("without %q: %v", w, err)
					}
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("a secret: %v", err)
				}
			}
			link, err := c.o.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			why := func() error { _, err := link.Conn(); return err }
			for late := time.Now().Add(natstest.Patience); why() == nil && time.Now().Before(late); {
				<-time.After(10 * time.Millisecond)
			}
			// Attempts go on, and the reason stays for as long as they fail.
			var ce *ConnectError
			for range 30 {
				if err := why(); !errors.As(err, &ce) {
					t.Fatalf("no reason: %v", err)
				}
				wanted(why())
				<-time.After(20 * time.Millisecond)
			}
			for _, r := range []Reader{ClientReader, WireReader} {
				s, err := NewSource(SourceOptions{ConnOptions: c.o, Stream: "S", Subjects: []string{"s.>"}, CreateStream: true, Reader: r})
				if err != nil {
					t.Fatal(err)
				}
				_, err = s.Open(t.Context(), nil)
				wanted(err)
			}
		})
	}
}

// wiretap keeps what was read through it.
type wiretap struct {
	net.Conn
	mu   sync.Mutex
	seen []byte
}

func (w *wiretap) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	w.seen = append(w.seen, p[:n]...)
	w.mu.Unlock()
	return n, err
}

// Whoever answers in the place of the server, with a certificate of another authority, hears
// nothing of the log-in.
func TestNoLogInAfterAFailedHandshake(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	config := serverTLS(t, stranger, false)
	for _, r := range []Reader{ClientReader, WireReader} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		go func() {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			defer raw.Close()
			_, _ = raw.Write([]byte(`INFO {"server_id":"x","version":"2.12.0","proto":1,"tls_required":true,"max_payload":1000}` + "\r\n"))
			w := &wiretap{Conn: raw}
			_ = tls.Server(w, config).Handshake()
			_, _ = io.Copy(io.Discard, w) // until the client is gone
			heard <- string(w.seen)
		}()
		s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://" + l.Addr().String()}, TLSCA: ca.pem, User: "me", Password: "hunter2"},
			Stream: "S", Subjects: []string{"s.>"}, Reader: r})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("reader %v: %v", r, err)
		}
		if got := <-heard; strings.Contains(got, "CONNECT") || strings.Contains(got, "hunter2") {
			t.Errorf("reader %v: it heard %q", r, got[strings.Index(got, "CONNECT"):])
		}
		l.Close()
	}
}
