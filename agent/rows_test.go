package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// letters reads a pipeline's dead letters, a line each.
func letters(t *testing.T, dir, pipeline string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "pipelines", pipeline, "dead-letters", "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestMessageThatIsNotJSONIsADeadLetter(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 2)
	edge.put([]byte("this is not JSON"))
	edge.put([]byte(`{"usr":"u0","n":"many"}`))
	edge.events(3, 4)
	dir := t.TempDir()
	h := newHost(t, dir, nil, passing("p", edge.ClientURL(), edge.ClientURL(), ""))
	edge.awaitRows("RES", "res.p", passed(1, 4))
	var got []string
	until(t, "there are two dead letters", func() bool { got = letters(t, dir, "p"); return len(got) == 2 }, func() string { return fmt.Sprint(got) })
	contains(t, got[0], `"event":"this is not JSON"`, `"source":"ev"`, `"sequence":3`, `"subject":"ev.a"`, `"reason":"a JSON object is expected`)
	contains(t, got[1], `"sequence":4`, `many`)
	st := h.await("p", "the ledger has it", func(st agent.Status) bool {
		return st.Ledger != nil && st.Ledger.Sources[0].Undecodable == 2
	})
	if s := st.Ledger.Sources[0]; s.Read != 6 || s.Decoded != 4 || len(st.Imbalances) > 0 {
		t.Errorf("ledger %+v, %v", s, st.Imbalances)
	}
}

func TestMessageOfTenMegabytes(t *testing.T) {
	edge := newBroker(t, embedded.Options{MaxPayloadBytes: 12 << 20})
	hub := newBroker(t, embedded.Options{})
	edge.events(1, 1)
	long := strings.Repeat("x", 10<<20)
	// The long column is not read: the row passes. It is read: the row is too large for the hub.
	edge.put([]byte(`{"usr":"u2","n":2,"more":"` + long + `"}`))
	edge.put([]byte(`{"usr":"` + long + `","n":3}`))
	edge.put([]byte(long))
	edge.events(4, 5)
	dir := t.TempDir()
	h := newHost(t, dir, nil, "SET 'edgeflow.field.max-bytes' = '0';"+passing("p", edge.ClientURL(), hub.ClientURL(), ""))
	hub.awaitRows("RES", "res.p", append(passed(1, 2), passed(4, 5)...))
	var got []string
	until(t, "there are two dead letters", func() bool { got = letters(t, dir, "p"); return len(got) == 2 }, func() string { return fmt.Sprintf("%.300s", got) })
	for _, l := range got {
		t.Logf("%.300s ... %s", l, l[max(0, len(l)-200):])
	}
	st := h.await("p", "the ledger has it", func(st agent.Status) bool {
		return st.Ledger != nil && st.Ledger.Sources[0].Read == 6 && len(st.Imbalances) == 0 && waiting(st) == 0
	})
	for _, o := range st.Ledger.Outputs {
		if o.Name == "res" && (o.Emitted != 5 || o.Confirmed != 4 || o.Dropped != 1) {
			t.Errorf("ledger of the output: %+v", o)
		}
	}
}
