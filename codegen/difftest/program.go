package difftest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Job is what a built program is given.
type Job struct {
	Pipelines      []Pipeline
	Cases          []*Case // instead of Pipelines, where there are any
	Inputs, Events int
	Seed           uint64
}

// Main is the main function of a built program: it reads a Job from its standard input and
// writes a Result a line.
func Main() {
	var job Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	enc := json.NewEncoder(os.Stdout)
	for _, c := range job.Cases {
		if err := enc.Encode(replay(c)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if len(job.Cases) > 0 {
		return
	}
	for i := range job.Pipelines {
		if err := enc.Encode(job.pipeline(&job.Pipelines[i])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func replay(c *Case) Result {
	res := Result{Seed: c.Seed}
	n, d, err := c.Check()
	res.Counts = n
	if err != nil {
		res.Err = err.Error()
	}
	if d != nil {
		res.Case = c
		c.Difference = d
	}
	return res
}

func (j *Job) pipeline(p *Pipeline) (res Result) {
	res.Seed = p.Seed
	compiled, err := Build(p.SQL)
	if err != nil {
		res.Err = err.Error()
		return res
	}
	for i := range j.Inputs {
		seed := j.Seed + uint64(i)
		tame := i == 0
		logs := Logs(compiled, seed, j.Events, tame)
		c, d, err := Compare(compiled, logs, seed)
		res.Counts.Add(c)
		if tame {
			res.Tame = c
		}
		if err != nil {
			res.Err = fmt.Sprintf("input %d: %v", seed, err)
			return res
		}
		if d != nil {
			res.Case = minimise(&Case{Pipeline: *p, Input: seed, Schedule: seed, Logs: logs, Difference: d}, compiled)
			return res
		}
	}
	res.Allocations, res.Interpreted = allocations(compiled, j.Seed, false), allocations(compiled, j.Seed, true)
	return res
}

// Logs makes a log for every table that a plan reads.
func Logs(p *plan.Plan, seed uint64, events int, tame bool) map[string]Log {
	out := map[string]Log{}
	for i, s := range p.Sources {
		if _, ok := out[s.Table.Name]; !ok {
			out[s.Table.Name] = NewLog(s.Table, seed+uint64(i)<<32, events, tame)
		}
	}
	return out
}

// allocations are those of an engine over 1,000 plain events, after it has seen them before.
func allocations(p *plan.Plan, seed uint64, interpret bool) float64 {
	logs := Logs(p, seed, 1000, true)
	r := newRig(p, map[string]Log{}, nil)
	r.mute = true
	if err := r.open(interpret); err != nil {
		return -1
	}
	again := func() {
		for name, s := range r.sources {
			s.log, s.at, s.shown = logs[name], 0, len(logs[name])
		}
		_ = r.settle()
	}
	for range 3 {
		again()
	}
	least := math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		again()
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs))
	}
	return least
}
