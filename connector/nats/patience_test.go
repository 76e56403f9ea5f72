package nats

import (
	"context"
	"errors"
	"testing"
	"time"
)

// lateServer answers a request when it is given long enough.
type lateServer struct {
	transport
	needs time.Duration
	waits []time.Duration
}

func (s *lateServer) request(ctx context.Context, _ string, _ []byte) ([]byte, error) {
	end, _ := ctx.Deadline()
	wait := time.Until(end).Round(time.Second)
	s.waits = append(s.waits, wait)
	if wait < s.needs {
		return nil, errNoAnswer
	}
	return []byte(`{"config":{"name":"S"}}`), nil
}

// A server that answers late is asked again and given more time, which later requests have from
// the first; one that never answers is given up.
func TestLateServerIsGivenTime(t *testing.T) {
	s := &lateServer{needs: 18 * time.Second}
	wait := 5 * time.Second
	a := &api{ctx: context.Background(), t: s, wait: &wait}
	for range 2 {
		if _, err := a.streamInfo("S"); err != nil {
			t.Fatal(err)
		}
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 20 * time.Second}
	if len(s.waits) != len(want) {
		t.Fatalf("asked for %v", s.waits)
	}
	for i, w := range want {
		if s.waits[i] != w {
			t.Fatalf("asked for %v instead of %v", s.waits, want)
		}
	}
	s.needs, s.waits = time.Hour, nil
	if _, err := a.streamInfo("S"); !errors.Is(err, errNoAnswer) || len(s.waits) != 3 || s.waits[2] != requestMax {
		t.Fatalf("asked for %v: %v", s.waits, err)
	}
	// A caller that gives up is not made to wait.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wait, s.waits, a.ctx = 5*time.Second, nil, ctx
	if _, err := a.streamInfo("S"); err == nil || len(s.waits) != 1 {
		t.Fatalf("asked for %v: %v", s.waits, err)
	}
}
