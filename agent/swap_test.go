package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

// What a process that was killed in the midst of a step left is removed by the next, whether
// that has a limit of memory or not.
func TestALeftSwapIsRemoved(t *testing.T) {
	for _, most := range []string{"16 mb", "0"} {
		dir := t.TempDir()
		left := filepath.Join(dir, "pipelines", "swapped", "state.swap")
		if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
		h := newHost(t, dir, nil, `SET 'pipeline.name' = 'swapped'; SET 'edgeflow.memory.max' = '`+most+`';
CREATE TABLE a (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '3');
CREATE TABLE o (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT n FROM a;`)
		h.await("swapped", "the pipeline runs", func(st agent.Status) bool { return st.State == agent.Running || st.State == agent.Finished })
		if _, err := os.Stat(left); !os.IsNotExist(err) {
			t.Errorf("with a limit of %s the file is there: %v", most, err)
		}
		h.stop()
	}
}
