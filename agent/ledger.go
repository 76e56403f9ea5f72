package agent

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/edgeflow/edgeflow/dataflow"
)

// WriteLedger prints a ledger with its equations and whether each holds.
func WriteLedger(w io.Writer, l *dataflow.Ledger) {
	tw := tabwriter.NewWriter(w, 0, 8, 1, ' ', 0)
	mark := func(ok bool) string {
		if ok {
			return "ok"
		}
		return "IMBALANCE"
	}
	for _, s := range l.Sources {
		fmt.Fprintf(tw, "source\t%s\tread %d = decoded %d + undecodable %d\t%s\n",
			s.Name, s.Read, s.Decoded, s.Undecodable, mark(s.Read == s.Decoded+s.Undecodable))
		if s.Gap > 0 {
			fmt.Fprintf(tw, "\t\tgap of %d messages that the stream no longer had\t\n", s.Gap)
		}
	}
	for _, o := range l.Operators {
		if o.Assigned+o.Fired+o.DroppedLate+o.Open > 0 {
			fmt.Fprintf(tw, "%s\t%s\tassigned %d = fired %d + dropped late %d + open %d\t%s\n",
				o.Kind, o.ID, o.Assigned, o.Fired, o.DroppedLate, o.Open, mark(o.Balanced()))
			if o.Derived {
				fmt.Fprint(tw, "\t\topen is what the others leave: state is not all in memory and was not counted\t\n")
			}
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\trows %d, filtered %d, failed %d, dropped %d, late %d\t\n",
			o.Kind, o.ID, o.Rows, o.Filtered, o.Failed, o.Dropped, o.Late)
		if o.Behind > 0 {
			fmt.Fprintf(tw, "\t\tof them %d too far behind for the watermark to wait for: edgeflow.watermark.max-behind\t\n", o.Behind)
		}
	}
	for _, f := range l.Flows {
		if f.Passes {
			fmt.Fprintf(tw, "since start\t%s %s\trows %d = gone %d + handed on %d\t%s\n", f.Kind, f.ID, f.Rows, f.Gone, f.Out,
				mark((f.Made || f.Came == f.Rows) && f.Rows == f.Gone+f.Out))
			continue
		}
		fmt.Fprintf(tw, "since start\t%s %s\trows %d = counted %d\t%s\n", f.Kind, f.ID, f.Came, f.Rows, mark(f.Came == f.Rows))
	}
	for _, o := range l.Outputs {
		if o.Uncommitted {
			fmt.Fprintf(tw, "output\t%s\temitted %d (uncommitted)\t\n", o.Name, o.Emitted)
			continue
		}
		fmt.Fprintf(tw, "output\t%s\temitted %d = confirmed %d + in outbox %d + dropped %d\t%s\n",
			o.Name, o.Emitted, o.Confirmed, o.InOutbox, o.Dropped, mark(o.Emitted == o.Confirmed+o.InOutbox+o.Dropped))
		if o.Merged > 0 {
			fmt.Fprintf(tw, "\t\tof them %d went into rows of wider windows\t\n", o.Merged)
		}
	}
	tw.Flush()
}
