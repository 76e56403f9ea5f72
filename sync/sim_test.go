package forward_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

var (
	simSeeds = flag.Int("sim.seeds", 1000, "how many seeds to simulate")
	simSeed  = flag.Uint64("sim.seed", 0, "simulate this seed alone and trace it")
)

// simulation drives an instance, and now and then a zombie of it, against a faulty hub.
type simulation struct {
	t     *testing.T
	rng   *rand.Rand
	hub   *simhub.Server
	store *forward.MemStore
	fw    *forward.Forwarder
	// zombie is an earlier instance that still runs on its own copy of the store.
	zombie  *forward.Forwarder
	drops   bool // outboxes drop their oldest rows
	merges  bool // crowded outboxes merge rows
	apart   bool // each output has a link for itself
	merged  int  // rows at the hub that stand for several
	crashes int
	now     time.Time
	rows    map[string]int
	trace   []string
}

var outputs = []string{"a", "b"}

const row = "%s:%d"

func (s *simulation) options(store forward.Store) forward.Options {
	o := forward.Options{Pipeline: "p", Instance: "i", Store: store, BackoffMin: time.Millisecond, BackoffMax: 8 * time.Millisecond}
	for i, name := range outputs {
		o.Outputs = append(o.Outputs, forward.OutputOptions{
			Name: name, Hub: s.hub, Subject: "out." + name, CursorSubject: "out.cursor." + name,
			Pack: 1 + 3*i, Separator: "\n", Priority: i, Link: "hub", Group: "hub",
		})
		if s.apart {
			o.Outputs[i].Link, o.Outputs[i].Group = name, name
		}
		if s.drops {
			o.Outputs[i].BytesMax, o.Outputs[i].OnFull = 200, forward.DropOldest
		}
		if s.merges {
			o.Outputs[i].BytesMax = 200
			o.Outputs[i].Compact = &forward.Compaction{Widths: []time.Duration{8 * time.Millisecond, 64 * time.Millisecond}, Merger: joiner{}}
		}
	}
	return o
}

func (s *simulation) start() {
	var err error
	if s.fw, err = forward.New(s.options(s.store), s.store.States()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulation) logf(format string, v ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, v...))
}

func (s *simulation) fatalf(seed uint64, format string, v ...any) {
	s.t.Helper()
	tail := s.trace[max(0, len(s.trace)-60):]
	s.t.Fatalf("seed %d (-sim.seed=%d): %s\n%s", seed, seed, fmt.Sprintf(format, v...), strings.Join(tail, "\n"))
}

// commit keeps new rows and the forwarder's plan.
func (s *simulation) commit(newRows int) error {
	for range newRows {
		name := outputs[s.rng.IntN(len(outputs))]
		var rows []string
		for range 1 + s.rng.IntN(5) {
			rows = append(rows, fmt.Sprintf(row, name, s.rows[name]))
			s.rows[name]++
		}
		s.store.Add(name, s.now, rows...)
	}
	plan := s.fw.Plan(s.now)
	merged := s.fw.Compact()
	if newRows == 0 && s.rng.IntN(10) == 0 {
		s.logf("declined %+v %+v", plan, merged)
		return nil
	}
	epoch := s.store.Commit(plan, merged...)
	s.logf("commit %d %+v %+v", epoch, plan, merged)
	if s.rng.IntN(100) == 0 {
		s.logf("crash after the commit")
		s.crashes++
		s.start()
		return nil
	}
	return s.fw.Committed(epoch)
}

// joiner merges rows of one window by writing them one after the other.
type joiner struct{}

func (joiner) Merge(rows []forward.Entry, width time.Duration, emit func(forward.Entry)) error {
	for len(rows) > 0 {
		w, n := (rows[0].WindowEnd-1)/width.Milliseconds(), 1
		for n < len(rows) && (rows[n].WindowEnd-1)/width.Milliseconds() == w {
			n++
		}
		e := rows[0]
		e.Payload = append([]byte(nil), e.Payload...)
		for _, r := range rows[1:n] {
			e.Payload = append(append(e.Payload, ','), r.Payload...)
			e.Stands += r.Stands
		}
		e.WindowEnd = rows[n-1].WindowEnd
		emit(e)
		rows = rows[n:]
	}
	return nil
}

// step does one random thing.
func (s *simulation) step(seed uint64) {
	s.now = s.now.Add(time.Duration(s.rng.IntN(20)) * time.Millisecond)
	switch n := s.rng.IntN(100); {
	case n < 25:
		if err := s.commit(s.rng.IntN(4)); err != nil {
			s.fatalf(seed, "commit: %v", err)
		}
	case n < 27: // crash: everything since the last commit is forgotten
		s.logf("crash")
		s.crashes++
		s.start()
	case n < 28: // another machine takes over while this one goes on
		s.logf("takeover")
		s.crashes++
		s.zombie, s.store = s.fw, s.store.Clone()
		s.start()
	case n < 40 && s.zombie != nil:
		_, err := s.zombie.Step(context.Background(), s.now)
		s.logf("zombie: %v", err)
		if errors.Is(err, forward.ErrFenced) || errors.Is(err, forward.ErrCursorAhead) {
			s.zombie = nil
		} else if err != nil {
			s.fatalf(seed, "zombie: %v", err)
		}
	default:
		if _, err := s.fw.Step(context.Background(), s.now); err != nil {
			if errors.Is(err, forward.ErrFenced) && (s.zombie != nil || s.apart) {
				// The older instance claimed later than we did, and goes on at all outputs; or of several
				// links each claimed some cursors later than the other, and both stop.
				s.logf("fenced by the older instance: start again")
				s.start()
				return
			}
			s.fatalf(seed, "step: %v", err)
		}
	}
}

