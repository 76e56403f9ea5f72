package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// clicks counts clicks in ten seconds, from JSON files to CSV files; more goes into the
// source's options.
func clicks(more string) string {
	return `SET 'pipeline.name' = 'clicks';
SET 'execution.checkpointing.interval' = '50 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE clicks (
  ts TIMESTAMP(3), usr STRING, n BIGINT,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json'` + more + `);
CREATE TABLE totals (window_start TIMESTAMP(3), usr STRING, n BIGINT)
WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv');
INSERT INTO totals
SELECT window_start, usr, SUM(n) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, usr;
`
}

const firstClicks = `{"ts":"2024-01-01 00:00:01","usr":"ann","n":1}
{"ts":"2024-01-01 00:00:02","usr":"bob","n":2}
this is not JSON
{"ts":"2024-01-01 00:00:09","usr":"ann","n":3}
`

const laterClicks = `{"ts":"2024-01-01 00:00:09","usr":"bob","n":40}
{"ts":"2024-01-01 00:00:12","usr":"ann","n":50}
`

func sorted(s []string) []string { slices.Sort(s); return s }

func TestFilesToFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clicks.sql", clicks(""))
	write(t, dir, "in/a.json", firstClicks+laterClicks)
	want := []string{"2024-01-01 00:00:00,ann,4", "2024-01-01 00:00:00,bob,42", "2024-01-01 00:00:10,ann,50"}
	for range 2 { // run again, it has nothing to add
		edgeflow(t, dir, 0, "run", "clicks.sql", "--listen", "")
		if got := sorted(lines(t, filepath.Join(dir, "out"))); !slices.Equal(got, want) {
			t.Fatalf("out:\n%s", strings.Join(got, "\n"))
		}
	}
	dead := lines(t, filepath.Join(dir, "data/pipelines/clicks/dead-letters"))
	if len(dead) != 1 {
		t.Fatalf("dead letters: %q", dead)
	}
	contains(t, dead[0], `"event":"this is not JSON`, `"subject":"a.json"`)
	out, _ := edgeflow(t, dir, 0, "dlq", "list")
	contains(t, out, "clicks", "dead", "decode", "a JSON object is expected", "1 letters, 0 replayed")
	out, _ = edgeflow(t, dir, 0, "dlq", "show", "-n", "1")
	contains(t, out, "pipeline clicks", "file:in message", "this is not JSON")
	out, _ = edgeflow(t, dir, 0, "dlq", "replay", "--dry-run")
	contains(t, out, "no events to send", "1 letters stay: of a source that is no stream")
	edgeflow(t, dir, 2, "dlq", "lists")

	out, _ = edgeflow(t, dir, 0, "state", "data", "--check")
	contains(t, out, "pipeline clicks, epoch", "window-aggregate-", "read 6", "check: ok")
	out, _ = edgeflow(t, dir, 0, "state", "data", "--dump")
	contains(t, out, "window-aggregate-")
	out, _ = edgeflow(t, dir, 0, "plan", "clicks.sql", "--state", "data")
	contains(t, out, "Physical plan", "window-aggregate TUMBLE(ts, size 10 s)", "its state is taken over", "it goes on where it was")
	write(t, dir, "wider.sql", strings.NewReplacer("SUM(n)", "SUM(n), COUNT(*)", "usr STRING, n BIGINT)", "usr STRING, n BIGINT, c BIGINT)").Replace(clicks("")))
	out, _ = edgeflow(t, dir, 0, "plan", "wider.sql", "--state", "data")
	contains(t, out, "migrates  window-aggregate", "SUM(n) goes on; COUNT(*) begins empty")
	write(t, dir, "other.sql", strings.Replace(clicks(""), "SUM(n)", "MAX(n)", 1))
	out, _ = edgeflow(t, dir, 0, "plan", "other.sql", "--state", "data")
	contains(t, out, "other  window-aggregate", "it does not start: run it with --reset-state")
	_, errText := edgeflow(t, dir, 1, "run", "other.sql", "--listen", "")
	contains(t, errText, "the query keeps other state than what is stored", "--reset-state")
	edgeflow(t, dir, 0, "run", "other.sql", "--listen", "", "--reset-state", "--instance", "other")
}

