package dlq

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/dataflow"
)

// messageID begins the IDs of replayed messages, by which the server knows a message that
// it has already stored.
const messageID = "edgeflow-dlq-"

// together is how many messages are on the way to the server before their letters are
// marked.
const together = 256

// ReplayOptions configure Replay.
type ReplayOptions struct {
	Options
	// DryRun tells what would be sent, and sends nothing.
	DryRun bool
	// Yes leaves the question out.
	Yes bool
	// Again sends events once more that have been replayed.
	Again bool
	// Subject overrides the subject that the events had.
	Subject string
	// Now is the time of marks; nil is the clock.
	Now func() time.Time
}

// replay is a run of Replay.
type replay struct {
	o     *ReplayOptions
	p     place
	w     io.Writer
	js    jetstream.JetStream
	marks *replays
	// seen are the events of this run: several letters may be of one.
	seen map[string]bool
	// announced are the events that were announced; no other is sent. nil before.
	announced map[string]bool
	// round is that of a replay with --again, again what it has sent in runs before.
	round *round
	again map[string]bool
	// targets counts events by stream and subject, skipped letters by why they stay.
	targets map[[2]string]int64
	skipped map[string]int64
	last    map[string]uint64 // of each stream, before
	sent    int64
	pending []sending
}

type sending struct {
	id  string
	ack jetstream.PubAckFuture
}

