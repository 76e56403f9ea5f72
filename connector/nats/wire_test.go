package nats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// dribble is a connection whose reads end anywhere.
type dribble struct {
	net.Conn
	in []byte
	r  *rand.Rand
}

func (d *dribble) Read(b []byte) (int, error) {
	if len(d.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, d.in[:min(len(d.in), 1+d.r.IntN(1<<d.r.IntN(16)))])
	d.in = d.in[n:]
	return n, nil
}

func (d *dribble) Write(b []byte) (int, error)     { return len(b), nil }
func (d *dribble) SetReadDeadline(time.Time) error { return nil }

// TestFramesAreParted: what nats.go reads is the stream less the hot frames, byte for byte,
// whatever a read of the connection yields; the hot frames are the messages; those of
// another subscription of ours are dropped.
func TestFramesAreParted(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		var stream, rest bytes.Buffer
		var want []string
		pass := func(s string) {
			stream.WriteString(s)
			rest.WriteString(s)
		}
		pass("INFO {\"max_payload\":1048576}\r\n")
		pass("PONG\r\n")
		for range 300 {
			data := strings.Repeat("MSG x\r\n"[:1+r.IntN(7)], r.IntN(1<<r.IntN(15)))
			n := len(want) + 1
			switch r.IntN(8) {
			case 0:
				pass("PING\r\n")
			case 1:
				pass(fmt.Sprintf("MSG _INBOX.a 1 %d\r\n%s\r\n", len(data), data))
			case 2:
				pass("-ERR 'Permissions Violation'\r\n")
			case 3:
				fmt.Fprintf(&stream, "MSG s.a %d $JS.ACK.S.c.1.%d.%d.1700000000000000000.9 %d\r\n%s\r\n", hotSID+1, n, n, len(data), data)
			case 4:
				header := "NATS/1.0\r\nA: b\r\n\r\n"
				fmt.Fprintf(&stream, "HMSG s.a %d $JS.ACK.S.c.1.%d.%d.1700000000000000000.9 %d %d\r\n%s%s\r\n", hotSID+2, n, n, len(header), len(header)+len(data), header, data)
				want = append(want, data)
			default:
				fmt.Fprintf(&stream, "MSG s.a %d $JS.ACK.S.c.1.%d.%d.1700000000000000000.9 %d\r\n%s\r\n", hotSID+2, n, n, len(data), data)
				want = append(want, data)
			}
		}
		s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://127.0.0.1"}}, Stream: "S"})
		if err != nil {
			t.Fatal(err)
		}
		k := &keeper{s: s, woken: make(chan struct{}, 1)}
		in := &intake{s: s, ev: k}
		in.begin(2, place{}, 0, true)
		raw := &dribble{in: stream.Bytes(), r: r}
		c := &wireConn{d: &dialer{o: &s.o.ConnOptions, in: in}, raw: raw, conn: raw}
		var passed bytes.Buffer
		for {
			b := make([]byte, 1+r.IntN(100))
			n, err := c.Read(b)
			passed.Write(b[:n])
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
		}
		if !bytes.Equal(passed.Bytes(), rest.Bytes()) {
			t.Fatalf("seed %d: nats.go reads %d bytes of %d", seed, passed.Len(), rest.Len())
		}
		if k.fault != nil {
			t.Fatalf("seed %d: %v", seed, k.fault)
		}
		var msgs []dataflow.Message
		for got := 0; got < len(want); got += len(msgs) {
			if msgs, _, err = s.Poll(msgs[:0], 1+r.IntN(50), 0); err != nil || len(msgs) == 0 {
				t.Fatalf("seed %d: message %d of %d: %v", seed, got, len(want), err)
			}
			for i := range msgs {
				if string(msgs[i].Data) != want[got+i] {
					t.Fatalf("seed %d: message %d is %.60q, want %.60q", seed, got+i, msgs[i].Data, want[got+i])
				}
			}
		}
	}
}

// Each part of a message that comes slowly shows that the server is alive; its answers to pings
// show nothing of the subscription.
func TestPartOfAMessageIsASignOfLife(t *testing.T) {
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://127.0.0.1"}}, Stream: "S"})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{s: s, woken: make(chan struct{}, 1)}
	in := &intake{s: s, ev: k}
	in.begin(1, place{}, 0, true)
	raw := &replay{}
	c := &wireConn{d: &dialer{o: &s.o.ConnOptions, in: in}, raw: raw, conn: raw}
	c.ready.Store(true)
	signs := func(bytes string) bool {
		t.Helper()
		before := in.activity.Load()
		raw.in.Reset([]byte(bytes))
		if err := c.fill(); err != nil {
			t.Fatal(err)
		}
		return in.activity.Load() != before
	}
	if signs("PONG\r\n") {
		t.Error("an answer to a ping")
	}
	message := fmt.Sprintf("MSG s.a %d $JS.ACK.S.c.1.1.1.1.0 1000\r\n%01000d\r\n", hotSID+1, 7)
	for len(message) > 0 {
		n := min(len(message), 100)
		if !signs(message[:n]) {
			t.Errorf("%d bytes before its end", len(message))
		}
		message = message[n:]
	}
	if signs("PONG\r\n") {
		t.Error("an answer to a ping, after a message")
	}
}

// The same for the ordinary reader, whose messages nats.go puts together.
func TestPartOfAMessageIsASignOfLifeToTheOrdinaryReader(t *testing.T) {
	for _, c := range []struct {
		wire  bool
		bytes int
		sign  bool
	}{{false, len("PONG\r\n"), false}, {false, 1000, true}, {true, 1000, false}} {
		raw := &replay{}
		raw.in.Reset(make([]byte, c.bytes))
		d := &dialer{ctx: t.Context(), wire: c.wire, in: &intake{}}
		if n, err := d.bind(raw).Read(make([]byte, 4096)); n != c.bytes || err != nil {
			t.Fatal(n, err)
		}
		if got := d.in.activity.Load() > 0; got != c.sign {
			t.Errorf("%d bytes, off the wire %t: a sign of life is %t", c.bytes, c.wire, got)
		}
	}
}
