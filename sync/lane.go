package forward

import (
	"context"
	"errors"
	"sort"
	"sync/atomic"
	"time"
)

// Lane moves the outputs of one link, one at a time. Lanes do not wait for each other: a hub that
// swallows what it is sent holds up only what goes there.
type Lane struct {
	f       *Forwarder
	outputs []*output
	steps   uint64
	wake    chan struct{}
	back    atomic.Bool // there is a connection again
	referee *output     // decides which of several instances goes on; may be nil
}

// lanesOf makes the lanes of the outputs, in the order of their first ones.
func lanesOf(f *Forwarder) (lanes []*Lane) {
	byLink := map[string]*Lane{}
	for _, o := range f.outputs {
		l := byLink[o.Link]
		if l == nil {
			l = &Lane{f: f, wake: make(chan struct{}, 1)}
			lanes = append(lanes, l)
			if o.Link != "" {
				byLink[o.Link] = l
			}
		}
		l.outputs, o.lane = append(l.outputs, o), l
	}
	for _, l := range lanes {
		l.referee = refereeOf(l.outputs)
	}
	return lanes
}

// Run steps until ctx ends or the forwarder must stop; nil means that ctx ended.
func (l *Lane) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait, err := l.Step(ctx, l.f.Clock.Now())
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if wait <= 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-l.f.Clock.After(wait):
		}
	}
	return nil
}

// Step does the most urgent thing and says how long to wait before the next call; 0 means
// not at all. An error is final: it is an *OutputError.
func (l *Lane) Step(ctx context.Context, now time.Time) (wait time.Duration, err error) {
	order := append([]*output(nil), l.outputs...)
	sort.SliceStable(order, func(i, j int) bool {
		if order[i].Priority != order[j].Priority {
			return order[i].Priority > order[j].Priority
		}
		return order[i].served < order[j].served
	})
	wait = idleWait
	if l.back.Swap(false) {
		for _, o := range order {
			if o.away {
				o.notBefore = time.Time{}
			}
		}
	}
	for _, o := range order {
		if d := o.notBefore.Sub(now); d > 0 {
			wait = min(wait, d)
			continue
		}
		progress, err := o.step(ctx, now)
		if err != nil {
			var fe *fatalError
			if errors.As(err, &fe) {
				err = fe.err
			}
			l.f.setStatus(o, err)
			return 0, err
		}
		if progress {
			l.steps++
			o.served = l.steps
			return 0, nil
		}
	}
	return wait, nil
}

// rouse ends a wait of Run.
func (l *Lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
