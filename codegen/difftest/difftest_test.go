package difftest

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	minutes   = flag.Float64("minutes", 0, "how long random pipelines are compared; 0 is a small fixed set")
	seed      = flag.Uint64("seed", 1, "the seed of the first pipeline")
	pipelines = flag.Int("pipelines", 12, "pipelines in a program")
	inputs    = flag.Int("inputs", 4, "logs for each pipeline")
	inputSeed = flag.Uint64("input", 1, "the seed of the first log")
	events    = flag.Int("events", 1200, "events in a log")
)

func module(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Generated code and the interpreter give the same, on pipelines and logs from seeds. With
// -args -minutes it goes on with other seeds for that long.
func TestGeneratedIsInterpreted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	until := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	var total tally
	for first := *seed; ; first += uint64(*pipelines) {
		o := Options{Seed: first, Pipelines: *pipelines, Inputs: *inputs, InputSeed: *inputSeed + first, Events: *events, Module: module(t), Dir: t.TempDir()}
		rep, err := Round(context.Background(), o)
		if err != nil {
			t.Error(err)
		}
		if rep != nil {
			total.add(t, rep)
		}
		if *minutes > 0 {
			t.Log(total.String())
		}
		if !time.Now().Before(until) {
			break
		}
	}
	t.Log(total.String())
	for why, n := range total.fallbacks {
		t.Logf("%d times interpreted: %s", n, why)
	}
	if total.tame.Taken < 2*total.tame.Refused {
		t.Errorf("of plain events generated code took %d and refused %d: that proves little", total.tame.Taken, total.tame.Refused)
	}
}

// Differences that were found once are gone.
func TestKeptCases(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []*Case
	for _, f := range files {
		c, err := LoadCase(f)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		return
	}
	rep, err := Replay(context.Background(), Options{Module: module(t), Dir: t.TempDir()}, cases)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rep.Results {
		if r.Err != "" || r.Case != nil {
			t.Errorf("%s: %s %v", files[i], r.Err, r.Case)
		}
	}
	if rep.Fragments == 0 || len(rep.Results) != len(cases) {
		t.Errorf("%d results of %d cases, %d fragments", len(rep.Results), len(cases), rep.Fragments)
	}
}

// tally sums reports.
type tally struct {
	Counts
	tame                         Counts
	made, compared, fragments    int
	differences, idle, allocates int
	fallbacks                    map[string]int
}

func (s *tally) String() string {
	return fmt.Sprintf("%d pipelines, %d with generated code (%d fragments), %d logs, %d events; generated code took %d, refused %d, rested for %d messages; of plain events it took %d, refused %d; %d differences",
		s.made, s.compared, s.fragments, s.Inputs, s.Events, s.Taken, s.Refused, s.Resting, s.tame.Taken, s.tame.Refused, s.differences)
}

func (s *tally) add(t *testing.T, rep *Report) {
	s.made += rep.Made
	s.fragments += rep.Fragments
	if s.fallbacks == nil {
		s.fallbacks = map[string]int{}
	}
	for why, n := range rep.Fallbacks {
		s.fallbacks[why] += n
	}
	for _, r := range rep.Results {
		s.compared++
		s.Add(r.Counts)
		s.tame.Add(r.Tame)
		if r.Err != "" {
			t.Errorf("pipeline %d: %s", r.Seed, r.Err)
		}
		if r.Case != nil {
			s.differences++
			name := fmt.Sprintf("pipeline%d_input%d", r.Seed, r.Case.Input)
			t.Errorf("pipeline %d, input %d: %v\nkept as testdata/%s.json: %v\n%s", r.Seed, r.Case.Input, r.Case.Difference, name, r.Case.Keep("testdata", name), r.Case.SQL)
			continue
		}
		if r.Tame.Taken < r.Tame.Refused {
			s.idle++
			t.Logf("pipeline %d: of plain events generated code took %d, refused %d, and rested for %d messages", r.Seed, r.Tame.Taken, r.Tame.Refused, r.Tame.Resting)
		}
		if r.Allocations > 0 {
			s.allocates++
			t.Logf("pipeline %d: %.0f allocations over 1,000 events, %.0f interpreted", r.Seed, r.Allocations, r.Interpreted)
			if r.Interpreted == 0 {
				t.Errorf("pipeline %d: generated code allocates where the interpreter does not", r.Seed)
			}
		}
	}
}

func TestPipelinesCanBePlanned(t *testing.T) {
	for seed := range uint64(60) {
		p, err := NewPipeline(seed)
		if err != nil {
			t.Error(err)
			continue
		}
		if testing.Verbose() {
			t.Log(p.SQL)
		}
	}
}

// Without generated code all runs are the interpreter's: whatever differs is a mistake here
// or in the engine. It takes -minutes and -seed too.
func TestInterpretedIsInterpreted(t *testing.T) {
	until := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	least := uint64(40)
	if testing.Short() {
		least = 8
	}
	for first, seed := *seed, *seed; seed < first+least || time.Now().Before(until); seed++ {
		p, err := NewPipeline(seed)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := Build(p.SQL)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(2) {
			logs := Logs(compiled, seed*10+i, 800, i == 0)
			c, d, err := Compare(compiled, logs, seed*10+i)
			if err != nil || d != nil {
				t.Errorf("pipeline %d, input %d: %v %v\n%s", seed, seed*10+i, err, d, p.SQL)
			}
			if i == 0 && c.Events < 500 && !strings.Contains(p.SQL, "'fail'") {
				t.Errorf("pipeline %d: only %d of the plain events can be decoded\n%s\n%q", seed, c.Events, p.SQL, logs["t"][0].Data)
			}
		}
	}
}
