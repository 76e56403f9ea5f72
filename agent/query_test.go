package agent_test

import (
	"io"
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
