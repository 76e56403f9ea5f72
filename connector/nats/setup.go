package nats

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// wrap gives an error its stream, server and hint.
func (rd *readerLoop) wrap(err error) error {
	var pe *PositionError
	if errors.As(err, &pe) {
		return err
	}
	o := &rd.s.o
	e := &SourceError{Stream: o.Stream, Server: o.Server(), Err: err}
	switch {
	case errors.Is(err, ErrNoStream):
		e.Hint = fmt.Sprintf("create it with `%s`, or set 'nats.stream.create' = 'true'", createCommand(rd.newStream()))
	case errors.Is(err, ErrNoJetStream):
		e.Hint = "enable JetStream in the server's configuration (jetstream {}), check the account's limits, and 'nats.domain' if the stream is behind a leaf node"
	default:
		e.Hint = dialHint(err)
	}
	return e
}

func dialHint(err error) string {
	var ne net.Error
	switch {
	case errors.Is(err, ErrAuthorization):
		return "check 'nats.credentials', 'nats.nkey', 'nats.user' or 'nats.token', and that the user may publish to $JS.API.> and subscribe to _INBOX.>"
	case errors.Is(err, errProtocol):
		return ""
	case errors.As(err, &ne):
		return "is the server running and reachable? try `nats server check connection`"
	}
	return ""
}

func (rd *readerLoop) newStream() streamConfig {
	o := &rd.s.o
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

// setUp verifies the place to go on from and makes a consumer on w. first is set in Open.
func (rd *readerLoop) setUp(w *wire, first bool) (dataflow.OpenReport, error) {
	var report dataflow.OpenReport
	s := rd.s
	a, err := newAPI(w, &s.o.ConnOptions, s.inbox)
	if err != nil {
		return report, err
	}
	info, err := a.streamInfo(s.o.Stream)
	if errors.Is(err, ErrNoStream) && s.o.CreateStream && !rd.hasAt {
		info, err = a.createStream(rd.newStream())
	}
	if err != nil {
		return report, err
	}
	st := info.stateOf()
	rd.compacted, rd.createdNs = st.Compacted, st.CreatedNs
	if first && s.o.Bounded {
		rd.bounded, rd.bound = true, st.Last
	}
	rd.incarnation++
	c := consumerConfig{
		Name: "edgeflow-" + s.id + "-" + strconv.Itoa(rd.incarnation), AckPolicy: "none", ReplayPolicy: "instant",
		MemStorage: true, Replicas: 1, InactiveNs: int64(max(s.o.PullExpires*2, 5*time.Minute)),
	}
	if len(s.o.Subjects) == 1 {
		c.FilterSubject = s.o.Subjects[0]
	} else {
		c.FilterSubjects = s.o.Subjects
	}
	if report, err = rd.startAt(a, &c, st); err != nil {
		return report, err
	}
	deliver := s.inbox + ".d" + strconv.Itoa(rd.incarnation)
	if err := w.subscribe(deliver, dataSID); err != nil {
		return report, err
	}
	pending, err := a.createConsumer(s.o.Stream, c)
	if err != nil {
		return report, err
	}
	rd.w, rd.consumerSeq, rd.jumpAsked = w, 0, false
	rd.adopt(a, c.Name, deliver, st, pending)
	return report, nil
}

// startAt decides where the consumer begins and fills that into c.
func (rd *readerLoop) startAt(a *api, c *consumerConfig, st StreamState) (dataflow.OpenReport, error) {
	var report dataflow.OpenReport
	o := &rd.s.o
	if rd.hasAt {
		var at StoredMessage
		if rd.at.Hash != 0 && rd.at.Sequence >= st.First && rd.at.Sequence <= st.Last {
			var err error
			if at, err = a.message(o.Stream, rd.at.Sequence); err != nil {
				return report, err
			}
		}
		v := verify(rd.at, st, at)
		report.Resumed = true
		if v.Kind != Continues {
			pe := explain(v, rd.at, st)
			if o.OnGap == GapFail {
				return report, pe
			}
			report.Gap, report.Moved, report.Warning = v.Missing, true, pe.Error()
			rd.at = Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: v.Next - 1}
		}
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", v.Next
		return report, nil
	}
	switch o.Startup {
	case EarliestOffset:
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", st.First
	case LatestOffset:
		c.DeliverPolicy, c.OptStartSeq = "by_start_sequence", st.Last+1
		rd.at, rd.hasAt = Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: st.Last}, true
	case Timestamp:
		t := time.UnixMilli(o.TimestampMs).UTC()
		c.DeliverPolicy, c.OptStartTime = "by_start_time", &t
	}
	return report, nil
}

// adopt makes w the connection that requests go to.
func (rd *readerLoop) adopt(a *api, consumer, deliver string, st StreamState, pending uint64) {
	s := rd.s
	o := &s.o
	maxBytes := max(o.PullBytes, a.w.info.MaxPayload+64<<10)
	s.mu.Lock()
	s.wire, s.next, s.deliv = a.w, a.prefix+"CONSUMER.MSG.NEXT."+o.Stream+"."+consumer, deliver
	s.pull = fmt.Sprintf(`{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`, o.PullMessages, maxBytes, o.PullExpires, o.Heartbeat)
	s.asked, s.behind, s.createdNs = 0, pending, st.CreatedNs
	s.st.Connected, s.st.Err = true, nil
	if rd.bounded && pending == 0 {
		s.err = io.EOF
	}
	st2 := s.st
	s.mu.Unlock()
	s.ask()
	if o.OnStatus != nil {
		o.OnStatus(st2)
	}
}
