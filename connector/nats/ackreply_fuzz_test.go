package nats

import (
	"fmt"
	"testing"
)

// FuzzAckReply reads arbitrary bytes as the reply subject of a delivered message. What is
// taken for one is a subject whose numbers are those that were read.
func FuzzAckReply(f *testing.F) {
	for _, s := range []string{
		"$JS.ACK.S.C.1.22.3.1700000000000000000.4",
		"$JS.ACK.hub.ACC.S.C.1.22.3.1700000000000000000.4",
		"$JS.ACK.hub.ACC.S.C.1.22.3.1700000000000000000.4.token",
		"$JS.ACK.S.C.1.99999999999999999999.3.1.4", "$JS.ACK.", "$JS.ACK.......", "$JS.ACK.S.C.1.-2.3.1.4", "$JS.ACK.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := parseAckReply(b)
		if !ok {
			return
		}
		if a.storedNs < 0 {
			t.Fatalf("%q was stored at %d", b, a.storedNs)
		}
		again, ok := parseAckReply(fmt.Appendf(nil, "$JS.ACK.S.C.1.%d.%d.%d.%d", a.streamSeq, a.consumerSeq, a.storedNs, a.pending))
		if !ok || again != a {
			t.Fatalf("%q: %+v became %+v", b, a, again)
		}
	})
}
