package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// world is everything around the hosts, and the hosts.
type world struct {
	seed    uint64
	rng     *rand.Rand
	program *program
	plans   []*plan.Plan
	version int // of the plans, which main starts with
	class   class
	faults  []fault
	weights int
	input   []entry
	streams []*stream // by source of the pipeline
	arrived int       // messages of the input that have come
	hub     *hubServer
	nowMs   int64
	// faulty is set while faults are drawn; healing from then on until the end, in a run
	// that had faults.
	faulty, healing bool
	plant           Plant
	planted         int // hits of the planted bug

	main, zombie *host
	frozen       bool  // the zombie's engine stands still, its forwarder does not
	rivals       int   // takeovers that may still happen
	disk         *disk // of main, which may be down
	hosts        int
	dir          string // of state files, empty while there are none
	// ahead is set when the hub may have rows that main's disk has not: after a takeover,
	// and after a disk lost what it said was written. The pipeline then has to refuse to go
	// on where it has such rows; refused tells that it did.
	ahead, twins, refused bool
	refusedFor            string
	struck                bool // the fault that a run has at most once has happened
	hubCopy               simhub.Backup
	copied                bool
	hubLost               map[hubRow]bool
	resent                map[string]bool // outputs whose cursor was lost
	armed                 string
	armedSkip             int
	request               string // the newest request to the hub

	pack        int
	budget      budget
	memoryMax   int64 // bytes of state in memory, 0 for no limit
	outputMax   int64 // bytes of output in memory, in a step, 0 for no limit
	native      native
	onLost      forward.LostPolicy
	resumes     bool // the source's policy is to go on after a gap
	policy      store.Policy
	unsyncedMax int
	// calm is set in a run without faults, which repeats the edits and ticks of another.
	calm  bool
	edits []edit
	ticks []tick

	past     past // what the state came from, at the end
	dropped  map[string]uint64
	merged   uint64           // rows fewer for it, by the final ledger
	asked    map[string]bool  // outputs of which the last host knows what the hub has
	grew     map[string]int64 // the most that a step added to an output, in bytes
	wrong    string
	coverage Coverage
	events   map[string]int64 // by what ran them
	trace    func(string)
	hash     uint64
}

// newWorld draws what a run with faults is made of.
func newWorld(o Options, input []entry) (*world, error) {
	w := &world{
		seed: o.Seed, rng: rand.New(rand.NewPCG(o.Seed, 2)), input: input, nowMs: epochMs, faulty: true, pack: 10,
		policy: store.DefaultPolicy, plant: o.Plant, trace: o.Trace,
		coverage: Coverage{}, hubLost: map[hubRow]bool{}, resent: map[string]bool{}, dropped: map[string]uint64{}, grew: map[string]int64{}, events: map[string]int64{},
	}
	w.program = programs[w.rng.IntN(len(programs))]
	deal(input, w.program.sources(), o.Seed)
	w.class = w.drawClass()
	w.faults, w.weights = faultsOf(w.class)
	p := func(most float64) float64 {
		if w.rng.IntN(4) == 0 {
			return 0
		}
		return w.rng.Float64() * most
	}
	f := simhub.Faults{LoseRequest: p(0.15), LoseReply: p(0.15), Delay: p(0.15), Repeat: p(0.15), Cut: p(0.03), Refuse: p(0.1)}
	limits := forward.Limits{MessageBytes: 4096, Messages: 1 + w.rng.IntN(12), Bytes: 200 + w.rng.IntN(4_000)}
	w.pack = 1 + w.rng.IntN(8)
	w.policy.Interval = time.Duration(20+w.rng.IntN(1_500)) * time.Millisecond
	w.policy.MinPause = time.Duration(w.rng.IntN(300)) * time.Millisecond
	if w.rng.IntN(4) == 0 {
		w.policy.Timeout = time.Duration(100+w.rng.IntN(1_000)) * time.Millisecond
	}
	w.drawBudget()
	w.native = native(w.rng.IntN(int(natives)))
	if w.rng.IntN(6) == 0 {
		w.memoryMax = slabBytes * (4 + w.rng.Int64N(6))
	}
	if w.seed%4 == 1 {
		w.outputMax = 50 + int64(w.seed%500)
	}
	switch w.class {
	case classRivals:
		w.rivals = 1 + w.rng.IntN(2)
	case classUnsynced:
		w.unsyncedMax = 1 + w.rng.IntN(3)
		w.rivals = w.rng.IntN(2)
	case classStream:
		w.resumes = w.rng.IntN(3) > 0
	case classHub:
		if w.rng.IntN(3) > 0 {
			w.onLost = forward.LostResend
		}
	}
	w.hub = newHub(w, f, limits)
	w.hub.Trace = w.hubEvent
	return w, w.furnish(w.class == classDamage || w.rng.IntN(24) == 0)
}

