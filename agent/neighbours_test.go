package agent_test

import (
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// One whose outbox is full, one whose state is above its share of memory, one whose source
// cannot be reached and one whose hub takes nothing: a pipeline beside them takes its
// events and delivers them.
func TestNeighboursAtTheirLimits(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 2000)
	nowhere := "nats://" + freeAddr(t)
	h := newHost(t, t.TempDir(), nil,
		"SET 'edgeflow.outbox.max-bytes' = '4 kb'; SET 'edgeflow.memory.output-max' = '4 kb';"+passing("full", edge.ClientURL(), nowhere, ""),
		passing("unreachable", nowhere, edge.ClientURL(), ""),
		passing("stuck", edge.ClientURL(), nowhere, ""),
		`SET 'pipeline.name' = 'keys'; SET 'edgeflow.memory.max' = '4 mb';
CREATE TABLE gen (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '100000000');
CREATE TABLE o (k STRING, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT CONCAT(REPEAT('wide', 100), CAST(id AS STRING)) AS k, COUNT(*) FROM gen GROUP BY CONCAT(REPEAT('wide', 100), CAST(id AS STRING));`,
	)
	h.await("full", "its outbox is full", func(st agent.Status) bool { return st.State == agent.Backpressure && st.HeldBy == "res" })
	h.await("unreachable", "its source is missed", inState(agent.Restarting))
	h.await("stuck", "all of it waits", func(st agent.Status) bool { return waiting(st) == 2000 })
	h.await("keys", "state is spilled", func(st agent.Status) bool { return st.SpilledBytes > 0 })
	p, err := agent.Compile("good.sql", passing("good", edge.ClientURL(), edge.ClientURL(), ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	edge.awaitRows("RES", "res.good", passed(1, 2000))
	edge.events(2001, 2010)
	edge.awaitRows("RES", "res.good", passed(1, 2010))
	for _, st := range h.Status() {
		want := map[string]agent.State{"full": agent.Backpressure, "good": agent.Running, "stuck": agent.Running}[st.Pipeline]
		if want != "" && st.State != want {
			t.Errorf("%s is %s", st.Pipeline, st.State)
		}
	}
}
