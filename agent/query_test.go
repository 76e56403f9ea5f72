package agent_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

// A file of definitions with a mistake is quoted without its secrets.
func TestQueryFileWithMistake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tables.sql")
	text := "CREATE TABLE a (k STRING) WITH ('connector' = 'nats', 'nats.user' = 'me', 'nats.password' /* of the hub */ = 'PLANTED' 'nats.stream' = 'IN');"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := agent.Query(t.Context(), io.Discard, "SELECT * FROM a", agent.QueryOptions{Files: []string{file}})
	if err == nil || !strings.Contains(err.Error(), "tables.sql") || strings.Contains(err.Error(), "PLANTED") {
		t.Errorf("the mistake is told as: %v", err)
	}
}

// What a query shows cannot steer the terminal, and a row stays a line.
func TestQueryShowsPrintableText(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.json"), []byte(`{"k":"\u001b[31mred\nand\tblue"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, changelog := range []bool{false, true} {
		var out bytes.Buffer
		text := "CREATE TABLE a (k STRING) WITH ('connector' = 'filesystem', 'path' = '" + dir + "', 'format' = 'json'); SELECT k FROM a"
		if err := agent.Query(t.Context(), &out, text, agent.QueryOptions{Options: agent.Options{DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}, Changelog: changelog}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "[31mred and blue\n") {
			t.Errorf("%q", got)
		}
	}
}
