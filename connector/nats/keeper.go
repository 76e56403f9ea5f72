package nats

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// keeper keeps a source being read: it sets up a consumer after the place that the intake
// has, again whenever what it listens to ends, and asks for more when there is room.
type keeper struct {
	s   *Source
	in  *intake
	t   transport
	ctx context.Context // its end closes the source

	incarnation uint64
	hole        hole     // what was passed and is not judged
	wait        patience // for answers of the server
	woken       chan struct{}

	mu sync.Mutex
	// fault is why what is listened to has ended; last is why there is no connection.
	fault, last error
	// abort ends the request that is under way.
	abort context.CancelCauseFunc
}

// fail implements events.
func (k *keeper) fail(err error) {
	k.mu.Lock()
	if k.abort != nil {
		k.abort(err)
	}
	k.mu.Unlock()
	k.ended(err)
}

// ended implements events; the first reason stands.
func (k *keeper) ended(err error) {
	k.mu.Lock()
	if k.fault == nil {
		k.fault = err
	}
	k.mu.Unlock()
	k.wake()
}

// attempt implements events.
func (k *keeper) attempt(err error) {
	k.mu.Lock()
	k.last = cause(err, nil)
	k.mu.Unlock()
}

// connected implements events.
func (k *keeper) connected() {
	k.attempt(nil)
	k.wake()
}

// wake makes the keeper look at what there is to do.
func (k *keeper) wake() {
	select {
	case k.woken <- struct{}{}:
	default:
	}
}

func (k *keeper) failed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fault
}

// request begins something that asks the server, which the loss of the connection ends, as done does.
func (k *keeper) request() (a *api, done func()) {
	ctx, abort := context.WithCancelCause(k.ctx)
	k.mu.Lock()
	k.abort = abort
	if k.fault != nil {
		abort(k.fault)
	}
	k.mu.Unlock()
	return &api{ctx: ctx, t: k.t, prefix: k.s.o.APIPrefix(), wait: &k.wait}, func() { abort(nil) }
}

// run keeps the source being read until it ends.
func (k *keeper) run() {
	defer close(k.s.done)
	defer func() { k.t.close() }()
	backoff := backoffMin
	from := k.in.reached()
	for {
		err := k.watch()
		if p := k.in.stop(); p.at.reached() != from {
			from, backoff = p.at.reached(), backoffMin
		}
		for !k.end(err) {
			k.pause(backoff - rand.N(backoff/4))
			backoff = min(2*backoff, k.s.o.BackoffMax)
			if err = k.anew(); err == nil {
				break
			}
		}
		if err != nil {
			return
		}
	}
}

// watch waits until something ends what is listened to, and meanwhile asks for more.
func (k *keeper) watch() error {
	s := k.s
	tick := time.NewTicker(max(s.o.Heartbeat/2, time.Millisecond))
	defer tick.Stop()
	seen, heard := k.in.activity.Load(), time.Now()
	for {
		if err := k.failed(); err != nil {
			return err
		}
		if err := k.judge(); err != nil {
			return err
		}
		s.more()
		select {
		case <-k.ctx.Done():
			return k.ctx.Err()
		case <-k.woken:
		case now := <-tick.C:
			if a := k.in.activity.Load(); a != seen || !s.expects() {
				seen, heard = a, now
			} else if now.Sub(heard) > s.silence() {
				k.t.renew()
				return errSilent
			}
		}
	}
}

// errSilent is a server that shows no sign of life.
var errSilent = errors.New("the server has been silent for too long")

// pause waits for the next attempt, or until there is a connection again.
func (k *keeper) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	wasUp := k.t.up()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-t.C:
			return
		case <-k.woken:
			if !wasUp && k.t.up() {
				return
			}
		}
	}
}

// anew makes another consumer, after the last message taken, on another connection when
// the one there was is closed for good.
func (k *keeper) anew() error {
	k.mu.Lock()
	k.fault = nil
	last := k.last
	k.mu.Unlock()
	if k.t.closed() {
		t, err := dial(k.ctx, &k.s.o, k.in, k)
		if err != nil {
			return err
		}
		k.t = t
		k.mu.Lock()
		k.fault = nil // that of the one before
		k.mu.Unlock()
	}
	if !k.t.up() {
		switch why := k.t.why(); {
		case why != nil:
			return why
		case last != nil:
			return last
		}
		return errDown
	}
	if k.s.o.Delivery == Push && !k.s.room() {
		return errHeldUp
	}
	report, err := k.setUp(false)
	if err != nil {
		k.in.stop()
		return err
	}
	k.warn(report)
	if report.Moved && report.Gap == 0 {
		k.in.stop()
		return errMoved
	}
	k.s.lack(k.in.reached()+1, report.Gap)
	return nil
}

// errHeldUp is what a source says that is pushed to and whose messages nobody polls: to another
// consumer the server would send its first window again, and more with each that is lost.
var errHeldUp = errors.New("messages that were read wait to be taken; more are asked for then")

// errMoved ends a source whose stream was rolled back or made anew while it ran, where the
// policy is to go on: a start notes the new place before it reads, which a running source
// could do with its next message only.
var errMoved = errors.New("the stream does not continue where reading was; a start goes on in it")

// warn tells of a gap that the policy allows and that was found while running.
func (k *keeper) warn(r dataflow.OpenReport) {
	if r.Warning != "" && k.s.o.OnGapFound != nil {
		k.s.o.OnGapFound(r)
	}
}

// end notes why reading stopped and tells whether that is for good.
func (k *keeper) end(err error) bool {
	s := k.s
	final := k.ctx.Err() != nil || errors.Is(err, io.EOF) || permanent(err)
	s.mu.Lock()
	s.live = nil
	s.st.Connected = false
	s.st.Err = err
	if !final {
		s.st.Err = s.wrap(err)
	}
	if final && s.err == nil {
		switch {
		case k.ctx.Err() != nil:
			s.err = ErrClosed
		case errors.Is(err, io.EOF):
			s.err = io.EOF
		default:
			s.err = s.wrap(err)
		}
		s.st.Err = s.err
	}
	st := s.st
	s.mu.Unlock()
	s.signal()
	if s.o.OnStatus != nil {
		s.o.OnStatus(st)
	}
	return final
}