// newCalm is a world without faults over the messages that another run's state came from.
func newCalm(of *world, p past) (*world, error) {
	w := &world{
		seed: of.seed, rng: rand.New(rand.NewPCG(of.seed, 2)), program: of.program, nowMs: epochMs, pack: 10,
		policy: store.DefaultPolicy, calm: true, edits: p.edits, ticks: p.ticks, coverage: Coverage{}, dropped: map[string]uint64{}, grew: map[string]int64{},
	}
	p.each(func(i int) { w.input = append(w.input, of.input[i]) })
	w.hub = newHub(w, simhub.Faults{}, forward.Limits{MessageBytes: 4096, Messages: 64, Bytes: 1 << 20})
	return w, w.furnish(false)
}

// furnish gives the world its stream, plans and disk.
func (w *world) furnish(file bool) (err error) {
	for _, table := range tables[:w.program.sources()] {
		w.streams = append(w.streams, newStream(strings.ToUpper(table), w.nowMs))
	}
	if w.plans, err = w.program.take(); err != nil {
		return err
	}
	w.disk, err = newDisk(w, file)
	return err
}

// end releases what the world has.
func (w *world) end(err error) error {
	for _, h := range []*host{w.main, w.zombie} {
		if h != nil {
			h.abandon()
		}
	}
	err = errors.Join(err, w.disk.close())
	if w.dir != "" {
		err = errors.Join(err, os.RemoveAll(w.dir))
	}
	if w.plans != nil {
		w.program.give(w.plans)
	}
	return err
}

// Now implements forward.Clock.
func (w *world) Now() time.Time { return time.UnixMilli(w.nowMs) }

// After implements forward.Clock; hosts are stepped and never wait.
func (w *world) After(time.Duration) <-chan time.Time { return nil }

// arrive lets messages come into the streams. A run without faults holds back those after
// the next edit or tick, and those that another stream's came before.
func (w *world) arrive() {
	limit := len(w.input)
	if len(w.edits) > 0 {
		limit = min(limit, w.edits[0].at)
	}
	if len(w.ticks) > 0 {
		limit = min(limit, w.ticks[0].at)
	}
	for w.arrived < limit && w.input[w.arrived].arrivalMs <= w.nowMs && !w.outOfTurn(w.arrived) {
		s := w.streams[w.input[w.arrived].source]
		s.slots = append(s.slots, w.arrived)
		w.arrived++
	}
}

// outOfTurn tells that in a run without faults a message has to wait until those before it,
// of another stream, have been processed.
func (w *world) outOfTurn(i int) bool {
	return w.calm && i > 0 && w.input[i].source != w.input[i-1].source && w.main.past.count() < i
}

// tickDue tells that a run without faults has come to the next tick of the other.
func (w *world) tickDue(h *host) bool {
	return len(w.ticks) > 0 && w.ticks[0].at == h.past.count() && w.ticks[0].version == w.version
}

// someStream is one of the streams.
func (w *world) someStream() *stream {
	if len(w.streams) == 1 {
		return w.streams[0]
	}
	return w.streams[w.rng.IntN(len(w.streams))]
}

// exhausted tells that a host has read all that will come.
func (w *world) exhausted(h *host) bool {
	if !h.idle || w.arrived < len(w.input) || len(w.ticks) > 0 {
		return false
	}
	for _, r := range h.sources {
		if r.waiting() > 0 {
			return false
		}
	}
	return true
}

// lossy tells that rows may rightly be missing at the hub.
func (w *world) lossy() bool { return w.budget.onFull == forward.DropOldest || len(w.hubLost) > 0 }

func (w *world) tracef(format string, v ...any) {
	if w.trace == nil {
		return
	}
	line := fmt.Sprintf("%7d ", w.nowMs-epochMs) + fmt.Sprintf(format, v...)
	if w.dir != "" {
		line = strings.ReplaceAll(line, w.dir, "DIR") // which is another each time
	}
	f := fnv.New64a()
	_, _ = f.Write(fmt.Appendf(nil, "%d ", w.hash))
	_, _ = f.Write([]byte(line))
	w.hash = f.Sum64()
	w.trace(line)
}

// violate notes the first thing that must not be.
func (w *world) violate(format string, v ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, v...)
	}
}

// live lives through faults, heals, and ends when all is delivered or refused.
func (w *world) live() error {
	if w.faulty {
		for n := 400 + w.rng.IntN(800); n > 0 && !w.refused; n-- {
			if err := w.turn(); err != nil {
				return err
			}
		}
		if err := w.heal(); err != nil {
			return err
		}
	}
	if err := w.finish(); err != nil {
		return err
	}
	if w.refused {
		w.past = w.disk.past()
	}
	return nil
}

