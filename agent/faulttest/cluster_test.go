package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// cluster is three servers with one JetStream, a process and a link each.
type cluster struct {
	t       *testing.T
	servers [3]*natsServer
	links   [3]*relay
	js      jetstream.JetStream
	watch   watch
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	ports := freePorts(t, 6)
	var urls []string
	for i := range c.servers {
		routes := ""
		for k := range c.servers {
			routes += fmt.Sprintf("%q, ", "nats://127.0.0.1:"+ports[3+k])
		}
		c.servers[i] = &natsServer{t: t, name: fmt.Sprintf("n%d", i), dir: t.TempDir(), host: "127.0.0.1", port: ports[i],
			cluster: fmt.Sprintf("cluster { name: C, listen: \"127.0.0.1:%s\", no_advertise: true, routes: [%s] }", ports[3+i], routes)}
		c.servers[i].launch()
		urls = append(urls, c.servers[i].url())
	}
	for i, s := range c.servers {
		c.links[i] = newRelay(t, s.addr())
		c.links[i].watch = c.watch.see
		t.Cleanup(func() {
			s.signal(syscall.SIGCONT)
			s.kill()
			if t.Failed() {
				t.Logf("%s:\n%s", s.name, s.log())
			}
		})
	}
	c.js = connect(t, nil, urls...)
	persist(t, "create the hub's stream", func(ctx context.Context) error {
		o := hubStream
		o.Replicas = 3
		_, err := c.js.CreateOrUpdateStream(ctx, o)
		return err
	})
	return c
}

// urls are those of the links.
func (c *cluster) urls() string {
	var urls []string
	for _, l := range c.links {
		urls = append(urls, l.url())
	}
	return strings.Join(urls, ",")
}

// leader waits until the stream has a leader and all replicas are current.
func (c *cluster) leader() *natsServer {
	c.t.Helper()
	name := ""
	persist(c.t, "the replicas are current", func(ctx context.Context) error {
		s, err := c.js.Stream(ctx, "RES")
		if err != nil {
			return err
		}
		info := s.CachedInfo().Cluster
		if info == nil || info.Leader == "" || len(info.Replicas) != 2 {
			return errors.New("no leader")
		}
		for _, r := range info.Replicas {
			if !r.Current || r.Offline {
				return fmt.Errorf("%s is behind", r.Name)
			}
		}
		name = info.Leader
		return nil
	})
	for _, s := range c.servers {
		if s.name == name {
			return s
		}
	}
	c.t.Fatalf("the leader is %q", name)
	return nil
}

// watch looks for a place in the middle of an atomic batch.
type watch struct {
	mu   sync.Mutex
	at   int // message of a batch, 0 for none
	then func(message int)
}

var batchSequence = regexp.MustCompile(`Nats-Batch-Sequence: *(\d+)`)

// arm calls then once, when a message of a batch with a number of at least at is on its way and
// the batch is not at its end.
func (w *watch) arm(at int, then func(message int)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.then = at, then
}

func (w *watch) see(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == 0 || bytes.Contains(b, []byte("Nats-Batch-Commit")) {
		return
	}
	if m := batchSequence.FindAllSubmatch(b, -1); len(m) > 0 {
		if n, _ := strconv.Atoi(string(m[len(m)-1][1])); n >= w.at {
			w.at = 0
			w.then(n)
		}
	}
}

// TestClusterLeaderKilled kills the leader of the hub's stream, which three servers keep, in the
// middle of an atomic batch, and starts it again, over and over while events come.
func TestClusterLeaderKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	edge := newServer(t, "edge")
	s := newSite(t, edge, c.urls(), c.js)
	p := s.run("data")
	rnd := rand.New(rand.NewPCG(*seed, 12))
	began := time.Now()
	for i := range *faults {
		victim := c.leader()
		killed := make(chan int, 1)
		c.watch.arm(2+rnd.IntN(100), func(message int) {
			victim.kill()
			killed <- message
		})
		for at := 0; at == 0; {
			s.publish(600)
			select {
			case at = <-killed:
				t.Logf("%d: %s killed at message %d of a batch", i+1, victim.name, at)
			case <-time.After(200 * time.Millisecond):
			}
		}
		pause(time.Duration(rnd.Int64N(int64(2 * time.Second))))
		victim.start()
	}
	c.leader()
	s.end()
	s.complete(p, "data")
	t.Logf("%d events, %d leaders killed in the middle of a batch, in %v", s.sent, *faults, time.Since(began).Round(time.Second))
}

// TestClusterStepsDown makes the leader of the hub's stream step down while events come.
func TestClusterStepsDown(t *testing.T) {
	if *faults < 2 {
		t.Skip("takes some 20 s: asked for by -faults 2 or more")
	}
	c := newCluster(t)
	edge := newServer(t, "edge")
	s := newSite(t, edge, c.urls(), c.js)
	p := s.run("data")
	for range *faults {
		old := c.leader()
		s.publish(600)
		persist(t, "the leader steps down", func(ctx context.Context) error {
			m, err := c.js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN.RES", nil)
			if err == nil && !bytes.Contains(m.Data, []byte(`"success":true`)) {
				err = fmt.Errorf("%s", m.Data)
			}
			return err
		})
		s.publish(600)
		t.Logf("%s stepped down, %s leads", old.name, c.leader().name)
	}
	s.end()
	s.complete(p, "data")
	t.Logf("%d events, %d leaders stepped down", s.sent, *faults)
}

// TestFollowerStopped stops a follower for a while. The other two go on without it.
func TestFollowerStopped(t *testing.T) {
	if *faults < 2 && *frozen < 10*time.Second {
		t.Skip("takes some 20 s: asked for by -faults 2 or more, or -frozen 10s or more")
	}
	c := newCluster(t)
	edge := newServer(t, "edge")
	s := newSite(t, edge, c.urls(), c.js)
	p := s.run("data")
	for range *faults {
		leader := c.leader()
		i := 0
		for c.servers[i] == leader {
			i++
		}
		follower := c.servers[i]
		before := s.arrived(subjectRows)
		follower.signal(syscall.SIGSTOP)
		for over := time.Now().Add(*frozen); time.Now().Before(over); pause(100 * time.Millisecond) {
			s.publish(50)
		}
		t.Logf("%d rows arrived while %s was stopped for %v", s.arrived(subjectRows)-before, follower.name, *frozen)
		follower.signal(syscall.SIGCONT)
		s.publish(200)
	}
	c.leader()
	s.end()
	s.complete(p, "data")
}
