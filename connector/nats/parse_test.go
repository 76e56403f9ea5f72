package nats

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestParseAckReply(t *testing.T) {
	want := ackReply{streamSeq: 1234567, consumerSeq: 89, pending: 10, storedNs: 1700000000123456789}
	for _, s := range []string{
		"$JS.ACK.S.c.1.1234567.89.1700000000123456789.10",
		"$JS.ACK.hub.ABCDEF.S.c.1.1234567.89.1700000000123456789.10",
		"$JS.ACK.hub.ABCDEF.S.c.1.1234567.89.1700000000123456789.10.x7Yz",
	} {
		if got, ok := parseAckReply([]byte(s)); !ok || got != want {
			t.Errorf("%s: %+v %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "$JS.ACK.", "$JS.ACK.S.c.1.2.3.4", "$JS.ACK.S.c.1.x.89.17.10", "_INBOX.a.b", "$JS.ACK.S.c.1..89.17.10",
		"$JS.ACK.a.b.S.c.1.2.3.4", "$JS.ACK.S.c.1.99999999999999999999.89.17.10", "$JS.ACK.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
	} {
		if got, ok := parseAckReply([]byte(s)); ok {
			t.Errorf("%q passes: %+v", s, got)
		}
	}
}

func TestParseFrame(t *testing.T) {
	type want struct {
		kind                         byte
		subject, reply, header, data string
	}
	cases := []struct {
		in   string
		want want
	}{
		{"MSG a.b 2 5\r\nhello\r\n", want{frameMsg, "a.b", "", "", "hello"}},
		{"MSG a.b 2 $JS.ACK.x 5\r\nhello\r\n", want{frameMsg, "a.b", "$JS.ACK.x", "", "hello"}},
		{"MSG a.b 2 0\r\n\r\n", want{frameMsg, "a.b", "", "", ""}},
		{"msg  a.b\t2  r  5\r\nhe\r\no\r\n", want{frameMsg, "a.b", "r", "", "he\r\no"}},
		{"HMSG a 2 12 15\r\nNATS/1.0\r\n\r\nabc\r\n", want{frameMsg, "a", "", "NATS/1.0\r\n\r\n", "abc"}},
		{"PING\r\n", want{kind: framePing}},
		{"PONG\r\n", want{kind: framePong}},
		{"+OK\r\n", want{kind: frameOK}},
		{"-ERR 'Slow Consumer'\r\n", want{kind: frameErr}},
		{"INFO {\"a\":1}\r\n", want{kind: frameInfo}},
	}
	for _, c := range cases {
		for cut := range len(c.in) { // every beginning asks for more
			var f frame
			if n, _, err := parseFrame([]byte(c.in[:cut]), &f); n != 0 || err != nil {
				t.Fatalf("%q cut to %d: n %d, %v", c.in, cut, n, err)
			}
		}
		var f frame
		n, _, err := parseFrame([]byte(c.in+"MSG"), &f)
		if err != nil || n != len(c.in) {
			t.Fatalf("%q: n %d, %v", c.in, n, err)
		}
		got := want{f.kind, "", string(f.reply), string(f.header), string(f.data)}
		if f.kind == frameMsg {
			got.subject = string(f.subject)
		}
		if got != c.want {
			t.Errorf("%q: %+v, want %+v", c.in, got, c.want)
		}
	}
	for _, bad := range []string{
		"\r\n", "FOO\r\n", "MSG a 2\r\n", "MSG a x 5\r\n", "MSG a 2 -1\r\n", "MSG a 2 99999999999\r\n", "HMSG a 2 9 5\r\n12345\r\n",
		"MSG a 2 3\r\nabcd\r\n", "MSG a b c d e f g\r\n", "HTTP/1.1 400 Bad Request\r\n",
	} {
		var f frame
		if n, _, err := parseFrame([]byte(bad), &f); !errors.Is(err, errProtocol) {
			t.Errorf("%q: n %d, %v", bad, n, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add([]byte("MSG a.b 2 $JS.ACK.S.c.1.2.3.4.5 5\r\nhello\r\n"))
	f.Add([]byte("HMSG a 2 12 15\r\nNATS/1.0\r\n\r\nabc\r\n"))
	f.Add([]byte("HMSG _INBOX.a 2 42 42\r\nNATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 3\r\n\r\n\r\n"))
	f.Add([]byte("PING\r\nINFO {}\r\n-ERR 'x'\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			var fr frame
			n, need, err := parseFrame(b, &fr)
			if err != nil || n == 0 {
				if need != 0 && need <= len(b) {
					t.Fatalf("needs %d of %d bytes", need, len(b))
				}
				return
			}
			if n > len(b) || len(fr.data)+len(fr.header) > n {
				t.Fatalf("frame of %d bytes with %d of data", n, len(fr.data))
			}
			parseAckReply(fr.reply)
			parseStatus(fr.header)
			b = b[n:]
		}
	})
}

func TestParseStatus(t *testing.T) {
	s, ok := parseStatus([]byte("NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 12\r\nNats-Pending-Bytes: 3\r\n\r\n"))
	if !ok || s.code != 409 || s.text != "Batch Completed" || s.left != 12 {
		t.Errorf("%+v %v", s, ok)
	}
	s, ok = parseStatus([]byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Last-Stream: 70\r\n\r\n"))
	if !ok || s.code != 100 || s.left != -1 || !s.hasLast || s.lastConsumer != 7 || s.lastStream != 70 {
		t.Errorf("%+v %v", s, ok)
	}
	s, ok = parseStatus([]byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Consumer-Stalled: $JS.FC.S.c.ab12\r\n\r\n"))
	if !ok || s.lastConsumer != 7 || string(s.stalled) != "$JS.FC.S.c.ab12" {
		t.Errorf("%+v %v", s, ok)
	}
	if _, ok = parseStatus([]byte("NATS/1.0\r\nRegion: eu\r\n\r\n")); ok {
		t.Error("a message's headers pass as a status")
	}
}

func TestParsingDoesNotAllocate(t *testing.T) {
	var buf bytes.Buffer
	for i := range 1000 {
		data := fmt.Sprintf(`{"n":%d}`, i)
		fmt.Fprintf(&buf, "MSG s.a.b 2 $JS.ACK.S.edgeflow-x-1.1.%d.%d.1700000000123456789.%d %d\r\n%s\r\n", i, i, 1000-i, len(data), data)
	}
	n := testing.AllocsPerRun(5, func() {
		b := buf.Bytes()
		var f frame
		for len(b) > 0 {
			k, _, err := parseFrame(b, &f)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := parseAckReply(f.reply); !ok {
				t.Fatal("reply")
			}
			b = b[k:]
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for 1000 messages", n)
	}
}

func TestVerify(t *testing.T) {
	p := Position{Stream: "S", CreatedNs: 5, Sequence: 100, StoredNs: 7, Hash: 9}
	q := p
	q.Passed = 150
	st := StreamState{Name: "S", CreatedNs: 5, First: 1, Last: 200}
	same := StoredMessage{Found: true, StoredNs: 7, Hash: 9}
	cases := []struct {
		name   string
		p      Position
		change func(*StreamState)
		at     StoredMessage
		want   Verdict
	}{
		{"goes on", p, nil, same, Verdict{Kind: Continues, Next: 101}},
		{"at the end", p, func(s *StreamState) { s.Last = 100 }, same, Verdict{Kind: Continues, Next: 101}},
		{"our message expired, the next is there", p, func(s *StreamState) { s.First = 101 }, StoredMessage{}, Verdict{Kind: Continues, Next: 101}},
		{"all expired, nothing missed", p, func(s *StreamState) { s.First, s.Last = 101, 100 }, StoredMessage{}, Verdict{Kind: Continues, Next: 101}},
		{"our message was deleted", p, nil, StoredMessage{}, Verdict{Kind: Continues, Next: 101}},
		{"hash unknown", Position{Stream: "S", CreatedNs: 5, Sequence: 100}, nil, same, Verdict{Kind: Continues, Next: 101}},
		{"gap", p, func(s *StreamState) { s.First = 131 }, StoredMessage{}, Verdict{Kind: GapBehind, Missing: 30, Next: 131}},
		{"gap to an empty stream", p, func(s *StreamState) { s.First, s.Last = 201, 200 }, StoredMessage{}, Verdict{Kind: GapBehind, Missing: 100, Next: 201}},
		{"compacted", p, func(s *StreamState) { s.First, s.Compacted = 131, true }, StoredMessage{}, Verdict{Kind: Continues, Next: 101}},
		{"what was passed is gone", q, func(s *StreamState) { s.First = 151 }, StoredMessage{}, Verdict{Kind: Continues, Next: 151}},
		{"a gap behind what was passed", q, func(s *StreamState) { s.First = 161 }, StoredMessage{}, Verdict{Kind: GapBehind, Missing: 10, Next: 161}},
		{"passed, written again", q, nil, StoredMessage{Found: true, StoredNs: 8, Hash: 9}, Verdict{Kind: Rewritten, Vanished: 1, Next: 101}},
		{"passed, rolled back to where we read", q, func(s *StreamState) { s.Last = 120 }, same, Verdict{Kind: RolledBack, Next: 121}},
		{"passed, rolled back", q, func(s *StreamState) { s.Last = 90 }, StoredMessage{}, Verdict{Kind: RolledBack, Vanished: 10, Next: 91}},
		{"rolled back", p, func(s *StreamState) { s.Last = 90 }, StoredMessage{}, Verdict{Kind: RolledBack, Vanished: 10, Next: 91}},
		{"rolled back and written again", p, nil, StoredMessage{Found: true, StoredNs: 8, Hash: 9}, Verdict{Kind: Rewritten, Vanished: 1, Next: 101}},
		{"another message at the same time", p, nil, StoredMessage{Found: true, StoredNs: 7, Hash: 1}, Verdict{Kind: Rewritten, Vanished: 1, Next: 101}},
		{"created again", p, func(s *StreamState) { s.CreatedNs = 6; s.First = 3 }, same, Verdict{Kind: Recreated, Next: 3}},
		{"another stream", p, func(s *StreamState) { s.Name = "T" }, same, Verdict{Kind: OtherStream, Next: 1}},
	}
	for _, c := range cases {
		s := st
		if c.change != nil {
			c.change(&s)
		}
		got := verify(c.p, s, c.at)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got.Kind != Continues {
			if e := explain(got, c.p, s); e.Detail == "" || e.Hint == "" {
				t.Errorf("%s: no explanation: %v", c.name, e)
			}
		}
	}
}

func TestPositionCodec(t *testing.T) {
	p := Position{Stream: "S", CreatedNs: 5, Sequence: 1 << 60, StoredNs: -7, Hash: 1<<64 - 1}
	b := p.Append(nil)
	got, err := DecodePosition(b)
	if err != nil || got != p {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := DecodePosition(b[:n]); err == nil {
			t.Fatalf("cut to %d bytes it decodes", n)
		}
	}
	b[1] = 2
	if _, err := DecodePosition(b); err == nil {
		t.Fatal("a field less than its version has")
	}
	p.Passed = 1<<60 + 7
	b = p.Append(nil)
	if got, err = DecodePosition(b); err != nil || got != p {
		t.Fatalf("%+v, %v", got, err)
	}
	b[1] = 3
	if _, err := DecodePosition(b); err == nil {
		t.Fatal("a later version passes")
	}
}

func FuzzDecodePosition(f *testing.F) {
	p := Position{Stream: "S", CreatedNs: 5, Sequence: 9, StoredNs: 7, Hash: 3}
	f.Add(p.Append(nil))
	p.Passed = 12
	f.Add(p.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePosition(b)
		if err != nil {
			return
		}
		if q, err := DecodePosition(p.Append(nil)); err != nil || q != p {
			t.Fatalf("%+v, %v", q, err)
		}
	})
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a.>", "a.b", true}, {"a.>", "a.b.c", true}, {"a.>", "a", false}, {">", "x.y", true}, {"a.*", "a.b", true}, {"a.*", "a.b.c", false},
		{"a.*", "a.>", false}, {"a.>", "a.b.>", true}, {"a.b", "a.b", true}, {"a.b", "a.*", false}, {"a.*", "a.*", true},
	} {
		if got := covers(c.a, c.b); got != c.want {
			t.Errorf("covers(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