func TestControlSavepointAndSIGTERM(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clicks.sql", clicks(", 'source.monitor-interval' = '10 ms'"))
	write(t, dir, "in/a.json", firstClicks)
	p := start(t, dir, "run", "clicks.sql", "--data", "one", "--listen", "127.0.0.1:0")
	server := p.server()
	until(t, "the clicks are read", func() bool {
		out, err := (&client{t, dir, server}).command("audit", "clicks")
		return err == "" && strings.Contains(out, "read 4 = decoded 3 + undecodable 1") && strings.Contains(out, "open 3")
	}, &p.err)
	c := &client{t, dir, server}
	out, _ := c.command("health", "--timeout", patience.String())
	contains(t, out, "ok")
	out, _ = c.command("savepoint", "clicks", "kept")
	saved := strings.TrimSpace(out)
	contains(t, saved, "one/pipelines/clicks/savepoints/kept")
	_, errText := edgeflow(t, dir, 1, "savepoint", "clikcs", "--server", server)
	contains(t, errText, `no pipeline "clikcs" runs here; did you mean "clicks"?`)
	_, errText = edgeflow(t, dir, 1, "savepoint", "clicks", "kept", "--server", server)
	contains(t, errText, "kept")

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != 0 {
		t.Fatalf("SIGTERM: exit code %d\n%s", code, &p.err)
	}
	contains(t, p.err.String(), "stopping: final checkpoints", "msg=stopped")
	_, errText = edgeflow(t, dir, 1, "health", "--server", server)
	contains(t, errText, "is edgeflow running there? see --server")

	// The savepoint goes on in another folder, with the windows that are open in it.
	write(t, dir, "in/b.json", laterClicks)
	p = start(t, dir, "run", "clicks.sql", "--data", "two", "--from-savepoint", saved, "--listen", "")
	want := []string{"2024-01-01 00:00:00,ann,4", "2024-01-01 00:00:00,bob,42"}
	until(t, "the window fires", func() bool { return slices.Equal(sorted(lines(t, filepath.Join(dir, "out"))), want) }, &p.err)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != 0 {
		t.Fatalf("SIGTERM: exit code %d\n%s", code, &p.err)
	}
}

// client asks a running edgeflow.
type client struct {
	t           *testing.T
	dir, server string
}

func (c *client) command(args ...string) (stdout, stderr string) {
	c.t.Helper()
	p := start(c.t, c.dir, append(args, "--server", c.server)...)
	p.code()
	return p.out.String(), p.err.String()
}

// SIGHUP reads certificates and tokens anew, and ends nothing where there are none.
func TestSIGHUPEndsNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clicks.sql", clicks(", 'source.monitor-interval' = '10 ms'"))
	write(t, dir, "in/a.json", firstClicks)
	p := start(t, dir, "run", "clicks.sql", "--listen", "127.0.0.1:0")
	p.server()
	until(t, "it has started", func() bool { return strings.Contains(p.err.String(), "msg=started") }, &p.err)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "it has taken the signal", func() bool { return strings.Contains(p.err.String(), "SIGHUP") }, &p.err)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
	if code := p.code(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &p.err)
	}
	contains(t, p.err.String(), "msg=stopped")
}

func TestDrainOnStop(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clicks.sql", clicks(", 'source.monitor-interval' = '10 ms'"))
	write(t, dir, "in/a.json", firstClicks)
	p := start(t, dir, "run", "clicks.sql", "--drain", "--listen", "127.0.0.1:0")
	server := p.server()
	until(t, "the clicks are read", func() bool {
		out, _ := (&client{t, dir, server}).command("audit")
		return strings.Contains(out, "read 4 =")
	}, &p.err)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &p.err)
	}
	// What was drained has ended for good, and says so. Rows that a slow disk did not take in time
	// leave now.
	_, text := edgeflow(t, dir, 0, "run", "clicks.sql", "--listen", "")
	contains(t, text, "has ended before", "--reset-state")
	want := []string{"2024-01-01 00:00:00,ann,4", "2024-01-01 00:00:00,bob,2"}
	if got := sorted(lines(t, filepath.Join(dir, "out"))); !slices.Equal(got, want) {
		t.Fatalf("out:\n%s\n%s", strings.Join(got, "\n"), &p.err)
	}
}
