package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// head runs the head of a source by a generated fragment, event by event, and leaves the
// events that the fragment refuses to the interpreter.
//
// A fragment that refuses many events of a source would make it slow: each is a batch of
// its own. So after refusedMax in a row of sampled events the interpreter takes the next
// ones whole, and then the fragment is tried again. Both give the same, whoever takes them.
type head struct {
	in      *ingest
	plan    *plan.Head
	code    fused.Fragment
	host    *fused.Host
	stepper format.Placed
	// vertices and edges, by place in plan.Nodes and plan.Leaves, for counts of flows
	source   *vertex
	vertices []*vertex
	windows  []*vertex
	feeds    []int // by place in plan.Nodes: the node that feeds it, or -1

	holds bool // the fragment has something in hand
	// before are the decoder's counts when the ledger was last brought up to date.
	before headCounts
	// left tells that the interpreter runs an event that was left to it: its row and bounds.
	left    bool
	leftRow uint32
	bounds  [2]int
	// refused and taken count the events since the last look; rest is how many messages the
	// interpreter takes whole.
	refused, taken, rest int
	share                Share
}

// Share is how the events of a source were shared between generated code and the
// interpreter since the start.
type Share struct {
	// Table is the source's.
	Table string
	// Taken is the number of events that generated code took, Refused of those it left to the
	// interpreter. Resting counts messages that it was not asked about: see restMessages.
	Taken, Refused, Resting int64
}

// Shares lists the sources that generated code runs.
func (e *Engine) Shares() []Share {
	var out []Share
	for _, in := range e.sources {
		if in.fused != nil {
			out = append(out, in.fused.share)
		}
	}
	return out
}

const (
	// lookEvery is after how many events the share of refused ones is looked at, restMessages
	// for how many messages the interpreter is left alone when it is above a quarter.
	lookEvery    = 1024
	restMessages = 4096
)

