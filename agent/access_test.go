package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/certs/certstest"
)

const idle = `CREATE TABLE s (a BIGINT) WITH ('connector'='datagen','rows-per-second'='1');
CREATE TABLE o (a BIGINT) WITH ('connector'='blackhole'); SET 'pipeline.name'='idle'; INSERT INTO o SELECT a FROM s`

// handClock is a clock that a test moves.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func newHandClock() *handClock { return &handClock{at: time.Now()} }

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func secretFile(t *testing.T, text string) (path, ref string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, "${file:" + path + "}"
}

// ask calls the control address and returns the status and the body.
func ask(t *testing.T, c *http.Client, method, url string, mend func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if mend != nil {
		mend(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestAddressesBeyondTheHostAreRefused(t *testing.T) {
	_, token := secretFile(t, "0123456789abcdef")
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "server")
	for _, c := range []struct {
		listen string
		access agent.Access
		want   string
	}{
		{"127.0.0.1:0", agent.Access{}, ""},
		{"localhost:0", agent.Access{}, ""},
		{"[::1]:0", agent.Access{}, ""},
		{"0.0.0.0:0", agent.Access{}, "--listen-insecure"},
		{":0", agent.Access{}, "--listen-control-token"},
		{"[::]:0", agent.Access{}, "--listen-client-ca"},
		{"192.0.2.1:0", agent.Access{Cert: cert, Key: key}, "anybody could read and control"},
		{"0.0.0.0:0", agent.Access{Open: true}, ""},
		{"0.0.0.0:0", agent.Access{ReadToken: token}, ""},
		{"0.0.0.0:0", agent.Access{Cert: cert, Key: key, ClientCA: ca.File}, ""},
		{"127.0.0.1:0", agent.Access{ClientCA: ca.File}, "--listen-cert"},
		{"127.0.0.1:0", agent.Access{Cert: cert}, "come together"},
		{"127.0.0.1:0", agent.Access{ControlClients: []string{"x"}}, "--listen-client-ca"},
	} {
		o := agent.Options{DataDir: t.TempDir(), Listen: c.listen, Access: c.access, LogLevel: "error"}
		err := o.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v", c.listen, c.access, err)
		}
	}
}

func TestTokensHaveRoles(t *testing.T) {
	const read, control, next = "read-0123456789abcdef", "control-0123456789abcdef", "next-0123456789abcdef"
	path, controlRef := secretFile(t, control+"\n")
	t.Setenv("EDGEFLOW_TEST_READ", read)
	clock := newHandClock()
	h := newHost(t, t.TempDir(), func(o *agent.Options) {
		o.Listen, o.Clock = "127.0.0.1:0", clock
		o.Access = agent.Access{ReadToken: "${env:EDGEFLOW_TEST_READ}", ControlToken: controlRef}
	}, idle)
	h.await("idle", "it runs", inState(agent.Running))
	url, c := "http://"+h.ControlAddr(), &http.Client{}
	want := func(method, path, token string, status int) {
		t.Helper()
		if got, body := ask(t, c, method, url+path, bearer(token)); got != status {
			t.Errorf("%s %s with %q: %d %s", method, path, token, got, body)
		}
	}
	for _, path := range []string{"/metrics", "/pipelines", "/pipelines/idle"} {
		want("GET", path, "", 401)
		want("GET", path, "read-0123456789abcdeX", 401)
		want("GET", path, read, 200)
		want("GET", path, control, 200)
	}
	want("GET", "/healthz", "", 200)
	want("GET", "/readyz", "", 200)
	want("POST", "/pipelines/idle/savepoint", "", 401)
	want("POST", "/pipelines/idle/savepoint", read, 403)
	want("POST", "/pipelines/idle/savepoint", control, 200)
	want("GET", "/pipelines/idle/savepoint", control, 405)
	want("DELETE", "/pipelines/idle", control, 405)
	want("GET", "/pipelines/other", control, 404)
	// A token is added, the old one goes: both within a second of the clock.
	if err := os.WriteFile(path, []byte("# rotated\n"+next+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.move(2 * time.Second)
	want("GET", "/metrics", next, 200)
	want("GET", "/metrics", control, 401)
	// Told to, it reads them at once.
	if err := os.WriteFile(path, []byte(control+"\n"+next), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Renew()
	want("GET", "/metrics", control, 200)
	// A file that cannot be read keeps what was.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock.move(2 * time.Second)
	want("GET", "/metrics", next, 200)
	want("GET", "/metrics", control, 200)
	says(t, h.log.String, "tokens were read anew", "cannot be read anew")
	says(t, h.log.String, "msg=control ", "/pipelines/idle/savepoint", "was turned away")
	if n := strings.Count(h.log.String(), "was turned away"); n != 1 {
		t.Errorf("%d lines about calls that were turned away within seconds", n)
	}
	for _, s := range []string{read, control, next} {
		if strings.Contains(h.log.String(), s) {
			t.Errorf("the log tells %s", s)
		}
	}
}

func TestTokensInPlaceAreRefused(t *testing.T) {
	_, short := secretFile(t, "short")
	for token, want := range map[string]string{"hunter2hunter2hunter2": "${env:NAME}", short: "16 characters", "${env:EDGEFLOW_TEST_NOT_SET}": "not set"} {
		_, err := agent.New(agent.Options{DataDir: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error", Access: agent.Access{ControlToken: token}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestClientCertificatesHaveRoles(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "server")
	h := newHost(t, t.TempDir(), func(o *agent.Options) {
		o.Listen = "127.0.0.1:0"
		o.Access = agent.Access{Cert: cert, Key: key, ClientCA: ca.File, ControlClients: []string{"boss"}}
	}, idle)
	h.await("idle", "it runs", inState(agent.Running))
	as := func(o certs.Options) *http.Client {
		f, err := certs.Load(o)
		if err != nil {
			t.Fatal(err)
		}
		tr := &http.Transport{TLSClientConfig: f.Client("")}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	issue := func(a *certstest.Authority, name string) certs.Options {
		o := certs.Options{CA: ca.File}
		o.Cert, o.Key = a.Issue(t, name)
		return o
	}
	for _, c := range []struct {
		who           string
		client        *http.Client
		read, control int
	}{
		{"nobody", as(certs.Options{CA: ca.File}), 401, 401},
		{"worker", as(issue(ca, "worker")), 200, 403},
		{"boss", as(issue(ca, "boss")), 200, 200},
		{"boss of another authority", as(issue(certstest.New(t), "boss")), 0, 0},
	} {
		if got, body := ask(t, c.client, "GET", "https://"+h.ControlAddr()+"/metrics", nil); got != c.read {
			t.Errorf("%s reads: %d %s", c.who, got, body)
		}
		if got, body := ask(t, c.client, "POST", "https://"+h.ControlAddr()+"/pipelines/idle/savepoint", nil); got != c.control {
			t.Errorf("%s controls: %d %s", c.who, got, body)
		}
	}
	// The commands are callers, too.
	boss := issue(ca, "boss")
	ctx := agent.AsCaller(context.Background(), agent.Caller{CA: ca.File, Cert: boss.Cert, Key: boss.Key})
	var out strings.Builder
	if err := agent.Savepoint(ctx, &out, agent.SavepointOptions{Server: "https://" + h.ControlAddr(), Pipeline: "idle"}); err != nil {
		t.Error(err)
	}
	if err := agent.Health(context.Background(), &out, "https://"+h.ControlAddr(), patience); err == nil {
		t.Error("a certificate of an unknown authority passes")
	}
}

func TestPagesOfABrowserAreKeptOut(t *testing.T) {
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen = "127.0.0.1:0" }, idle)
	h.await("idle", "it runs", inState(agent.Running))
	url, c := "http://"+h.ControlAddr(), &http.Client{}
	if got, _ := ask(t, c, "POST", url+"/pipelines/idle/savepoint", nil); got != 200 {
		t.Fatalf("a command is refused: %d", got)
	}
	for name, mend := range map[string]func(*http.Request){
		"a form of another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"an old browser":           func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"a name that points here":  func(r *http.Request) { r.Host = "evil.example" },
		"that name with our port":  func(r *http.Request) { r.Host = "evil.example:9464" },
		"an address of other host": func(r *http.Request) { r.Host = "192.0.2.7:9464" },
	} {
		if got, body := ask(t, c, "POST", url+"/pipelines/idle/savepoint", mend); got != 403 {
			t.Errorf("%s: %d %s", name, got, body)
		}
	}
}

func TestSavepointsStayBelowTheirFolder(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, dir, func(o *agent.Options) { o.Listen = "127.0.0.1:0" }, idle)
	h.await("idle", "it runs", inState(agent.Running))
	for _, name := range []string{"../../../../x", "..%2f..%2fx", "/tmp/edgeflow-x", "a/../../x", "%00", "..", strings.Repeat("a", 5000)} {
		status, body := ask(t, &http.Client{}, "POST", "http://"+h.ControlAddr()+"/pipelines/idle/savepoint?name="+name, nil)
		if status == 200 && !strings.Contains(body, filepath.Join(dir, "pipelines", "idle", "savepoints")) {
			t.Errorf("%s: %s", name, body)
		}
	}
	var outside []string
	_ = filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && strings.HasSuffix(p, ".savepoint") && filepath.Dir(p) != filepath.Join(dir, "pipelines", "idle", "savepoints") {
			outside = append(outside, p)
		}
		return nil
	})
	if len(outside) > 0 {
		t.Errorf("savepoints outside of their folder: %v", outside)
	}
}

func TestSlowAndManyCallersDoNotHoldTheAddress(t *testing.T) {
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen = "127.0.0.1:0" })
	// A header that never ends, and one that is too large.
	slow, err := net.Dial("tcp", h.ControlAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := slow.Write([]byte("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_ = slow.SetReadDeadline(time.Now().Add(patience))
		_, err := io.Copy(io.Discard, slow)
		ended <- err
	}()
	big, err := net.Dial("tcp", h.ControlAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	go func() {
		_, _ = big.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"))
	}()
	_ = big.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, 12)
	if _, err := io.ReadFull(big, head); err != nil || !bytes.HasSuffix(head, []byte("431")) {
		t.Errorf("a header of 64 KiB: %q %v", head, err)
	}
	if got, _ := ask(t, &http.Client{}, "GET", "http://"+h.ControlAddr()+"/healthz", nil); got != 200 {
		t.Errorf("others are not served: %d", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the connection stays open: %v", err)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen = "127.0.0.1:0" })
	dial := func() net.Conn {
		c, err := net.Dial("tcp", h.ControlAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	reads := func(c net.Conn, within time.Duration) error {
		_ = c.SetReadDeadline(time.Now().Add(within))
		_, err := c.Read(make([]byte, 1))
		return err
	}
	for range 20 {
		var open []net.Conn
		for range 128 {
			open = append(open, dial())
		}
		late := dial()
		fmt.Fprint(late, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		served := reads(late, 300*time.Millisecond) == nil
		// Where the host stands still, the server gives callers up that have not asked anything.
		gone := slices.ContainsFunc(open, func(c net.Conn) bool { return !errors.Is(reads(c, time.Millisecond), os.ErrDeadlineExceeded) })
		if served && !gone {
			t.Fatal("connection 129 is served")
		}
		for _, c := range open {
			c.Close()
		}
		if served {
			late.Close()
			continue
		}
		if err := reads(late, patience); err != nil {
			t.Fatalf("it is not served when others have gone: %v", err)
		}
		return
	}
	t.Fatal("the host never stands still for less than the server waits")
}
