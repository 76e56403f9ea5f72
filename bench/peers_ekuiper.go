package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ekuiperSource is the configuration of the file source: lines, read once, as fast as can be.
const ekuiperSource = "default:\n  fileType: lines\n  path: data\n  interval: 0\n  sendInterval: 0\n"

// ekuiperFile is the name of the events' file below eKuiper's data.
const ekuiperFile = "beacons.json"

// ekuiperStream declares the columns that the queries use, so that eKuiper decodes no others.
const ekuiperStream = `CREATE STREAM beacons (view_id STRING, customer STRING, cdn STRING, device STRING, event_time STRING,
 startup_ms BIGINT, rebuffer_ms BIGINT, bitrate_kbps BIGINT, error STRING)
 WITH (TYPE="file", DATASOURCE="` + ekuiperFile + `", FORMAT="json", TIMESTAMP="event_time")`

// ekuiperQueries are the queries in eKuiper's SQL. An incremental count(error) is missing from
// its rows, so errors are a sum.
var ekuiperQueries = map[string]string{
	"filter": `SELECT event_time, view_id, customer, cdn, device, error FROM beacons WHERE bitrate_kbps >= 1000 AND isNull(error) = false`,
	"tumble": `SELECT window_start() AS ws, customer, cdn, count(*) AS view_count, sum(CASE WHEN isNull(error) = true THEN 0 ELSE 1 END) AS errors, sum(rebuffer_ms) AS rebuffer_ms,
 avg(cast(startup_ms, "float")) AS mean_startup, max(bitrate_kbps) AS max_bitrate FROM beacons GROUP BY customer, cdn, TUMBLINGWINDOW(ss, 10)`,
}

// ekuiperOptions are those of a rule that is kind to eKuiper: no QoS and so no checkpoints,
// large buffers whose overflow makes the writer wait instead of dropping rows, aggregates
// kept up row by row instead of over the window's rows; the wait for late events is as short
// as the events' disorder.
func ekuiperOptions(query string) map[string]any {
	o := map[string]any{"disableBufferFullDiscard": true, "bufferLength": 10240, "qos": 0, "sendError": false}
	if query == "tumble" {
		o["isEventTime"] = true
		o["lateTolerance"] = fmt.Sprintf("%dms", disorderMs)
		o["planOptimizeStrategy"] = map[string]any{"enableIncrementalWindow": true}
	}
	return o
}

// ekuiperPeer runs the queries as rules of an installed eKuiper. It reads files only: neither
// its core nor its extensions have a source for NATS.
func ekuiperPeer(dir string) peer {
	return peer{
		name: "eKuiper",
		run: func(ctx context.Context, query string, in peerInput, out string) (time.Duration, error) {
			e := &ekuiper{dir: dir, options: ekuiperOptions(query)}
			return e.run(ctx, query, in.File, out)
		},
		rows: func(query, out string) (*peerRows, error) {
			r, err := readPeerRows(query, out)
			if r != nil {
				// It loses a few events at the borders of windows.
				r.openEnd, r.misplaced = query == "tumble", 0.001
			}
			return r, err
		},
	}
}

// ekuiperByClock runs the aggregate by processing time: windows of 10 s of the clock, which
// spares eKuiper its sorting by event time. Its rows are others, so they are not compared.
func ekuiperByClock(dir string) peer {
	return peer{
		name: "eKuiper, by processing time", only: "tumble",
		run: func(ctx context.Context, query string, in peerInput, out string) (time.Duration, error) {
			o := ekuiperOptions(query)
			delete(o, "isEventTime")
			delete(o, "lateTolerance")
			e := &ekuiper{dir: dir, options: o}
			return e.run(ctx, query, in.File, out)
		},
	}
}

// ekuiper is a run of eKuiper's server, with a folder of its own.
type ekuiper struct {
	dir, base, url string
	options        map[string]any
	cmd            *exec.Cmd
}

