package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// Plant is a bug to put into the hosts, which the checks must find.
type Plant uint8

// The bugs.
const (
	PlantNone Plant = iota
	// PlantTrimEarly deletes rows from the outbox before they are confirmed.
	PlantTrimEarly
	// PlantForgetFrames does not carry the frames of a declined checkpoint over.
	PlantForgetFrames
	// PlantForgetPages does not carry the pages of a declined checkpoint over.
	PlantForgetPages
	// PlantIgnorePosition reads the stream from its beginning after a restart.
	PlantIgnorePosition
	// PlantForwardEarly forwards rows before their commit.
	PlantForwardEarly
)

// String names the bug.
func (p Plant) String() string {
	return [...]string{"none", "trim before confirmation", "forget the frames of a declined checkpoint",
		"forget the pages of a declined checkpoint", "ignore the position on restore", "forward before commit"}[p]
}

// Options say what to run.
type Options struct {
	Seed  uint64
	Plant Plant
	// Trace, when set, is told each event.
	Trace func(string)
}

// Report is what a run did.
type Report struct {
	Seed uint64
	// Hash is of the trace: the same seed gives the same.
	Hash uint64
	// Counts says how often each fault happened.
	Counts map[string]int
	// Rows at the hub, by output.
	Rows map[string]int
	// Refused tells that the pipeline stopped for good, as it must when the hub has rows
	// that its disk has not.
	Refused bool
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

// world is everything around the hosts, and the hosts.
type world struct {
	seed   uint64
	rng    *rand.Rand
	plan   *plan.Plan
	input  []entry
	hub    *hubServer
	nowMs  int64
	faulty bool
	plant  Plant

	main, zombie *host
	frozen       bool  // the zombie's engine stands still, its forwarder does not
	rivals       int   // takeovers that may still happen
	disk         *disk // of main, which may be down
	hosts        int
	// ahead is set when the hub may have rows that main's disk has not: after a takeover,
	// and after a disk lost what it said was written. The pipeline then has to refuse to go
	// on where it has such rows; refused tells that it did.
	ahead, twins, refused bool
	armed                 string
	armedSkip             int
	injected              int // commits that were told to fail

	pack        int
	outboxBytes int64
	policy      store.Policy
	unsyncedMax int
	wrong       string
	counts      map[string]int
	trace       func(string)
	hash        uint64
}

// Run runs a seed. The error is a *Violation when something that must hold does not.
func Run(o Options) (*Report, error) {
	input := newInput(o.Seed)
	want, err := newWorld(o, input, false).run()
	if err != nil {
		return nil, fmt.Errorf("without faults: %w", err)
	}
	w := newWorld(o, input, true)
	got, err := w.run()
	r := &Report{Seed: o.Seed, Hash: w.hash, Counts: w.counts, Rows: map[string]int{}}
	if err != nil {
		return r, err
	}
	for name, rows := range got {
		r.Rows[name] = len(rows)
	}
	r.Refused = w.refused
	if w.refused {
		if why := part(want, got); why != "" {
			return r, &Violation{o.Seed, why}
		}
		return r, nil
	}
	if why := compare(want, got); why != "" {
		return r, &Violation{o.Seed, why}
	}
	if why := verify(input, got); why != "" {
		return r, &Violation{o.Seed, why}
	}
	return r, nil
}

func newWorld(o Options, input []entry, faulty bool) *world {
	w := &world{
		seed: o.Seed, rng: rand.New(rand.NewPCG(o.Seed, 2)), input: input, nowMs: epochMs, faulty: faulty,
		counts: map[string]int{}, pack: 10, policy: store.DefaultPolicy,
	}
	limits := forward.Limits{MessageBytes: 4096, Messages: 64, Bytes: 1 << 20}
	var faults simhub.Faults
	if faulty {
		w.plant, w.trace = o.Plant, o.Trace
		p := func(most float64) float64 {
			if w.rng.IntN(4) == 0 {
				return 0
			}
			return w.rng.Float64() * most
		}
		faults = simhub.Faults{LoseRequest: p(0.15), LoseReply: p(0.15), Delay: p(0.15), Repeat: p(0.15), Cut: p(0.03), Refuse: p(0.1)}
		limits.Messages, limits.Bytes = 1+w.rng.IntN(12), 200+w.rng.IntN(4_000)
		w.pack = 1 + w.rng.IntN(8)
		w.policy.Interval = time.Duration(20+w.rng.IntN(1_500)) * time.Millisecond
		w.policy.MinPause = time.Duration(w.rng.IntN(300)) * time.Millisecond
		if w.rng.IntN(4) == 0 {
			w.outboxBytes = int64(1_000 + w.rng.IntN(4_000))
		}
		w.rivals = max(0, w.rng.IntN(5)-2)
		if w.rng.IntN(8) == 0 {
			w.unsyncedMax = 1 + w.rng.IntN(3)
		}
	}
	w.hub = &hubServer{Server: simhub.New(o.Seed, faults, limits)}
	if faulty {
		w.hub.Server.Trace = func(m string) { w.hubEvent(m) }
	}
	w.disk = newDisk(o.Seed, w.unsyncedMax)
	return w
}

// Now implements forward.Clock.
func (w *world) Now() time.Time { return time.UnixMilli(w.nowMs) }

// After implements forward.Clock; hosts are stepped and never wait.
func (w *world) After(time.Duration) <-chan time.Time { return nil }

func (w *world) tracef(format string, v ...any) {
	line := fmt.Sprintf("%7d ", w.nowMs-epochMs) + fmt.Sprintf(format, v...)
	f := fnv.New64a()
	_, _ = f.Write(fmt.Appendf(nil, "%d ", w.hash))
	_, _ = f.Write([]byte(line))
	w.hash = f.Sum64()
	if w.trace != nil {
		w.trace(line)
	}
}

func (w *world) count(what string) { w.counts[what]++ }

// violate notes the first thing that must not be.
func (w *world) violate(format string, v ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, v...)
	}
}

