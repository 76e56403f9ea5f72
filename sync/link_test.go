package forward_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// slowHub is a simulated hub behind a link on which every request takes a round trip and a time
// for each byte. It is the clock too: what is waited for passes at once. The ends of requests are by
// the clock of a synctest bubble, which stands still meanwhile.
type slowHub struct {
	*simhub.Server
	now   time.Time
	round time.Duration
	rate  float64 // bytes a second
	// silent makes answers to the beginning of a batch go missing.
	silent bool
	// strict does not store a batch whose answer does not come in time.
	strict bool

	requests, late int
	batches        []int // bytes
	idle           time.Duration
}

func (h *slowHub) Now() time.Time { return h.now }

func (h *slowHub) After(d time.Duration) <-chan time.Time {
	h.now = h.now.Add(d)
	c := make(chan time.Time, 1)
	c <- h.now
	return c
}

// takes lets the time of a request pass; it is late when the answer would come after its end.
func (h *slowHub) takes(ctx context.Context, bytes int) error {
	h.requests++
	took := h.round + time.Duration(float64(bytes)/h.rate*float64(time.Second))
	end, ok := ctx.Deadline()
	if !ok {
		return fmt.Errorf("a request without an end")
	}
	if most := time.Until(end); took > most {
		h.late++
		h.now = h.now.Add(most)
		return context.DeadlineExceeded
	}
	h.now = h.now.Add(took)
	return nil
}

func (h *slowHub) Check(ctx context.Context) (forward.Limits, error) {
	if err := h.takes(ctx, 0); err != nil {
		return forward.Limits{}, err
	}
	return h.Server.Check(ctx)
}

func (h *slowHub) ReadCursor(ctx context.Context, subject string) ([]byte, uint64, error) {
	if err := h.takes(ctx, 0); err != nil {
		return nil, 0, err
	}
	return h.Server.ReadCursor(ctx, subject)
}

// Publish stores a batch whose answer does not come in time, too.
func (h *slowHub) Publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	late := h.takes(ctx, b.Bytes)
	if late != nil && h.strict {
		return 0, late
	}
	place, err := h.Server.Publish(ctx, b)
	if late != nil {
		return 0, late
	}
	if !h.silent {
		b.Round = h.round
	}
	if b.Bytes > 0 {
		h.batches = append(h.batches, b.Bytes)
		h.idle += h.round
	}
	return place, err
}

// slowLink is a forwarder with a backlog before a slow hub.
func slowLink(t *testing.T, h *slowHub, rows int, sizes ...int) *forward.Forwarder {
	t.Helper()
	h.Server = simhub.New(1, simhub.Faults{}, forward.Limits{MessageBytes: 1 << 20, Messages: 999, Bytes: 8 << 20, Overhead: 300})
	h.now = time.UnixMilli(1e12)
	store := forward.NewMemStore()
	for range rows {
		store.Add("out", h.now, strings.Repeat("x", 60))
	}
	for _, bytes := range sizes {
		store.Add("out", h.now, strings.Repeat("x", bytes))
	}
	f, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Clock: h,
		Outputs: []forward.OutputOptions{{Name: "out", Hub: h, Subject: "s", CursorSubject: "c", Pack: 100, Separator: "\n"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// drain steps until all rows are at the hub, or the batches that are wanted were sent.
func (h *slowHub) drain(t *testing.T, f *forward.Forwarder, batches int) {
	t.Helper()
	for n := 0; !f.Drained() && len(h.batches) < batches; n++ {
		wait, err := f.Step(context.Background(), h.now)
		if err != nil {
			t.Fatal(err)
		}
		if n > 10_000 {
			t.Fatalf("not drained: %+v", f.Statuses(h.now))
		}
		h.now = h.now.Add(wait)
	}
}

func TestBatchesFollowTheLink(t *testing.T) {
	const all = 1 << 30
	for _, c := range []struct {
		name     string
		round    time.Duration
		rate     float64
		silent   bool
		from, to int // bytes of a batch in the end
		used     float64
	}{
		{"50 kbit/s, 600 ms", 600 * time.Millisecond, 6250, false, 33_000, 38_000, 0.88},
		{"answers after 5 s", 5 * time.Second, 6250, false, 45_000, 50_000, 0.55},
		{"answers after 30 s", 30 * time.Second, 6250, false, 45_000, 50_000, 0.18},
		{"1 kB/s", 600 * time.Millisecond, 1000, false, 4096, 6500, 0.85},
		{"a local network", 200 * time.Microsecond, 100e6, false, 390_000, 4 << 20, 0.98},
		{"no word of the beginning", 100 * time.Millisecond, 6250, true, 11_000, 13_000, 0.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &slowHub{round: c.round, rate: c.rate, silent: c.silent}
				f := slowLink(t, h, int(min(max(c.rate, 5000), 300_000)))
				h.drain(t, f, 1)
				h.batches, h.idle = nil, 0
				began := h.now
				h.drain(t, f, 12)
				n := len(h.batches)
				if got := h.batches[n-2]; got < c.from || got > c.to { // the last may be a rest
					t.Errorf("batches of %d bytes instead of %d to %d", h.batches, c.from, c.to)
				}
				if used := 1 - h.idle.Seconds()/h.now.Sub(began).Seconds(); used < c.used {
					t.Errorf("the link was used to %.0f%%, by batches of %d bytes", 100*used, h.batches)
				}
				if c.round < 5*time.Second && h.late > 0 {
					t.Errorf("%d answers did not come in time", h.late)
				}
				h.drain(t, f, all)
			})
		})
	}
}

