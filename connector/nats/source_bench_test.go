package nats

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/dataflow"
)

// benchStream fills a stream with n messages of 190 bytes.
func benchStream(b *testing.B, n int) *embedded.Server {
	b.Helper()
	srv, err := embedded.Start(embedded.Options{StoreDir: b.TempDir(), LazySync: true, Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(srv.Shutdown)
	nc, err := srv.Connect()
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream(nats.PublishAsyncMaxPending(10_000))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 190)
	for range n {
		if _, err := js.PublishAsync("s.a", data); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	return srv
}

// BenchmarkSource reads stored messages of one event; server and source share the process.
func BenchmarkSource(b *testing.B) {
	const n = 200_000
	srv := benchStream(b, n)
	for _, way := range []struct {
		name string
		conn ConnOptions
	}{{"tcp", ConnOptions{URLs: []string{srv.ClientURL()}}}, {"inprocess", ConnOptions{InProcess: srv}}} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(190)
			var s *Source
			var msgs []dataflow.Message
			left := 0
			for i := 0; i < b.N; {
				if left == 0 {
					b.StopTimer()
					if s != nil {
						s.Close()
					}
					var err error
					if s, err = NewSource(SourceOptions{ConnOptions: way.conn, Stream: "S"}); err != nil {
						b.Fatal(err)
					}
					if _, err := s.Open(context.Background(), nil); err != nil {
						b.Fatal(err)
					}
					left = n
					b.StartTimer()
				}
				var err error
				if msgs, _, err = s.Poll(msgs[:0], min(1024, left, b.N-i), time.Second); err != nil {
					b.Fatal(err)
				}
				i += len(msgs)
				left -= len(msgs)
			}
			b.StopTimer()
			s.Close()
		})
	}
}
