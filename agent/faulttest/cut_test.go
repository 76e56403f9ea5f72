package faulttest

import (
	"testing"
	"time"
)

// detect is the longest that a link may be silent before it is given up for a new connection:
// pings go every 10 s, and the third one finds two without an answer. Some more is for a machine
// with other things to do.
const detect = 45 * time.Second

// TestCut cuts the link to the hub for a while, in which events come, again and again.
func TestCut(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	link := newRelay(t, hub.addr())
	s := newSite(t, edge, link.url(), hub.connect())
	p := s.run("data")
	for range *faults {
		s.publish(150)
		until(t, "rows arrive", func() bool { return s.arrived(subjectRows) >= uint64(s.sent) })
		link.set(func() { link.down = true })
		s.publish(10) // however long the host stands still
		for over := time.Now().Add(*cut); time.Now().Before(over); pause(100 * time.Millisecond) {
			s.publish(10)
		}
		if n := s.arrived(subjectRows); n >= uint64(s.sent) {
			t.Fatalf("all %d rows arrived over a link that is cut", n)
		}
		link.set(func() { link.down = false })
	}
	s.end()
	s.complete(p, "data")
	t.Logf("%d events, %d cuts of %v, %d connections", s.sent, *faults, *cut, link.connections())
}

// TestSilent lets all bytes of the link vanish without a word to either side, as when a radio
// loses its network, and wants the pipeline to find out and to connect again.
func TestSilent(t *testing.T) {
	if *cut < 5*time.Second {
		t.Skip("takes some 40 s: asked for by -cut 5s or more")
	}
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	link := newRelay(t, hub.addr())
	s := newSite(t, edge, link.url(), hub.connect())
	p := s.run("data")
	s.publish(150)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) >= uint64(s.sent) })
	before := link.connections()
	began := time.Now()
	link.set(func() { link.silent = true })
	s.publish(150)
	found := time.Duration(0)
	look := func() bool {
		if found == 0 && link.connections() > before {
			found = time.Since(began)
		}
		return found > 0
	}
	for over := began.Add(*cut); time.Now().Before(over); pause(100 * time.Millisecond) {
		s.publish(10)
		look()
	}
	link.set(func() { link.silent = false }) // for new connections; one that has lost bytes stays as it is
	until(t, "the silent connection is given up", look)
	s.end()
	s.complete(p, "data")
	t.Logf("%d events; silent for %v, given up for a new connection after %v", s.sent, *cut, found.Round(time.Millisecond))
	if found > detect {
		t.Errorf("the silent link was found after %v, more than %v", found, detect)
	}
}
