package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

// found tells which files below a folder hold a text.
func found(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && bytes.Contains(b, []byte(text)) {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestEncryptedState runs a pipeline over the embedded server with a key, changes the key,
// and looks for an event's text in everything below the data folder.
func TestEncryptedState(t *testing.T) {
	const text = "nobody-may-read-this"
	const pipeline = `SET 'pipeline.name' = 'sealed'; SET 'execution.checkpointing.interval' = '20 ms'; SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE s (n BIGINT, word AS CONCAT('nobody-may-', 'read-this')) WITH ('connector'='datagen','rows-per-second'='1000','number-of-rows'='40');
CREATE TABLE o (word STRING, n BIGINT) WITH ('connector'='nats','nats.stream'='OUT','nats.subject'='out','nats.stream.create'='true','format'='json');
INSERT INTO o SELECT word, n FROM s`
	one, two := strings.Repeat("1a", 32), strings.Repeat("2b", 32)
	path, ref := secretFile(t, one)
	run := func(dir, ref string) *host {
		h := newHost(t, dir, func(o *agent.Options) { o.StateKey = ref }, pipeline)
		h.await("sealed", "it ends", inState(agent.Finished))
		h.stop()
		return h
	}
	plain := t.TempDir()
	run(plain, "")
	if len(found(t, plain, text)) == 0 {
		t.Fatal("the test would find nothing without encryption either")
	}
	dir := t.TempDir()
	run(dir, ref)
	if files := found(t, dir, text); len(files) > 0 {
		t.Errorf("rows can be read in %v", files)
	}
	state := filepath.Join(dir, "pipelines", "sealed")
	inspect := func(o agent.StateOptions) (string, error) {
		var out strings.Builder
		err := agent.InspectState(&out, state, o)
		return out.String(), err
	}
	if _, err := inspect(agent.StateOptions{}); err == nil || !strings.Contains(err.Error(), "--state-key") {
		t.Errorf("without the key: %v", err)
	}
	out, err := inspect(agent.StateOptions{StateKey: ref, Check: true, Outbox: true})
	if err != nil || !strings.Contains(out, "encrypted with key ") {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(path, []byte(two+"\n"+one), 0o600); err != nil {
		t.Fatal(err)
	}
	run(dir, ref) // with a new key before the old one
	if out, err = inspect(agent.StateOptions{StateKey: ref}); err != nil || !strings.Contains(out, "values from before") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = inspect(agent.StateOptions{StateKey: ref, Rekey: true, Check: true}); err != nil || strings.Contains(out, "values from before") {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.WriteFile(path, []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	h := run(dir, ref) // the old key is gone: state and streams do without
	if files := found(t, dir, text); len(files) > 0 {
		t.Errorf("rows can be read in %v", files)
	}
	for _, s := range []string{one, two} {
		if strings.Contains(h.log.String(), s) {
			t.Error("the log tells a key")
		}
	}
	wrong := newHost(t, dir, func(o *agent.Options) {
		_, o.StateKey = secretFile(t, strings.Repeat("3c", 32))
	}, pipeline)
	wrong.failed("sealed", "not among those given")
	wrong.stop()
	if out, err = inspect(agent.StateOptions{StateKey: ref, Decrypt: true}); err != nil || !strings.Contains(out, "not encrypted") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestStateKeyIsAReference(t *testing.T) {
	key := strings.Repeat("4d", 32)
	_, bad := secretFile(t, "too short")
	for ref, want := range map[string]string{key: "${env:NAME}", bad: "line 1", "${file:/nowhere}": "no such file"} {
		_, err := agent.New(agent.Options{DataDir: t.TempDir(), LogLevel: "error", StateKey: ref})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4d4d") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
