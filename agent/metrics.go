package agent

import (
	"fmt"
	"io"
	"strconv"
)

// writeMetrics prints the pipelines' metrics in Prometheus' text form. They are made from
// the status snapshots, so a scrape never waits for an engine.
func (a *Agent) writeMetrics(w io.Writer) {
	all := a.Status()
	family := func(name, kind, help string, each func(st *Status, put func(labels string, v float64))) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		for i := range all {
			st := &all[i]
			each(st, func(labels string, v float64) {
				fmt.Fprintf(w, "%s{pipeline=%s%s} %s\n", name, strconv.Quote(st.Pipeline), labels, strconv.FormatFloat(v, 'g', -1, 64))
			})
		}
	}
	one := func(name, kind, help string, value func(*Status) float64) {
		family(name, kind, help, func(st *Status, put func(string, float64)) { put("", value(st)) })
	}
	one("edgeflow_up", "gauge", "1 while the pipeline runs.", func(s *Status) float64 {
		if s.State == Running || s.State == Backpressure {
			return 1
		}
		return 0
	})
	one("edgeflow_restarts_total", "counter", "Restarts after a failure.", func(s *Status) float64 { return float64(s.Restarts) })
	one("edgeflow_events_total", "counter", "Events read.", func(s *Status) float64 { return float64(s.Events) })
	one("edgeflow_pending_messages", "gauge", "Messages known to wait at the sources.", func(s *Status) float64 { return float64(s.Pending) })
	one("edgeflow_arrival_timestamp_seconds", "gauge", "Newest arrival time.", func(s *Status) float64 { return float64(s.ArrivalMs) / 1e3 })
	one("edgeflow_watermark_timestamp_seconds", "gauge", "Newest watermark.", func(s *Status) float64 { return float64(s.WatermarkMs) / 1e3 })
	one("edgeflow_checkpoints_total", "counter", "Committed checkpoints.", func(s *Status) float64 { return float64(s.Checkpoints) })
	one("edgeflow_checkpoint_failures_total", "counter", "Declined checkpoints.", func(s *Status) float64 { return float64(s.CheckpointFailures) })
	one("edgeflow_checkpoint_duration_seconds", "gauge", "Duration of the last checkpoint.", func(s *Status) float64 { return float64(s.CheckpointMs) / 1e3 })
	one("edgeflow_checkpoint_written_bytes_total", "counter", "Bytes that checkpoints wrote to the disk since the start.", func(s *Status) float64 { return float64(s.WrittenBytes) })
	one("edgeflow_checkpoint_changed_bytes_total", "counter", "Bytes of changed pages and of output that checkpoints took in since the start; written over changed is the write amplification.", func(s *Status) float64 { return float64(s.ChangedBytes) })
	one("edgeflow_checkpoint_written_bytes_per_day", "gauge", "Bytes that checkpoints write to the disk in a day, at the rate since the start; 0 in the first minute.", func(s *Status) float64 { return float64(s.WrittenPerDay) })
	one("edgeflow_checkpoint_stretch_seconds", "gauge", "How much the daily budget of writes lengthens the checkpoint interval.", func(s *Status) float64 { return float64(s.StretchMs) / 1000 })
	one("edgeflow_checkpoint_bytes", "gauge", "Bytes that the last checkpoint wrote.", func(s *Status) float64 { return float64(s.CheckpointBytes) })
	one("edgeflow_state_bytes", "gauge", "Operator state in memory.", func(s *Status) float64 { return float64(s.StateBytes) })
	one("edgeflow_state_spilled_bytes", "gauge", "Operator state that lies in the state file alone, read back when it is needed.", func(s *Status) float64 { return float64(s.SpilledBytes) })
	one("edgeflow_state_swapped_bytes_total", "counter", "Changed state that was written aside in the midst of steps that had no room for it, since the start.", func(s *Status) float64 { return float64(s.SwappedBytes) })
	one("edgeflow_output_memory_bytes", "gauge", "Output in memory that no checkpoint has stored yet.", func(s *Status) float64 { return float64(s.OutputMemory) })
	one("edgeflow_source_queue_bytes", "gauge", "Messages that the sources have read ahead.", func(s *Status) float64 { return float64(s.QueueBytes) })
	one("edgeflow_state_file_bytes", "gauge", "Size of the state file.", func(s *Status) float64 { return float64(s.FileBytes) })
	one("edgeflow_ledger_imbalances", "gauge", "Equations of the ledger that do not hold.", func(s *Status) float64 { return float64(len(s.Imbalances)) })
	perOutput := func(name, kind, help string, value func(*OutputStatus) float64) {
		family(name, kind, help, func(st *Status, put func(string, float64)) {
			for i := range st.Outputs {
				put(",output="+strconv.Quote(st.Outputs[i].Name), value(&st.Outputs[i]))
			}
		})
	}
	perOutput("edgeflow_output_emitted_total", "counter", "Rows emitted to an output.", func(o *OutputStatus) float64 { return float64(o.Emitted) })
	perOutput("edgeflow_output_confirmed_sequence", "gauge", "Outbox sequence up to which the target has everything.", func(o *OutputStatus) float64 { return float64(o.Confirmed) })
	perOutput("edgeflow_outbox_rows", "gauge", "Rows waiting in the outbox.", func(o *OutputStatus) float64 { return float64(o.Rows) })
	perOutput("edgeflow_outbox_bytes", "gauge", "Bytes waiting in the outbox.", func(o *OutputStatus) float64 { return float64(o.Bytes) })
	perOutput("edgeflow_outbox_dropped_total", "counter", "Rows dropped by the outbox budget.", func(o *OutputStatus) float64 { return float64(o.Dropped) })
	perOutput("edgeflow_outbox_merged_total", "counter", "Rows merged into rows of wider windows while they waited.", func(o *OutputStatus) float64 { return float64(o.Merged) })
	perOutput("edgeflow_letters_removed_total", "counter", "Letters removed from their files by edgeflow.dlq.max-bytes and .max-age since the start.", func(o *OutputStatus) float64 { return float64(o.Removed) })
	perOutput("edgeflow_outbox_drain_eta_seconds", "gauge", "Estimate of when the outbox is drained; -1 for none.", func(o *OutputStatus) float64 {
		if o.DrainMs < 0 {
			return -1
		}
		return float64(o.DrainMs) / 1e3
	})
	family("edgeflow_operator_rows_total", "counter", "Rows an operator took, by what became of them.", func(st *Status, put func(string, float64)) {
		if st.Ledger == nil {
			return
		}
		for _, o := range st.Ledger.Operators {
			at := ",operator=" + strconv.Quote(o.Kind) + ",id=" + strconv.Quote(o.ID)
			for _, c := range []struct {
				what string
				n    int64
			}{{"in", o.Rows}, {"filtered", o.Filtered}, {"failed", o.Failed}, {"dropped", o.Dropped}, {"late", o.Late}, {"behind", o.Behind}} {
				put(at+",outcome="+strconv.Quote(c.what), float64(c.n))
			}
		}
	})
	family("edgeflow_undecodable_total", "counter", "Events that could not be decoded.", func(st *Status, put func(string, float64)) {
		if st.Ledger == nil {
			return
		}
		for _, s := range st.Ledger.Sources {
			put(",source="+strconv.Quote(s.Name), float64(s.Undecodable))
		}
	})
}
