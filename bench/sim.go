package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/agent/sim"
)

// simReport is what a sweep of simulated runs did.
type simReport struct {
	From    uint64  `json:"from"`
	Seeds   uint64  `json:"seeds"` // run so far
	Workers int     `json:"workers"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
	// SeedsPerMinute is by the clock; PerCoreMinute by the time that the processors spent.
	SeedsPerMinute float64        `json:"seeds_per_minute"`
	PerCoreMinute  float64        `json:"seeds_per_cpu_minute"`
	Pipelines      map[string]int `json:"pipelines"`
	Ends           map[string]int `json:"ends"`
	Stores         map[string]int `json:"stores"`
	// Events counts those of all hosts, by what ran them.
	Events     map[string]int64 `json:"events"`
	Rows       int              `json:"rows_at_hubs"`
	Violations []simViolation   `json:"violations"`
	Coverage   sim.Coverage     `json:"faults"`
}

// simViolation is a run in which something that must hold did not.
type simViolation struct {
	Seed   uint64 `json:"seed"`
	Kind   string `json:"kind"` // pipeline, class of faults and store
	Reason string `json:"reason"`
	Replay string `json:"replay"`
}

// simSweep runs seeds on several workers.
type simSweep struct {
	report simReport
	next   uint64
	last   uint64
	most   int // violations after which it stops
	mu     sync.Mutex
}

func simCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("sim", flag.ContinueOnError)
	seeds := fs.Uint64("seeds", 1_000, "how many seeds to run")
	from := fs.Uint64("from", 1, "the first seed")
	workers := fs.Int("workers", runtime.GOMAXPROCS(0), "runs at a time")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	most := fs.Int("violations", 20, "violations after which to stop")
	every := fs.Duration("progress", time.Minute, "how often to tell on standard error how far it is; 0 never does")
	plants := fs.Bool("plants", false, "plant each known bug instead, and tell the first seed that finds it")
	if err := fs.Parse(args); err != nil {
		return err
	}
	debug.SetGCPercent(800) // a run allocates much and keeps little
	if *plants {
		return simPlants(ctx, *from, *seeds)
	}
	s := &simSweep{next: *from, last: *from + *seeds, most: *most}
	s.report = simReport{From: *from, Workers: *workers, Pipelines: map[string]int{}, Ends: map[string]int{}, Stores: map[string]int{}, Events: map[string]int64{}, Coverage: sim.Coverage{}}
	s.run(ctx, *workers, *every)
	r := &s.report
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else if err := r.print(os.Stdout); err != nil {
		return err
	}
	if len(r.Violations) > 0 {
		return fmt.Errorf("%d of %d seeds violate what must hold", len(r.Violations), r.Seeds)
	}
	return ctx.Err()
}

// run runs all seeds, or until ctx ends or there are too many violations.
func (s *simSweep) run(ctx context.Context, workers int, every time.Duration) {
	began, cpu := time.Now(), cpuTime()
	measure := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		r := &s.report
		r.Seconds, r.CPU = time.Since(began).Seconds(), (cpuTime() - cpu).Seconds()
		r.SeedsPerMinute, r.PerCoreMinute = float64(r.Seeds)/r.Seconds*60, float64(r.Seeds)/r.CPU*60
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				seed, ok := s.take()
				if !ok {
					return
				}
				s.one(seed)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-tick:
			measure()
			s.mu.Lock()
			r := &s.report
			fmt.Fprintf(os.Stderr, "%d seeds in %.0f s, %.0f a minute, %d violations\n", r.Seeds, r.Seconds, r.SeedsPerMinute, len(r.Violations))
			s.mu.Unlock()
		case <-done:
			measure()
			return
		}
	}
}

// take gives the next seed to run.
func (s *simSweep) take() (seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.last || len(s.report.Violations) >= s.most {
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

func (s *simSweep) one(seed uint64) {
	r, err := sim.Run(sim.Options{Seed: seed})
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.report
	t.Seeds++
	t.Coverage.Add(r.Coverage)
	for by, n := range r.Events {
		t.Events[by] += n
	}
	if err != nil {
		v := simViolation{Seed: seed, Kind: r.Program + ", " + r.Class + ", " + r.Disk, Reason: err.Error(), Replay: fmt.Sprintf("go test ./agent/sim -run TestReplay -seed %d -v", seed)}
		t.Violations = append(t.Violations, v)
		fmt.Fprintf(os.Stderr, "%s: %s\n", v.Kind, v.Reason)
		return
	}
	t.Pipelines[r.Program]++
	t.Ends[r.Class+", "+r.End]++
	t.Stores[r.Disk]++
	for _, n := range r.Rows {
		t.Rows += n
	}
}

// print writes the report for a person.
func (r *simReport) print(w io.Writer) error {
	fmt.Fprintf(w, "%d seeds from %d on, %d workers: %.0f s, %.0f seeds a minute, %.0f a minute of processor time\n",
		r.Seeds, r.From, r.Workers, r.Seconds, r.SeedsPerMinute, r.PerCoreMinute)
	printCounts(w, "pipelines", r.Pipelines)
	printCounts(w, "classes and ends", r.Ends)
	printCounts(w, "stores", r.Stores)
	printCounts(w, "events", r.Events)
	fmt.Fprintf(w, "rows at the hubs: %d\nviolations: %d\n", r.Rows, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintf(w, "  seed %d (%s): %s\n", v.Seed, v.Kind, v.Reason)
	}
	fmt.Fprintln(w)
	return r.Coverage.Print(w)
}

// printCounts writes a line of counts by name.
func printCounts[N int | int64](w io.Writer, name string, of map[string]N) {
	fmt.Fprintf(w, "%s:", name)
	for i, key := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(w, "%s %s %d", map[bool]string{true: "", false: ";"}[i == 0], key, of[key])
	}
	fmt.Fprintln(w)
}

// simPlants tells for each known bug which seed finds it.
func simPlants(ctx context.Context, from, seeds uint64) error {
	missed := 0
	for _, p := range sim.Plants() {
		found := false
		for seed := from; seed < from+seeds && !found; seed++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := sim.Run(sim.Options{Seed: seed, Plant: p}); err != nil {
				found = true
				fmt.Printf("%-50s seed %d\n", p, seed)
			}
		}
		if !found {
			missed++
			fmt.Printf("%-50s not found\n", p)
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d planted bugs are not found by %d seeds", missed, seeds)
	}
	return nil
}
