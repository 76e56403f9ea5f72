package op_test

import (
	"math/rand"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// pairCount counts rows.
type pairCount struct {
	nothing
	n int
}

func (c *pairCount) Process(b *vec.Batch) error {
	c.n += b.Rows()
	return nil
}

// TestEqualRowsExpire joins very many rows without any difference, which come and are taken
// back one a millisecond, with few others. Those that count are as many as came within the time
// to live; of equal ones the newest is taken back. If one that goes were looked for among all
// of its kind, this would take minutes.
func TestEqualRowsExpire(t *testing.T) {
	const ttl, rows, batch = 100_000, 250_000, 1000
	for _, kind := range []op.JoinKind{op.JoinInner, op.JoinSemi} {
		cfg := joinCase{kind: kind, by: [2]op.JoinIdentity{op.JoinByRow, op.JoinByRow}}.config()
		cfg.TTLMs = [2]int64{ttl, ttl}
		o, err := op.NewJoin(cfg)
		if err != nil {
			t.Fatal(err)
		}
		a, err := state.NewArena(state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := &pairCount{}
		if err := o.Open(&op.Context{Arena: a, ID: "op", Out: out, Env: &expr.Env{}}); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewSource(1))
		var live []int64 // arrivals, the oldest first
		b := vec.NewBatch(regularTypes)
		feed := func(input int, now int64, kinds ...vec.RowKind) {
			t.Helper()
			b.Reset()
			for i, k := range kinds {
				b.Cols[0].I64[i], b.Cols[1].I64[i] = 1, 1
				b.Cols[2].SetString(i, "text")
				b.Kinds, b.Arrival = append(b.Kinds, k), append(b.Arrival, now+int64(i))
			}
			b.N = len(kinds)
			if err := o.Process(input, b); err != nil {
				t.Fatal(err)
			}
		}
		now := int64(0)
		for n := 0; n < rows; n += batch {
			kinds := make([]vec.RowKind, batch)
			for i := range kinds {
				if len(live) > 0 && r.Intn(4) == 0 {
					kinds[i] = vec.Delete
					live = live[:len(live)-1]
					continue
				}
				live = append(live, now+int64(i))
			}
			feed(0, now, kinds...)
			now += batch
			for len(live) > 0 && now-live[0] >= ttl {
				live = live[1:]
			}
			if n%(50*batch) == 0 {
				out.n = 0
				feed(1, now, vec.Insert)
				if out.n != len(live) {
					t.Fatalf("%v: %d rows have the other for a partner, want %d", kind, out.n, len(live))
				}
				feed(1, now, vec.Delete)
				for i := range live {
					if kind == op.JoinSemi { // the number of partners is written
						live[i] = now
					}
				}
			}
		}
		for i := range int64(5_000) {
			for in := range 2 {
				if err := o.Watermark(in, op.Idle); err != nil {
					t.Fatal(err)
				}
				if err := o.Tick(now + ttl + i); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := a.Check(); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		if n := a.Stats().Pages; n > 40 {
			t.Errorf("%v: %d pages are in use after all rows have expired", kind, n)
		}
	}
}
