package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

// TestPathsOfPipelinesAreConfined runs scripts whose SQL names paths in and outside of the
// folders that it may use, in every option that takes a path.
func TestPathsOfPipelinesAreConfined(t *testing.T) {
	dir := t.TempDir()
	data, home, other := filepath.Join(dir, "data"), filepath.Join(dir, "home"), filepath.Join(dir, "other")
	for _, d := range []string{data, home, other} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "rows.json"), []byte(`{"a":1}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "secret"), []byte("hunter2hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(home) // the working directory is allowed, too
	run := func(source, sink string, allow ...string) error {
		text := fmt.Sprintf(`SET 'pipeline.name'='p'; CREATE TABLE s (a BIGINT) WITH (%s,'format'='json'); CREATE TABLE o (a BIGINT) WITH (%s); INSERT INTO o SELECT a FROM s`, source, sink)
		o := agent.Options{DataDir: data, Logger: slog.New(slog.DiscardHandler), AllowPaths: append([]string{}, allow...)}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return agent.Run(ctx, o, []agent.Script{{File: filepath.Join(home, "p.sql"), Text: text}})
	}
	const hole = `'connector'='blackhole'`
	files := func(path string) string { return `'connector'='filesystem','path'='` + path + `'` }
	server := func(option, path string) string {
		s := `'connector'='nats','nats.url'='nats://127.0.0.1:1','nats.stream'='S','` + option + `'='` + path + `'`
		switch option {
		case "nats.password-file", "nats.password":
			s += `,'nats.user'='me'`
		case "nats.tls.cert":
			s += `,'nats.tls.key'='` + path + `'`
		}
		return s
	}
	for _, ok := range []string{home, data} {
		if err := run(files(filepath.Join(ok, "rows.json")), hole); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
		if err := run(files(filepath.Join(ok, "rows.json")), files(filepath.Join(ok, "out"))+`,'format'='json'`); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	if err := run(files(filepath.Join(other, "rows.json")), hole, other); err != nil {
		t.Errorf("with --allow-path: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(data, "pipelines")); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(other, "secret")
	sources := []string{files(filepath.Join(other, "rows.json")), files(other), files(home + "/../other")}
	for _, option := range []string{"nats.password-file", "nats.token-file", "nats.credentials", "nats.nkey", "nats.tls.ca", "nats.tls.cert"} {
		sources = append(sources, server(option, secret))
	}
	sources = append(sources, server("nats.password", "${file:"+secret+"}"), server("nats.token", "${file:"+secret+"}"))
	for _, s := range sources {
		err := run(s, hole)
		if err == nil || !strings.Contains(err.Error(), "outside of the folders") || !strings.Contains(err.Error(), "--allow-path") || !strings.Contains(err.Error(), home) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", s, err)
		}
	}
	t.Setenv("EDGEFLOW_TEST_FREE", "hunter2")
	t.Setenv("EDGEFLOW_TEST_KEPT", "hunter2")
	for _, option := range []string{`'nats.token'='${env:EDGEFLOW_TEST_KEPT}'`, `'nats.token-env'='EDGEFLOW_TEST_KEPT'`, `'nats.url'='${env:EDGEFLOW_TEST_KEPT}'`} {
		text := `SET 'pipeline.name'='p'; CREATE TABLE s (a BIGINT) WITH ('connector'='nats','nats.stream'='S','format'='json',` + option + `); CREATE TABLE o (a BIGINT) WITH (` + hole + `); INSERT INTO o SELECT a FROM s`
		h := newHost(t, t.TempDir(), func(o *agent.Options) {
			o.AllowEnv, o.NATS.URL = []string{"EDGEFLOW_TEST_FREE"}, "nats://127.0.0.1:1"
		}, text)
		h.await("p", "the variable is refused", func(st agent.Status) bool { return strings.Contains(st.Error, "--allow-env") })
		h.stop()
		h = newHost(t, t.TempDir(), func(o *agent.Options) {
			o.AllowEnv, o.NATS.URL = []string{"EDGEFLOW_TEST_FREE"}, "nats://127.0.0.1:1"
		}, strings.ReplaceAll(text, "KEPT", "FREE"))
		h.await("p", "the other one is not", func(st agent.Status) bool { return st.Error != "" && !strings.Contains(st.Error, "--allow-env") })
		h.stop()
	}
	err := run(files(filepath.Join(home, "rows.json")), files(filepath.Join(other, "out"))+`,'format'='json'`)
	if err == nil || !strings.Contains(err.Error(), "outside of the folders") {
		t.Errorf("a sink: %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, "out")); err == nil {
		t.Error("the sink made its folder")
	}
}
