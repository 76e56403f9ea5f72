package nats

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// lateServer takes its time for an answer.
type lateServer struct {
	transport
	needs time.Duration
	waits []time.Duration
}

func (s *lateServer) request(ctx context.Context, _ string, _ []byte) ([]byte, error) {
	end, _ := ctx.Deadline()
	s.waits = append(s.waits, time.Until(end))
	select {
	case <-ctx.Done():
		return nil, errNoAnswer
	case <-time.After(s.needs):
		return []byte(`{"config":{"name":"S"}}`), nil
	}
}

// A server that answers late is asked again and given more time, which later requests have from
// the first for as long as answers are late; one that never answers is given up.
func TestLateServerIsGivenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lateServer{}
		wait := patience{5 * time.Second, 5 * time.Second}
		a := &api{ctx: t.Context(), t: s, wait: &wait}
		for _, c := range []struct {
			needs time.Duration
			waits []int // seconds
			err   error
		}{
			{18 * time.Second, []int{5, 10, 20}, nil},
			{18 * time.Second, []int{20}, nil},
			{2 * time.Second, []int{20}, nil},
			{2 * time.Second, []int{8}, nil},
			{0, []int{8}, nil},
			{0, []int{5}, nil},
			{time.Hour, []int{5, 10, 20, 40, 60}, errNoAnswer},
			{time.Hour, []int{60}, errNoAnswer},
		} {
			s.needs, s.waits = c.needs, nil
			_, err := a.streamInfo("S")
			var want []time.Duration
			for _, n := range c.waits {
				want = append(want, time.Duration(n)*time.Second)
			}
			if !errors.Is(err, c.err) || !slices.Equal(s.waits, want) {
				t.Fatalf("a server that needs %v: %v after %v, instead of %v", c.needs, err, s.waits, want)
			}
		}
		// A caller that gives up is not made to wait.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.waits, a.ctx = nil, ctx
		if _, err := a.streamInfo("S"); err == nil || len(s.waits) != 1 {
			t.Fatalf("asked for %v: %v", s.waits, err)
		}
	})
}
