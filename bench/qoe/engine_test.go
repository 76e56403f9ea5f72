package qoe

import (
	"testing"

	"github.com/edgeflow/edgeflow/bench/memory"
)

// BenchmarkEngine runs the queries over messages in memory; an op is a run over 500,000 events.
func BenchmarkEngine(b *testing.B) {
	for _, c := range []struct {
		name, query, encoding string
		pack                  int
	}{
		{"filter/json", Filter, "json", 1}, {"filter/msgpack", Filter, "msgpack", 1}, {"filter/msgpack100", Filter, "msgpack", 100},
		{"tumble/json", Tumble, "json", 1}, {"tumble/msgpack", Tumble, "msgpack", 1}, {"tumble/msgpack100", Tumble, "msgpack", 100},
		{"percentiles/msgpack100", Percentiles, "msgpack", 100},
	} {
		b.Run(c.name, func(b *testing.B) {
			msgs := Events(500_000, c.pack, c.encoding)
			script := Script(c.query, "'connector'='values','format'='"+c.encoding+"','json.timestamp-format.standard'='ISO-8601'", "'connector'='values'")
			b.ReportAllocs()
			var events int64
			for b.Loop() {
				r, err := memory.New(script, &memory.Source{Messages: msgs})
				if err != nil {
					b.Fatal(err)
				}
				n, err := r.All()
				if err != nil {
					b.Fatal(err)
				}
				events += n
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}
