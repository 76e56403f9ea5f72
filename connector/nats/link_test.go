package nats

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// A server that takes connections and says nothing is waited for by nobody: neither by Open, nor by
// who asks for the connection. The end of its context ends the link.
func TestALinkIsNotWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	link, err := ConnOptions{URLs: []string{"nats://" + l.Addr().String()}, DialTimeout: time.Hour}.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	if nc, err := link.Conn(); nc != nil || err != nil {
		t.Errorf("before the first attempt has ended: %v, %v", nc, err)
	}
	cancel()
	ended := make(chan struct{})
	go func() { link.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(natstest.Patience):
		t.Fatal("it waits")
	}
	if _, err := link.Conn(); err != nil {
		t.Errorf("the end of the context is taken for the server's fault: %v", err)
	}
}

// A link comes back after its server was away, and after its client was closed for good.
func TestALinkComesBack(t *testing.T) {
	s := serve(t, func(*server.Options) {})
	ups := make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	link, err := ConnOptions{URLs: []string{s.ClientURL()}}.Open(ctx, func() { ups <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	up := func() *nats.Conn {
		t.Helper()
		select {
		case <-ups:
		case <-time.After(natstest.Patience):
			t.Fatal("it does not come up")
		}
		nc, err := link.Conn()
		if err != nil || nc == nil || !nc.IsConnected() {
			t.Fatalf("up with %v, %v", nc, err)
		}
		return nc
	}
	first := up()
	id, err := first.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DisconnectClientByID(id); err != nil {
		t.Fatal(err)
	}
	up().Close()
	second := up()
	if second == first {
		t.Error("a closed client is given")
	}
	// A reason that was looked up while there was no connection comes too late.
	link.note(errGone)
	if nc, err := link.Conn(); nc != second || err != nil {
		t.Errorf("%v, %v", nc, err)
	}
	link.lost(errGone)
	if nc, err := link.Conn(); nc != nil || !errors.Is(err, errGone) {
		t.Errorf("%v, %v", nc, err)
	}
	cancel()
	link.Wait()
}

// What goes wrong on connection after connection reads the same each time.
func TestAReasonReadsTheSameAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var said []string
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 1))
		said = append(said, cause(err, nil).Error(), (&wireConn{conn: c}).early(err).Error())
	}
	if said[0] != said[2] || said[1] != said[3] {
		t.Errorf("%q", said)
	}
}

// What a server does not permit is known, of the connection that there is.
func TestALinkKnowsWhatIsDenied(t *testing.T) {
	s := serve(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "me", Password: "secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"cursors.>"}},
		}}}
	})
	ups := make(chan struct{}, 10)
	link, err := ConnOptions{URLs: []string{s.ClientURL()}, User: "me", Password: "secret"}.Open(t.Context(), func() { ups <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	<-ups
	nc, _ := link.Conn()
	say := func(subject string) {
		t.Helper()
		if err := errors.Join(nc.Publish(subject, nil), nc.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	say("cursors.a")
	if err := link.Denied(); err != nil {
		t.Fatalf("denied: %v", err)
	}
	say("rows.a")
	for late := time.Now().Add(natstest.Patience); link.Denied() == nil; <-time.After(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("nothing is known of it")
		}
	}
	if err := link.Denied(); !errors.Is(err, ErrAuthorization) || !strings.Contains(err.Error(), "rows.a") {
		t.Errorf("denied: %v", err)
	}
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	<-ups
	if err := link.Denied(); err != nil {
		t.Errorf("on a connection before: %v", err)
	}
}
