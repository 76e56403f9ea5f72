package faulttest

import "testing"

// TestUndisturbed is the measure of all other tests.
func TestUndisturbed(t *testing.T) {
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	p := s.run("data")
	s.publish(2030)
	s.end()
	s.complete(p, "data")
}
