package faulttest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const tookOver = "another instance of this pipeline took over"

// TestTakenOver stops an instance for a while, in which one of the same name on a copy of its
// folder takes over. The one that wakes up is fenced, says so, and has sent nothing twice.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	old := s.run("old")
	s.publish(500)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) > 0 })
	s.publish(500)
	old.signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = old.cmd.Process.Signal(syscall.SIGCONT) })
	woken := time.After(*frozen)
	if err := os.CopyFS(filepath.Join(s.dir, "young"), os.DirFS(filepath.Join(s.dir, "old"))); err != nil {
		t.Fatal(err)
	}
	young := s.run("young")
	s.publish(500)
	until(t, "the young one sends", func() bool { return s.arrived(subjectRows) >= 1500 })
	<-woken
	old.signal(syscall.SIGCONT)
	s.publish(500)
	old.fails(tookOver, "generation 2, ours is 1", "stop one of the two, or give them different instance names")
	s.end()
	s.complete(young, "young")
}

// TestTwins runs two instances of one name at once, the second on a copy of the first's folder,
// which goes on. The older generation is fenced at its next batch.
func TestTwins(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	old := s.run("old")
	s.publish(300)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) == 300 })
	old.stop() // a copy of a folder at rest; a copy of one at work is a torn one
	if err := os.CopyFS(filepath.Join(s.dir, "young"), os.DirFS(filepath.Join(s.dir, "old"))); err != nil {
		t.Fatal(err)
	}
	old = s.run("old")
	until(t, "the old one claims", func() bool { return old.claimed() })
	young := s.run("young")
	until(t, "the young one claims", func() bool { return young.claimed() })
	s.publish(1500)
	old.fails(tookOver, "stop one of the two, or give them different instance names")
	s.end()
	s.complete(young, "young")
}
