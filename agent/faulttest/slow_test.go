package faulttest

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSlowLink drains a backlog over 50 kbit/s with 600 ms from an end to the other and back,
// without loss and with 5% of the packets lost. Nothing is sent twice; without loss no batch is
// without its answer in time, and most of the link carries rows once the first are there.
func TestSlowLink(t *testing.T) {
	if !*slow {
		t.Skip("takes minutes, and root: asked for by -slow")
	}
	for _, c := range []struct {
		name  string
		loss  float64
		pack  string
		rows  int
		used  float64 // the least share of the link that is used
		least float64 // the least share that is rows, from the first that arrive
	}{{"packed", 0, "100", 12_000, 0.75, 0.7}, {"row by row", 0, "1", 700, 0.6, 0}, {"5% lost", 0.05, "100", 3000, 0, 0}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRadio(t, 50, 300*time.Millisecond, c.loss)
			s := r.site(t)
			s.configure("", ", 'nats.tls' = 'off', 'edgeflow.pack' = '"+c.pack+"'")
			s.publish(c.rows)
			s.end()
			before, _ := r.count()
			began := time.Now()
			p := s.run("data")
			until(t, "the first batch", func() bool { return s.arrived(subjectRows) > 0 })
			first := time.Since(began)
			rows, wins := expected(s.sent)
			until(t, "all rows are at the hub", func() bool {
				return s.reached(subjectRows) >= uint64(len(rows)) && s.reached(subjectWins) >= uint64(len(wins))
			})
			took := time.Since(began)
			carried, lost := r.count()
			s.complete(p, "data")
			payload := 0
			var batches []int
			id := ""
			for _, m := range append(s.messages(subjectRows), s.messages(subjectWins)...) {
				payload += len(m.Data())
				if b := m.Headers().Get("Nats-Batch-Id"); b != id || len(batches) == 0 {
					id, batches = b, append(batches, 0)
				}
				batches[len(batches)-1] += len(m.Data())
			}
			steady := float64(payload-batches[0]) / r.rate / (took - first).Seconds()
			slices.Sort(batches)
			link := r.rate * took.Seconds()
			missed := strings.Count(p.log(), "no answer to a batch") + strings.Count(p.log(), "cannot be reached")
			t.Logf("%d rows in %v, the first after %v; the link was used to %.0f%%, rows are %.0f%%, from the first %.0f%%; %d packets lost, %d answers missed; %d batches, median %d bytes of rows, largest %d",
				len(rows)+len(wins), took.Round(100*time.Millisecond), first.Round(100*time.Millisecond), 100*float64(carried-before)/link, 100*float64(payload)/link, 100*steady,
				lost, missed, len(batches), batches[len(batches)/2], batches[len(batches)-1])
			if c.loss == 0 && missed > 0 {
				t.Errorf("%d batches were without an answer in time", missed)
			}
			if share := float64(carried-before) / link; share < c.used {
				t.Errorf("%.0f%% of the link were used, less than %.0f%%", 100*share, 100*c.used)
			}
			if steady < c.least {
				t.Errorf("rows are %.0f%% of the link, less than %.0f%%", 100*steady, 100*c.least)
			}
		})
	}
}

// TestRadioSilent lets all packets of a link vanish for a while in which events come.
func TestRadioSilent(t *testing.T) {
	if !*slow {
		t.Skip("takes root and network namespaces: asked for by -slow")
	}
	r := newRadio(t, 10_000, 20*time.Millisecond, 0)
	s := r.site(t)
	s.configure("", ", 'nats.tls' = 'off'")
	p := s.run("data")
	s.publish(500)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) == 500 })
	r.fall(true)
	for over := time.Now().Add(*cut); time.Now().Before(over); pause(100 * time.Millisecond) {
		s.publish(20)
	}
	r.fall(false)
	began := time.Now()
	until(t, "rows arrive again", func() bool { return s.arrived(subjectRows) > 500 })
	t.Logf("silent for %v; rows arrive again after %v", *cut, time.Since(began).Round(10*time.Millisecond))
	s.end()
	s.complete(p, "data")
}

// TestRadio looks at the link itself: what goes over it takes its delay and its bytes' time.
func TestRadio(t *testing.T) {
	if !*slow {
		t.Skip("takes root and network namespaces: asked for by -slow")
	}
	r := newRadio(t, 50, 300*time.Millisecond, 0)
	var l net.Listener
	if err := r.hub.do(func() (err error) {
		l, err = net.Listen("tcp", hubIP+":7000")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	began := time.Now()
	c, err := r.edge.dial(l.Addr().String())
	if err != nil {
		bytes, lost := r.count()
		t.Fatalf("%v; %d bytes were carried, %d packets lost", err, bytes, lost)
	}
	if took := time.Since(began); took < 600*time.Millisecond {
		t.Errorf("a connection was made within %v", took)
	}
	began = time.Now()
	const size = 20_000
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if n := <-got; n != size {
		t.Fatalf("%d bytes arrived", n)
	}
	if took := time.Since(began).Seconds(); took < size/r.rate {
		t.Errorf("%d bytes took %.1f s", size, took)
	}
}
