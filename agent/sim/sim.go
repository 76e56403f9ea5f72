package sim

import (
	"fmt"
	"runtime/debug"
)

// Options say what to run.
type Options struct {
	Seed  uint64
	Plant Plant
	// Trace, when set, is told each event.
	Trace func(string)
}

// The ends of a run.
const (
	// EndDelivered: all input was processed, and the hub has all of it.
	EndDelivered = "delivered"
	// EndRefused: the pipeline refused to go on, as it must where it has lost what it or
	// the hub depends on; the hub has the beginning of each output.
	EndRefused = "refused"
)

// Report is what a run did.
type Report struct {
	Seed uint64
	// Program, Class and Disk are what the seed drew: the pipeline, what of the world's
	// memory could be lost, and the kind of store.
	Program, Class, Disk string
	// Hash is of the trace, when there is one: the same seed gives the same.
	Hash uint64
	// Coverage says how often each fault was drawn and hit, and at which step.
	Coverage Coverage
	// Rows at the hub, by output.
	Rows map[string]int
	// Events counts what the hosts processed, by what did it.
	Events map[string]int64
	// End is EndDelivered or EndRefused; Why is the refusal.
	End, Why string
}

// Violation is returned by Run when something that must hold does not.
type Violation struct {
	Seed   uint64
	Reason string
}

// Error says what is wrong and how to see it again.
func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d: %s\nreplay: go test ./agent/sim -run TestReplay -seed %d -v", v.Seed, v.Reason, v.Seed)
}

// Run runs a seed. The error is a *Violation when something that must hold does not.
func Run(o Options) (r *Report, err error) {
	r = &Report{Seed: o.Seed, Rows: map[string]int{}, Coverage: Coverage{}}
	defer func() {
		if p := recover(); p != nil {
			err = &Violation{o.Seed, fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	input := newInput(o.Seed)
	w, err := newWorld(o, input)
	if err != nil {
		return r, err
	}
	defer func() { err = w.end(err) }()
	r.Events, r.Coverage, r.Program, r.Class, r.Disk = w.events, w.coverage, w.program.name, w.class.String(), w.disk.kind()
	if err := w.live(); err != nil {
		return r, w.blame(err)
	}
	r.Hash, r.End, r.Why = w.hash, EndDelivered, w.refusedFor
	if w.refused {
		r.End = EndRefused
	}
	got, err := w.contents()
	if err != nil {
		return r, w.blame(err)
	}
	for name, rows := range got {
		r.Rows[name] = len(rows)
	}
	if why := w.judge(got); why != "" {
		return r, &Violation{o.Seed, why}
	}
	return r, nil
}

// judge compares the hub with that of a run without faults over what this run has read; it
// returns what is wrong.
func (w *world) judge(got hubRows) string {
	past := w.past
	if w.refused {
		past = past.andRest(w.input)
	}
	if why := past.check(w); why != "" {
		return why
	}
	calm, err := newCalm(w, past)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = calm.end(nil) }()
	if err := calm.live(); err != nil {
		return fmt.Sprintf("without faults: %v", err)
	}
	want, err := calm.contents()
	if err != nil {
		return fmt.Sprintf("without faults: %v", err)
	}
	if why := w.compare(want, got); why != "" {
		return why
	}
	if w.refused {
		return ""
	}
	if !w.program.restless && calm.past.drained != w.past.drained {
		return "the state at the end of input is not that of a run without faults:\n" + difference(calm.past.drained, w.past.drained)
	}
	if v := w.program.verify; v != nil && past.whole(len(w.input)) && w.version == 0 && !w.lossy() && !(w.ahead && w.program.both) {
		return v(calm.input, plain(got))
	}
	return ""
}
