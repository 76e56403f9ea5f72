package forward

import (
	"testing"
	"time"
)

func TestRecordCodec(t *testing.T) {
	testRecordCodec(t, Record{Generation: 7, Epoch: 1 << 40, From: 3, Outbox: 99})
	testRecordCodec(t, Record{Generation: 7, Epoch: 1 << 40, From: 3, Outbox: 99, Skipped: 98, Counted: true})
	if _, err := DecodeRecord(Record{Outbox: 9, Skipped: 10, Counted: true}.Append(nil)); err == nil {
		t.Error("more rows are skipped than there are")
	}
}

// What the hub says of the rows up to its cursor counts; what was given up beyond stays.
func TestAdopt(t *testing.T) {
	for _, c := range []struct {
		had             Account
		outbox, skipped uint64
		want            Account
	}{
		{Account{}, 0, 0, Account{}},
		{Account{}, 10, 3, Account{Cursor: 10, Confirmed: 7, Dropped: 3}},
		// Given up here, and sent by a start before.
		{Account{DroppedTo: 5, Dropped: 5}, 6, 0, Account{Cursor: 6, DroppedTo: 5, Confirmed: 6}},
		{Account{DroppedTo: 9, Dropped: 9}, 6, 1, Account{Cursor: 6, DroppedTo: 9, Confirmed: 5, Dropped: 4}},
		// Given up by another copy of the disk.
		{Account{Cursor: 7, DroppedTo: 2, Confirmed: 6, Dropped: 1}, 12, 3, Account{Cursor: 12, DroppedTo: 2, Confirmed: 9, Dropped: 3}},
	} {
		got := c.had.adopt(c.outbox, c.skipped)
		if got != c.want || got.Confirmed+got.Dropped != got.Done() || got.skipped(c.outbox) != c.skipped {
			t.Errorf("%+v at %d, %d skipped: %+v, want %+v", c.had, c.outbox, c.skipped, got, c.want)
		}
	}
}

func testRecordCodec(t *testing.T, r Record) {
	b := r.Append(nil)
	got, err := DecodeRecord(b)
	if err != nil || got != r {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := DecodeRecord(b[:n]); err == nil {
			t.Fatalf("cut to %d bytes it decodes", n)
		}
	}
	if _, err := DecodeRecord(append(b, 0)); err == nil {
		t.Fatal("bytes after its end pass")
	}
	b[1] = 3
	if _, err := DecodeRecord(b); err == nil {
		t.Fatal("a later version passes")
	}
}

func seen(place, generation, outbox uint64) Seen {
	return Seen{Place: place, Record: Record{Generation: generation, Outbox: outbox}}
}

