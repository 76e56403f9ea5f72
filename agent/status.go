package agent

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// State is what a pipeline is doing.
type State string

// The states of a pipeline. Backpressure means that an output's budget is used up and
// reading has stopped.
const (
	Starting     State = "starting"
	Restoring    State = "restoring"
	Running      State = "running"
	Backpressure State = "backpressure"
	Restarting   State = "restarting"
	Failed       State = "failed"
	Finished     State = "finished"
	Stopped      State = "stopped"
)

// Status is a snapshot of a pipeline, made a few times a second. Times are ms since 1970,
// sizes bytes.
type Status struct {
	Pipeline string `json:"pipeline"`
	State    State  `json:"state"`
	// HeldBy names the output that stops reading, under Backpressure, or "memory".
	HeldBy   string    `json:"held_by,omitempty"`
	Error    string    `json:"error,omitempty"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`

	Events  int64 `json:"events"`
	PerSec  int64 `json:"events_per_second"`
	Pending int64 `json:"pending"`
	// EtaMs is the time until the source is caught up at the present rate; 0 when it is,
	// -1 when the rate does not tell.
	EtaMs       int64 `json:"catch_up_eta_ms"`
	ArrivalMs   int64 `json:"arrival_ms"`
	WatermarkMs int64 `json:"watermark_ms"`

	Epoch              uint64 `json:"epoch"`
	Checkpoints        int64  `json:"checkpoints"`
	CheckpointFailures int64  `json:"checkpoint_failures"`
	CheckpointMs       int64  `json:"checkpoint_ms"`
	CheckpointBytes    int64  `json:"checkpoint_bytes"`
	// WrittenBytes went to the disk since the start, for ChangedBytes of pages and frames;
	// WrittenPerDay is that a day, 0 in the first minute. StretchMs is how much the daily
	// budget lengthens the checkpoint interval.
	WrittenBytes   int64 `json:"written_bytes"`
	ChangedBytes   int64 `json:"changed_bytes"`
	WrittenPerDay  int64 `json:"written_bytes_per_day"`
	StretchMs      int64 `json:"checkpoint_stretch_ms"`
	CheckpointAtMs int64 `json:"checkpoint_at_ms"`
	// StateBytes is the state held in memory, SpilledBytes what lies in the store alone.
	// OutputMemory is output that no checkpoint has stored yet, QueueBytes what the sources
	// have read ahead. SwappedBytes is changed state that steps had no room for, since the start.
	StateBytes   int64 `json:"state_bytes"`
	SpilledBytes int64 `json:"state_spilled_bytes"`
	SwappedBytes int64 `json:"state_swapped_bytes"`
	OutputMemory int64 `json:"output_memory_bytes"`
	QueueBytes   int64 `json:"source_queue_bytes"`
	FileBytes    int64 `json:"file_bytes"`
	RestoreMs    int64 `json:"restore_ms"`

	// Sources are those that have a server.
	Sources    []SourceStatus   `json:"sources,omitempty"`
	Outputs    []OutputStatus   `json:"outputs"`
	Ledger     *dataflow.Ledger `json:"ledger"`
	Imbalances []string         `json:"imbalances,omitempty"`
}

// How a connection is.
const (
	linkUp   = "connected"
	linkDown = "disconnected"
)

// SourceStatus is how a source's connection is.
type SourceStatus struct {
	Table string `json:"table"`
	// Link is connected or disconnected, Error why, and what to do.
	Link  string `json:"link"`
	Error string `json:"error,omitempty"`
}

// Troubles are what keeps a pipeline that has not failed from its servers and files, a line each.
func (s *Status) Troubles() (lines []string) {
	add := func(what, why string) {
		if why != "" {
			lines = append(lines, s.Pipeline+": "+what+why)
		}
	}
	add("", s.Error)
	for _, in := range s.Sources {
		add("source "+in.Table+": ", in.Error)
	}
	for _, out := range s.Outputs {
		add("output "+out.Name+": ", out.Error)
	}
	return lines
}

// OutputStatus is a snapshot of an output.
type OutputStatus struct {
	Name string `json:"name"`
	// Link is connected, disconnected, or what holds the output.
	Link string `json:"link"`
	// Guarantee is exactly-once or uncommitted.
	Guarantee  string `json:"guarantee"`
	Emitted    int64  `json:"emitted"`
	Confirmed  uint64 `json:"confirmed"`
	Rows       int64  `json:"outbox_rows"`
	Bytes      int64  `json:"outbox_bytes"`
	OldestMs   int64  `json:"outbox_oldest_ms"`
	Dropped    int64  `json:"dropped"`
	Merged     int64  `json:"merged"`
	Generation uint64 `json:"generation"`
	// DrainMs is the estimate of when the outbox is drained; -1 when there is none.
	DrainMs int64  `json:"drain_eta_ms"`
	Error   string `json:"error,omitempty"`
	// Removed letters went from their files by limits, since the start.
	Removed int64 `json:"letters_removed,omitempty"`
}
