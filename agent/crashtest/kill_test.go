package crashtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

var (
	kills   = flag.Int("kills", 60, "how many times a process is killed, over all pipelines")
	beacons = flag.Int("beacons", 40_000, "how many beacons the input has")
	where   = flag.String("where", "", "kill and cut power only at places whose names contain this")
	large   = flag.Bool("large", false, "all failing calls, and budgets of memory and disk that take minutes to be used up")
	seed    = flag.Uint64("seed", 1, "seed of the places and moments of kills")
)

// trialKills is how often the processes of one trial are killed at most; then one is left to
// end.
const trialKills = 30

// variantsFrom is how many kills are worth building variants for.
const variantsFrom = 200

// placeLeast is how many kills at each place a long series must have come to.
const placeLeast = 20

// TestKills kills processes of five pipelines again and again, at every place and at random
// moments, and wants the hub to hold what an undisturbed process leaves there, in the same
// order, each row once, and all accounts to balance.
func TestKills(t *testing.T) {
	began := time.Now()
	all := pipelines(t)
	table := &tally{done: map[string]map[string]int{}}
	t.Run("pipelines", func(t *testing.T) {
		for i, p := range all {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				s := &series{world: newWorld(t, *beacons).with(t, p), rnd: rand.New(rand.NewPCG(*seed, uint64(i))), table: table, missed: map[string]int{}}
				s.run(t, (*kills+len(all)-1)/len(all))
			})
		}
	})
	t.Logf("%s\n%d kills in %d trials and %v", table.text(all), table.kills, table.trials, time.Since(began).Round(time.Second))
	if *where == "" && *kills >= len(everywhere)*placeLeast {
		for _, p := range everywhere {
			if n := table.at(p.name()); n < placeLeast {
				t.Errorf("%d kills only at %s", n, p.name())
			}
		}
	}
}

// tally counts kills by pipeline and place.
type tally struct {
	sync.Mutex
	done          map[string]map[string]int
	kills, trials int
}

func (y *tally) add(pipeline, place string) {
	y.Lock()
	defer y.Unlock()
	if y.done[pipeline] == nil {
		y.done[pipeline] = map[string]int{}
	}
	y.done[pipeline][place]++
	y.kills++
}

func (y *tally) of(pipeline, place string) int {
	y.Lock()
	defer y.Unlock()
	return y.done[pipeline][place]
}

func (y *tally) at(place string) (n int) {
	for _, d := range y.done {
		n += d[place]
	}
	return n
}

// text is a table of places by pipelines.
func (y *tally) text(all []pipeline) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-38s %-26s", "step", "place")
	for _, p := range all {
		fmt.Fprintf(&b, " %8s", p.name)
	}
	fmt.Fprintf(&b, " %8s\n", "all")
	for _, at := range everywhere {
		fmt.Fprintf(&b, "%-38s %-26s", at.step, at.name())
		for _, p := range all {
			fmt.Fprintf(&b, " %8d", y.done[p.name][at.name()])
		}
		fmt.Fprintf(&b, " %8d\n", y.at(at.name()))
	}
	return b.String()
}

// series is the trials of one pipeline. A trial is an empty data folder and an empty stream
// at the hub; its process is killed and started again until one ends by itself.
type series struct {
	*world
	rnd   *rand.Rand
	table *tally
	took  time.Duration // of the undisturbed process
	// missed counts the processes that ended before they were killed, by place.
	missed map[string]int
	unhurt int
}

func (s *series) run(t *testing.T, want int) {
	undisturbed := filepath.Join(s.dir, "undisturbed")
	began := time.Now()
	if s.wait(s.start(undisturbed, ""), 0) {
		t.Fatal("the undisturbed process was killed")
	}
	s.took = time.Since(began)
	whole := s.take(undisturbed)
	for subject, least := range s.pipeline.subjects {
		if len(whole.rows[subject]) < least {
			t.Fatalf("the undisturbed process left little: %s", whole)
		}
	}
	s.audit(t, undisturbed, whole)
	t.Logf("undisturbed: %v, %s", s.took.Round(time.Millisecond), whole)
	for trial, done := 0, 0; done < want; trial++ {
		name := fmt.Sprintf("trial %d", trial)
		data := filepath.Join(s.dir, fmt.Sprintf("trial-%d", trial))
		done += s.trial(data, min(trialKills, want-done))
		got := s.take(data)
		if lost, repeated := compare(t, name, whole, got); lost+repeated > 0 {
			t.Errorf("%s: %d rows lost, %d repeated", name, lost, repeated)
		}
		s.audit(t, data, got)
		s.table.Lock()
		s.table.trials++
		s.table.Unlock()
	}
}

