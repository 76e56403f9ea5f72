package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// phase is what an output does next.
type phase uint8

const (
	phaseClaim   phase = iota // read the cursor and claim it
	phaseSend                 // send the next batch
	phaseResolve              // read the cursor, because an outcome is not known
)

// output is the state machine of one output. It belongs to the goroutine of its lane; what
// others read is in the shared part of the forwarder.
type output struct {
	OutputOptions
	f    *Forwarder
	lane *Lane
	i    int // of this output in the forwarder

	phase      phase
	restored   uint64  // the last committed sequence when the forwarder began
	generation uint64  // written under the forwarder's lock
	acc        Account // under the forwarder's lock
	place      uint64  // of the cursor at the hub
	lim        Limits
	limChanged bool // the hub has other limits by now
	batch      batcher
	link       link
	bucket     bucket
	// flight is the newest batch whose outcome is not known.
	flightTo, flightRefused uint64
	// passed is, by width, up to where rows were merged; it belongs to the goroutine that
	// commits.
	passed []uint64

	notBefore time.Time
	backoff   time.Duration
	served    uint64 // number of the step that served it last
	away      bool   // nothing could be sent for want of a connection
	said      string // of the newest event about a failure, empty when all is well
	guards    int    // failed in a row
}

// guardsMax is how many failed guards in a row are followed up at once; after that there
// is a wait between them.
const guardsMax = 3

// local is what the decisions need to know.
func (o *output) local(last uint64) Local {
	acc := o.account()
	// Our own claim may have moved the cursor over rows that are held and have been given up.
	return Local{Generation: o.generation, Cursor: acc.Cursor, Sent: max(o.f.sendable(o), acc.Done()), Last: last}
}

// step does one thing. progress is false when there is nothing to send.
func (o *output) step(ctx context.Context, now time.Time) (progress bool, err error) {
	switch o.phase {
	case phaseClaim:
		return o.claim(ctx, now)
	case phaseResolve:
		return true, o.resolve(ctx, now)
	}
	return o.send(ctx, now)
}

// ask makes a small request, and waits the longer for its answer the slower the link is and the
// more answers were missed.
func (o *output) ask(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, o.link.patience(o.RequestTimeout))
	defer cancel()
	began := o.f.Clock.Now()
	err := request(ctx)
	switch {
	case err == nil:
		o.link = o.link.answered(o.f.Clock.Now().Sub(began))
	case errors.Is(err, context.DeadlineExceeded):
		o.link = o.link.late()
	}
	return err
}

// check asks for the hub's limits.
func (o *output) check(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context) error {
		lim, err := o.Hub.Check(ctx)
		if err == nil {
			o.lim = lim
		}
		return err
	})
}

// look reads the cursor.
func (o *output) look(ctx context.Context) (Seen, error) {
	var data []byte
	var s Seen
	err := o.ask(ctx, func(ctx context.Context) (err error) {
		data, s.Place, err = o.Hub.ReadCursor(ctx, o.CursorSubject)
		return err
	})
	if err != nil {
		return Seen{}, err
	}
	if s.Place != 0 {
		if s.Record, err = DecodeRecord(data); err != nil {
			return s, &fatalError{&OutputError{Output: o.Name, Err: err, Hint: "is subject " + o.CursorSubject + " used by something else?"}}
		}
	}
	return s, nil
}

// trouble turns a decision against going on into an error, unless the policy is to resend.
func (o *output) trouble(d Decision, seen Seen, l Local) error {
	e := &OutputError{Output: o.Name}
	switch d {
	case Fenced:
		e.Err = fmt.Errorf("%w: generation %d, ours is %d", ErrFenced, seen.Generation, o.generation)
		e.Hint = "stop one of the two, or give them different instance names"
	case CursorAhead:
		e.Err = fmt.Errorf("%w: it has row %d, the last one committed here is %d", ErrCursorAhead, seen.Outbox, l.Last)
		e.Hint = "was an old backup restored, or did the disk lose what it said was written? Restore the newest savepoint; to start over, run with --reset-state under another instance name"
	case CursorAheadOfHold:
		e.Err = fmt.Errorf("%w: it has row %d, this one holds the rows after %d back", ErrCursorAhead, seen.Outbox, l.Sent)
		e.Hint = "another copy of this instance's disk sent them; run that one, or run this one with --reset-state under another instance name"
	case CursorLost, CursorBehind:
		what := "there is none at " + o.CursorSubject
		if d == CursorBehind {
			what = fmt.Sprintf("it has row %d of generation %d", seen.Outbox, seen.Generation)
		}
		e.Err = fmt.Errorf("%w: %s, but it had confirmed row %d", ErrCursorLost, what, l.Cursor)
		e.Hint = "was the stream purged, created again, or does its max_bytes or max_msgs push cursors out (use discard: new)? 'edgeflow.on-lost-cursor' = 'resend' goes on after the last confirmed row"
		if o.OnLost == LostResend {
			o.f.event(Event{Kind: CursorWarning, Output: o.Name, Err: e})
			return nil
		}
	}
	return &fatalError{e}
}

// resolve finds out what became of a batch.
func (o *output) resolve(ctx context.Context, now time.Time) error {
	seen, err := o.look(ctx)
	if err != nil {
		return o.fail(now, err)
	}
	l := o.local(o.f.lastCommitted(o))
	if d := decideOutcome(l, seen); d != Proceed {
		if err := o.trouble(d, seen, l); err != nil {
			return err
		}
		o.phase = phaseClaim
		return nil
	}
	o.place = seen.Place
	o.confirm(seen.From, seen.Outbox)
	// A hub that answers questions and takes no batch is not back, unless no batch is left to tell by.
	if seen.Outbox > l.Cursor || o.account().Done() >= o.f.sendable(o) {
		o.up(Event{Kind: LinkUp, Output: o.Name})
	}
	return nil
}