// hubEvent traces and counts what becomes of requests.
func (w *world) hubEvent(m string) {
	for _, k := range []struct{ prefix, fault string }{
		{"lost", "request lost"}, {"delayed", "request delayed"}, {"late", "late or repeated request"},
		{"refused", "batch refused"}, {"reply lost", "reply lost"},
	} {
		if len(m) >= len(k.prefix) && m[:len(k.prefix)] == k.prefix {
			w.count(k.fault)
		}
	}
	w.tracef("hub: %s", m)
}

// run lives through faults, heals, and returns the rows at the hub by output.
func (w *world) run() (rows map[string][]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Violation{w.seed, fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	if w.plan, err = compile(); err != nil {
		return nil, err
	}
	if w.faulty {
		for n := 400 + w.rng.IntN(800); n > 0 && !w.refused; n-- {
			if err := w.turn(); err != nil {
				return nil, w.blame(err)
			}
		}
		w.heal()
	}
	if err := w.finish(); err != nil {
		return nil, w.blame(err)
	}
	return w.contents()
}

func (w *world) blame(err error) error {
	var v *Violation
	if errors.As(err, &v) {
		return err
	}
	return &Violation{w.seed, err.Error()}
}

// guard runs a part of a host's work and handles how it ends: with a crash, a failure that
// a restart mends, or the loss of its place to another instance. Other errors come back.
func (w *world) guard(h *host, work func() error) (err error) {
	defer func() {
		p := recover()
		if c, ok := p.(crash); ok {
			w.count("crash " + c.point)
			w.tracef("%s crashes %s", h.name, c.point)
			err = w.down(h, w.rng.IntN(2) == 0)
		} else if p != nil {
			panic(p)
		}
		if err == nil && w.wrong != "" {
			err = errors.New(w.wrong)
		}
	}()
	err = work()
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, errSource):
		w.count("source failure")
	case errors.Is(err, forward.ErrFenced) && w.twins:
		w.count("fenced")
	case w.rightlyAhead(h, err):
		w.count("hub ahead")
		w.refused = w.refused || h == w.main
	default:
		return fmt.Errorf("%s: %w", h.name, err)
	}
	w.tracef("%s stops: %v", h.name, err)
	if err := h.close(); err != nil {
		return err
	}
	return w.down(h, false)
}

// rightlyAhead tells that a host was right to refuse the hub as being ahead of it: it is
// the zombie, or its disk is not the newest or has lost commits, and it had not yet
// claimed the cursor.
func (w *world) rightlyAhead(h *host, err error) bool {
	var oe *forward.OutputError
	return errors.Is(err, forward.ErrCursorAhead) && errors.As(err, &oe) && (w.ahead || h == w.zombie) && !h.claimed[oe.Output]
}

// down takes a host away; power tells that its disk loses its power too.
func (w *world) down(h *host, power bool) error {
	if h == w.zombie {
		w.zombie = nil
		return nil
	}
	w.main = nil
	lost, err := w.disk.end(power)
	if lost > 0 {
		w.count("unsynced commits lost")
		w.tracef("%d commits are lost", lost)
		w.ahead = true
	}
	return err
}

// up starts the pipeline on main's disk.
func (w *world) up() error {
	w.hosts++
	h := &host{w: w, name: fmt.Sprintf("host %d", w.hosts), disk: w.disk, claimed: map[string]bool{}}
	h.link.h = h
	if w.faulty && w.rng.IntN(4) == 0 || w.faulty && w.ahead {
		h.link.cut = w.rng.IntN(200) // it gets far before it reaches the hub
	}
	if w.faulty && w.rng.IntN(8) == 0 {
		w.count("host clock wrong")
		h.skewMs = w.rng.Int64N(600_000) - 300_000
	}
	w.main = h
	return w.guard(h, h.start)
}

// takeover starts the pipeline on a copy of the disk while the old host goes on.
func (w *world) takeover() error {
	if w.main == nil || w.zombie != nil || w.rivals == 0 {
		return nil
	}
	w.rivals--
	w.frozen = w.rng.IntN(3) > 0
	d, err := w.disk.copy(w.rng.Uint64())
	if err != nil {
		return err
	}
	w.count("takeover")
	w.tracef("%s becomes a zombie, frozen %v", w.main.name, w.frozen)
	w.zombie, w.main, w.disk = w.main, nil, d
	w.ahead, w.twins, w.armed = w.ahead || !w.frozen, true, ""
	return nil
}