// A link that becomes slower makes batches smaller; an answer that comes later does not.
func TestBatchesFollowAChangingLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &slowHub{round: 50 * time.Millisecond, rate: 20_000}
		f := slowLink(t, h, 200_000)
		h.drain(t, f, 10)
		before := h.batches[9]
		h.round = 6 * time.Second
		h.drain(t, f, 20)
		if n := h.batches[19]; n < before {
			t.Errorf("batches of %d bytes when answers come later, %d before", n, before)
		}
		h.rate = 2000
		h.drain(t, f, 40)
		if n := h.batches[39]; n > 18_000 {
			t.Errorf("batches of %d bytes over 2 kB/s", n)
		}
		h.rate, h.round = 1e6, time.Millisecond
		h.drain(t, f, 52)
		if n := h.batches[51]; n < 1_000_000 {
			t.Errorf("batches of %d bytes over 1 MB/s", n)
		}
	})
}

// A hub that needs longer than a request is given is given more, until it has answered.
func TestSlowHubIsGotStartedAgainst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &slowHub{round: 40 * time.Second, rate: 10_000}
		f := slowLink(t, h, 10_000)
		h.drain(t, f, 1<<30)
		if st := f.Statuses(h.now)[0]; st.Confirmed != 10_000 || st.Dropped != 0 {
			t.Fatalf("%+v", st)
		}
		if h.late == 0 || h.late > 4 {
			t.Errorf("%d of %d requests were late", h.late, h.requests)
		}
		seen := map[uint64]bool{}
		for _, m := range h.Messages {
			if seen[m.First] {
				t.Fatalf("row %d is there twice", m.First)
			}
			seen[m.First] = true
		}
	})
}

// A row that takes the link long is given the time, though nothing is known of the link yet, and more
// when that was too little: what a hub answers to questions in between is no reason to be as impatient
// as before.
func TestLargeRowsPassASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rate, late := range map[float64]int{20_000: 0, 8_100: 1} {
			h := &slowHub{round: 100 * time.Millisecond, rate: rate, strict: true}
			f := slowLink(t, h, 0, 900_000, 900_000)
			h.drain(t, f, 1<<30)
			if st := f.Statuses(h.now)[0]; st.Confirmed != 2 || h.late > late {
				t.Errorf("at %v bytes/s: %d of %d requests were late, %+v", rate, h.late, h.requests, st)
			}
		}
	})
}
