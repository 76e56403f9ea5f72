package op_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/op"
)

// Rows that are remembered are those of their key in their pane: more keys than places, keys
// that differ in one word, in a length or in what is NULL, panes in turns, a pane that is
// dropped while its rows are remembered, keys that are too long.
func TestRememberedRows(t *testing.T) {
	o := beaconWindow(t, op.Window{Kind: op.Tumble, Size: 10_000}).(*op.WindowAggregate)
	now := int64(0)
	panes := o.Panes(&now)
	r := rand.New(rand.NewPCG(7, 11))
	texts := []string{"", "\x00", "\x00\x00", "a", "b", "ab", "12345678", "123456789", "12345678\x00", "1234567890123456", "1234567890123457", "12345678901234567", "é"}
	for i := range 25 {
		texts = append(texts, fmt.Sprint("customer-", i))
	}
	want := map[string]uint64{}
	least := int64(0)
	hits := 0
	for i := range 60_000 {
		if i%100 == 99 {
			least += 10_000
			panes.Account()
			if err := o.Watermark(0, least); err != nil {
				t.Fatal(err)
			}
		}
		// Of two panes that are 500 s apart, many a key has the same place.
		at := least + r.Int64N(30_000) + 500_000*r.Int64N(2)
		if !panes.Take(at) {
			continue
		}
		// Every 64th pane has many groups. Of the others rows are remembered long after they are gone.
		pool := texts[:3]
		if at/10_000%64 == 0 {
			pool = texts
		}
		a, b, null := []byte(pool[r.IntN(len(pool))]+strings.Repeat(" ", 16)), []byte(pool[r.IntN(len(pool))]+strings.Repeat(" ", 16)), r.IntN(10) == 0
		a, b = a[:len(a)-16], b[:len(b)-16]
		key := []byte{0}
		text, shape := a, uint64(len(a))<<1
		if null {
			key[0], text, shape = 1, fused.Blank, 1
		} else {
			key = fused.KeyText(key, a)
		}
		key = fused.KeyText(key, b)
		var row []byte
		if fused.Short(text) && fused.Short(b) {
			row = panes.Near(shape|uint64(len(b))<<6, fused.Low(text), fused.High(text), fused.Low(b), fused.High(b))
		}
		if row != nil {
			hits++
		} else {
			row = panes.Row(key)
		}
		id := fmt.Sprintf("%d %q", at/10_000, key)
		if got := binary.LittleEndian.Uint64(row); got != want[id] {
			t.Fatalf("step %d: the row of %s has %d rows, not %d", i, id, got, want[id])
		}
		want[id]++
		binary.LittleEndian.PutUint64(row, want[id])
	}
	if hits < 20_000 || hits > 55_000 || len(want) < 1_000 {
		t.Errorf("%d hits, %d groups", hits, len(want))
	}
}
