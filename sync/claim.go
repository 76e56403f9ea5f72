package forward

import (
	"context"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// The cursors of a group are claimed in one atomic act, so that of two instances that start at
// once the later claim fences the earlier one at all outputs, or fails at all of them. Claimed
// one by one, each instance could be fenced at an output that the other claimed later, and none
// would go on.
//
// Of several groups of a link one is the referee: it is claimed first, and whoever is about to claim
// another looks at that one's cursors, then whether the referee is still its own, and then claims
// under the guard of what it saw. Who claimed the referee last goes on: another's claim is either
// before it, and is taken over, or fails its guard, and finds that the referee is lost. A referee
// that cannot be claimed, because its stream is away, holds nobody up, and then decides nothing.

// claiming is what an output is about to claim.
type claiming struct {
	o    *output
	seen Seen
	move Move
}

// together are the outputs that are claimed with o: those of its group that wait for it. It is
// nil where the first of them sees to it.
func (o *output) together() (all []*output) {
	if o.Group == "" {
		return []*output{o}
	}
	for _, p := range o.lane.outputs {
		if p.Group == o.Group && p.phase == phaseClaim {
			all = append(all, p)
		}
	}
	if all[0] != o {
		return nil
	}
	return all
}

// refereeOf is the first output of the group whose name sorts first, of those of a link; nil where
// there is nothing to decide.
func refereeOf(outputs []*output) (r *output) {
	several := false
	for _, o := range outputs {
		if o.Group == "" {
			continue
		}
		several = several || r != nil && o.Group != r.Group
		if r == nil || o.Group < r.Group {
			r = o
		}
	}
	if !several {
		return nil
	}
	return r
}

// waitsForReferee tells that the referee is still to be claimed.
func (o *output) waitsForReferee() bool {
	r := o.lane.referee
	return r != nil && r.Group != o.Group && r.phase == phaseClaim && r.backoff == 0
}

// askReferee returns an error when another instance has claimed the referee since this one did.
func (o *output) askReferee(ctx context.Context) error {
	r := o.lane.referee
	if r == nil || r.Group == o.Group || r.phase == phaseClaim {
		return nil
	}
	seen, err := r.look(ctx)
	if err == nil && seen.Generation > r.generation {
		err = r.trouble(Fenced, seen, Local{})
	}
	return err
}

// claim takes cursors over for a new generation, that of the output and those of its group.
func (o *output) claim(ctx context.Context, now time.Time) (progress bool, err error) {
	all := o.together()
	if all == nil || o.waitsForReferee() {
		return false, nil
	}
	err = o.claimAll(ctx, all)
	for _, p := range all {
		if err == nil {
			p.phase = phaseSend
			p.up(Event{Kind: Claimed, Output: p.Name, Generation: p.generation})
		} else if err := p.fail(now, err); err != nil {
			return true, err
		}
	}
	return true, nil
}

// claimAll claims all or none. Where its outcome is not known, the next claim reads the cursors
// and goes above it.
func (o *output) claimAll(ctx context.Context, all []*output) error {
	var parts []claiming
	b := &Batch{}
	for _, p := range all {
		c, err := p.prepare(ctx)
		if err != nil {
			return err
		}
		parts = append(parts, c)
		b.With = append(b.With, c.move)
	}
	if err := o.askReferee(ctx); err != nil {
		return err
	}
	b.Move, b.With = b.With[0], b.With[1:]
	if err := failpoint.Hit("forward.before-claim"); err != nil {
		return err
	}
	place, err := o.publish(ctx, b)
	if err != nil {
		return err
	}
	if err := failpoint.Hit("forward.after-claim"); err != nil {
		return err
	}
	for i, c := range parts {
		c.o.place = place + uint64(i)
		o.f.mu.Lock()
		c.o.generation = c.move.Cursor.Generation
		c.o.acc = c.o.acc.claimed(c.seen) // rows may have been given up meanwhile
		o.f.mu.Unlock()
	}
	return nil
}

// prepare looks at the cursor and decides whether it may be claimed.
func (o *output) prepare(ctx context.Context) (claiming, error) {
	c := claiming{o: o}
	if err := o.check(ctx); err != nil {
		return c, err
	}
	seen, err := o.look(ctx)
	if err != nil {
		return c, err
	}
	last := o.f.lastCommitted(o)
	if o.place == 0 {
		// What the hub has was sent before we began. Rows that were committed since then may
		// bear the same sequences and be others.
		last = o.restored
	}
	l := o.local(last)
	if d := decideClaim(l, seen); d != Proceed {
		if err := o.trouble(d, seen, l); err != nil {
			return c, err
		}
		// Resend: the hub's word counts no more than ours.
		acc := o.account()
		seen.Outbox, seen.From = max(seen.Outbox, acc.Done()), max(seen.From, acc.Done())
		seen.Counted = false
	}
	// As it will be when the claim stands.
	acc := o.account().claimed(seen)
	c.seen = seen
	c.move = Move{Output: o.Name, Subject: o.CursorSubject, Expect: seen.Place, Cursor: Record{
		Generation: max(seen.Generation, o.generation) + 1, Epoch: o.f.epoch.Load(), From: seen.From, Outbox: seen.Outbox,
		Skipped: acc.skipped(seen.Outbox), Counted: true,
	}}
	return c, nil
}
