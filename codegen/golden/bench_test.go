package golden

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/bench/qoe"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// BenchmarkEvent measures an event of the QoE queries, 100 a message, from the message's
// bytes to rows at a sink that drops them.
func BenchmarkEvent(b *testing.B) {
	for _, name := range []string{"qoe_filter_json", "qoe_filter_msgpack", "qoe_tumble_json", "qoe_tumble_msgpack", "qoe_example"} {
		encoding := "json"
		if strings.HasSuffix(name, "msgpack") {
			encoding = "msgpack"
		}
		log := (&qoe.Log{Events: 1_000_000, Pack: 100, Encoding: encoding, StartMs: startMs}).Messages()
		for _, interpret := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/interpret=%v", name, interpret), func(b *testing.B) {
				p := load(b, name)
				b.ReportAllocs()
				for left := b.N; left > 0; {
					b.StopTimer()
					n := min(left, 1_000_000)
					r := play(b, p, map[string][]dataflow.Message{"beacons": log[:(n+99)/100]}, interpret)
					left -= n
					b.StartTimer()
					r.settle()
					b.StopTimer()
					r.close()
				}
			})
		}
	}
}

// BenchmarkRows measures an event whose row goes on to a group aggregate.
func BenchmarkRows(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 5))
	var log []dataflow.Message
	for i := range 10_000 {
		var data []byte
		for k := range 100 {
			data = append(data, order(r, i*100+k, startMs)...)
		}
		log = append(log, dataflow.Message{Data: data, Seq: uint64(i + 1), ArrivalMs: startMs + int64(i)})
	}
	for _, interpret := range []bool{false, true} {
		b.Run(fmt.Sprintf("interpret=%v", interpret), func(b *testing.B) {
			for left := b.N; left > 0; {
				b.StopTimer()
				n := min(left, 1_000_000)
				r := play(b, load(b, "group"), map[string][]dataflow.Message{"orders": log[:(n+99)/100]}, interpret)
				left -= n
				b.StartTimer()
				r.settle()
				b.StopTimer()
				r.close()
			}
		})
	}
}

// BenchmarkManyKeys measures an event of one of a million groups.
func BenchmarkManyKeys(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 5))
	var log []dataflow.Message
	for i := range 10_000 {
		var data []byte
		for range 200 {
			data = append(data, phoneCall(r, startMs+int64(i), 1_000_000)...)
		}
		log = append(log, dataflow.Message{Data: data, Seq: uint64(i + 1), ArrivalMs: startMs + int64(i)})
	}
	for _, interpret := range []bool{false, true} {
		b.Run(fmt.Sprintf("interpret=%v", interpret), func(b *testing.B) {
			for left := b.N; left > 0; {
				b.StopTimer()
				n := min(left, 2_000_000)
				r := play(b, load(b, "keys"), map[string][]dataflow.Message{"calls": log[:(n+199)/200]}, interpret)
				r.tapes["calls"].bounded = false
				left -= n
				b.StartTimer()
				r.settle()
				b.StopTimer()
				r.close()
			}
		})
	}
}

// play opens an engine over whole logs, whose rows are dropped.
func play(t testing.TB, p *plan.Plan, logs map[string][]dataflow.Message, interpret bool) *rig {
	r := &rig{t: t, plan: p, quiet: true, pages: map[state.PageID][]byte{}, tapes: map[string]*tape{}}
	for name, log := range logs {
		r.tapes[name] = &tape{log: log, stop: len(log), bounded: true, fast: true}
	}
	r.open(interpret)
	return r
}
