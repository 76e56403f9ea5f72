package golden

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
)

// startMs is the arrival time before the first message: 2024-03-30 22:00 UTC, hours before
// clocks are put forward in Berlin.
const startMs = 1_711_836_000_000

// Generated code and the interpreter give the same rows, state and accounts, and each goes
// on from the other's checkpoint.
func TestRunsAsInterpreted(t *testing.T) {
	modes := map[string][]part{
		"throughout":       {{}, {}, {}, {}},
		"printed":          {{}, {}, {}, {}},
		"then interpreted": {{}, {}, {interpret: true, restore: true}, {interpret: true}},
		"then generated":   {{interpret: true}, {interpret: true}, {restore: true}, {}},
		"in turn":          {{}, {interpret: true, restore: true}, {restore: true}, {interpret: true, restore: true}},
	}
	for name, tables := range workloads {
		t.Run(name, func(t *testing.T) {
			p := load(t, name)
			logs, events := map[string][]dataflow.Message{}, 0
			for table, event := range tables {
				logs[table] = record(event)
				events += eventsEach
			}
			for mode, parts := range modes {
				plain := slices.Clone(parts)
				for i := range plain {
					plain[i].interpret = true
				}
				print := mode == "printed"
				want, got := run(t, p, logs, print, plain), run(t, p, logs, print, parts)
				if want.taken != 0 || strings.Count(want.rows, "\n") < 10 {
					t.Fatalf("%d events taken, rows %s", want.taken, want.rows)
				}
				differ(t, mode+": rows", want.rows, got.rows)
				for i := range want.dumps {
					differ(t, fmt.Sprint(mode, ": state and accounts at barrier ", i), want.dumps[i], got.dumps[i])
				}
				if mode == "throughout" && got.taken < int64(events)*3/4 {
					t.Errorf("generated code took %d of %d events", got.taken, events)
				}
			}
		})
	}
}

// differ reports the first line in which two texts differ.
func differ(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			t.Errorf("%s: line %d\n%.600s\nis with generated code\n%.600s", what, i+1, x, y)
			return
		}
	}
}

const eventsEach = 6000

// record makes a log of eventsEach events, 1 to 40 a message, five messages a second.
func record(event func(r *rand.Rand, i int, atMs int64) string) []dataflow.Message {
	r := rand.New(rand.NewPCG(7, 1))
	var log []dataflow.Message
	at := int64(startMs)
	for i := 0; i < eventsEach; {
		at += 200
		var b strings.Builder
		for n := 1 + r.IntN(40); n > 0 && i < eventsEach; n-- {
			b.WriteString(event(r, i, at))
			i++
		}
		log = append(log, dataflow.Message{Data: []byte(b.String()), ArrivalMs: at})
	}
	return log
}

// Rows of panes with many groups are held until there are some; here they are of two panes
// in turn, both of which come to have many groups.
func TestManyGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	var log []dataflow.Message
	for i := range 300 {
		var data []byte
		for range 100 {
			data = append(data, phoneCall(r, startMs-100+r.Int64N(200), 9_000)...)
		}
		log = append(log, dataflow.Message{Data: data, ArrivalMs: startMs + int64(i)})
	}
	logs := map[string][]dataflow.Message{"calls": log}
	p := load(t, "keys")
	want := run(t, p, logs, false, []part{{interpret: true}, {interpret: true}, {interpret: true}})
	got := run(t, p, logs, false, []part{{}, {}, {}})
	differ(t, "rows", want.rows, got.rows)
	for i := range want.dumps {
		differ(t, fmt.Sprint("state and accounts at barrier ", i), want.dumps[i], got.dumps[i])
	}
	if got.taken != 30_000 || strings.Count(got.rows, "\n") < 9_000 {
		t.Errorf("generated code took %d of 30,000 events; %d rows", got.taken, strings.Count(got.rows, "\n"))
	}
}
