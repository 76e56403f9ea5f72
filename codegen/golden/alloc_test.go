package golden

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/examples/qoe"
)

// beaconLog makes messages of 1,000 events, perSecond of them in a second of event time.
func beaconLog(encoding string, perSecond, messages int) []dataflow.Message {
	g := qoe.New(42, startMs, perSecond)
	var log []dataflow.Message
	var b qoe.Beacon
	for m := range messages {
		var data []byte
		for i := range 1000 {
			n := uint64(m*1000 + i)
			g.At(n, &b)
			if b.Late || b.Future { // those are the interpreter's, and dead letters
				b.EventTimeMs = g.NowMs(n)
			}
			if encoding == "msgpack" {
				data = b.AppendMsgpack(data)
			} else {
				data = append(b.AppendJSON(data), '\n')
			}
		}
		log = append(log, dataflow.Message{Data: data, Seq: uint64(m + 1), ArrivalMs: g.NowMs(uint64(m*1000 + 999))})
	}
	return log
}

// A message of 1,000 events allocates nothing in steady state, whether windows fire or not,
// and with a barrier behind each whose pages are read.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, name := range []string{"qoe_filter_json", "qoe_filter_msgpack", "qoe_tumble_json", "qoe_tumble_msgpack", "qoe_example"} {
		encoding := name[len(name)-4:]
		if encoding == "pack" {
			encoding = "msgpack"
		}
		t.Run(name, func(t *testing.T) {
			for what, perSecond := range map[string]int{"steady": 1_000_000, "a window fires": 100} {
				r := stepper(t, name, beaconLog(encoding, perSecond, 100), false)
				if n := testing.AllocsPerRun(20, func() { r.message() }); n != 0 {
					t.Errorf("%s: %v allocations a message of 1,000 events", what, n)
				}
				if s := r.engine.Shares(); len(s) != 1 || s[0].Taken < 99*(s[0].Taken+s[0].Refused)/100 {
					t.Errorf("%s: %+v", what, s)
				}
				r.close()
			}
			r := stepper(t, name, beaconLog(encoding, 1_000_000, 100), false)
			if n := testing.AllocsPerRun(20, func() { r.message(); r.barrier() }); n != 0 {
				t.Errorf("a barrier: %v allocations a message of 1,000 events", n)
			}
			r.close()
		})
	}
}

// stepper opens an engine over a log of beacons and runs a good part of it.
func stepper(t testing.TB, name string, log []dataflow.Message, interpret bool) *rig {
	t.Helper()
	r := play(t, load(t, name), map[string][]dataflow.Message{"beacons": log}, interpret)
	s := r.tapes["beacons"]
	s.stop, s.bounded = 0, false
	for range 60 {
		r.message()
	}
	return r
}

// message runs the next message.
func (r *rig) message() {
	s := r.tapes["beacons"]
	if s.stop == len(s.log) {
		r.t.Fatal("the log is too short")
	}
	s.stop++
	for s.at < s.stop {
		if _, err := r.engine.Step(0, 0); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, f := range r.frames {
		f.buf, f.rows = f.buf[:0], 0
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
