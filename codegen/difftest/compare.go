package difftest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Difference is where two runs part.
type Difference struct {
	// Gate is the number of the barrier, Mode the run that is unlike the interpreted one.
	Gate int
	Mode string
	// Part names what differs; Got and Want are the first lines that do.
	Part, Got, Want string
}

func (d *Difference) String() string {
	return fmt.Sprintf("%s run, barrier %d, %s:\n  got  %s\n  want %s", d.Mode, d.Gate, d.Part, d.Got, d.Want)
}

// Counts are what a comparison went through.
type Counts struct {
	// Inputs is the number of logs, Events that of events decoded by the interpreted run,
	// Taken and Refused what generated code did with those of the generated run, Resting the
	// messages that it was not asked about.
	Inputs, Events, Taken, Refused, Resting int64
}

// Add sums counts.
func (c *Counts) Add(o Counts) {
	c.Inputs += o.Inputs
	c.Events += o.Events
	c.Taken += o.Taken
	c.Refused += o.Refused
	c.Resting += o.Resting
}

// gate is where runs stop and are compared.
type gate struct {
	upTo   int64 // arrival time
	tick   int64 // 0 is none
	commit bool
	// crash starts again from the newest commit, after lost ms more have been processed in
	// vain; swap is what the changing run does then.
	crash, swap bool
	lost        int64
}

func schedule(logs map[string]Log, r *rand.Rand) (gates []gate) {
	var last int64
	var arrivals []int64
	for _, log := range logs {
		for _, m := range log {
			arrivals = append(arrivals, m.Arrival)
		}
	}
	slices.Sort(arrivals)
	if n := len(arrivals); n > 0 {
		last = arrivals[n-1]
		for range 1 + r.IntN(6) {
			g := gate{upTo: arrivals[r.IntN(n)], commit: r.IntN(4) > 0, crash: r.IntN(2) == 0, swap: r.IntN(3) > 0}
			if r.IntN(3) == 0 {
				g.tick = g.upTo + int64(r.IntN(3000))
			}
			if r.IntN(2) == 0 {
				g.lost = int64(r.IntN(20000))
			}
			gates = append(gates, g)
		}
	}
	sort.Slice(gates, func(i, j int) bool { return gates[i].upTo < gates[j].upTo })
	return append(gates, gate{upTo: last, commit: true})
}

// Compare runs a plan over logs, interpreted, generated and changing, with the schedule of a
// seed. The difference is nil when there is none; the error tells that nothing could be
// compared.
func Compare(p *plan.Plan, logs map[string]Log, seed uint64) (c Counts, d *Difference, err error) {
	gates := schedule(logs, rand.New(rand.NewPCG(seed, 1)))
	want, err := run(p, logs, gates, "interpreted", seed)
	if err != nil {
		return c, nil, err
	}
	c.Inputs, c.Events = 1, want.events
	for _, mode := range []string{"generated", "changing"} {
		got, err := run(p, logs, gates, mode, seed)
		if err != nil {
			return c, &Difference{Mode: mode, Part: "the run itself", Got: err.Error()}, nil
		}
		if mode == "generated" {
			for _, s := range got.shares {
				c.Taken, c.Refused, c.Resting = c.Taken+s.Taken, c.Refused+s.Refused, c.Resting+s.Resting
			}
		}
		if d := differ(got.snaps, want.snaps, waysOf(p) != oneWay); d != nil {
			d.Mode = mode
			return c, d, nil
		}
	}
	return c, nil, nil
}

// outcome is what a run gave.
type outcome struct {
	snaps  []snapshot
	shares []dataflow.Share
	events int64
}

func run(p *plan.Plan, logs map[string]Log, gates []gate, mode string, seed uint64) (out outcome, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("panic: %v\n%s", e, debug.Stack())
		}
	}()
	var polls *rand.Rand
	if seed%4 > 0 {
		polls = rand.New(rand.NewPCG(seed, uint64(len(mode))))
	}
	r := newRig(p, logs, polls)
	interpret := mode != "generated"
	if err := r.open(interpret); err != nil {
		return out, err
	}
	if heads := compiled(p); !interpret && len(r.engine.Shares()) != heads {
		return out, fmt.Errorf("the plan has %d heads with generated code, and the engine runs %v", heads, r.engine.Shares())
	}
	ways := waysOf(p)
	for i, g := range gates {
		if err := r.pass(g, i == len(gates)-1); err != nil {
			return out, err
		}
		out.snaps = append(out.snaps, r.snapshot(g, ways))
		if r.failure != nil {
			break
		}
		if !g.crash {
			continue
		}
		if g.lost > 0 {
			r.show(g.upTo+g.lost, false)
			if err := r.settle(); err != nil {
				return out, err
			}
			r.failure = nil
		}
		if mode == "changing" && g.swap {
			interpret = !interpret
		}
		if err := r.crash(interpret); err != nil {
			return out, err
		}
	}
	out.shares = append(r.shares, r.engine.Shares()...)
	out.events = r.engine.Events()
	return out, r.engine.Close()
}

// compiled is the number of heads for which there is generated code.
func compiled(p *plan.Plan) (n int) {
	heads, _ := p.Heads()
	for _, h := range heads {
		if fused.Known(h.Fingerprint) {
			n++
		}
	}
	return n
}

// pass brings a run to a gate.
func (r *rig) pass(g gate, last bool) error {
	r.show(g.upTo, last)
	if err := r.settle(); err != nil || r.failure != nil {
		return err
	}
	if g.tick > 0 {
		if err := r.engine.Tick(g.tick); err != nil {
			r.failure = err
			return nil
		}
	}
	if g.commit {
		return r.commit()
	}
	return nil
}