// trial kills processes on a data folder most times at the most, and leaves one to end: the
// last, or one that ends before it comes to the place where it was to be killed.
func (s *series) trial(data string, most int) (done int) {
	for done < most {
		at := s.choose(done == 0)
		if !s.kill(data, at) {
			if s.missed[at.name()]++; s.unhurt > *kills {
				s.t.Fatalf("%d processes ended before they were killed: %v", s.unhurt, s.missed)
			}
			s.unhurt++
			return done
		}
		s.table.add(s.pipeline.name, at.name())
		done++
	}
	if s.wait(s.start(data, ""), 0) {
		s.t.Fatal("a process was killed by somebody else")
	}
	return done
}

// choose takes the place that the pipeline has been killed at least often; one that
// processes do not come to is tried less often.
func (s *series) choose(first bool) place {
	var best []place
	least := 0
	for _, p := range everywhere {
		n := s.table.of(s.pipeline.name, p.name()) + s.missed[p.name()]/3
		switch {
		case first && p.point == "restore.page": // there are none
		case !strings.Contains(p.name(), *where):
		case p.variant != "" && *kills < variantsFrom:
		case len(best) == 0 || n < least:
			best, least = []place{p}, n
		case n == least:
			best = append(best, p)
		}
	}
	return best[s.rnd.IntN(len(best))]
}

// kill runs a process and tells whether it was killed before it ended.
func (s *series) kill(data string, at place) bool {
	points, after, listen := "", time.Duration(0), ""
	if at.point == "" {
		after = time.Duration(s.rnd.Int64N(int64(s.took)) + 1)
	} else {
		points = fmt.Sprintf("%s=kill:%d", at.point, 1+s.rnd.IntN(at.most))
	}
	if at.savepoints {
		listen = freeAddr(s.t)
	}
	p := s.launch(program(s.t, at.variant), data, points, listen)
	if at.savepoints {
		go p.savepoints(listen, s.pipeline.name)
	}
	return s.wait(p, after)
}

// savepoints asks for savepoints until the process ends.
func (p *process) savepoints(listen, pipeline string) {
	for {
		select {
		case <-p.ended:
			return
		case <-time.After(5 * time.Millisecond):
			resp, err := http.Post("http://"+listen+"/pipelines/"+pipeline+"/savepoint", "", nil)
			if err == nil {
				resp.Body.Close()
			}
		}
	}
}

// freeAddr is a local address that nobody listens at.
func freeAddr(t testing.TB) string {
	return fmt.Sprintf("127.0.0.1:%d", natstest.Ports(t, 1)[0])
}

func (r *result) String() string {
	s := ""
	for name, rows := range r.rows {
		s += fmt.Sprintf("%d rows in %s; ", len(rows), name)
	}
	return s
}

// compare wants the same rows in the same order, each once, and counts what is not so.
func compare(t *testing.T, trial string, want, got *result) (lost, repeated int) {
	t.Helper()
	if len(want.rows) == 0 {
		t.Errorf("%s: there is nothing to compare with", trial)
	}
	for name := range got.rows {
		if want.rows[name] == nil {
			t.Errorf("%s: %s has rows, and the undisturbed run none", trial, name)
		}
	}
	for name, rows := range want.rows {
		count := map[row]int{}
		for _, r := range rows {
			count[r]++
		}
		for _, r := range got.rows[name] {
			count[r]--
		}
		for _, n := range count {
			lost, repeated = lost+max(n, 0), repeated+max(-n, 0)
		}
		for i, r := range rows {
			if i >= len(got.rows[name]) {
				t.Errorf("%s: %s ends after %d of %d rows", trial, name, i, len(rows))
				break
			}
			if g := got.rows[name][i]; g != r {
				t.Errorf("%s: row %d of %s is\n%+v\ninstead of\n%+v", trial, i, name, g, r)
				break
			}
		}
		if len(got.rows[name]) > len(rows) {
			t.Errorf("%s: %s has %d rows instead of %d", trial, name, len(got.rows[name]), len(rows))
		}
	}
	return lost, repeated
}
