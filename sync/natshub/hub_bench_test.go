package natshub_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// BenchmarkForward drains rows of about 100 bytes to a hub that syncs every write; an
// operation is a row.
func BenchmarkForward(b *testing.B) {
	for _, pack := range []int{1, 100} {
		b.Run(fmt.Sprintf("pack=%d", pack), func(b *testing.B) {
			srv, err := embedded.Start(embedded.Options{StoreDir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer srv.Shutdown()
			nc, err := srv.Connect()
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			store := &outbox{}
			var frame forward.FrameBuilder
			for left := b.N; left > 0; {
				n := min(left, 5000)
				for i := range n {
					frame.Append(fmt.Appendf(nil, `{"customer":"c%05d","cdn":"cdn-%d","views":%d,"errors":0.01,"p95":1234,"start":"2100-01-01T00:00:00"}`, i, i%9, i), nil, 0, 1000)
				}
				first := store.last + 1
				store.last += uint64(n)
				store.frames = append(store.frames, forward.Frame{Output: "out", First: first, Last: store.last, Rows: n, Data: frame.Seal(first)})
				left -= n
			}
			fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: []forward.OutputOptions{{
				Name: "out", Hub: natshub.New(fixed{nc}, natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true}),
				Subject: "hub.results", CursorSubject: cursorSubject, Pack: pack, Separator: "\n"}}}, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for !fw.Drained() {
				if _, err := fw.Step(context.Background(), time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
