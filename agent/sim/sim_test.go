package sim

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
)

var (
	seed  = flag.Uint64("seed", 0, "the seed that TestReplay runs")
	bug   = flag.Int("bug", 0, "the bug that TestReplay plants")
	seeds = flag.Uint64("seeds", 1_000, "how many seeds TestSeeds runs")
)

// TestMain lets the heap grow: a run allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// TestReplay runs the seed given by -seed and prints its trace.
func TestReplay(t *testing.T) {
	if *seed == 0 {
		t.Skip("no -seed")
	}
	r, err := Run(Options{Seed: *seed, Plant: Plant(*bug), Trace: func(line string) { fmt.Println(line) }})
	fmt.Printf("pipeline %s, class %s, store in %s: %s %s\n", r.Program, r.Class, r.Disk, r.End, r.Why)
	if err != nil {
		t.Fatal(err)
	}
}

// tail runs a seed again and returns the end of its trace.
func tail(o Options) string {
	var lines []string
	o.Trace = func(line string) { lines = append(lines, line) }
	_, _ = Run(o)
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// sweep is what many runs did.
type sweep struct {
	mu                         sync.Mutex
	coverage                   Coverage
	rows, ends, programs, disk map[string]int
	events                     map[string]int64
}

func newSweep() *sweep {
	return &sweep{coverage: Coverage{}, rows: map[string]int{}, ends: map[string]int{}, programs: map[string]int{}, disk: map[string]int{}, events: map[string]int64{}}
}

func (s *sweep) add(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coverage.Add(r.Coverage)
	for name, n := range r.Rows {
		s.rows[name] += n
	}
	for by, n := range r.Events {
		s.events[by] += n
	}
	s.ends[r.Class+" "+r.End]++
	s.programs[r.Program]++
	s.disk[r.Disk]++
}

func TestSeeds(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = 100
	}
	const shards = 4
	s := newSweep()
	t.Run("shards", func(t *testing.T) {
		for shard := range uint64(shards) {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := shard + 1; seed <= n; seed += shards {
					r, err := Run(Options{Seed: seed})
					if err != nil {
						t.Errorf("%s, %s, %s: %v\n%s", r.Program, r.Class, r.Disk, err, tail(Options{Seed: seed}))
						continue
					}
					s.add(r)
				}
			})
		}
	})
	var b strings.Builder
	_ = s.coverage.Print(&b)
	t.Logf("%d seeds: ends %v, pipelines %v, stores %v, events %v, rows at the hubs %v\n%s", n, s.ends, s.programs, s.disk, s.events, s.rows, b.String())
	if t.Failed() || n < 1_000 {
		return
	}
	refused := 0
	for end, k := range s.ends {
		if strings.HasSuffix(end, EndRefused) {
			refused += k
		}
	}
	if uint64(refused) > n/5 {
		t.Errorf("%d of %d seeds end refused: too few reach the end", refused, n)
	}
	s.complete(t)
}

// complete makes sure that nothing that can be drawn was left out.
func (s *sweep) complete(t *testing.T) {
	if by, left := s.events["by generated code"], s.events["left to the interpreter by it"]; by == 0 || left == 0 {
		t.Errorf("generated code ran %d events and left %d to the interpreter", by, left)
	}
	for _, f := range faults {
		if c := s.coverage[f.name]; c == nil || c.Drawn == 0 {
			t.Errorf("never drawn: %s", f.name)
		}
	}
	for _, kind := range []string{
		"commit fails", "disk full", "fsync fails", "fsync slow", "backpressure", "held by memory", "batch refused", "checkpoint declined",
		"checkpoint given up", "commit torn", "commits lost", "cursor missed", "fenced", "gap passed over", "hub ahead",
		"power lost", "reply lost", "rows given up", "rows merged", "switched to generated code", "switched to the interpreter", "request delayed", "request late or repeated", "request lost", "source fails",
		"state refused", "stream refused",
	} {
		if c := s.coverage[kind]; c == nil || c.Hit == 0 {
			t.Errorf("never hit: %s", kind)
		}
	}
	for _, p := range points {
		if s.coverage["crash"].At[p] == 0 {
			t.Errorf("no crash %s", p)
		}
	}
	for _, name := range append(Programs(), diverted...) {
		if s.programs[name] == 0 && s.rows[name] == 0 {
			t.Errorf("never seen: %s", name)
		}
	}
	for _, p := range programs {
		for name := range p.outputs(t) {
			if s.rows[name] == 0 {
				t.Errorf("output %s of %s never had a row", name, p.name)
			}
		}
	}
}

