package sim

import (
	"context"
	"slices"
	"strings"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// hubServer is the hub, which restarts now and then.
type hubServer struct {
	*simhub.Server
	down int // requests that find it down
}

func newHub(w *world, faults simhub.Faults, limits forward.Limits) *hubServer {
	return &hubServer{Server: simhub.New(w.seed, faults, limits)}
}

// group names the stream that an output goes to: in most worlds one for all tables, and those
// diverted beside it or, as in files, each by itself.
func (w *world) group(output string) string { return w.shared(4, output) }

// link names the link that an output goes over: in half of the worlds where groups are apart, too,
// it is one for all of them.
func (w *world) link(output string) string { return w.shared(8, output) }

func (w *world) shared(of uint64, output string) string {
	switch alone := slices.Contains(diverted, output); {
	case w.seed%of == 0, w.seed%of == 1 && alone:
		return ""
	}
	return "hub"
}

// hubEvent traces and counts what becomes of requests.
func (w *world) hubEvent(m string) {
	for _, k := range []struct{ prefix, fault string }{
		{"lost", "request lost"}, {"delayed", "request delayed"}, {"late", "request late or repeated"},
		{"refused", "batch refused"}, {"reply lost", "reply lost"},
	} {
		if strings.HasPrefix(m, k.prefix) {
			w.drawn(k.fault)
			w.hit(k.fault, w.request)
		}
	}
	w.tracef("hub: %s", m)
}

// link is a host's way to the hub, a forward.Hub with points. Each request takes time.
type link struct {
	h    *host
	cut  int // requests that do not get through
	slow int // requests that take long
	// shift and seen are of a planted bug: by how much generations are wrong, by cursor, and
	// the newest one at the hub.
	shift, seen map[string]uint64
}

var _ forward.Hub = (*link)(nil)

// up lets time pass and tells whether a request gets through.
func (l *link) up() bool {
	w := l.h.w
	if w.faulty {
		w.nowMs += int64(w.rng.IntN(4))
	}
	if l.slow > 0 {
		l.slow--
		w.nowMs += int64(100 + w.rng.IntN(900))
	}
	switch {
	case l.cut > 0:
		l.cut--
		return false
	case w.hub.down > 0:
		w.hub.down--
		return false
	}
	return true
}

// silence lets time pass for a sender that waits in vain, and hands err on.
func (l *link) silence(err error) error {
	if err != nil && l.h.w.faulty {
		l.h.w.nowMs += int64(l.h.w.rng.IntN(60))
	}
	return err
}

// Check implements forward.Hub.
func (l *link) Check(ctx context.Context) (forward.Limits, error) {
	if !l.up() {
		return forward.Limits{}, l.silence(simhub.ErrNoAnswer)
	}
	lim, err := l.h.w.hub.Check(ctx)
	return lim, l.silence(err)
}

// ReadCursor implements forward.Hub.
func (l *link) ReadCursor(ctx context.Context, subject string) ([]byte, uint64, error) {
	l.h.point(pointCursor)
	l.h.w.request = "read the cursor"
	if !l.up() {
		return nil, 0, l.silence(simhub.ErrNoAnswer)
	}
	data, place, err := l.h.w.hub.ReadCursor(ctx, subject)
	if err == nil {
		data, place = l.plantCursor(data, place, subject)
	}
	return data, place, l.silence(err)
}

// Publish implements forward.Hub.
func (l *link) Publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	w := l.h.w
	before, after := pointClaimBefore, pointClaimAfter
	w.request = "claim"
	if len(b.Messages) > 0 {
		before, after = pointPublishBefore, pointPublishAfter
		w.request = "publish"
		l.h.inTurn(b.Output)
	}
	l.h.point(before)
	if !l.up() {
		return 0, l.silence(simhub.ErrNoAnswer)
	}
	place, err := l.plantPublish(ctx, b)
	l.h.point(after)
	return place, l.silence(err)
}
