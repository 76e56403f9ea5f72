package agent_test

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// One watermark that closes very many windows makes more output than its share of memory: what is
// beyond is stored in the midst of the step, whether rows are kept by key or not, and all of it is
// sent once.
func TestOutputOfOneStep(t *testing.T) {
	const rows, outputMax = 40_000, 256 << 10
	for name, key := range map[string]string{"rows": "", "upserts": ", PRIMARY KEY (id) NOT ENFORCED"} {
		query := "SELECT id, COUNT(*), SHA256(CAST(id AS STRING)) FROM TABLE(TUMBLE(TABLE gen, DESCRIPTOR(at), INTERVAL '1' DAY)) GROUP BY id, window_start, window_end"
		if key != "" { // the watermark lets all of them go
			query = "SELECT id, n, SHA256(CAST(id AS STRING)) FROM (SELECT id, COUNT(*) AS n FROM gen GROUP BY id)"
		}
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, embedded.Options{})
			h := newHost(t, t.TempDir(), nil, fmt.Sprintf(`SET 'pipeline.name' = 'step'; SET 'edgeflow.memory.output-max' = '256 kb';
CREATE TABLE gen (id BIGINT, at AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR at AS at) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '%d');
CREATE TABLE o (id BIGINT, n BIGINT, s STRING%s)
  WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'OUT', 'nats.subject' = 'out.a', 'nats.stream.create' = 'true', 'format' = 'json', 'edgeflow.pack' = '100');
INSERT INTO o %s;`, rows, key, b.ClientURL(), query))
			p := newPeaks()
			p.watch(h, "step", rows, func(st agent.Status) bool { return st.State == agent.Finished })
			t.Log(p)
			if p.output > 3*outputMax {
				t.Errorf("output is not bounded by %d: %v", outputMax, p)
			}
			for _, o := range h.Status()[0].Outputs {
				if o.Name == "o" && (o.Emitted != rows || o.Confirmed != rows || o.Rows != 0) {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}