// simulate returns how many rows were dropped by policy, and how many at the hub are merged.
func simulate(t *testing.T, seed uint64, verbose bool) (dropped uint64, merged int) {
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(seed, 1)), store: forward.NewMemStore(), rows: map[string]int{}, now: time.UnixMilli(1e12)}
	p := func() float64 { return s.rng.Float64() * 0.15 }
	s.hub = simhub.New(seed, simhub.Faults{LoseRequest: p(), LoseReply: p(), Delay: p(), Repeat: p(), Cut: p() / 5, Refuse: p()},
		forward.Limits{MessageBytes: 64, Messages: 1 + s.rng.IntN(8), Bytes: 128})
	if s.merges = seed%4 == 1; s.merges {
		s.hub = simhub.New(seed, simhub.Faults{LoseRequest: p(), LoseReply: p(), Delay: p(), Repeat: p(), Cut: p(), Refuse: p()},
			forward.Limits{MessageBytes: 4096, Messages: 1 + s.rng.IntN(8), Bytes: 4096})
	}
	s.hub.Trace = func(m string) { s.logf("hub: %s", m) }
	s.drops, s.apart = seed%4 == 0, seed%8 >= 6
	s.start()
	for range 400 {
		s.step(seed)
	}
	// The link heals: everything drains without new rows.
	s.hub.Heal()
	s.zombie = nil
	s.start()
	for range 5000 {
		if s.fw.Drained() && !s.fw.NeedsCommit() {
			break
		}
		if s.fw.NeedsCommit() {
			if err := s.commit(0); err != nil {
				s.fatalf(seed, "commit: %v", err)
			}
		}
		wait, err := s.fw.Step(context.Background(), s.now)
		if err != nil {
			s.fatalf(seed, "drain: %v", err)
		}
		s.now = s.now.Add(wait)
	}
	if verbose {
		t.Log(strings.Join(s.trace, "\n"))
	}
	s.check(seed)
	for _, st := range s.fw.Statuses(s.now) {
		dropped += st.Dropped
	}
	return dropped, s.merged
}

// check compares the hub with the rows made and audits the ledger.
func (s *simulation) check(seed uint64) {
	got := map[string][]string{}
	for _, m := range s.hub.Messages {
		name := strings.TrimPrefix(m.Subject, "out.")
		rows := strings.Split(m.Data, "\n")
		for i, r := range rows {
			if strings.Contains(r, ",") {
				s.merged++
			}
			if strings.Contains(r, ",") != (m.Merged > 0) {
				s.fatalf(seed, "output %s: row %d of %q: the message says that it holds %d merged rows", name, i, m.Data, m.Merged)
			}
		}
		got[name] = append(got[name], strings.FieldsFunc(m.Data, func(c rune) bool { return c == '\n' || c == ',' })...)
	}
	for _, st := range s.fw.Statuses(s.now) {
		n, rows := s.rows[st.Name], got[st.Name]
		next := 0
		for i, r := range rows {
			var k int
			if _, err := fmt.Sscanf(r, st.Name+":%d", &k); err != nil || k < next || (k > next && !s.drops) {
				s.fatalf(seed, "output %s: row %d at the hub is %q, want %d", st.Name, i, r, next)
			}
			next = k + 1
		}
		if !s.drops && len(rows) != n {
			s.fatalf(seed, "output %s: the hub has %d rows of %d", st.Name, len(rows), n)
		}
		in, err := s.fw.InOutbox(st.Name)
		if err != nil {
			s.fatalf(seed, "%v", err)
		}
		// A crash can make rows count as dropped that arrived after all, never the other way.
		exact := uint64(len(rows)) == st.Confirmed || (s.crashes > 0 && uint64(len(rows)) > st.Confirmed && s.drops)
		if st.Confirmed+st.Dropped+in != uint64(n) || in != 0 || !exact || (!s.drops && st.Dropped != 0) {
			s.fatalf(seed, "output %s: emitted %d, confirmed %d, dropped %d, in outbox %d; the hub has %d", st.Name, n, st.Confirmed, st.Dropped, in, len(rows))
		}
	}
}

func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed, true)
		return
	}
	var dropped uint64
	merged := 0
	for seed := uint64(1); seed <= uint64(*simSeeds); seed++ {
		d, m := simulate(t, seed, false)
		dropped, merged = dropped+d, merged+m
	}
	t.Logf("%d rows dropped, %d rows at the hub stand for several", dropped, merged)
	if merged == 0 && *simSeeds > 20 {
		t.Error("no seed merged rows")
	}
	if dropped == 0 && *simSeeds > 20 {
		t.Error("no seed dropped a row: the policy was not exercised")
	}
}
