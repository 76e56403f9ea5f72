package main

import "fmt"

// nexmarkReport is what `bench nexmark -json` writes.
type nexmarkReport struct {
	Machine string        `json:"machine"`
	Events  int64         `json:"events"`
	Rounds  int           `json:"rounds"`
	Rows    []*nexmarkRow `json:"rows"`
	// Flink is the comparison, and FlinkSettings the settings that it ran with.
	Flink         []*flinkRow `json:"flink,omitempty"`
	FlinkSettings string      `json:"flink_settings,omitempty"`
}

// nexmarkRow is a query over a source.
type nexmarkRow struct {
	Source string `json:"source"`
	Query  string `json:"query"`
	Error  string `json:"error,omitempty"`
	// Generated tells that the query ran with generated code.
	Generated bool `json:"generated,omitempty"`
	// EventsPerS counts events a second, CPUS CPU seconds a million events.
	EventsPerS   spread `json:"events_per_s"`
	CPUS         spread `json:"cpu_s_per_million"`
	PeakRSSBytes int64  `json:"peak_rss_bytes"`
	StateBytes   int64  `json:"state_bytes"`
	// BatchP50Ms and BatchP99Ms are medians of the runs' times of batches; 0 from JetStream.
	BatchP50Ms float64 `json:"batch_p50_ms"`
	BatchP99Ms float64 `json:"batch_p99_ms"`
	Rows       int64   `json:"rows"`

	runs []nexmarkFigures
}

func (r *nexmarkRow) add(f nexmarkFigures) {
	r.runs = append(r.runs, f)
	r.Rows, r.StateBytes, r.PeakRSSBytes = f.Rows, max(r.StateBytes, f.StateBytes), max(r.PeakRSSBytes, f.PeakRSSBytes)
}

// sum computes the row's figures from its runs.
func (r *nexmarkRow) sum() {
	of := func(value func(f *nexmarkFigures) float64) spread {
		var all []float64
		for i := range r.runs {
			all = append(all, value(&r.runs[i]))
		}
		return spreadOf(all)
	}
	r.EventsPerS = of(func(f *nexmarkFigures) float64 { return float64(f.Events) / f.WallS })
	r.CPUS = of(func(f *nexmarkFigures) float64 { return f.CPUS / float64(f.Events) * 1e6 })
	r.BatchP50Ms = of(func(f *nexmarkFigures) float64 { return f.BatchP50Ms }).Median
	r.BatchP99Ms = of(func(f *nexmarkFigures) float64 { return f.BatchP99Ms }).Median
}

const nexmarkHeader = "| query | thousand events/s | CPU s / M events | peak RSS MB | state MiB | batch p50 ms | batch p99 ms | rows |\n|---|---|---|---|---|---|---|---|"

// String is the row as a line of a table.
func (r *nexmarkRow) String() string {
	if r.Error != "" {
		return fmt.Sprintf("| %s | %s | | | | | | |", r.Query, r.Error)
	}
	p50, p99 := "-", "-"
	if r.BatchP99Ms > 0 {
		p50, p99 = fmt.Sprintf("%.2f", r.BatchP50Ms), fmt.Sprintf("%.2f", r.BatchP99Ms)
	}
	return fmt.Sprintf("| %s | %.0f (%.0f-%.0f) | %.2f | %.0f | %.1f | %s | %s | %d |", r.Query, r.EventsPerS.Median/1e3, r.EventsPerS.Min/1e3,
		r.EventsPerS.Max/1e3, r.CPUS.Median, float64(r.PeakRSSBytes)/1e6, float64(r.StateBytes)/(1<<20), p50, p99, r.Rows)
}

// published are rates that others publish, in thousand events a second and core: Flink's with
// RocksDB, and Feldera's; 0 where there is none.
var published = map[string][2]int{
	"q0": {379, 436}, "q1": {395, 412}, "q2": {414, 422}, "q3": {219, 413}, "q4": {28, 265}, "q5": {75, 412}, "q6": {0, 250},
	"q7": {23, 196}, "q8": {162, 415}, "q9": {14, 57}, "q10": {133, 0}, "q11": {46, 0}, "q12": {194, 418}, "q13": {188, 230},
	"q14": {259, 429}, "q15": {168, 221}, "q16": {45, 51}, "q17": {161, 242}, "q18": {65, 85}, "q19": {43, 75}, "q20": {18, 85},
	"q21": {147, 415}, "q22": {212, 394},
}
