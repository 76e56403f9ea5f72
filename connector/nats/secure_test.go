package nats

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edgeflow/edgeflow/connector/secret"
)

func TestWhereTLSIsNeeded(t *testing.T) {
	for _, c := range []struct {
		urls  string
		mode  TLSMode
		needs bool
	}{
		{"nats://127.0.0.1:4222", TLSBeyondHost, false},
		{"nats://localhost", TLSBeyondHost, false},
		{"nats://[::1]:4222", TLSBeyondHost, false},
		{"nats://127.0.0.1:4222", TLSAlways, true},
		{"nats://hub.example", TLSBeyondHost, true},
		{"nats://localhost.evil.example", TLSBeyondHost, true},
		{"nats://127.0.0.1,nats://192.0.2.1", TLSBeyondHost, true},
		{"192.0.2.1:4222", TLSBeyondHost, true},
		{"tls://hub.example", TLSBeyondHost, true},
		{"nats://hub.example", TLSOff, false},
	} {
		o := ConnOptions{URLs: strings.Split(c.urls, ","), TLS: c.mode}
		if got := o.needsTLS(); got != c.needs {
			t.Errorf("%s %d: %v", c.urls, c.mode, got)
		}
	}
	for url, mode := range map[string]TLSMode{"ws://hub.example": TLSBeyondHost, "tls://hub.example": TLSOff, "wss://127.0.0.1": TLSOff} {
		o := ConnOptions{URLs: []string{url}, TLS: mode}
		if err := o.Validate(); !errors.Is(err, ErrOption) {
			t.Errorf("%s %d: %v", url, mode, err)
		}
	}
	if _, err := ParseSource(map[string]string{"nats.stream": "S", "nats.tls": "maybe"}); err == nil || !strings.Contains(err.Error(), "'required' or 'off'") {
		t.Error(err)
	}
}

// outside is an address of this host that is not a loopback one.
func outside(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this host has no address but loopback")
	return ""
}

// TestPlainServersBeyondTheHostAreRefused: a greeting that does not offer TLS, as from
// somebody in between, gets no password.
func TestPlainServersBeyondTheHostAreRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Write([]byte(`INFO {"server_id":"x","version":"2.15.0","max_payload":1048576,"headers":true,"jetstream":true}` + "\r\n"))
				b := make([]byte, 4096)
				n, _ := c.Read(b)
				heard <- string(b[:n])
			}()
		}
	}()
	for _, r := range []Reader{WireReader, ClientReader} {
		// The mode stands for an address of another host.
		o := SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://" + l.Addr().String()}, User: "me", Password: "hunter2", TLS: TLSAlways}, Stream: "S", Reader: r}
		s, err := NewSource(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "'nats.tls' = 'off'") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", r, err)
		}
		s.Close()
	}
	for range len(heard) {
		if h := <-heard; strings.Contains(h, "hunter2") {
			t.Errorf("the password was sent: %s", h)
		}
	}
}

// TestTLSOffIsSaid reaches a server in the clear at an address beyond loopback.
func TestTLSOffIsSaid(t *testing.T) {
	host := outside(t)
	srv := serve(t, func(o *server.Options) { o.Host = host })
	url := srv.ClientURL()
	if err := reaches(t, ConnOptions{URLs: []string{url}}); err == nil || !strings.Contains(err.Error(), "'nats.tls' = 'off'") {
		t.Errorf("%s: %v", url, err)
	}
	if err := reaches(t, ConnOptions{URLs: []string{url}, TLS: TLSOff}); err != nil {
		t.Error(err)
	}
}

