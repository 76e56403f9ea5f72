package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
}

// serve opens the address at once, so that a port in use is an error of the start.
func (a *Agent) serve(addr string) (*server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w (choose another address, or '' for none)", addr, err)
	}
	s := &server{agent: a, addr: l.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /pipelines", s.pipelines)
	mux.HandleFunc("GET /pipelines/{name}", s.pipeline)
	mux.HandleFunc("POST /pipelines/{name}/savepoint", s.savepoint)
	mux.HandleFunc("POST /pipelines/{name}/drain", s.drain)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("control server ended", "error", err)
		}
	}()
	return s, nil
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

// health is 200 while no pipeline has failed for good.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	for _, st := range s.agent.Status() {
		if st.State == Failed {
			http.Error(w, st.Pipeline+": "+st.Error, http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// ready is 200 once every pipeline runs.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	for _, st := range s.agent.Status() {
		if st.State != Running && st.State != Backpressure && st.State != Finished {
			http.Error(w, st.Pipeline+" is "+string(st.State), http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
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

// call asks a running edgeflow and decodes its JSON answer into out, unless that is nil.
func call(ctx context.Context, method, url string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w (is edgeflow running there? see --server)", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", trimLine(body))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

func trimLine(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return string(b)
}
