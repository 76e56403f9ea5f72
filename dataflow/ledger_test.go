package dataflow

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// losing is a decoder that takes a row back which it has counted.
type losing struct {
	format.Decoder
	left int
}

func (d *losing) Decode(msg []byte, b *vec.Batch) bool {
	more := d.Decoder.Decode(msg, b)
	if d.left--; d.left == 0 {
		b.N--
	}
	return more
}

func (r *rig) vertex(kind string) *vertex {
	for _, v := range r.engine.vertices {
		if v.node.Kind() == kind {
			return v
		}
	}
	return nil
}

// One increment less anywhere is found.
func TestTheLedgerFindsWhatIsLost(t *testing.T) {
	log := []entry{timed(1000, "a", 1, 1), {at: 1500, data: `{"k":`}, timed(2000, "a", 5, 2), timed(3000, "b", 21, 3), timed(4000, "a", 9, 4), timed(5000, "a", 60, 5)}
	operator := func(kind string, field int) func(*rig) {
		return func(r *rig) {
			for _, n := range r.plan.Nodes {
				if n.Kind() == kind {
					s := r.arena.Lookup(n.Base().ID).Scalars("ledger", 64)
					s.SetInt64(field*8, s.Int64(field*8)-1)
				}
			}
		}
	}
	for _, c := range []struct {
		name     string
		before   func(*rig)
		after    func(*rig)
		equation string // words of the imbalance; none when there is to be none
	}{
		{name: "nothing is lost"},
		{name: "a read event", after: func(r *rig) { r.engine.sources[0].ledger.Read-- }, equation: "source a"},
		{name: "a decoded event", after: func(r *rig) { r.engine.sources[0].ledger.Decoded-- }, equation: "source a"},
		{name: "an undecodable event", after: func(r *rig) { r.engine.sources[0].ledger.Undecodable-- }, equation: "source a"},
		{name: "a row between decoder and engine", before: func(r *rig) {
			r.decoded = func(d format.Decoder) format.Decoder { return &losing{Decoder: d, left: 3} }
		}, equation: "source a"},
		{name: "an assignment to a window", after: operator("window-aggregate", 5), equation: "window-aggregate"},
		{name: "a row that left with its window", after: operator("window-aggregate", 6), equation: "window-aggregate"},
		{name: "a late assignment", after: operator("window-aggregate", 7), equation: "window-aggregate"},
		{name: "a row on the way to an operator", after: func(r *rig) { r.vertex("window-aggregate").came-- }, equation: "window-aggregate"},
		{name: "a row that an operator did not count", after: operator("watermark-assigner", 0), equation: "watermark-assigner"},
		{name: "a row that an operator did not hand on", after: func(r *rig) { r.vertex("watermark-assigner").out.rows-- }, equation: "watermark-assigner"},
		{name: "a row that a source did not hand on", after: func(r *rig) { r.vertex("source").out.rows-- }, equation: "source a: rows"},
		{name: "a row that a sink did not write", after: func(r *rig) { r.vertex("sink").op.(*sink).written-- }, equation: "sink o"},
		{name: "a row on the way to its frame", after: func(r *rig) { r.frames["o"].lose = true }, equation: "output o"},
		{name: "a dead letter on the way to its frame", after: func(r *rig) { r.frames[DeadLetters].lose = true }, equation: "output dead-letters"},
		{name: "a row that is emitted and not counted", after: func(r *rig) { r.engine.outputs[2].emitted-- }, equation: "output o"},
	} {
		s := &script{log: log[:5]}
		r := newRig(t, noGuard+windowed, map[string]*script{"a": s})
		if c.before != nil {
			c.before(r)
		}
		r.start()
		r.settle()
		if c.after != nil {
			c.after(r)
		}
		s.log = append(s.log[:5:5], entry{at: 4500, data: "nonsense"}, log[5])
		r.settle()
		var frames []int
		for _, o := range r.engine.outputs {
			n := 0
			for _, f := range o.cut(nil) {
				n += strings.Count(string(f.Data), "\n") + 1
			}
			frames = append(frames, n)
		}
		l := r.engine.Ledger()
		for i := range l.Outputs {
			l.Outputs[i].InOutbox = int64(frames[i])
		}
		bad := l.Imbalances()
		if c.equation == "" {
			if len(bad) > 0 {
				t.Errorf("%s: %v", c.name, bad)
			}
			continue
		}
		if len(bad) == 0 || !strings.HasPrefix(bad[0], c.equation) {
			t.Errorf("%s: %q, want one about %s", c.name, bad, c.equation)
		}
	}
}

// Outputs without an outbox have no balance and are listed in the plan's order.
func TestLedgerOfUncommittedOutputs(t *testing.T) {
	sql := `
CREATE TABLE a (n BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE z (n BIGINT) WITH ('connector' = 'print');
CREATE TABLE y (n BIGINT) WITH ('connector' = 'print');
CREATE TABLE x (n BIGINT) WITH ('connector' = 'print');
EXECUTE STATEMENT SET BEGIN INSERT INTO z SELECT n FROM a; INSERT INTO y SELECT n FROM a WHERE n > 1; INSERT INTO x SELECT n FROM a; END;`
	for range 5 {
		r := newRig(t, sql, map[string]*script{"a": {log: numbers(1, 3, 1, 1)}}).start()
		r.settle()
		var got []string
		for _, o := range r.engine.Ledger().Outputs {
			if o.Uncommitted {
				got = append(got, o.Name+strings.Repeat("+", int(o.Emitted)))
			}
		}
		wantRows(t, "outputs", got, "z+++", "y++", "x+++")
		r.balanced()
	}
}

// Where what is open was not counted, that more left the windows than came is found still.
func TestALedgerWithDerivedNumbers(t *testing.T) {
	for open, found := range map[int64]int{0: 0, 2: 0, -1: 1} {
		a := op.Audit{Assigned: 4, Fired: 4 - open, Open: open, Derived: true}
		l := &Ledger{Operators: []NamedAudit{{"w", "window-aggregate", a}}}
		if bad := l.Imbalances(); len(bad) != found {
			t.Errorf("%+v: %q", a, bad)
		}
	}
}
