package byhand

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/edgeflow/edgeflow/examples/qoe"
)

const startMs, perSecond = 1_700_000_000_000, 1_000

// log encodes n beacons as a message each and adds them up directly.
func log(n int, encoding string) (messages [][]byte, arrivals []int64, truth *qoe.Truth) {
	g := qoe.New(7, startMs, perSecond)
	truth = qoe.NewTruth()
	var b qoe.Beacon
	for i := range uint64(n) {
		g.At(i, &b)
		truth.Add(&b)
		if encoding == "json" {
			messages = append(messages, b.AppendJSON(nil))
		} else {
			messages = append(messages, b.AppendMsgpack(nil))
		}
		arrivals = append(arrivals, g.NowMs(i))
	}
	return messages, arrivals, truth
}

func run(t *testing.T, query, encoding string, messages [][]byte, arrivals []int64) Result {
	t.Helper()
	r := New(query, encoding)
	for i, m := range messages {
		if err := r.Message(m, arrivals[i]); err != nil {
			t.Fatal(err)
		}
	}
	return r.End()
}

func TestTumbleEqualsTruth(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		messages, arrivals, truth := log(60_000, encoding)
		var want Result
		want.Events, want.Late, want.Future = truth.All, truth.Late, truth.Future
		for k, v := range truth.Tumble {
			sum := 0
			for _, s := range v.Startup {
				sum += s
			}
			q := Quality{StartMs: k.StartMs, EndMs: k.StartMs + qoe.TumbleMs, Customer: k.Customer, CDN: k.CDN,
				Views: v.Views, Errors: v.Errors, RebufferMs: v.RebufferMs, MeanStartup: float64(sum) / float64(v.Views)}
			want.AddQuality(&q)
		}
		got := run(t, "tumble", encoding, messages, arrivals)
		want.Digest = 0 // the truth keeps no greatest bitrate
		if d := got.Differs(want); d != "" || got.Late == 0 || got.Future == 0 {
			t.Errorf("%s: %s %+v", encoding, d, got)
		}
	}
}

func TestFilterCountsErrors(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		messages, arrivals, truth := log(30_000, encoding)
		got := run(t, "filter", encoding, messages, arrivals)
		if got.Events != truth.All || got.Future != truth.Future || got.Rows == 0 || got.Rows > truth.Errors {
			t.Errorf("%s: %+v, truth has %d errors", encoding, got, truth.Errors)
		}
	}
}

// TestAnyOrder gives the same events with their fields in other orders, with others between
// them, and packed: the account stays.
func TestAnyOrder(t *testing.T) {
	messages, arrivals, _ := log(20_000, "json")
	for _, query := range []string{"filter", "tumble"} {
		want := run(t, query, "json", messages, arrivals)
		shuffled := make([][]byte, len(messages))
		packed := make([][]byte, len(messages))
		r := rand.New(rand.NewPCG(1, 2))
		for i, m := range messages {
			var fields map[string]any
			if err := json.Unmarshal(m, &fields); err != nil {
				t.Fatal(err)
			}
			shuffled[i] = m
			at, err := time.Parse(time.RFC3339, fields["event_time"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				parts := strings.Split(strings.Trim(string(m), "{}"), ",")
				r.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
				shuffled[i] = []byte(`{"other":"a\"b",` + strings.Join(parts, ", ") + "}\n")
			}
			fields["event_time"] = at
			for k, v := range fields {
				if n, ok := v.(float64); ok {
					fields[k] = int64(n)
				}
			}
			if packed[i], err = msgpack.Marshal(fields); err != nil {
				t.Fatal(err)
			}
		}
		if d := run(t, query, "json", shuffled, arrivals).Differs(want); d != "" {
			t.Errorf("%s, JSON: %s", query, d)
		}
		if d := run(t, query, "msgpack", packed, arrivals).Differs(want); d != "" {
			t.Errorf("%s, msgpack: %s", query, d)
		}
	}
}

func TestDamagedEvents(t *testing.T) {
	for _, m := range []string{"{", `{"view_id":"`, `{"event_time":"x"}`, "\x8a\xa7view_id", "\x81", "[1]"} {
		for _, encoding := range []string{"json", "msgpack"} {
			if err := New("tumble", encoding).Message([]byte(m), startMs); err == nil {
				t.Errorf("%s: %q is taken", encoding, m)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, query := range []string{"filter", "tumble"} {
		for _, encoding := range []string{"json", "msgpack"} {
			messages, _, _ := log(2_000, encoding)
			r := New(query, encoding)
			all := func() {
				for _, m := range messages {
					if err := r.Message(m, startMs); err != nil {
						t.Fatal(err)
					}
				}
			}
			all()
			if n := testing.AllocsPerRun(20, all); n > 0 {
				t.Errorf("%s %s: %v allocations in %d events", query, encoding, n, len(messages))
			}
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for _, query := range []string{"filter", "tumble"} {
		for _, encoding := range []string{"json", "msgpack"} {
			b.Run(query+"/"+encoding, func(b *testing.B) {
				messages, arrivals, _ := log(100_000, encoding)
				b.ReportAllocs()
				for b.Loop() {
					r := New(query, encoding)
					for i, m := range messages {
						if err := r.Message(m, arrivals[i]); err != nil {
							b.Fatal(err)
						}
					}
					r.End()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(messages)), "ns/event")
			})
		}
	}
}
