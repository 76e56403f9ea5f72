package agent

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// fuzzServer is a control address, without a port, of an agent with one pipeline that has
// ended.
func fuzzServer(t testing.TB, a Access) *server {
	t.Helper()
	ag := &Agent{opt: Options{DataDir: t.TempDir(), Access: a}, log: slog.New(slog.DiscardHandler), clock: realClock{}}
	p := newPipeline(ag, &plan.Plan{Config: plan.Config{Name: "p"}})
	close(p.done)
	ag.pipelines = append(ag.pipelines, p)
	g, err := newGate(a, ag.clock.Now, ag.log)
	if err != nil {
		t.Fatal(err)
	}
	return &server{agent: ag, gate: g, local: true, addr: "127.0.0.1:0"}
}

// FuzzHTTP sends whole requests, bodies included, to the control address. Whatever they are,
// nothing panics, only a caller with the token gets at what is behind it, and the answer is
// one of those documented.
func FuzzHTTP(f *testing.F) {
	const token = "0123456789abcdef-fuzz"
	path := filepath.Join(f.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n",
		"GET /pipelines HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n\r\n",
		"GET /pipelines/p HTTP/1.1\r\nHost: [::1]\r\nAuthorization: bearer " + token + "\r\n\r\n",
		"POST /pipelines/p/savepoint?name=../../x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 5\r\n\r\nhello",
		"POST /pipelines/p/drain HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"POST /pipelines/%2e%2e%2fp/drain HTTP/1.1\r\nHost: x\r\nOrigin: null\r\n\r\n",
		"GET /pipelines/..;/../metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n\r\n",
		"PUT http://127.0.0.1/healthz HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	open, guarded := fuzzServer(f, Access{}), fuzzServer(f, Access{ControlToken: "${file:" + path + "}"})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, s := range []*server{open, guarded} {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(raw))))
			if err != nil {
				return
			}
			w := httptest.NewRecorder()
			s.handler().ServeHTTP(w, r)
			switch w.Code {
			case 200, 301, 307, 308, 400, 401, 403, 404, 405, 409, 413, 503:
			default:
				t.Fatalf("%s %s: %d %s", r.Method, r.URL, w.Code, w.Body)
			}
			sent := false
			for _, v := range r.Header.Values("Authorization") {
				sent = sent || strings.Contains(v, token)
			}
			if s == guarded && w.Code == 200 && !sent && strings.TrimSpace(w.Body.String()) != "ok" && w.Body.Len() > 0 {
				t.Fatalf("%s %s without a token: %s", r.Method, r.URL, w.Body)
			}
			if strings.Contains(w.Body.String(), token) {
				t.Fatal("the answer repeats the token")
			}
		}
	})
}
