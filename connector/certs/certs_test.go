package certs_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/certs/certstest"
)

// serial connects and returns the serial number of the certificate shown.
func serial(t *testing.T, server, client *tls.Config) (*big.Int, error) {
	t.Helper()
	a, b := net.Pipe()
	defer b.Close()
	go func() {
		s := tls.Server(a, server)
		_ = s.Handshake()
		_, _ = s.Write([]byte{1})
		a.Close()
	}()
	c := tls.Client(b, client)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber, nil
}

func TestCertificatesAreReadAnew(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "server")
	var log strings.Builder
	now := time.Unix(1e9, 0)
	f, err := certs.Load(certs.Options{Cert: cert, Key: key, Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := certs.Load(certs.Options{CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	conf, client := f.Server(false), trust.Client("localhost")
	want := func(n int64) {
		t.Helper()
		if got, err := serial(t, conf, client); err != nil || got.Int64() != n {
			t.Fatalf("serial %v, %v; want %d", got, err, n)
		}
	}
	want(2)
	ca.Issue(t, "server")
	touch(t, cert, 1)
	want(2) // within the same second nobody looks
	now = now.Add(time.Second)
	want(3)
	// A pair that does not fit keeps the one before, and says so once.
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, key, 2)
	now = now.Add(time.Second)
	want(3)
	now = now.Add(time.Second)
	want(3)
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || strings.Contains(log.String(), "not a key") {
		t.Errorf("%d warnings: %s", n, &log)
	}
	ca.Issue(t, "server")
	touch(t, cert, 3)
	f.Reload()
	want(4)
}

// touch makes a file look changed, on file systems with coarse times too.
func touch(t *testing.T, path string, n int) {
	t.Helper()
	at := time.Now().Add(time.Duration(n) * time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestClientsAreVerified(t *testing.T) {
	ca, other := certstest.New(t), certstest.New(t)
	cert, key := ca.Issue(t, "server")
	f, err := certs.Load(certs.Options{Cert: cert, Key: key, CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		of   *certstest.Authority
		must bool
		ok   bool
	}{
		{"none", nil, true, false},
		{"none", nil, false, true},
		{"ours", ca, true, true},
		{"theirs", other, true, false},
		{"theirs", other, false, false},
	} {
		o := certs.Options{CA: ca.File}
		if c.of != nil {
			o.Cert, o.Key = c.of.Issue(t, "client")
		}
		me, err := certs.Load(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := serial(t, f.Server(c.must), me.Client("localhost")); (err == nil) != c.ok {
			t.Errorf("%s, must %v: %v", c.name, c.must, err)
		}
	}
}

func TestBadFilesAtTheStart(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "a")
	_, otherKey := ca.Issue(t, "b")
	for want, o := range map[string]certs.Options{
		"come together":  {Cert: cert},
		"no such file":   {Cert: cert, Key: key + "x"},
		"does not match": {Cert: cert, Key: otherKey},
		"holds no PEM":   {CA: key},
	} {
		if _, err := certs.Load(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
