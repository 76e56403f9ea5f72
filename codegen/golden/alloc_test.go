package golden

import (
	"math/rand/v2"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Of every golden fragment, and the operators behind it, 1,000 events allocate nothing:
// without windows that fire and with many, and with a barrier behind each message.
func TestEveryFragmentAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const messages, warm, runs = 64, 40, 20
	for name, tables := range workloads {
		t.Run(name, func(t *testing.T) {
			for what, stepMs := range map[string]int64{"steady": 20, "windows fire": 3_600_000} {
				if len(tables) > 1 { // joined rows find no partners in other messages
					stepMs = max(stepMs, 30_000)
				}
				logs := map[string][]dataflow.Message{}
				for table, event := range tables {
					logs[table] = easy(t, name, table, event, messages, stepMs)
				}
				for _, barrier := range []bool{false, true} {
					r := play(t, load(t, name), logs, false)
					for _, s := range r.tapes {
						s.stop, s.bounded = 0, false
					}
					for range warm {
						r.next(barrier)
					}
					if n := testing.AllocsPerRun(runs, func() { r.next(barrier) }); n != 0 {
						t.Errorf("%s, with a barrier: %v: %v allocations a message of 1,000 events", what, barrier, n)
					}
					for _, s := range r.engine.Shares() {
						if s.Refused > s.Taken/50 {
							t.Errorf("%s: %+v", what, s)
						}
					}
					r.close()
				}
			}
		})
	}
}

// next runs the next message of each source.
func (r *rig) next(barrier bool) {
	for _, s := range r.tapes {
		if s.stop == len(s.log) {
			r.t.Fatal("the log is too short")
		}
		s.stop++
	}
	for { // of several sources one waits for what the other has next
		p, err := r.engine.Step(0, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		if !p.Taken {
			break
		}
	}
	for _, f := range r.frames {
		f.buf, f.rows = f.buf[:0], 0
	}
	if barrier {
		r.barrier()
	}
}

// barrier takes a checkpoint whose pages go nowhere.
func (r *rig) barrier() {
	r.epoch++
	c := r.engine.Barrier(r.epoch)
	if err := c.Delta.Each(func(state.PageID, []byte) error { return nil }); err != nil {
		r.t.Fatal(err)
	}
	if err := c.Delta.Freed(func(state.PageID) error { return nil }); err != nil {
		r.t.Fatal(err)
	}
	c.Delta.Done()
	r.engine.Committed(c.Manifest)
}

// letters is the number of dead letters.
func (r *rig) letters() (n int) {
	for _, f := range r.frames {
		if f.name == dataflow.DeadLetters {
			n += f.rows
		}
	}
	return n
}

// easy makes messages of 1,000 events that generated code takes and nothing refuses, stepMs
// apart. Of a pipeline
// of several sources, which wait for each other, it takes the events as they come.
func easy(t *testing.T, name, table string, event func(r *rand.Rand, i int, atMs int64) string, messages int, stepMs int64) []dataflow.Message {
	t.Helper()
	random := rand.New(rand.NewPCG(9, 1))
	takes := func(string, int, int64) bool { return true }
	var r *rig
	if len(workloads[name]) == 1 {
		r = play(t, load(t, name), map[string][]dataflow.Message{table: {{}}}, false)
		defer r.close()
		s := r.tapes[table]
		s.bounded = false
		takes = func(one string, i int, at int64) bool {
			s.log[0] = dataflow.Message{Data: []byte(one), Seq: uint64(i + 1), ArrivalMs: at}
			s.at, s.stop = 0, 1
			before, letters := r.engine.Shares()[0].Taken, r.letters()
			r.settle()
			return r.engine.Shares()[0].Taken > before && r.letters() == letters
		}
	}
	var out []dataflow.Message
	for m, i := 0, 0; m < messages; m++ {
		at := startMs + int64(m)*stepMs + 10_000 // behind the ends of windows
		if m < 20 {                              // some fire before anything is measured
			at -= int64(20-m) * 3_600_000
		}
		var data []byte
		for n := 0; n < 1000; i++ {
			if i > 20_000*(m+1) {
				t.Fatalf("generated code takes too few events of %s: message %d, %d events, %+v, %d letters", table, m, n, r.engine.Shares(), r.letters())
			}
			number := i
			if name == "numbers" {
				number = 0 // of which its event time depends
			}
			if one := event(random, number, at); takes(one, i, at) {
				data = append(data, one...)
				n++
			}
		}
		out = append(out, dataflow.Message{Data: data, Seq: uint64(m + 1), ArrivalMs: at})
	}
	return out
}
