package sim

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var seed = flag.Uint64("seed", 0, "the seed that TestReplay runs")

// TestReplay runs the seed given by -seed and prints its trace.
func TestReplay(t *testing.T) {
	if *seed == 0 {
		t.Skip("no -seed")
	}
	_, err := Run(Options{Seed: *seed, Trace: func(line string) { fmt.Println(line) }})
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

func TestThousandSeeds(t *testing.T) {
	seeds := 1_000
	if testing.Short() {
		seeds = 100
	}
	const shards = 8
	var mu sync.Mutex
	counts, rows, refused := map[string]int{}, map[string]int{}, 0
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for s := shard + 1; s <= seeds; s += shards {
					r, err := Run(Options{Seed: uint64(s)})
					if err != nil {
						t.Fatalf("%v\n%s", err, tail(Options{Seed: uint64(s)}))
					}
					mu.Lock()
					if r.Refused {
						refused++
					}
					for k, n := range r.Counts {
						counts[k] += n
					}
					for k, n := range r.Rows {
						rows[k] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%8d  %s\n", counts[k], k)
	}
	t.Logf("%d seeds, of which %d rightly end refused; rows at the hubs %v; faults:\n%s", seeds, refused, rows, b.String())
	if refused > seeds/5 {
		t.Errorf("%d of %d seeds end refused: too few reach the end", refused, seeds)
	}
	for _, f := range kinds() {
		if counts[f] == 0 {
			t.Errorf("never drawn: %s", f)
		}
	}
	for _, o := range []string{countsOut, alertsOut, "late", "dead-letters"} {
		if rows[o] == 0 {
			t.Errorf("output %s never had a row", o)
		}
	}
}

// kinds lists what every sweep must have drawn.
func kinds() []string {
	out := []string{
		"backpressure", "batch refused", "crash between two steps", "declined checkpoint", "drain under faults", "fenced",
		"graceful stop", "host clock wrong", "hub ahead", "hub link cut", "hub restart", "late or repeated request", "reply lost",
		"request delayed", "request lost", "source failure", "source link cut", "takeover", "unsynced commits lost",
	}
	for _, p := range points {
		out = append(out, "crash "+p)
	}
	return out
}

func TestSameSeedSameTrace(t *testing.T) {
	seen := map[uint64]bool{}
	for s := uint64(1); s <= 10; s++ {
		a, err := Run(Options{Seed: s})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Run(Options{Seed: s})
		if err != nil {
			t.Fatal(err)
		}
		if a.Hash != b.Hash {
			t.Errorf("seed %d: traces %x and %x", s, a.Hash, b.Hash)
		}
		seen[a.Hash] = true
	}
	if len(seen) != 10 {
		t.Errorf("10 seeds gave %d traces", len(seen))
	}
}

// TestPlantedBugs makes sure that the checks can fail.
func TestPlantedBugs(t *testing.T) {
	for p := PlantTrimEarly; p <= PlantForwardEarly; p++ {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			var found atomic.Uint64
			for s := uint64(1); s <= 200; s++ {
				_, err := Run(Options{Seed: s, Plant: p})
				var v *Violation
				if errors.As(err, &v) {
					found.Store(s)
					reason, _, _ := strings.Cut(v.Reason, "\n")
					t.Logf("found by seed %d: %s", s, reason)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Error("not found by 200 seeds")
		})
	}
}

// TestChecksFindDamage makes sure that each way in which a hub can be wrong is found.
func TestChecksFindDamage(t *testing.T) {
	input := newInput(12)
	want, err := newWorld(Options{Seed: 12}, input, false).run()
	if err != nil {
		t.Fatal(err)
	}
	if why := compare(want, want) + part(want, want) + verify(input, want); why != "" {
		t.Fatal(why)
	}
	for _, output := range []string{countsOut, alertsOut, "late", "dead-letters"} {
		for name, damage := range map[string]func([]string) []string{
			"a row is missing": func(r []string) []string { return slices.Delete(r, 1, 2) },
			"a row is twice":   func(r []string) []string { return slices.Insert(r, 1, r[1]) },
			"a row is another": func(r []string) []string { r[1] = strings.Replace(r[1], `:"k`, `:"x`, 1) + " "; return r },
		} {
			got := maps.Clone(want)
			if len(got[output]) < 2 {
				t.Fatalf("output %s has %d rows: choose another seed", output, len(got[output]))
			}
			got[output] = damage(slices.Clone(want[output]))
			if compare(want, got) == "" || part(want, got) == "" {
				t.Errorf("output %s: %s: not found by comparison", output, name)
			}
			if output == "dead-letters" && name == "a row is another" {
				continue // verify counts dead letters
			}
			if verify(input, got) == "" {
				t.Errorf("output %s: %s: not found from the input", output, name)
			}
		}
	}
	w := newWorld(Options{Seed: 12}, input, false)
	if _, err := w.run(); err != nil {
		t.Fatal(err)
	}
	m := w.hub.Messages
	w.hub.Messages = append(slices.Clone(m), m[len(m)-1])
	if _, err := w.contents(); err == nil {
		t.Error("a message that is at the hub twice is not found")
	}
	w.hub.Messages = m[1:]
	if _, err := w.contents(); err == nil {
		t.Error("a message that is missing at the hub is not found")
	}
}