// confirm takes in that the hub has the rows up to outbox.
func (o *output) confirm(from, outbox uint64) {
	o.f.mu.Lock()
	acc := o.acc.learn(from, outbox)
	if outbox == o.flightTo && o.flightRefused > 0 && acc.Confirmed-o.acc.Confirmed >= o.flightRefused {
		acc = acc.refuse(o.flightRefused)
	}
	o.acc = acc
	o.f.mu.Unlock()
	o.flightTo, o.flightRefused = 0, 0
	o.phase = phaseSend
}

// givingUp tells that a commit under way gives up rows that were not sent. They may be gone
// from the outbox already, and what the hub has must stay as it is until Committed tells.
func (f *Forwarder) givingUp(o *output) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shared[o.i].planned.DroppedTo > o.acc.Done()
}

// send sends the next batch.
func (o *output) send(ctx context.Context, now time.Time) (progress bool, err error) {
	base, last := o.account().Done(), o.f.sendable(o)
	if base >= last && o.backoff > 0 {
		// What failed was given up. Rows behind the hold wait for the hub to be back, which only a
		// question can find out.
		return true, o.resolve(ctx, now)
	}
	if base >= last || o.f.givingUp(o) {
		return false, nil
	}
	if d := o.bucket.wait(now); d > 0 {
		o.notBefore = now.Add(d)
		return true, nil
	}
	if o.limChanged {
		if err := o.check(ctx); err != nil {
			return true, o.fail(now, err)
		}
		o.limChanged = false
	}
	lim := o.lim
	lim.Bytes = min(lim.Bytes, o.link.batchBytes())
	got, err := o.batch.fill(o.f.Store, base, last, lim, min(o.link.messageBytes(lim.MessageBytes), lim.MessageBytes))
	if errors.Is(err, ErrNotYet) {
		return false, nil
	}
	if err != nil {
		return false, &fatalError{&OutputError{Output: o.Name, Err: err}}
	}
	if got.last == base {
		return false, nil
	}
	b := &Batch{
		Move: Move{Output: o.Name, Subject: o.CursorSubject, Expect: o.place, Cursor: Record{
			Generation: o.generation, Epoch: o.f.epoch.Load(), From: base, Outbox: got.last,
			Skipped: o.account().skipped(base) + got.refused, Counted: true,
		}},
		Messages: o.batch.msgs, Bytes: got.bytes,
	}
	o.flightTo, o.flightRefused = got.last, got.refused
	began := o.f.Clock.Now()
	place, err := o.publish(ctx, b)
	if err != nil {
		return true, o.publishFailed(now, err)
	}
	if err := failpoint.Hit("forward.after-ack"); err != nil {
		return true, o.publishFailed(now, err)
	}
	o.link = o.link.sent(got.bytes, o.f.Clock.Now().Sub(began), b.Round)
	o.bucket.take(got.bytes)
	o.place, o.guards = place, 0
	if err := failpoint.Hit("forward.before-delete"); err != nil {
		return true, o.publishFailed(now, err)
	}
	o.confirm(base, got.last)
	o.up(Event{Kind: LinkUp, Output: o.Name})
	return true, nil
}

func (o *output) publish(ctx context.Context, b *Batch) (uint64, error) {
	b.Pipeline, b.Instance = o.f.Pipeline, o.f.Instance
	if err := failpoint.Hit("forward.before-publish"); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.link.timeout(b.Bytes))
	defer cancel()
	place, err := o.Hub.Publish(ctx, b)
	if errors.Is(err, context.DeadlineExceeded) {
		o.link = o.link.lateBatch()
	}
	return place, err
}

// publishFailed decides what follows a failed publish.
func (o *output) publishFailed(now time.Time, err error) error {
	var ge *GuardError
	var re *RefusedError
	var ne *NotSentError
	switch {
	case errors.As(err, &ge):
		o.phase = phaseResolve
		if o.guards++; o.guards <= guardsMax {
			return nil // at once: the hub is there
		}
	case errors.As(err, &re):
		if re.Changed {
			o.limChanged = true
			return nil // at once: the hub is there
		}
		if re.Smaller {
			o.link = o.link.smaller()
		}
	case errors.As(err, &ne):
	default:
		o.link = o.link.smaller()
		o.phase = phaseResolve
	}
	return o.fail(now, err)
}

// fail waits before the next attempt, longer each time, unless err is final.
func (o *output) fail(now time.Time, err error) error {
	var fe *fatalError
	if errors.As(err, &fe) {
		return err
	}
	if o.backoff == 0 {
		o.backoff = o.f.BackoffMin
	} else {
		o.backoff = min(2*o.backoff, o.f.BackoffMax)
	}
	o.notBefore = now.Add(o.backoff)
	var re *RefusedError
	kind := LinkDown
	if errors.As(err, &re) {
		kind = Refused
	}
	// A connection that is being made is no news, and what was said is none.
	if text := err.Error(); text != o.said && !errors.Is(err, ErrConnecting) {
		o.f.event(Event{Kind: kind, Output: o.Name, Err: err})
		o.said = text
	}
	var ne *NotSentError
	o.away = errors.As(err, &ne)
	o.f.setStatus(o, err)
	return nil
}

// up notes that the hub answers.
func (o *output) up(e Event) {
	if o.said != "" || e.Kind == Claimed {
		o.f.event(e)
	}
	o.said = ""
	o.away, o.backoff, o.notBefore = false, 0, time.Time{}
	o.f.setStatus(o, nil)
}

// account is what became of the rows so far. The host's goroutine changes it too, when
// rows are dropped.
func (o *output) account() Account {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	return o.acc
}

// fatalError stops the forwarder.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