func TestReferencesToSecrets(t *testing.T) {
	srv := serve(t, func(o *server.Options) { o.Username, o.Password = "me", "hunter2" })
	t.Setenv("EDGEFLOW_TEST_USER", "me")
	c := ConnOptions{URLs: []string{srv.ClientURL()}, User: "${env:EDGEFLOW_TEST_USER}", Password: "${file:" + file(t, "pw", "hunter2\n") + "}"}
	if err := reaches(t, c); err != nil {
		t.Error(err)
	}
	t.Setenv("EDGEFLOW_TEST_URL", strings.Replace(srv.ClientURL(), "nats://", "nats://me:hunter2@", 1))
	u := ConnOptions{URLs: []string{"${env:EDGEFLOW_TEST_URL}"}}
	if err := u.Validate(); err != nil {
		t.Error(err)
	}
	if err := reaches(t, u); err != nil {
		t.Errorf("a reference that is not resolved yet: %v", err)
	}
	if err := u.ResolveURLs(); err != nil || strings.Contains(u.Server(), "hunter2") {
		t.Error(u.Server(), err)
	}
	if err := reaches(t, u); err != nil {
		t.Error(err)
	}
	t.Setenv("EDGEFLOW_TEST_HALF", "nats://")
	for _, bad := range []string{"${env:EDGEFLOW_TEST_NOT_SET}", "${env:EDGEFLOW_TEST_HALF}", "${file:" + file(t, "empty", "\n") + "}", "${vault:x}"} {
		u := ConnOptions{URLs: []string{bad}}
		err := u.ResolveURLs()
		if err == nil || !strings.Contains(err.Error(), "option 'nats.url': "+bad) {
			t.Errorf("%s: %v", bad, err)
		}
		if errors.Is(err, ErrOption) || errors.Is(err, secret.ErrReference) != (bad == "${vault:x}") {
			t.Errorf("%s: whether it may pass: %v", bad, err)
		}
	}
	refused := errors.New("outside of the folders")
	c.ReadFile = func(string) ([]byte, error) { return nil, refused }
	if err := reaches(t, c); !errors.Is(err, refused) {
		t.Errorf("files are read past the reader: %v", err)
	}
	for _, c := range []ConnOptions{{PasswordFile: "x", User: "me"}, {TokenFile: "x"}, {Credentials: "x"}, {NKeySeed: "x"}, {TLSCA: "x"}, {TLSCert: "x", TLSKey: "y"}} {
		c.URLs = []string{srv.ClientURL()}
		c.ReadFile = func(string) ([]byte, error) { return nil, refused }
		if _, err := c.clientOptions(); !errors.Is(err, refused) {
			t.Errorf("%+v: files are read past the reader: %v", c, err)
		}
	}
}

func TestURLsAreMasked(t *testing.T) {
	for in, want := range map[string]string{
		"nats://me:hunter2@hub:4222":   "nats://***@hub:4222",
		"nats://token@hub":             "nats://***@hub",
		"me:hunter2@hub":               "***@hub",
		"http://me:hu@nter2@hub:1/x y": "http://***@hub:1/x y",
		"nats://hub:4222":              "nats://hub:4222",
		"nats://[::1]:4222/x":          "nats://[::1]:4222/x",
		"nats://[fe80::1]":             "nats://[fe80::1]",
		"nats://me:hun":                "nats://***", // of nats://me:hun,ter2@hub
		"me:hun":                       "***",
		"${env:HUB}":                   "${env:HUB}",
		"${file:/run/hub}":             "${file:/run/hub}",
		"ter2@hub":                     "***@hub",
	} {
		if got := redact(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// TestSeedsAreNotRepeated: what a file that is no seed holds does not appear in messages.
func TestSeedsAreNotRepeated(t *testing.T) {
	const content = "SUAnotaseedbutalmostASECRETtext"
	path := file(t, "seed", content)
	for _, c := range []ConnOptions{{NKeySeed: path}, {Credentials: path}, {TLSCA: path}, {TLSCert: path, TLSKey: path}} {
		c.URLs = []string{"nats://127.0.0.1:1"}
		if _, err := c.clientOptions(); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	_ = os.Remove(path)
}

// An attempt whose handshake fails leaves nothing with the context that ends connections.
func TestFailedHandshakeIsForgotten(t *testing.T) {
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
			c.Close()
		}
	}()
	o := ConnOptions{URLs: []string{"nats://" + l.Addr().String()}, TLSFirst: true}
	o.setDefaults()
	d := &dialer{ctx: t.Context(), o: &o, wire: true}
	if _, err := d.Dial("tcp", l.Addr().String()); err == nil {
		t.Fatal("no error")
	}
	if d.current.raw.(*boundConn).stop() {
		t.Error("the context still knows the connection")
	}
}