func TestDecideClaim(t *testing.T) {
	cases := []struct {
		name string
		l    Local
		s    Seen
		want Decision
	}{
		{"first ever", Local{}, Seen{}, Proceed},
		{"first ever with rows", Local{Sent: 50, Last: 50}, Seen{}, Proceed},
		{"restart, nothing new", Local{3, 10, 10, 10}, seen(5, 3, 10), Proceed},
		{"restart, hub knows more", Local{3, 10, 20, 20}, seen(5, 3, 15), Proceed},
		{"another instance in between", Local{3, 10, 20, 20}, seen(5, 9, 15), Proceed},
		{"claimed before the first commit", Local{0, 0, 0, 0}, seen(5, 1, 0), Proceed},
		{"old backup", Local{3, 10, 20, 20}, seen(5, 3, 21), CursorAhead},
		{"held rows sent by a copy of the disk", Local{3, 10, 15, 20}, seen(5, 3, 16), CursorAheadOfHold},
		{"sent up to the hold", Local{3, 10, 15, 20}, seen(5, 3, 15), Proceed},
		{"empty disk", Local{}, seen(5, 3, 21), CursorAhead},
		{"cursor purged", Local{3, 10, 20, 20}, Seen{}, CursorLost},
		{"cursor purged before any row", Local{3, 0, 20, 20}, Seen{}, CursorLost},
		{"hub rolled back", Local{3, 10, 20, 20}, seen(5, 3, 9), CursorBehind},
	}
	for _, c := range cases {
		if got := decideClaim(c.l, c.s); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDecideOutcome(t *testing.T) {
	l := Local{Generation: 3, Cursor: 10, Sent: 20, Last: 20}
	cases := []struct {
		name string
		s    Seen
		want Decision
	}{
		{"not stored", seen(5, 3, 10), Proceed},
		{"stored", seen(6, 3, 15), Proceed},
		{"fenced", seen(6, 4, 15), Fenced},
		{"fenced, and ahead of us", seen(6, 4, 99), Fenced},
		{"ahead", seen(6, 3, 21), CursorAhead},
		{"lost", Seen{}, CursorLost},
		{"rolled back to another generation", seen(4, 2, 10), CursorBehind},
		{"rolled back", seen(4, 3, 9), CursorBehind},
	}
	for _, c := range cases {
		if got := decideOutcome(l, c.s); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAccount(t *testing.T) {
	cases := []struct {
		name string
		do   func(a Account) Account
		want Account
	}{
		{"confirmed", func(a Account) Account { return a.learn(0, 10).learn(10, 25) }, Account{Cursor: 25, Confirmed: 25}},
		{"seen twice", func(a Account) Account { return a.learn(0, 10).learn(0, 10) }, Account{Cursor: 10, Confirmed: 10}},
		{"dropped, then on", func(a Account) Account { return a.learn(0, 10).drop(30).learn(30, 40) }, Account{Cursor: 40, DroppedTo: 30, Confirmed: 20, Dropped: 20}},
		{"dropped, but part had arrived", func(a Account) Account { return a.learn(0, 10).drop(30).learn(10, 15) }, Account{Cursor: 15, DroppedTo: 30, Confirmed: 15, Dropped: 15}},
		{"part had arrived, then on", func(a Account) Account { return a.learn(0, 10).drop(30).learn(10, 15).learn(30, 33) }, Account{Cursor: 33, DroppedTo: 30, Confirmed: 18, Dropped: 15}},
		{"dropped, but all had arrived and more", func(a Account) Account { return a.learn(0, 10).drop(30).learn(10, 35) }, Account{Cursor: 35, DroppedTo: 30, Confirmed: 35}},
		{"dropping what is confirmed", func(a Account) Account { return a.learn(0, 10).drop(5) }, Account{Cursor: 10, Confirmed: 10}},
		{"dropped twice", func(a Account) Account { return a.drop(5).drop(9).drop(7) }, Account{DroppedTo: 9, Dropped: 9}},
		{"refused", func(a Account) Account { return a.learn(0, 10).refuse(2) }, Account{Cursor: 10, Confirmed: 8, Dropped: 2, Refused: 2}},
	}
	for _, c := range cases {
		got := c.do(Account{})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got.Confirmed+got.Dropped != got.Done() {
			t.Errorf("%s: confirmed %d + dropped %d is not %d", c.name, got.Confirmed, got.Dropped, got.Done())
		}
	}
}

func TestBucket(t *testing.T) {
	now := time.UnixMilli(1e12)
	b := bucket{rate: 1000}
	if d := b.wait(now); d != 0 {
		t.Fatalf("a full bucket waits %v", d)
	}
	b.take(3000)
	d := b.wait(now)
	if d < 2*time.Second || d > 2100*time.Millisecond {
		t.Fatalf("3000 bytes at 1000 a second: waits %v", d)
	}
	if d := b.wait(now.Add(d)); d != 0 {
		t.Fatalf("after the wait: %v", d)
	}
	var none bucket
	none.take(1 << 30)
	if none.wait(now) != 0 {
		t.Fatal("no limit waits")
	}
}
