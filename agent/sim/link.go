package sim

import (
	"context"

	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// hubServer is the hub, which restarts now and then.
type hubServer struct {
	*simhub.Server
	down int // requests that find it down
}

// link is a host's way to the hub, a forward.Hub with points. Each request takes time.
type link struct {
	h   *host
	cut int // requests that do not get through
}

var _ forward.Hub = (*link)(nil)

// up lets time pass and tells whether a request gets through.
func (l *link) up() bool {
	w := l.h.w
	if w.faulty {
		w.nowMs += int64(w.rng.IntN(4))
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
	if !l.up() {
		return nil, 0, l.silence(simhub.ErrNoAnswer)
	}
	data, place, err := l.h.w.hub.ReadCursor(ctx, subject)
	return data, place, l.silence(err)
}

// Publish implements forward.Hub.
func (l *link) Publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	rows := len(b.Messages) > 0
	if rows {
		l.h.point(pointPublishBefore)
	} else {
		l.h.point(pointClaimBefore)
	}
	if !l.up() {
		return 0, l.silence(simhub.ErrNoAnswer)
	}
	place, err := l.h.w.hub.Publish(ctx, b)
	if rows {
		l.h.point(pointPublishAfter)
	} else {
		l.h.point(pointClaimAfter)
	}
	return place, l.silence(err)
}