// outputs are the names of a program's tables.
func (p *program) outputs(t *testing.T) map[string]bool {
	plans, err := p.take()
	if err != nil {
		t.Fatal(err)
	}
	defer p.give(plans)
	out := map[string]bool{}
	for _, s := range plans[0].Sinks {
		out[s.Name] = true
	}
	return out
}

// TestCases runs the seeds that found something once.
func TestCases(t *testing.T) {
	for _, c := range cases {
		if _, err := Run(Options{Seed: c.seed}); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	seen := map[uint64]bool{}
	run := func(seed uint64) *Report {
		r, err := Run(Options{Seed: seed, Trace: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	left := map[string]int{"memory": 10, "file": 20} // a real file is in one of fifteen
	for s := uint64(1); left["memory"]+left["file"] > 0; s++ {
		a := run(s)
		if left[a.Disk]--; left[a.Disk] < 0 {
			left[a.Disk] = 0
			continue
		}
		if b := run(s); a.Hash != b.Hash {
			t.Errorf("seed %d, %s, class %s, store in %s: traces %x and %x", s, a.Program, a.Class, a.Disk, a.Hash, b.Hash)
		}
		if seen[a.Hash] {
			t.Errorf("the trace of seed %d is that of another", s)
		}
		seen[a.Hash] = true
	}
}

// TestPlantedBugs makes sure that the checks can fail: each bug is found.
func TestPlantedBugs(t *testing.T) {
	for _, p := range Plants() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			for s := uint64(1); s <= 1_000; s++ {
				_, err := Run(Options{Seed: s, Plant: p})
				var v *Violation
				if errors.As(err, &v) {
					reason, _, _ := strings.Cut(v.Reason, "\n")
					t.Logf("found by seed %d: %s", s, reason)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Error("not found by 1,000 seeds")
		})
	}
}

// TestChecksFindDamage makes sure that each way in which a hub can be wrong is found.
func TestChecksFindDamage(t *testing.T) {
	w := &world{seed: 12, class: classSteady, program: programNamed("windows"), input: newInput(12)}
	calm := func() *world {
		c, err := newCalm(w, past{}.andRest(w.input))
		if err == nil {
			err = c.live()
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want, err := calm().contents()
	if err != nil {
		t.Fatal(err)
	}
	if why := w.compare(want, want) + verify(w.input, plain(want)); why != "" {
		t.Fatal(why)
	}
	for _, output := range []string{countsOut, alertsOut, dataflow.LateRows, dataflow.DeadLetters} {
		for name, damage := range map[string]func([]row) []row{
			"a row is missing": func(r []row) []row { return slices.Delete(r, 1, 2) },
			"a row is another": func(r []row) []row { r[1].text = strings.Replace(r[1].text, `:"k`, `:"x`, 1) + " "; return r },
			"a row is too much": func(r []row) []row {
				return append(r, row{seq: uint64(len(r) + 1), last: uint64(len(r) + 1), kind: "+I", text: r[0].text})
			},
		} {
			got := maps.Clone(want)
			if len(got[output]) < 2 {
				t.Fatalf("output %s has %d rows: choose another seed", output, len(got[output]))
			}
			got[output] = damage(slices.Clone(want[output]))
			if w.compare(want, got) == "" {
				t.Errorf("output %s: %s: not found by comparison", output, name)
			}
			if output == dataflow.DeadLetters && name == "a row is another" {
				continue // verify counts dead letters
			}
			if verify(w.input, plain(got)) == "" {
				t.Errorf("output %s: %s: not found from the input", output, name)
			}
		}
	}
	c := calm()
	m := c.hub.Messages
	c.hub.Messages = append(slices.Clone(m), m[len(m)-1])
	if _, err := c.contents(); err == nil {
		t.Error("a message that is at the hub twice is not found")
	}
	for i := range m {
		c.hub.Messages = append(slices.Clone(m[:i]), m[i+1:]...)
		if got, err := c.contents(); err == nil && w.compare(want, got) == "" {
			t.Errorf("that message %d is missing at the hub is not found", i)
		}
	}
}
