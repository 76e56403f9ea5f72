package agent

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// server answers metrics, health and control on one address.
type server struct {
	agent *Agent
	http  *http.Server
	addr  string
	gate  *gate
	// local tells that only this host reaches the address.
	local bool
}

// route is a path of the control address, and who may call it. A long one may take as long
// as it needs to answer.
type route struct {
	pattern string
	role    role
	long    bool
	handle  http.HandlerFunc
}

func (s *server) routes() []route {
	return []route{
		{"GET /healthz", nobody, false, s.health},
		{"GET /readyz", nobody, false, s.ready},
		{"GET /metrics", reader, false, s.metrics},
		{"GET /pipelines", reader, false, s.pipelines},
		{"GET /pipelines/{name}", reader, false, s.pipeline},
		{"POST /pipelines/{name}/savepoint", controller, true, s.savepoint},
		{"POST /pipelines/{name}/drain", controller, true, s.drain},
	}
}

// What one caller may take of the server.
const (
	connectionsMax = 128
	bodyBytesMax   = 64 << 10
	headerBytesMax = 16 << 10
	headerTimeout  = 5 * time.Second
	callTimeout    = 30 * time.Second
	idleTimeout    = 60 * time.Second
)

// serve opens the address at once, so that a port in use is an error of the start.
func (a *Agent) serve(addr string) (*server, error) {
	g, err := newGate(a.opt.Access, a.clock.Now, a.log)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w (choose another address, or '' for none)", addr, err)
	}
	s := &server{agent: a, addr: l.Addr().String(), gate: g, local: loopback(l.Addr().String())}
	if !s.local && !g.a.guarded() && !g.a.Open { // a name that looked like loopback
		l.Close()
		return nil, g.a.validate(s.addr)
	}
	s.warn()
	l = limited(l, connectionsMax)
	if g.certs != nil {
		l = tls.NewListener(l, g.certs.Server(false))
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("control server ended", "error", err)
		}
	}()
	return s, nil
}

// warn says plainly what an address beyond this host lacks.
func (s *server) warn() {
	switch {
	case s.local:
	case !s.gate.a.guarded():
		s.agent.log.Warn("the control address is open to everybody who reaches it (--listen-insecure)", "address", s.addr)
	case s.gate.certs == nil:
		s.agent.log.Warn("tokens of the control address go over the network in the clear: --listen-cert and --listen-key encrypt them", "address", s.addr)
	}
}

// URL is where the address is reached.
func (s *server) url() string {
	if s.gate.certs != nil {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// handler is what every call goes through: who may call, from where, and how much.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.guard(r))
	}
	// Pages in a browser on this host must not reach an address that trusts it: neither by
	// a form of another site, nor under a name of their own that points here.
	cross := http.NewCrossOriginProtection()
	return cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if s.local && !s.gate.a.guarded() && !loopbackHost(host) {
			http.Error(w, "this address answers to names of this host alone", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
		mux.ServeHTTP(w, r)
	}))
}

// guard lets those in who may call a route.
func (s *server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is := s.gate.who(r)
		switch {
		case is >= rt.role:
			if rt.role == controller {
				s.agent.log.Info("control", "from", r.RemoteAddr, "path", r.URL.Path)
			}
		case is == nobody:
			s.gate.turnAway(r, http.StatusUnauthorized)
			w.Header().Set("WWW-Authenticate", `Bearer realm="edgeflow"`)
			http.Error(w, "who is calling? send a token (Authorization: Bearer ...) or show a client certificate", http.StatusUnauthorized)
			return
		default:
			s.gate.turnAway(r, http.StatusForbidden)
			http.Error(w, "this takes a token for control; yours is for reading", http.StatusForbidden)
			return
		}
		if rt.long {
			// A body that does not come must not hold the connection once there are no deadlines.
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				http.Error(w, "the body of the call cannot be read; none is needed", http.StatusBadRequest)
				return
			}
			c := http.NewResponseController(w)
			_ = c.SetReadDeadline(time.Time{}) // a recorder in a test has no deadlines
			_ = c.SetWriteDeadline(time.Time{})
		}
		err := contain(func() error { rt.handle(w, r); return nil })
		var bug *panicError
		if errors.As(err, &bug) {
			s.agent.log.Error("a call to the control address panicked", "path", r.URL.Path, "error", err, "stack", string(bug.stack))
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	})
}

func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
}

func (s *server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	s.agent.writeMetrics(w)
	metrics.WriteProcessMetrics(w)
}

// health is 200 while no pipeline has failed for good. Whoever may read is told what those that
// work have trouble with.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	for _, st := range s.agent.Status() {
		if st.State == Failed {
			s.unwell(w, r, "failed", st.Pipeline+": "+st.Error)
			return
		}
	}
	fmt.Fprintln(w, "ok")
	if s.gate.who(r) < reader {
		return
	}
	for _, st := range s.agent.Status() {
		for _, line := range st.Troubles() {
			fmt.Fprintln(w, line)
		}
	}
}

// ready is 200 once every pipeline runs.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	for _, st := range s.agent.Status() {
		if st.State != Running && st.State != Backpressure && st.State != Finished {
			s.unwell(w, r, "not ready", st.Pipeline+" is "+string(st.State))
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// unwell answers a question about health: whoever may read is told why.
func (s *server) unwell(w http.ResponseWriter, r *http.Request, short, why string) {
	if s.gate.who(r) < reader {
		why = short
	}
	http.Error(w, why, http.StatusServiceUnavailable)
}

func (s *server) pipelines(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, s.agent.Status())
}

func (s *server) pipeline(w http.ResponseWriter, r *http.Request) {
	for _, st := range s.agent.Status() {
		if st.Pipeline == r.PathValue("name") {
			writeJSON(w, st)
			return
		}
	}
	http.Error(w, s.agent.unknown(r.PathValue("name")), http.StatusNotFound)
}

func (s *server) savepoint(w http.ResponseWriter, r *http.Request) {
	p := s.agent.find(r.PathValue("name"))
	if p == nil {
		http.Error(w, s.agent.unknown(r.PathValue("name")), http.StatusNotFound)
		return
	}
	// The file is written below the data folder alone: a caller names it, not its folder.
	path, err := p.Savepoint(r.Context(), r.URL.Query().Get("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	writeJSON(w, map[string]string{"savepoint": path})
}

// drain ends the pipeline's sources and answers with its last status once it has finished
// and every output is confirmed.
func (s *server) drain(w http.ResponseWriter, r *http.Request) {
	p := s.agent.find(r.PathValue("name"))
	if p == nil {
		http.Error(w, s.agent.unknown(r.PathValue("name")), http.StatusNotFound)
		return
	}
	if err := p.Drain(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	select {
	case <-p.Done():
	case <-r.Context().Done():
		return
	}
	if err := p.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, p.Status())
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func trimLine(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return string(b)
}
