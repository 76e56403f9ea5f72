package nats

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// cluster is three servers with one JetStream.
type cluster struct {
	t    *testing.T
	opts [3]*server.Options
	srv  [3]*server.Server
}

func startCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	ports := natstest.Ports(t, 6)
	for i := range c.opts {
		c.opts[i] = &server.Options{ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: ports[i], JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
			JetStreamMaxMemory: 1 << 26, JetStreamMaxStore: 1 << 28, LameDuckDuration: 2 * time.Minute, LameDuckGracePeriod: time.Minute,
			Cluster: server.ClusterOpts{Name: "C", Host: "127.0.0.1", Port: ports[3+i]}, Routes: server.RoutesFromStr(fmt.Sprintf("nats://127.0.0.1:%d", ports[3]))}
		c.start(i)
	}
	for _, s := range c.srv {
		if !s.ReadyForConnections(natstest.Patience) {
			t.Fatal("not ready")
		}
	}
	t.Cleanup(func() {
		for _, s := range c.srv {
			s.Shutdown()
			s.WaitForShutdown()
		}
	})
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	s, err := server.NewServer(c.opts[i].Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	c.srv[i] = s
}

// persist repeats what a cluster refuses while it elects its leaders.
func (c *cluster) persist(what string, f func() error) {
	c.t.Helper()
	until := time.Now().Add(natstest.Patience)
	for err := f(); err != nil; err = f() {
		if time.Now().After(until) {
			c.t.Fatalf("%s: %v", what, err)
		}
	}
}

// on counts the sources that are connected to a server, and the clients that just wait.
func (c *cluster) on(i int) (sources, waiting int) {
	c.t.Helper()
	z, err := c.srv[i].Connz(&server.ConnzOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, conn := range z.Conns {
		switch conn.Name {
		case "edgeflow":
			sources++
		case "waiting":
			waiting++
		}
	}
	return sources, waiting
}

// TestCluster: sources that know one server of three go on at the others, which it has
// announced, when it dies, and leave one that is about to stop before it does.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds: elections")
	}
	c := startCluster(t)
	nc, err := nats.Connect(c.srv[2].ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.Timeout(natstest.Patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	c.persist("create the stream", func() error {
		_, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Replicas: 3})
		return err
	})
	n := 0
	publish := func() {
		for range 500 {
			// A repeated message is left out by its id.
			c.persist("publish", func() error {
				_, err := js.Publish("s.a", fmt.Appendf(nil, "s.a %d", n), nats.MsgId(fmt.Sprint(n)))
				return err
			})
			n++
		}
	}
	publish()
	sources := make([]*Source, len(ways))
	for i, w := range ways {
		sources[i], _ = open(t, SourceOptions{ConnOptions: ConnOptions{URLs: []string{c.srv[0].ClientURL()}, RequestTimeout: time.Second, TLS: TLSOff}, Stream: "S",
			Reader: w.Reader, Delivery: w.Delivery, Heartbeat: 300 * time.Millisecond, PullExpires: time.Second, BackoffMax: 200 * time.Millisecond}, nil)
	}
	if n, _ := c.on(0); n != len(ways) {
		t.Fatalf("%d sources are where they were told to be", n)
	}
	read := 0
	check := func(to int) {
		t.Helper()
		for i, s := range sources {
			got, _ := collect(t, s, to-read)
			if len(got) > 0 {
				want(t, got, "s.a", read, to)
			}
			if t.Failed() {
				t.Fatalf("by %v", ways[i])
			}
		}
		read = to
	}
	check(250)
	c.srv[0].Shutdown()
	c.srv[0].WaitForShutdown()
	publish()
	check(750)
	c.start(0)
	if !c.srv[0].ReadyForConnections(natstest.Patience) {
		t.Fatal("not ready")
	}
	c.persist("all replicas are current", func() error {
		info, err := js.StreamInfo("S", nats.MaxWait(time.Second))
		if err != nil {
			return err
		}
		for _, r := range info.Cluster.Replicas {
			if !r.Current || r.Offline {
				return fmt.Errorf("%s is behind", r.Name)
			}
		}
		return nil
	})
	lame, moved := 1, 0
	for _, i := range []int{1, 2} {
		if n, _ := c.on(i); n > moved {
			lame, moved = i, n
		}
	}
	if moved == 0 {
		t.Fatal("no source went to another server")
	}
	// Clients that do not care are closed one by one after a grace period.
	const waiting = 6
	for range waiting {
		nc, err := nats.Connect(c.srv[lame].ClientURL(), nats.Name("waiting"), nats.Timeout(natstest.Patience))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	left := make(chan struct{})
	go func() {
		c.srv[lame].LameDuckShutdown()
		close(left)
	}()
	for {
		n, others := c.on(lame)
		if others < waiting {
			t.Fatalf("%d sources stayed until the server closed connections", n)
		}
		if n == 0 {
			break
		}
	}
	publish()
	c.srv[lame].Shutdown() // its grace is over
	<-left
	publish()
	check(n)
}
