package forward

import (
	"bytes"
	"testing"
)

// FuzzDecodeRecord reads arbitrary bytes as a cursor's record, which anybody may have
// written who may write to the hub's stream. What is taken for one comes back the same, and
// every decision over it is one of those known.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(Record{}.Append(nil), uint64(0), uint64(0))
	f.Add(Record{Generation: 3, Epoch: 9, From: 7, Outbox: 1 << 40}.Append(nil), uint64(3), uint64(5))
	f.Add(Record{Generation: ^uint64(0), Epoch: ^uint64(0), From: ^uint64(0), Outbox: ^uint64(0)}.Append(nil), ^uint64(0), uint64(1))
	f.Add(Record{Generation: 3, Epoch: 9, From: 7, Outbox: 8, Skipped: 4, Counted: true}.Append(nil), uint64(3), uint64(5))
	f.Add([]byte{0x95, 1}, uint64(1), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, generation, cursor uint64) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		again, err := DecodeRecord(r.Append(nil))
		if err != nil || again != r {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
		if bytes.Equal(b, r.Append(nil)) && len(b) > 64 {
			t.Fatal("a record of more than 64 bytes")
		}
		l := Local{Generation: generation, Cursor: cursor, Sent: cursor, Last: cursor}
		for _, d := range []Decision{decideClaim(l, Seen{Place: 1, Record: r}), decideOutcome(l, Seen{Place: 1, Record: r})} {
			_ = d.String()
			if d == Proceed && r.Outbox > l.Last {
				t.Fatalf("%+v goes on beyond what was committed: %+v", l, r)
			}
		}
		a := Account{Cursor: cursor, Confirmed: cursor}
		if got := a.learn(r.From, r.Outbox); got.Cursor < a.Cursor {
			t.Fatalf("%+v went back to %+v", a, got)
		}
	})
}