func (e *ekuiper) run(ctx context.Context, query, file, out string) (cpu time.Duration, err error) {
	if e.base, err = os.MkdirTemp("", "edgeflow-bench-ekuiper-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(e.base)) }()
	if err := e.prepare(file); err != nil {
		return 0, err
	}
	if err := e.start(ctx); err != nil {
		return 0, err
	}
	ruleErr := e.rule(ctx, query, out)
	// The end of the process is the end of the measurement.
	err = e.cmd.Process.Signal(syscall.SIGTERM)
	_ = e.cmd.Wait() // it may end by the signal
	return e.cmd.ProcessState.UserTime() + e.cmd.ProcessState.SystemTime(), errors.Join(ruleErr, err)
}

// prepare makes the folder that the server works in: its own etc, and the events.
func (e *ekuiper) prepare(file string) error {
	if err := os.CopyFS(filepath.Join(e.base, "etc"), os.DirFS(filepath.Join(e.dir, "etc"))); err != nil {
		return fmt.Errorf("eKuiper's folder: %w", err)
	}
	for _, d := range []string{"data", "log", "plugins"} {
		if err := os.Mkdir(filepath.Join(e.base, d), 0o755); err != nil {
			return err
		}
	}
	source := filepath.Join(e.base, "etc", "sources", "file.yaml")
	if err := os.WriteFile(source, []byte(ekuiperSource), 0o644); err != nil {
		return err
	}
	return os.Symlink(file, filepath.Join(e.base, "data", ekuiperFile))
}

// start starts the server on loopback ports and waits until it answers.
func (e *ekuiper) start(ctx context.Context) error {
	var ports [2]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return err
		}
	}
	e.url = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	e.cmd = exec.CommandContext(ctx, filepath.Join(e.dir, "bin", "kuiperd"))
	e.cmd.Dir = e.base
	e.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "KuiperBaseKey="+e.base, "KUIPER__BASIC__LOGLEVEL=error", "KUIPER__BASIC__PPROF=false",
		"KUIPER__BASIC__RESTIP=127.0.0.1", "KUIPER__BASIC__RESTPORT="+strconv.Itoa(ports[0]),
		"KUIPER__BASIC__IP=127.0.0.1", "KUIPER__BASIC__PORT="+strconv.Itoa(ports[1]), "KUIPER__SOURCE__HTTPSERVERIP=127.0.0.1")
	if err := e.cmd.Start(); err != nil {
		return fmt.Errorf("eKuiper's server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := e.ask(ctx, http.MethodGet, "/rules", nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			err = errors.Join(fmt.Errorf("eKuiper's server does not answer: %w", err), e.cmd.Process.Kill())
			_ = e.cmd.Wait() // it was killed
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ask sends a request to the server and returns the answer.
func (e *ekuiper) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("eKuiper: %s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(answer))
	}
	return answer, err
}

// rule makes the stream and the rule and waits until the file has been read to its end.
func (e *ekuiper) rule(ctx context.Context, query, out string) error {
	if _, err := e.ask(ctx, http.MethodPost, "/streams", map[string]string{"sql": ekuiperStream}); err != nil {
		return err
	}
	_, err := e.ask(ctx, http.MethodPost, "/rules", map[string]any{
		"id": "bench", "sql": ekuiperQueries[query], "options": e.options,
		"actions": []any{map[string]any{"file": map[string]any{"path": filepath.Join(out, "rows.json"), "fileType": "lines", "format": "json"}}},
	})
	if err != nil {
		return err
	}
	for {
		// Asking costs the server CPU time; it is asked rarely.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
		b, err := e.ask(ctx, http.MethodGet, "/rules/bench/status", nil)
		if err != nil {
			return err
		}
		var st struct{ Status, Message string }
		if err := json.Unmarshal(b, &st); err != nil {
			return err
		}
		switch {
		case st.Status == "running":
		case st.Message == "done":
			return nil
		default:
			return fmt.Errorf("eKuiper: the rule is %s: %s", st.Status, st.Message)
		}
	}
}
