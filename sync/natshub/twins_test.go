package natshub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// TestOneOfTwinsGoesOn starts two instances on folders of their own at moments that a seed
// decides, with several outputs to one stream, or to several of a server. One of them gets to the
// end, and the streams have its rows once; claimed one by one, there would be rounds that neither
// survives.
func TestOneOfTwinsGoesOn(t *testing.T) {
	const outputs = 4
	w := start(t)
	for _, c := range []struct {
		name   string
		groups []string // of the outputs in turn
		rounds int
	}{{"together", []string{"stream"}, 40}, {"several streams", []string{"b", "a", "c"}, 120}, {"one by one", []string{""}, 70}} {
		var none, both int
		for round := range c.rounds {
			rnd := rand.New(rand.NewPCG(uint64(round), 17))
			var twins [2]*forward.Forwarder
			for i := range twins {
				var outs []forward.OutputOptions
				store := &outbox{}
				store.add(0, 40)
				for o := range outputs {
					name := fmt.Sprint("out", o)
					group := c.groups[o%len(c.groups)]
					prefix := "hub" + group
					outs = append(outs, forward.OutputOptions{Name: name, Hub: w.hub(func(o *natshub.Options) {
						o.Stream, o.Subjects = "HUB"+group, []string{prefix + ".>"}
					}), Subject: fmt.Sprintf("%s.%d.%s", prefix, round, name), Pack: 1 + 9*o, Separator: "\n", Link: "hub", Group: group, Priority: rnd.IntN(2),
						CursorSubject: natshub.CursorSubject(prefix, c.name, fmt.Sprint(round), name)})
				}
				fw, err := forward.New(forward.Options{Pipeline: c.name, Instance: fmt.Sprint(round), Store: store, Outputs: outs}, nil)
				if err != nil {
					t.Fatal(err)
				}
				twins[i] = fw
			}
			ended := 0
			now := time.Now()
			// A lead of some steps for the first, then as it comes.
			for lead, alive := rnd.IntN(8), []int{0, 1}; len(alive) > 0; lead-- {
				k := 0
				if lead < 0 {
					k = rnd.IntN(len(alive))
				}
				fw := twins[alive[k]]
				now = now.Add(time.Minute) // nobody waits
				_, err := fw.Step(context.Background(), now)
				if err != nil && !errors.Is(err, forward.ErrFenced) && !errors.Is(err, forward.ErrCursorAhead) {
					t.Fatal(err)
				}
				if err == nil && fw.Drained() {
					ended++
				}
				if err != nil || fw.Drained() {
					alive = append(alive[:k:k], alive[k+1:]...)
				}
			}
			for o := 0; o < outputs && c.groups[0] != ""; o++ {
				group := c.groups[o%len(c.groups)]
				subject := fmt.Sprintf("hub%s.%d.out%d", group, round, o)
				info, err := w.js.StreamInfo("HUB"+group, &nats.StreamInfoRequest{SubjectsFilter: subject})
				if err != nil {
					t.Fatal(err)
				}
				pack := 1 + 9*o
				if got, want := info.State.Subjects[subject], (40+pack-1)/pack; got != uint64(want) {
					t.Errorf("round %d: output %d has %d messages instead of %d", round, o, got, want)
				}
			}
			switch {
			case ended == 0:
				none++
			case ended > 1:
				both++
			}
		}
		t.Logf("%s: of %d pairs %d had none that got to the end, %d had two", c.name, c.rounds, none, both)
		if c.groups[0] != "" && none > 0 {
			t.Errorf("%s: neither survived %d of %d rounds", c.name, none, c.rounds)
		}
		if c.groups[0] == "" && none == 0 {
			t.Error("the rounds are not such that neither could survive: they prove nothing")
		}
	}
}
