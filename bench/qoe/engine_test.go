package qoe

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/bench/byhand"
	"github.com/edgeflow/edgeflow/bench/memory"
	"github.com/edgeflow/edgeflow/dataflow"
)

const startMs = 1_700_000_000_000

// options are those of a source in an encoding and of a sink, for package memory.
func script(query, encoding string) string {
	return Script(query, "'connector'='values','format'='"+encoding+"','json.timestamp-format.standard'='ISO-8601'", "'connector'='values'")
}

func encodings() []Log {
	return []Log{
		{Pack: 1, Encoding: "json"}, {Pack: 100, Encoding: "json"},
		{Pack: 1, Encoding: "msgpack"}, {Pack: 100, Encoding: "msgpack"},
	}
}

// byHand computes a query without the engine.
func byHand(t testing.TB, query, encoding string, messages []dataflow.Message) byhand.Result {
	t.Helper()
	r := byhand.New(query, encoding)
	for i := range messages {
		if err := r.Message(messages[i].Data, messages[i].ArrivalMs); err != nil {
			t.Fatal(err)
		}
	}
	return r.End()
}

func TestEngineEqualsByHand(t *testing.T) {
	for _, l := range encodings() {
		for _, query := range []string{"filter", "tumble"} {
			t.Run(fmt.Sprintf("%s/%s%d", query, l.Encoding, l.Pack), func(t *testing.T) {
				l.Events, l.StartMs = 400_000, startMs
				messages := l.Messages()
				want := byHand(t, query, l.Encoding, messages)
				c := &Checker{Query: query}
				e, err := memory.New(memory.Options{Script: script(query, l.Encoding), Source: &memory.Source{Messages: messages}, Sink: c})
				if err == nil {
					err = memory.All(e)
				}
				if err != nil {
					t.Fatal(err)
				}
				Account(&c.Result, e.Ledger())
				if d := c.Result.Differs(want); d != "" || want.Rows == 0 || want.Future == 0 {
					t.Fatal(d, want)
				}
			})
		}
	}
}

// BenchmarkEngine runs the queries over messages in memory; an op is a run over 500,000 events.
func BenchmarkEngine(b *testing.B) {
	for _, l := range encodings() {
		for _, query := range []string{"filter", "tumble", "percentiles"} {
			b.Run(fmt.Sprintf("%s/%s%d", query, l.Encoding, l.Pack), func(b *testing.B) {
				l.Events, l.StartMs = 500_000, startMs
				messages := l.Messages()
				b.ReportAllocs()
				for b.Loop() {
					e, err := memory.New(memory.Options{Script: script(query, l.Encoding), Source: &memory.Source{Messages: messages}, Sink: &memory.Counter{}})
					if err == nil {
						err = memory.All(e)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*l.Events), "ns/event")
			})
		}
	}
}
