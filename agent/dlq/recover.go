package dlq

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/dataflow"
)

// recover finds what runs that did not end have sent: messages behind the place at which
// they began that have the ID of an event. A stream that is gone stays in doubt, and keeps none
// of the others from being sent to: it may be there again, or be another server's.
func (r *replay) recover(ctx context.Context) error {
	for _, name := range sortedStreams(r.marks.open) {
		s, err := r.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			fmt.Fprintf(r.w, "an earlier replay into stream %s did not end, and what it has sent is not known: %s has no such stream (--nats names the server that the source reads from)\n", agent.Cell(name), serverName(r.o.NATS))
			continue
		}
		if err != nil {
			return fmt.Errorf("a replay into stream %s did not end, and what it has sent is not known: %w (--nats names the server that the source reads from)", agent.Cell(name), err)
		}
		sent, err := r.sentBehind(ctx, s, r.marks.open[name])
		if err != nil {
			return err
		}
		n := 0
		for suffix, done := range sent {
			n += len(done)
			if err := r.note(ctx, mark{Done: done, Round: r.marks.named(suffix)}); err != nil {
				return err
			}
		}
		if err := r.note(ctx, mark{End: name}); err != nil {
			return err
		}
		fmt.Fprintf(r.w, "an earlier replay into stream %s did not end; it has sent %d events\n", agent.Cell(name), n)
	}
	return nil
}

// sentBehind finds the events of replays that a stream has behind a sequence, by the round that
// their message IDs name, "" for none.
func (r *replay) sentBehind(ctx context.Context, s jetstream.Stream, last uint64) (map[string][]string, error) {
	sent := map[string][]string{}
	c := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: last + 1, HeadersOnly: true}
	err := readAll(ctx, s, c, func(m jetstream.Msg) error {
		id := m.Headers().Get(dataflow.HeaderReplay)
		name, ok := strings.CutPrefix(m.Headers().Get(jetstream.MsgIDHeader), messageID)
		if id == "" || !ok {
			return nil
		}
		_, round, _ := strings.Cut(name, "-")
		sent[round] = append(sent[round], id)
		return nil
	})
	return sent, err
}
