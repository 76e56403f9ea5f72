package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Patience is the longest that anything a test waits for may take. Hosts stand still for seconds,
// and the defaults of the library, two seconds for a connection and five for an answer, end then.
const Patience = 3 * time.Minute

// Connect makes a connection to a server of the test, which lasts until the test ends.
func Connect(t testing.TB, url string, o ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.Timeout(Patience)}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(Patience))
	if err != nil {
		t.Fatal(err)
	}
	return js
}
