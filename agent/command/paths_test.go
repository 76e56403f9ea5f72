package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/connector/confine"
)

// TestCommandsConfineSQL gives SQL that names files beyond its folders to every command that
// takes SQL. Those that would open them refuse, and take them with --allow-path; the others
// open nothing that SQL names.
func TestCommandsConfineSQL(t *testing.T) {
	dir := t.TempDir()
	home, other := filepath.Join(dir, "home"), filepath.Join(dir, "other")
	for _, d := range []string{home, other} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(folder, name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Chdir(home)
	rows := write(other, "rows.json", `{"a":1}`+"\n")
	secret := write(other, "secret", "hunter2")
	script := func(name, with string) string {
		return write(home, name, "SET 'pipeline.name'='p'; CREATE TABLE s (a BIGINT) WITH ("+with+",'format'='json'); CREATE TABLE o (a BIGINT) WITH ('connector'='blackhole'); INSERT INTO o SELECT a FROM s")
	}
	file := script("file.sql", "'connector'='filesystem','path'='"+rows+"'")
	stream := script("stream.sql", "'connector'='nats','nats.stream'='S','nats.url'='nats://127.0.0.1:1','nats.token-file'='"+secret+"'")
	url := script("url.sql", "'connector'='nats','nats.stream'='S','nats.url'='${file:"+secret+"}'")
	caught := filepath.Join(home, "c.capture")
	w, err := capture.Create(caught, capture.Header{Pipeline: "p", Sources: []capture.Source{{Table: "t", Stream: "T"}}}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, out := filepath.Join(home, "data"), filepath.Join(home, "out.capture")
	query := "CREATE TABLE s (a BIGINT) WITH ('connector'='filesystem','format'='json','path'='" + rows + "'); SELECT a FROM s"
	for _, c := range []struct {
		args  []string
		takes bool // what it opens is there
	}{
		{[]string{"run", file, "--data", data, "--listen", ""}, true},
		{[]string{"query", query, "--data", data, "--listen", ""}, true},
		{[]string{"replay", file, caught}, true},
		{[]string{"capture", stream, "-o", out}, false},
		{[]string{"capture", url, "-o", out}, false},
	} {
		if err := run(t, c.args...); !errors.Is(err, confine.ErrOutside) && (err == nil || !strings.Contains(err.Error(), confine.ErrOutside.Error())) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.args[:2], err)
		}
		err := run(t, append(c.args, "--allow-path", other)...)
		if err != nil && (c.takes || strings.Contains(err.Error(), confine.ErrOutside.Error())) {
			t.Errorf("%s with --allow-path: %v", c.args[:2], err)
		}
	}
	// What is not there is not missed by who does not open it.
	for _, path := range []string{rows, secret} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	test := write(home, "p_test.yaml", "name: p\nfile: url.sql\ninput:\n- table: s\n  rows:\n  - [1]\nexpect:\n- table: o\n  final:\n  - [1]\n")
	for _, args := range [][]string{
		{"plan", file}, {"plan", url}, {"plan", url, "--state", data}, {"lint", file, stream, url}, {"test", test},
		{"generate", url, "-o", filepath.Join(home, "generated")}, {"generate", stream, "-o", filepath.Join(home, "generated"), "--types"},
	} {
		if err := run(t, args...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}
