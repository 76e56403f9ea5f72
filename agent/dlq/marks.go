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
}

// begin is where a replay into a stream begins.
type begin struct {
	Stream string `json:"stream"`
	// Last is the newest sequence that the stream has before.
	Last uint64 `json:"last"`
}

// replays is what the marks say.
type replays struct {
	done map[string]bool
	// open are replays of which it is not known what they wrote, by stream.
	open map[string]uint64
}

func readMarks(ctx context.Context, p place) (*replays, error) {
	r := &replays{done: map[string]bool{}, open: map[string]uint64{}}
	err := p.marks(ctx, func(m mark) error {
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
		return nil
	})
	return r, err
}
