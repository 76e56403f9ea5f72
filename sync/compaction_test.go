package forward_test

import (
	"errors"
	"testing"
	"time"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// A hold stays where it is while the hub takes nothing. Once all rows before it are given up, no
// batch is left that could find the hub back: it is asked, and the rows behind the hold go.
func TestHoldIsLiftedWhenAllBeforeItIsGivenUp(t *testing.T) {
	for name, why := range map[string]error{
		"outcome unknown": errors.New("something went wrong"),
		"refused":         &forward.RefusedError{Reason: "full"},
		"not sent":        &forward.NotSentError{Err: errors.New("away")},
	} {
		t.Run(name, func(t *testing.T) {
			hub := &vague{Hub: simhub.New(1, simhub.Faults{}, wide)}
			b := newBench(t, wide, func(o *forward.OutputOptions) {
				o.Hub, o.BytesMax, o.AgeMax, o.OnFull = hub, 1<<20, time.Minute, forward.DropOldest
				o.Compact = &forward.Compaction{Widths: []time.Duration{time.Second}, Merger: joiner{}}
			})
			if err := b.steps(); err != nil { // claims
				t.Fatal(err)
			}
			hub.why = why
			b.store.Add("out", b.now, "old")
			b.commit()
			if _, err := b.fw.Step(t.Context(), b.now); err != nil {
				t.Fatal(err)
			}
			b.commit() // holds back what follows
			b.now = b.now.Add(2 * time.Minute)
			b.store.Add("out", b.now, "young")
			b.commit()
			if st := b.balanced(2); st.Dropped != 1 || st.Err == nil || b.fw.NeedsCommit() {
				t.Fatalf("%+v", st)
			}
			hub.why = nil
			if err := b.steps(); err != nil {
				t.Fatal(err)
			}
			if st := b.balanced(2); st.Err != nil || !b.fw.NeedsCommit() {
				t.Fatalf("the hub is back, and nobody finds out: %+v", st)
			}
			b.commit()
			if err := b.steps(); err != nil {
				t.Fatal(err)
			}
			if st := b.balanced(2); st.Confirmed != 1 || !b.fw.Drained() {
				t.Fatalf("%+v", st)
			}
		})
	}
}
