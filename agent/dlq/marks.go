package dlq

import (
	"context"
	"time"
)

// mark is a note about replays. A replay notes where it begins to
// write before it does, and what it has written after the server has it: a replay that dies
// in between is made up for by the next one, which looks behind that place for events that
// were written.
type mark struct {
	Time time.Time `json:"time"`
	// Begin is set by the start of a replay.
	Begin *begin `json:"begin,omitempty"`
	// Done are the IDs of events that the stream has.
	Done []string `json:"done,omitempty"`
	// End tells that the replay into this stream, begun before, left nothing in doubt.
	End string `json:"end,omitempty"`
	// Round is the round that the mark is of, of a replay with --again; RoundEnd tells that
	// all of it is sent.
	Round    *round `json:"round,omitempty"`
	RoundEnd bool   `json:"round_end,omitempty"`
}

// begin is where a replay into a stream begins.
type begin struct {
	Stream string `json:"stream"`
	// Last is the newest sequence that the stream has before.
	Last uint64 `json:"last"`
}

// round is what a replay with --again sends once more. One that did not end goes on with the
// next replay that asks for the same.
type round struct {
	// Asked is what was asked for, Name ends the message IDs of the round.
	Asked string `json:"asked"`
	Name  string `json:"name"`
}

// openRound is a round that did not end.
type openRound struct {
	round
	sent map[string]bool
}

// replays is what the marks say.
type replays struct {
	done map[string]bool
	// open are replays of which it is not known what they wrote, by stream.
	open map[string]uint64
	// rounds are those that did not end, by what they asked for.
	rounds map[string]*openRound
}

func readMarks(ctx context.Context, p place) (*replays, error) {
	r := &replays{done: map[string]bool{}, open: map[string]uint64{}, rounds: map[string]*openRound{}}
	return r, p.marks(ctx, func(m mark) error { r.add(&m); return nil })
}

// add takes a mark in.
func (r *replays) add(m *mark) {
	for _, id := range m.Done {
		r.done[id] = true
	}
	if b := m.Begin; b != nil {
		if _, already := r.open[b.Stream]; !already {
			r.open[b.Stream] = b.Last
		}
	}
	if m.End != "" {
		delete(r.open, m.End)
	}
	switch {
	case m.Round == nil:
	case m.RoundEnd:
		delete(r.rounds, m.Round.Asked)
	default:
		o := r.rounds[m.Round.Asked]
		if o == nil || o.Name != m.Round.Name {
			o = &openRound{*m.Round, map[string]bool{}}
			r.rounds[m.Round.Asked] = o
		}
		for _, id := range m.Done {
			o.sent[id] = true
		}
	}
}

// named is the round that did not end by its name; nil for none.
func (r *replays) named(name string) *round {
	for _, o := range r.rounds {
		if o.Name == name {
			return &o.round
		}
	}
	return nil
}