// ways tells how rows go through a plan.
type ways int

const (
	oneWay ways = iota
	// branching: rows go several ways, and the order of letters among them follows from where
	// batches end.
	branching
	// meeting: ways meet again. Where nothing behind tells the order of rows, the engine lets
	// them meet batch by batch: only the tables that the outputs show are the same.
	meeting
)

func waysOf(p *plan.Plan) ways {
	w := oneWay
	if len(p.Sources) > 1 {
		w = branching
	}
	for _, c := range p.Consumers() {
		if len(c) > 1 {
			w = branching
		}
	}
	from := make([]map[int]bool, len(p.Nodes))
	for i, n := range p.Nodes {
		from[i] = map[int]bool{i: true}
		for _, in := range n.Base().Inputs {
			for o := range from[in.Base().Ordinal] {
				if from[i][o] {
					w = meeting
				}
				from[i][o] = true
			}
		}
	}
	return w
}

// rowsOf is what is compared of printed rows: all of them in their order or, where ways
// meet, the table that they make, without arrival times.
func rowsOf(rows []string, w ways) []string {
	if w != meeting {
		return rows
	}
	count := map[string]int{}
	for _, row := range rows {
		text := row[2:strings.LastIndexByte(row, '@')]
		if row[0] == '-' {
			count[text]--
		} else {
			count[text]++
		}
	}
	var out []string
	for text, n := range count {
		if n != 0 {
			out = append(out, fmt.Sprintf("%d times %s", n, text))
		}
	}
	slices.Sort(out)
	return out
}

// snapshot is what can be seen of a run at a gate, by part.
type snapshot map[string]string

func (r *rig) snapshot(g gate, w ways) snapshot {
	if r.failure != nil {
		// Which of several failures of a batch comes first follows from where it ends.
		return snapshot{"failure": "the pipeline fails"}
	}
	s := snapshot{}
	for name, p := range r.prints {
		s["rows of "+name] = strings.Join(rowsOf(p.rows, w), "\n")
	}
	if g.commit && (w != meeting) {
		for name, rows := range r.outbox {
			if name == dataflow.DeadLetters || name == dataflow.LateRows {
				rows = inOrder(rows, w != oneWay)
			}
			s["output "+name] = strings.Join(rows, "\n")
		}
	}
	for name, d := range r.decoders {
		s["decoder of "+name] = fmt.Sprintf("%+v", *d.Stats())
	}
	s["watermark"] = fmt.Sprint(r.engine.WatermarkMs(), r.engine.NowMs())
	if w == meeting {
		return s
	}
	s["ledger"] = ledgerText(r.engine.Ledger())
	s["imbalances"] = imbalances(r)
	if r.plan.Config.StateTTL > 0 {
		return s // what has expired is given back sooner or later
	}
	var b strings.Builder
	if err := r.arena.Dump(&b); err != nil {
		s["state"] = err.Error()
	} else {
		s["state"] = b.String()
	}
	return s
}

// inOrder puts letters into an order that does not follow from where batches end: that of
// each operator, and none where rows go several ways.
func inOrder(rows []string, branched bool) []string {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b string) int {
		if branched {
			return strings.Compare(a, b)
		}
		return strings.Compare(operatorOf(a), operatorOf(b))
	})
	return rows
}

func operatorOf(letter string) string {
	_, rest, _ := strings.Cut(letter, `"operator":"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// imbalances are those that hold whatever is committed.
func imbalances(r *rig) string {
	l := r.engine.Ledger()
	l.Outputs = nil
	return strings.Join(l.Imbalances(), "\n")
}

func ledgerText(l *dataflow.Ledger) string {
	var b strings.Builder
	for _, s := range l.Sources {
		fmt.Fprintf(&b, "source %+v\n", s)
	}
	for _, o := range l.Operators {
		fmt.Fprintf(&b, "operator %+v\n", o)
	}
	for _, o := range l.Outputs {
		fmt.Fprintf(&b, "output %+v\n", o)
	}
	for _, f := range l.Flows {
		fmt.Fprintf(&b, "flow %+v\n", f)
	}
	return b.String()
}

// differ finds the first difference of two runs.
func differ(got, want []snapshot, branched bool) *Difference {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			return &Difference{Gate: i, Part: "barriers", Got: fmt.Sprint(len(got)), Want: fmt.Sprint(len(want))}
		}
		parts := slices.Sorted(maps.Keys(want[i]))
		for _, part := range slices.Sorted(maps.Keys(got[i])) {
			if _, ok := want[i][part]; !ok {
				parts = append(parts, part)
			}
		}
		for _, part := range parts {
			g, w := got[i][part], want[i][part]
			if g == w {
				continue
			}
			differs := true
			if part == "state" {
				g, w, differs = stateDiffers(g, w, branched)
			} else {
				g, w = firstLine(g, w)
			}
			if differs {
				return &Difference{Gate: i, Part: part, Got: g, Want: w}
			}
		}
	}
	return nil
}

// firstLine is the first pair of lines that differ, cut to a size that can be read.
func firstLine(got, want string) (string, string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(g) && i < len(w) && g[i] == w[i] {
		i++
	}
	line := func(l []string) string {
		if i >= len(l) {
			return fmt.Sprintf("(the end, after %d lines)", len(l))
		}
		return fmt.Sprintf("line %d: %.1500s", i, l[i])
	}
	return line(g), line(w)
}
