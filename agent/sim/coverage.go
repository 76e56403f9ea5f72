package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// FaultCount says how often a kind of fault was drawn, how often it hit (one may be drawn
// for a moment that never comes), and at which step of a host.
type FaultCount struct {
	Drawn int            `json:"drawn"`
	Hit   int            `json:"hit"`
	At    map[string]int `json:"at"`
}

// Coverage counts faults by kind.
type Coverage map[string]*FaultCount

func (c Coverage) of(kind string) *FaultCount {
	f := c[kind]
	if f == nil {
		f = &FaultCount{At: map[string]int{}}
		c[kind] = f
	}
	return f
}

// Add adds what another run counted.
func (c Coverage) Add(o Coverage) {
	for kind, n := range o {
		f := c.of(kind)
		f.Drawn += n.Drawn
		f.Hit += n.Hit
		for step, k := range n.At {
			f.At[step] += k
		}
	}
}

// Print writes a table of kinds, and of the steps at which each hit.
func (c Coverage) Print(out io.Writer) error {
	tw := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "fault\tdrawn\thit\tsteps")
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		f := c[kind]
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\n", kind, f.Drawn, f.Hit, len(f.At))
		for _, step := range slices.Sorted(maps.Keys(f.At)) {
			fmt.Fprintf(tw, "  %s\t\t%d\t\n", step, f.At[step])
		}
	}
	return tw.Flush()
}

// drawn notes that the world decided on a fault.
func (w *world) drawn(kind string) {
	if w.faulty {
		w.coverage.of(kind).Drawn++
	}
}

// hit notes that a fault changed what happened at a step.
func (w *world) hit(kind, step string) {
	if w.faulty || w.healing {
		f := w.coverage.of(kind)
		f.Hit++
		f.At[step]++
	}
}

// strike is a fault that hits as it is drawn, at the step where the pipeline is.
func (w *world) strike(kind string) {
	w.drawn(kind)
	w.hit(kind, w.step())
}

// step names where the pipeline is between two turns.
func (w *world) step() string {
	h := w.main
	switch {
	case h == nil:
		return "down"
	case h.checks == nil:
		return "restoring"
	case h.stage == commitTaken && h.write != nil:
		return "inside a commit"
	case h.stage == commitTaken:
		return "between barrier and commit"
	case h.stage == commitEnded:
		return "between commit and its news"
	case h.checks.Drained():
		return "drained"
	case h.held != "":
		return "held"
	}
	return "reading"
}
