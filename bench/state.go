package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// stateScript keeps a row of state for each key, for ever.
const stateScript = `CREATE TABLE events (id BIGINT, v BIGINT) WITH ('connector'='values','format'='msgpack');
CREATE TABLE totals (id BIGINT, n BIGINT, total BIGINT) WITH ('connector'='values','changelog-mode'='I,UB,UA,D');
INSERT INTO totals SELECT id, COUNT(*), SUM(v) FROM events GROUP BY id;
`

// stateJob is a file of state with so many keys.
type stateJob struct {
	Path     string `json:"path"`
	Keys     int    `json:"keys"`
	Barriers int    `json:"barriers"`
	// RestUs is how long the engine's thread sleeps after each batch, in us.
	RestUs  int    `json:"rest_us"`
	Profile string `json:"profile"`
	Allocs  string `json:"allocs"`
}

// stallReport is what stallProgram found; times are ms, sizes bytes.
type stallReport struct {
	Batches       int     `json:"batches"`
	EventsPerS    float64 `json:"events_per_s"`
	BatchMedianMs float64 `json:"batch_median_ms"`
	BatchP99Ms    float64 `json:"batch_p99_ms"`
	// Stall is the longest batch within 1 s after a barrier, the barrier itself and the
	// copies of pages included, less the median batch. StallCPU is the same in CPU time of
	// the engine's thread; StallServed is by the clock without the time for which the
	// thread was ready and another one had the core.
	Stall       stall `json:"stall"`
	StallServed stall `json:"stall_served"`
	StallCPU    stall `json:"stall_cpu"`
	// Idle and IdleCPU are the same over seconds without barriers, with a goroutine beside
	// that keeps a core busy: what the machine and the runtime do to the longest batch.
	Idle       stall `json:"without_barriers"`
	IdleServed stall `json:"without_barriers_served"`
	IdleCPU    stall `json:"without_barriers_cpu"`
	// Empty is the longest time per second between two readings of the clock in a loop that
	// does nothing else, with the goroutine beside.
	Empty stall `json:"empty_loop"`
	// Others is how many cores other programs used during the checkpoints, Stolen how many
	// the machine's host gave to others.
	Stolen       float64 `json:"stolen_cores"`
	Others       float64 `json:"others_cores"`
	BarrierMaxMs float64 `json:"barrier_max_ms"`
	// Barriers, Stalls and StallsCPU are histograms: of the barriers alone, and of the stalls.
	Barriers    string `json:"barriers"`
	Stalls      string `json:"stalls"`
	StallsCPU   string `json:"stalls_cpu"`
	CommitMs    spread `json:"commit_ms"`
	CommitBytes spread `json:"commit_bytes"`
	// Allocated is what the heap gave out per checkpoint, in bytes and in objects, and
	// Collections how often the collector ran in all of those seconds.
	AllocatedBytes   float64 `json:"allocated_bytes"`
	AllocatedObjects float64 `json:"allocated_objects"`
	Collections      int     `json:"collections"`
	StateBytes       int64   `json:"state_bytes"`
	FileBytes        int64   `json:"file_bytes"`
	HeapObjects      [2]int  `json:"heap_objects"` // with a thousandth of the keys, and with all
	PeakRSSBytes     int64   `json:"peak_rss_bytes"`
	// Of the checkpoint after one row changed.
	OneRowPages   int   `json:"one_row_pages"`
	OneRowStored  int64 `json:"one_row_stored_bytes"`
	OneRowWritten int64 `json:"one_row_written_bytes"`
}