// Replay sends the bytes of the events that the filter picks to the subjects that they came
// from, each at most once: what a run that was interrupted has sent is found by its IDs.
// The events are new input of everything that reads their stream.
func Replay(ctx context.Context, w io.Writer, o ReplayOptions) (err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	r := &replay{o: &o, p: p, w: w}
	if !o.DryRun {
		js, hangUp, err := dial(o.NATS)
		if err != nil {
			return fmt.Errorf("where the sources' streams are: %w", err)
		}
		defer hangUp()
		r.js = js
	}
	if !o.DryRun {
		unlock, err := p.lock()
		if err != nil {
			return err
		}
		defer unlock()
	}
	if r.marks, err = readMarks(ctx, p); err != nil {
		return err
	}
	if !o.DryRun {
		if err := r.recover(ctx); err != nil {
			return err
		}
	}
	if err := r.goOn(); err != nil {
		return err
	}
	if err := r.each(ctx, func(e *Entry) error { r.targets[r.target(e)]++; return nil }); err != nil {
		return err
	}
	r.announce()
	if o.DryRun {
		return nil
	}
	if len(r.targets) == 0 {
		return r.endRound(ctx)
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	if !o.Yes && !r.confirmed() {
		return errors.New("nothing was sent")
	}
	return r.run(ctx)
}

// target is the stream and the subject of an event.
func (r *replay) target(e *Entry) [2]string {
	if r.o.Subject != "" {
		return [2]string{e.Log, r.o.Subject}
	}
	return [2]string{e.Log, e.Subject}
}

// each calls fn with a letter of each event that is to be sent.
func (r *replay) each(ctx context.Context, fn func(*Entry) error) error {
	r.seen, r.targets, r.skipped = map[string]bool{}, map[[2]string]int64{}, map[string]int64{}
	return r.p.each(ctx, &r.o.Filter, func(e *Entry) error {
		if !r.o.picks(e) {
			return nil
		}
		if why := r.stays(e); why != "" {
			r.skipped[why]++
			return nil
		}
		r.seen[e.ID] = true
		return fn(e)
	})
}

// meanwhile is why a letter stays that is none of those that were announced.
const meanwhile = "that came meanwhile"

// stays says why a letter is left alone.
func (r *replay) stays(e *Entry) string {
	switch {
	case e.Raw() == nil && e.Source == "":
		return "of rows that the pipeline itself has made, which no source can take"
	case e.Raw() == nil:
		return "without the bytes of the event"
	case e.Log == "" || r.target(e)[1] == "" || strings.HasPrefix(e.Log, "file:"):
		return "of a source that is no stream"
	case r.seen[e.ID]:
		return "of an event that another letter is of, too"
	case e.Replay != "" && !r.o.Again:
		return "of events that were replayed and became letters again (--again sends them once more)"
	case r.marks.done[e.ID] && !r.o.Again:
		return "replayed before (--again sends them once more)"
	case r.again[e.ID]:
		return "sent by the replay with --again before this one, which did not end"
	case r.announced != nil && !r.announced[e.ID]:
		return meanwhile
	}
	return ""
}

// announce says what is to be sent and what is not.
func (r *replay) announce() {
	verb := "to send"
	if r.o.DryRun {
		verb = "would be sent"
	}
	for _, t := range sortedTargets(r.targets) {
		fmt.Fprintf(r.w, "%d events %s to stream %s, subject %s\n", r.targets[t], verb, agent.Cell(t[0]), agent.Cell(t[1]))
	}
	if len(r.targets) == 0 {
		fmt.Fprintln(r.w, "no events to send")
	}
	for _, why := range sortedKeys(r.skipped) {
		fmt.Fprintf(r.w, "%d letters stay: %s\n", r.skipped[why], why)
	}
}

func sortedTargets(m map[[2]string]int64) [][2]string {
	out := make([][2]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return out
}

func sortedKeys(m map[string]int64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// check looks at the streams before anything is sent.
func (r *replay) check(ctx context.Context) error {
	r.last = map[string]uint64{}
	for _, t := range sortedTargets(r.targets) {
		if _, ok := r.last[t[0]]; ok {
			continue
		}
		s, err := r.js.Stream(ctx, t[0])
		if err != nil {
			return fmt.Errorf("stream %s at %s: %w (--nats names the server that the source reads from)", agent.Cell(t[0]), serverName(r.o.NATS), err)
		}
		r.last[t[0]] = s.CachedInfo().State.LastSeq
	}
	for _, t := range sortedTargets(r.targets) {
		name, err := r.js.StreamNameBySubject(ctx, t[1])
		if err != nil || name != t[0] {
			return fmt.Errorf("subject %s: stream %s does not take it any more: --subject names another one", agent.Cell(t[1]), agent.Cell(t[0]))
		}
	}
	return nil
}

func (r *replay) confirmed() bool {
	fmt.Fprint(r.w, "They are new input of everything that reads these streams. Send them? [y/N] ")
	if r.o.In == nil {
		return false
	}
	line, err := bufio.NewReader(r.o.In).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(r.w, "(no answer; --yes leaves the question out)")
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// run sends the events.
func (r *replay) run(ctx context.Context) error {
	streams := sortedStreams(r.last)
	for _, s := range streams {
		if err := r.note(ctx, mark{Begin: &begin{Stream: s, Last: r.last[s]}, Round: r.round}); err != nil {
			return err
		}
	}
	r.announced = r.seen
	err := r.each(ctx, func(e *Entry) error { return r.send(ctx, e) })
	if e := r.settle(ctx); err == nil {
		err = e
	}
	fmt.Fprintf(r.w, "%d events sent\n", r.sent)
	if n := r.skipped[meanwhile]; n > 0 {
		fmt.Fprintf(r.w, "%d letters stay: %s\n", n, meanwhile)
	}
	if err != nil {
		return fmt.Errorf("%w (the same command goes on where this one ended)", err)
	}
	if gone := len(r.announced) - len(r.seen); gone > 0 {
		fmt.Fprintf(r.w, "%d events were not sent: their letters are no longer there\n", gone)
	}
	for _, s := range streams {
		if err := r.note(ctx, mark{End: s}); err != nil {
			return err
		}
	}
	return r.endRound(ctx)
}

// note writes a mark.
func (r *replay) note(ctx context.Context, m mark) error {
	m.Time = r.o.Now()
	if err := r.p.mark(ctx, m); err != nil {
		return err
	}
	r.marks.add(&m)
	return nil
}

// goOn finds the round of a replay with --again that did not end, or begins one. Times are no part
// of what was asked for: "2h ago" is another one when the command is repeated.
func (r *replay) goOn() error {
	if !r.o.Again {
		return nil
	}
	f := r.o.Filter
	f.Since, f.Until = time.Time{}, time.Time{}
	asked, err := json.Marshal([]any{f, r.o.Subject})
	if err != nil {
		return err
	}
	if o := r.marks.rounds[string(asked)]; o != nil {
		r.round, r.again = &o.round, o.sent
		return nil
	}
	r.round = &round{string(asked), r.o.Now().UTC().Format("20060102T150405.000000000")}
	return nil
}

// endRound notes that all of a round is sent.
func (r *replay) endRound(ctx context.Context) error {
	if r.round == nil || r.marks.rounds[r.round.Asked] == nil {
		return nil
	}
	return r.note(ctx, mark{Round: r.round, RoundEnd: true})
}

func sortedStreams(m map[string]uint64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (r *replay) send(ctx context.Context, e *Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := r.target(e)
	id := messageID + e.ID
	if r.round != nil {
		id += "-" + r.round.Name
	}
	msg := &natsgo.Msg{Subject: t[1], Data: e.Raw(), Header: natsgo.Header{dataflow.HeaderReplay: {e.ID}}}
	ack, err := r.js.PublishMsgAsync(msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(t[0]))
	if err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	r.pending = append(r.pending, sending{e.ID, ack})
	if len(r.pending) < together {
		return nil
	}
	return r.settle(ctx)
}

// settle waits for what is on the way and marks what the server has.
func (r *replay) settle(ctx context.Context) error {
	var failed error
	var done []string
	for _, s := range r.pending {
		select {
		case <-s.ack.Ok():
			done = append(done, s.id)
		case err := <-s.ack.Err():
			failed = fmt.Errorf("event %s: %w", s.id, err)
		case <-ctx.Done():
			failed = ctx.Err()
		}
	}
	r.pending = r.pending[:0]
	if len(done) > 0 {
		r.sent += int64(len(done))
		// What is there is noted, though the run is to end.
		if err := r.note(context.WithoutCancel(ctx), mark{Done: done, Round: r.round}); err != nil {
			return err
		}
	}
	return failed
}
