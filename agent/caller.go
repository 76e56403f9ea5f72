package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/secret"
)

// Caller says who asks a running edgeflow, and how its address is verified.
type Caller struct {
	// Token is a reference, ${env:NAME} or ${file:/path}, to a bearer token. Empty takes
	// that of the environment variable EDGEFLOW_TOKEN, where there is one.
	Token string
	// CA verifies the address's certificate, Cert and Key are ours; all are files.
	CA, Cert, Key string
}

// tokenVariable holds the token of a caller that names none.
const tokenVariable = "EDGEFLOW_TOKEN"

type callerKey struct{}

// AsCaller makes the calls under a context those of a caller.
func AsCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// client makes the HTTP client of a caller, and reads its token.
func (c Caller) client() (*http.Client, string, error) {
	ref := c.Token
	if ref == "" && os.Getenv(tokenVariable) != "" {
		ref = "${env:" + tokenVariable + "}"
	}
	token, err := secret.Reader{}.Must("--token", ref)
	if err != nil {
		return nil, "", err
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second}
	if c.CA != "" || c.Cert != "" || c.Key != "" {
		f, err := certs.Load(certs.Options{CA: c.CA, Cert: c.Cert, Key: c.Key})
		if err != nil {
			return nil, "", err
		}
		t.TLSClientConfig = f.Client("")
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: t, CheckRedirect: stay}, token, nil
}

// answerBytesMax is the longest answer of a running edgeflow that is read.
const answerBytesMax = 64 << 20

// call asks a running edgeflow and decodes its JSON answer into out, unless that is nil, or a
// string, which takes the answer as it is.
// The context tells the caller.
func call(ctx context.Context, method, url string, out any) error {
	c, _ := ctx.Value(callerKey{}).(Caller)
	client, token, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return errors.New(secret.MaskURLs(err.Error()))
	}
	if token != "" {
		if req.URL.Scheme != "https" && !loopbackHost(req.URL.Hostname()) {
			return fmt.Errorf("%s: the token would go over the network in the clear: ask https://, or leave the token out", req.URL.Redacted())
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w (is edgeflow running there? see --server)", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", trimLine(body))
	}
	switch text := out.(type) {
	case nil:
		return nil
	case *string:
		*text = string(body)
		return nil
	}
	return json.Unmarshal(body, out)
}

// limitListener lets at most so many connections be open; more wait to be accepted.
type limitListener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func limited(l net.Listener, n int) net.Listener {
	return &limitListener{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a slot, then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept too where it waits for a slot.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	free func()
}

func (c *limitConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