// restoreReport is what restoreProgram found.
type restoreReport struct {
	RestoreMs    float64 `json:"restore_ms"`
	Keys         int64   `json:"keys"`
	StateBytes   int64   `json:"state_bytes"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
}

func stateCommand(ctx context.Context, args []string) error {
	j := stateJob{}
	f := flag.NewFlagSet("state", flag.ContinueOnError)
	f.IntVar(&j.Keys, "keys", 1_000_000, "keys, all of them hot")
	f.IntVar(&j.Barriers, "barriers", 30, "checkpoints, one a second")
	f.IntVar(&j.RestUs, "rest", 0, "how long the engine's thread sleeps after each batch, in us; a real-time thread that never does is stopped for 50 ms of each second by Linux")
	f.StringVar(&j.Profile, "profile", "", "file for a CPU profile of the hot loop")
	f.StringVar(&j.Allocs, "allocs", "", "file for a profile of the allocations, from the start on")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if j.Keys < 1000 || j.Barriers < 1 {
		return fmt.Errorf("-keys is at least 1000, -barriers at least 1")
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j.Path = filepath.Join(dir, "state.db")
	s, err := call[stallReport](ctx, "stall", j)
	if err != nil {
		return err
	}
	var restores []restoreReport
	for range 3 {
		r, err := call[restoreReport](ctx, "restore", j)
		if err != nil {
			return err
		}
		if r.Keys != int64(j.Keys) {
			return fmt.Errorf("%d of %d keys were restored", r.Keys, j.Keys)
		}
		restores = append(restores, r)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"machine": machine(), "keys": j.Keys, "barriers": j.Barriers, "stall": s, "restores": restores})
	}
	printState(j, s, restores)
	return nil
}

func printState(j stateJob, s stallReport, restores []restoreReport) {
	const mb = 1e6
	fmt.Printf("%s; %d keys, all hot, %d checkpoints, one a second\n\n", machine(), j.Keys, j.Barriers)
	fmt.Printf("batches of 1,000 events         %d, %.0f events/s; median %.2f ms, p99 %.2f ms\n", s.Batches, s.EventsPerS, s.BatchMedianMs, s.BatchP99Ms)
	for _, l := range []struct {
		name string
		of   stall
	}{{"stall within 1 s of a barrier", s.Stall}, {"  without waits for a core", s.StallServed}, {"  in CPU time", s.StallCPU},
		{"no barriers, a core kept busy", s.Idle}, {"  without waits for a core", s.IdleServed}, {"  in CPU time", s.IdleCPU},
		{"an empty loop instead", s.Empty}} {
		fmt.Printf("%-31s median %.2f ms, p99 %.2f ms, max %.2f ms\n", l.name, l.of.MedianMs, l.of.P99Ms, l.of.MaxMs)
	}
	fmt.Printf("other programs, the host        %.2f cores, %.2f cores\n", s.Others, s.Stolen)
	fmt.Printf("barrier                         max %.2f ms; %s\n", s.BarrierMaxMs, s.Barriers)
	fmt.Printf("stalls                          %s\n  in CPU time                   %s\n", s.Stalls, s.StallsCPU)
	fmt.Printf("checkpoint, all pages dirty     %.0f ms (%.0f-%.0f), %.1f MB stored\n", s.CommitMs.Median, s.CommitMs.Min, s.CommitMs.Max, s.CommitBytes.Median/mb)
	fmt.Printf("allocated per checkpoint        %.1f MB, %.0f objects; %d collections\n", s.AllocatedBytes/mb, s.AllocatedObjects, s.Collections)
	fmt.Printf("state, file, peak RSS           %.1f MB, %.1f MB, %.1f MB\n", float64(s.StateBytes)/mb, float64(s.FileBytes)/mb, float64(s.PeakRSSBytes)/mb)
	fmt.Printf("heap objects                    %d with %d keys, %d with %d keys\n", s.HeapObjects[0], j.Keys/1000, s.HeapObjects[1], j.Keys)
	fmt.Printf("checkpoint, one row changed     %d pages, %d bytes of them stored, %d bytes written to the file\n", s.OneRowPages, s.OneRowStored, s.OneRowWritten)
	for _, r := range restores {
		fmt.Printf("restore in a new process        %.0f ms, %d keys, %.1f MB, peak RSS %.1f MB\n", r.RestoreMs, r.Keys, float64(r.StateBytes)/mb, float64(r.PeakRSSBytes)/mb)
	}
}
