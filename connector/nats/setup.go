package nats

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// wrap gives an error its stream, server and hint.
func (s *Source) wrap(err error) error {
	var pe *PositionError
	if errors.As(err, &pe) {
		return err
	}
	o := &s.o
	e := &SourceError{Stream: o.Stream, Server: o.Server(), Err: err}
	switch {
	case errors.Is(err, ErrNoStream):
		e.Hint = fmt.Sprintf("create it with `%s`, or set 'nats.stream.create' = 'true'", createCommand(s.newStream()))
	case errors.Is(err, ErrNoJetStream):
		e.Hint = "enable JetStream in the server's configuration (jetstream {}), check the account's limits, and 'nats.domain' if the stream is behind a leaf node"
	default:
		e.Hint = hint(err)
	}
	return e
}

func (s *Source) newStream() streamConfig {
	o := &s.o
	c := streamConfig{
		Name: o.Stream, Subjects: o.Subjects, Retention: "limits", Storage: "file", Discard: "old",
		MaxBytes: o.StreamMaxBytes, MaxMsgs: -1, MaxMsgSize: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1,
		MaxAge: int64(o.StreamMaxAge), Replicas: o.StreamReplicas,
	}
	if len(c.Subjects) == 0 {
		c.Subjects = []string{o.Stream + ".>"}
	}
	return c
}

// setUp verifies the place to go on from and makes a consumer there. first is set in Open.
func (k *keeper) setUp(first bool) (report dataflow.OpenReport, err error) {
	s := k.s
	a, done := k.request()
	defer done()
	p := k.in.stop()
	info, err := a.streamInfo(s.o.Stream)
	if errors.Is(err, ErrNoStream) && s.o.CreateStream && !p.hasAt {
		info, err = a.createStream(s.newStream())
	}
	if err != nil {
		return report, err
	}
	if err := k.settle(info); err != nil {
		return report, err
	}
	st := info.stateOf()
	if first && s.o.Bounded {
		k.in.bounded, k.in.bound = true, st.Last
	}
	k.incarnation++
	n := strconv.FormatUint(k.incarnation, 10)
	c := s.consumer(n)
	if report, err = s.startAt(a, &c, &p, st); err != nil {
		return report, err
	}
	if first && p.hasAt {
		s.origin = p.at
	}
	deliver := s.inbox + ".d" + n
	if s.o.Delivery == Push {
		c.DeliverSubject = deliver
	}
	k.adopt(a, c.Name, deliver, p, info)
	if err := k.t.listen(deliver, k.incarnation); err != nil {
		return report, err
	}
	pending, err := k.makeConsumer(a, c)
	if err != nil {
		return report, err
	}
	k.goes(pending, !first)
	return report, nil
}

// consumer describes a consumer of the incarnation n.
func (s *Source) consumer(n string) consumerConfig {
	o := &s.o
	c := consumerConfig{
		Name: o.consumerPrefix() + s.id + "-" + n, AckPolicy: "none", ReplayPolicy: "instant",
		MemStorage: true, Replicas: 1, InactiveNs: int64(max(o.PullExpires*2, 5*time.Minute)),
	}
	if len(o.Subjects) == 1 {
		c.FilterSubject = o.Subjects[0]
	} else {
		c.FilterSubjects = o.Subjects
	}
	if o.Delivery == Push {
		c.FlowControl, c.HeartbeatNs = true, int64(o.Heartbeat)
	}
	return c
}

// startAt decides where the consumer begins, and fills that into c and p.
func (s *Source) startAt(a *api, c *consumerConfig, p *place, st StreamState) (dataflow.OpenReport, error) {
	var report dataflow.OpenReport
	o := &s.o
	if p.hasAt {
		var at StoredMessage
		if p.at.Hash != 0 && p.at.Sequence >= st.First && p.at.Sequence <= st.Last {
			var err error
			if at, err = a.message(o.Stream, p.at.Sequence); err != nil {
				return report, err
			}
		}
		v := verify(p.at, st, at)
		report.Resumed = true
		if v.Kind != Continues {
			if (v.Kind == RolledBack || v.Kind == Rewritten) && p.at.StoredNs != 0 {
				// What was written after the roll-back bears sequences that we have read, and was
				// stored after all that we have.
				next, err := a.storedAfter(st, p.at.StoredNs)
				if err != nil {
					return report, err
				}
				v = v.goesOn(p.at, next)
			}
			pe := explain(v, p.at, st)
			if o.OnGap == GapFail {
				return report, pe
			}
			report.Gap, report.Moved, report.Warning = v.Missing, true, pe.Error()
			p.at = Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: v.Next - 1}
		}
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", v.Next
		return report, nil
	}
	switch o.Startup {
	case EarliestOffset:
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", st.First
	case LatestOffset:
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", st.Last+1
		*p = place{Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: st.Last}, true}
	case Timestamp:
		t := time.UnixMilli(o.TimestampMs).UTC()
		c.DeliverPolicy, c.OptStartTime = "by_start_time", &t
	}
	return report, nil
}

// adopt makes the intake take the new consumer's messages, which may come as soon as it is
// made.
func (k *keeper) adopt(a *api, consumer, deliver string, p place, info *streamInfo) {
	s := k.s
	createdNs := info.Created.UnixNano()
	o := &s.o
	maxBytes := max(o.PullBytes, k.t.maxPayload()+64<<10)
	s.mu.Lock()
	s.next, s.deliv = a.prefix+"CONSUMER.MSG.NEXT."+o.Stream+"."+consumer, deliver
	s.pull = fmt.Sprintf(`{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`, o.PullMessages, maxBytes, o.PullExpires, o.Heartbeat)
	s.asked, s.flow, s.createdNs = 0, "", createdNs
	s.mu.Unlock()
	k.in.begin(k.incarnation, p, createdNs, o.gapless(info))
}

// goes tells that the consumer is there, with so many messages waiting.
func (k *keeper) goes(pending uint64, again bool) {
	s := k.s
	k.in.mu.Lock()
	s.mu.Lock()
	s.live = k.t
	if again {
		s.st.Reconnects++
	}
	s.st.Connected, s.st.Err = true, nil
	if k.in.consumerSeq == 0 && k.in.sid != 0 {
		s.behind = pending
	}
	if k.in.bounded && pending == 0 && k.in.consumerSeq == 0 {
		s.err = io.EOF
		k.ended(io.EOF)
	}
	st := s.st
	s.mu.Unlock()
	k.in.mu.Unlock()
	k.wake()
	if s.o.OnStatus != nil {
		s.o.OnStatus(st)
	}
}