// bindHeads makes the heads for which there is a fragment. It comes after operators have
// been opened.
func (e *Engine) bindHeads() error {
	heads, _ := e.plan.Heads()
	for _, h := range heads {
		code, ok := fused.New(h.Fingerprint)
		if !ok || e.interpret {
			continue
		}
		for _, in := range e.sources {
			if in.node != h.Source || in.decoder == nil || in.keyAt >= 0 {
				continue
			}
			if err := e.bindHead(in, h, code); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) bindHead(in *ingest, p *plan.Head, code fused.Fragment) error {
	stepper, ok := in.decoder.(format.Placed)
	if !ok {
		return nil
	}
	h := &head{in: in, plan: p, code: code, stepper: stepper, source: e.vertices[p.Source.Base().Ordinal],
		share: Share{Table: p.Source.Table.Name}}
	n := len(p.Nodes)
	h.host = &fused.Host{Head: p, Env: e.env, Stats: stepper.Stats(), ValueMax: in.limits.field, Source: in.ordinal,
		Marks: make([]*fused.Mark, n), Counts: make([]int64, n),
		Windows: make([]*op.WindowPanes, len(p.Leaves)), Outs: make([]*fused.Rows, len(p.Leaves))}
	h.windows = make([]*vertex, len(p.Leaves))
	place := map[plan.Node]int{p.Source: -1}
	for i, node := range p.Nodes {
		v := e.vertices[node.Base().Ordinal]
		place[node] = i
		h.vertices, h.feeds = append(h.vertices, v), append(h.feeds, place[node.Base().Inputs[0]])
		if o, ok := v.op.(*op.WatermarkAssigner); ok {
			h.host.Marks[i] = fused.NewMark(o, h.host, h.flush)
		}
	}
	for i, l := range p.Leaves {
		if l.Window != nil {
			v := e.vertices[l.Window.Base().Ordinal]
			h.windows[i] = v
			h.host.Windows[i] = v.op.(*op.WindowAggregate).Panes(&h.host.Arrival)
			continue
		}
		out := &fanout{}
		for _, c := range l.To {
			out.edges = append(out.edges, edge{to: e.vertices[c.Node.Base().Ordinal], input: c.Input})
		}
		h.host.Outs[i] = fused.NewRows(l.From.Base().Schema, out, h.host)
	}
	if err := code.Bind(h.host); err != nil {
		return err
	}
	in.fused = h
	return nil
}

// message runs the events of a message. It returns the number of rows.
func (h *head) message(m *Message) (int, error) {
	in, host := h.in, h.host
	if h.rest > 0 {
		h.rest--
		h.share.Resting++
		if err := h.settle(); err != nil {
			return 0, err
		}
		return in.decode(m)
	}
	if !h.holds || in.batch.N > 0 {
		if err := h.takeOver(); err != nil {
			return 0, err
		}
	}
	host.Arrival, host.Seq, host.Row = in.stampMs, m.Seq, 0
	// What follows the message in its buffer is not the message's.
	data := m.Data[:len(m.Data):len(m.Data)]
	h.stepper.Begin(data)
	rows, taken := 0, 0
	pos, ok := h.stepper.Next()
	for ok {
		if end := h.code.Event(data, pos); end >= 0 {
			host.Row++
			taken++
			pos, ok = h.stepper.Take(end)
			continue
		}
		host.Rows += int64(taken)
		rows, taken = rows+taken, 0
		n, more, err := h.interpret(m, pos)
		if rows += n; err != nil {
			return rows, err
		}
		if !more {
			break
		}
		pos, ok = h.stepper.Next()
	}
	host.Rows += int64(taken)
	rows += taken
	if h.taken += rows; h.taken >= lookEvery {
		h.look()
	}
	if host.Err != nil || len(in.refused) > 0 {
		return rows, h.divert()
	}
	return rows, nil
}

// headCounts are the decoder's counts of events.
type headCounts struct {
	bad           int64
	seen, ignored uint64
}

func (h *head) counts() headCounts {
	st := h.host.Stats
	return headCounts{h.in.bad, st.Decoded + st.Undecodable, st.Ignored}
}

// account adds the events since before to the ledger, of which so many gave a row.
func (h *head) account(rows int64) {
	in, before, now := h.in, h.before, h.counts()
	in.ledger.Read += int64(now.seen - before.seen)
	in.ledger.Decoded += rows
	in.ledger.Undecodable += now.bad - before.bad + int64(now.ignored-before.ignored)
	h.before = now
}

// takeOver hands on what the interpreter has decoded.
func (h *head) takeOver() error {
	if b := h.in.batch; b.N > 0 {
		if err := h.in.out.Process(b); err != nil {
			return err
		}
		b.Reset()
	}
	h.load()
	return nil
}

// load takes into hand what the fragment keeps between events.
func (h *head) load() {
	if h.holds {
		return
	}
	h.holds, h.before = true, h.counts()
	for _, m := range h.host.Marks {
		if m != nil {
			m.Load()
		}
	}
}

// interpret runs the event that the fragment has refused, which begins at pos.
func (h *head) interpret(m *Message, pos int) (rows int, more bool, err error) {
	in := h.in
	if err := h.settle(); err != nil {
		return 0, false, err
	}
	in.batch.Reset()
	in.payload.N = 0
	more = h.stepper.One(in.payload)
	h.left, h.leftRow, h.bounds = more, h.host.Row, [2]int{pos, min(max(h.stepper.At(), pos), len(m.Data))}
	h.host.Row = in.stamp(m, 0, h.host.Row)
	rows = in.batch.N
	h.account(int64(rows))
	h.refused++
	h.share.Refused++
	if rows > 0 {
		if err := in.out.Process(in.batch); err != nil {
			return rows, false, err
		}
	}
	h.left = false
	in.batch.Reset()
	h.load()
	return rows, more, nil
}

// divert ends a message of which events are to be diverted, or that has failed.
func (h *head) divert() error {
	if err := h.settle(); err != nil {
		return err
	}
	_, err := h.in.divert()
	return err
}

// look leaves the interpreter alone for a while where it takes most events anyway.
func (h *head) look() {
	if h.refused*4 > h.taken {
		h.rest = restMessages
	}
	h.taken, h.refused = 0, 0
}

// flush hands on the rows that wait, before a watermark goes out.
func (h *head) flush() error {
	for i, l := range h.plan.Leaves {
		if l.Window != nil {
			h.host.Windows[i].Account()
			continue
		}
		if err := h.host.Outs[i].Flush(); err != nil {
			return err
		}
	}
	return nil
}

// settle gives everything back that the fragment has in hand: state and counts are then
// those of the interpreter.
func (h *head) settle() error {
	if !h.holds {
		return nil
	}
	h.holds = false
	host := h.host
	host.Stats.Decoded += uint64(host.Rows)
	h.share.Taken += host.Rows
	h.account(host.Rows)
	h.code.Settle()
	h.source.out.rows += host.Rows
	for i, v := range h.vertices {
		came := host.Rows
		if f := h.feeds[i]; f >= 0 {
			came = host.Counts[f]
		}
		went := host.Counts[i]
		switch o := v.op.(type) {
		case *op.WatermarkAssigner:
			host.Marks[i].Settle(went)
		case *op.Calc:
			o.Account(came, came-went)
		}
		v.input = 0
		v.came += came
		v.out.rows += went
	}
	for i, l := range h.plan.Leaves {
		if v := h.windows[i]; v != nil {
			v.came += h.went(l.From)
		}
	}
	host.Rows = 0
	clear(host.Counts)
	if err := h.flush(); err != nil {
		return err
	}
	return host.Err
}

// went is the number of rows that a node of the head has emitted since the last settle.
func (h *head) went(n plan.Node) int64 {
	for i, x := range h.plan.Nodes {
		if x == n {
			return h.host.Counts[i]
		}
	}
	return h.host.Rows
}