func (w *world) blame(err error) error {
	var v *Violation
	if errors.As(err, &v) {
		return err
	}
	return &Violation{w.seed, err.Error()}
}

// guard runs a part of a host's work and handles how it ends: with a crash, a failure that
// a restart mends, or a refusal to go on. Other errors come back.
func (w *world) guard(h *host, work func() error) (err error) {
	defer func() {
		p := recover()
		if c, ok := p.(crash); ok {
			w.hit("crash", c.point)
			w.tracef("%s crashes %s", h.name, c.point)
			err = w.down(h, w.rng.IntN(2) == 0)
		} else if lost, ok := p.(*state.ReadBackError); ok && w.struck && w.class == classDamage {
			// The runner contains it, and the next start finds the damage.
			w.hit("state refused", "read back")
			w.tracef("%s fails: %v", h.name, lost)
			err = w.down(h, false)
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
		w.hit("source fails", w.step())
	case errors.Is(err, store.ErrUnsynced) && h.disk.limbo:
		// What could not be synced is in the file all the same; a start finds it there.
		w.hit("fsync fails", "started anew")
	case errors.Is(err, forward.ErrFenced) && w.twins:
		w.hit("fenced", w.step())
	case w.rightlyRefused(h, err):
		if h == w.main {
			w.refused, w.refusedFor = true, err.Error()
		}
	default:
		return fmt.Errorf("%s: %w", h.name, err)
	}
	w.tracef("%s stops: %v", h.name, err)
	if err := h.close(); err != nil {
		return err
	}
	return w.down(h, false)
}

// rightlyRefused tells that a host was right to refuse to go on.
func (w *world) rightlyRefused(h *host, err error) bool {
	var position *nats.PositionError
	var damaged *store.DamagedError
	var oe *forward.OutputError
	switch {
	case errors.As(err, &position):
		w.hit("stream refused", position.Verdict.Kind.String())
		return w.struck && w.class == classStream && !w.resumes
	case errors.As(err, &damaged):
		w.hit("state refused", w.step())
		_, gone := os.Stat(damaged.MovedTo)
		return w.struck && w.class == classDamage && gone == nil
	case w.struck && w.class == classDamage && (strings.Contains(err.Error(), "checksum does not match") || errors.Is(err, store.ErrClosed)):
		// The forwarder's outbox is damaged, or the store was closed when that was found.
		w.hit("state refused", w.step())
		return true
	case errors.Is(err, forward.ErrCursorLost):
		w.hit("cursor missed", w.step())
		return w.struck && w.class == classHub && w.onLost == forward.LostFail
	case errors.Is(err, forward.ErrCursorAhead) && errors.As(err, &oe):
		// Once the cursor is claimed, the hub has nothing that this host did not send.
		w.hit("hub ahead", w.step())
		return (w.ahead || h == w.zombie) && !h.claimed[oe.Output]
	}
	return false
}

// down takes a host away; power tells that its disk loses its power too.
func (w *world) down(h *host, power bool) error {
	h.abandon()
	if h == w.zombie {
		return w.bury()
	}
	w.main = nil
	if power {
		w.strike("power lost")
	}
	lost, err := w.disk.end(power)
	if lost > 0 && w.plant != PlantSkipSync {
		w.hit("commits lost", fmt.Sprint(lost))
		w.tracef("%d commits are lost", lost)
		if w.class != classUnsynced && !w.disk.shaky {
			w.violate("the disk lost %d commits that it had said were written", lost)
		}
		w.ahead = true
	}
	return err
}

// bury ends the zombie.
func (w *world) bury() error {
	z := w.zombie
	z.abandon()
	w.zombie = nil
	return z.disk.close()
}

// up starts the pipeline on main's disk.
func (w *world) up() error {
	w.hosts++
	h := &host{w: w, name: fmt.Sprintf("host %d", w.hosts), disk: w.disk, claimed: map[string]bool{}, sources: make([]*reader, len(w.streams))}
	h.link = link{h: h, shift: map[string]uint64{}, seen: map[string]uint64{}}
	if w.faulty && w.rng.IntN(4) == 0 || w.faulty && w.ahead {
		h.link.cut = w.rng.IntN(200) // it gets far before it reaches the hub
	}
	if w.faulty && w.rng.IntN(8) == 0 {
		w.strike("host clock wrong")
		h.skewMs = w.rng.Int64N(600_000) - 300_000
	}
	h.generated = w.native == nativeAlways || w.native == nativeAtTimes && w.rng.IntN(2) == 0
	w.main = h
	return w.guard(h, h.start)
}

// outputOf is the output whose rows go to a subject.
func outputOf(subject string) string { return strings.TrimPrefix(subject, subjectOf("")) }
