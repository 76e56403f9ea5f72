package natshub_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

var slow = flag.Bool("slow", false, "also tests that take a quarter of a minute")

func loneRow(expect, first uint64, bytes int) *forward.Batch {
	return &forward.Batch{Pipeline: "p", Instance: "i",
		Move:     forward.Move{Output: "out", Subject: cursorSubject, Expect: expect, Cursor: forward.Record{Generation: 1, Outbox: first}},
		Messages: []forward.Message{{Subject: "hub.results", First: first, Last: first, Data: make([]byte, bytes)}}, Bytes: bytes}
}

// A message of rows that is alone in its batch goes before the cursor, with which it is stored whole
// or not at all.
func TestLoneRowGoesFirst(t *testing.T) {
	w := start(t)
	h := w.hub()
	if _, err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := loneRow(0, 1, 10)
	place, err := h.Publish(ctx, b)
	if err != nil || b.Round != 0 {
		t.Fatalf("%v, the beginning was answered after %v", err, b.Round)
	}
	if data, at, err := h.ReadCursor(ctx, cursorSubject); err != nil || at != place || place != 2 || len(data) == 0 {
		t.Fatalf("the cursor is at %d, said to be at %d: %v", at, place, err)
	}
	_, msgs := w.rows()
	if len(msgs) != 1 || msgs[0].Header.Get("Nats-Batch-Sequence") != "1" {
		t.Fatalf("%d rows, %v", len(msgs), msgs[0].Header)
	}
	var guard *forward.GuardError
	if _, err := h.Publish(ctx, loneRow(1, 2, 10)); !errors.As(err, &guard) {
		t.Fatalf("the guard is not checked: %v", err)
	}
	if place, err = h.Publish(ctx, loneRow(place, 2, 10)); err != nil || place != 4 {
		t.Fatalf("place %d, %v", place, err)
	}
	if _, msgs = w.rows(); len(msgs) != 2 {
		t.Fatalf("%d rows", len(msgs))
	}
	cancel()
	if _, err := h.Publish(ctx, loneRow(place, 3, 100_000)); err == nil || !strings.Contains(err.Error(), "row 3 alone takes 100000 bytes") {
		t.Errorf("it is not said what to do: %v", err)
	}
}

// A row may take the link longer than the server waits for the next message of a batch.
func TestLoneRowOverASlowLink(t *testing.T) {
	if !*slow {
		t.Skip("takes a quarter of a minute: asked for by -slow")
	}
	const rate, bytes = 16_000, 13 * 16_000 // 13 s
	srv, err := embedded.Start(embedded.Options{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown()
	nc, err := nats.Connect("nats://" + slowly(t, strings.TrimPrefix(srv.ClientURL(), "nats://"), rate))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	h := natshub.New(fixed{nc}, natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true})
	if _, err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if place, err := h.Publish(ctx, loneRow(0, 1, bytes)); err != nil || place != 2 {
		t.Fatalf("place %d after %v: %v", place, time.Since(began), err)
	}
	if took := time.Since(began); took < 10*time.Second {
		t.Errorf("the link took %v: that proves nothing", took)
	}
}

// slowly is the address of a link to a server that carries so many bytes a second to it.
func slowly(t *testing.T, target string, rate int) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(in, out); in.Close() }()
		defer out.Close()
		for tick := time.NewTicker(time.Second / 10); ; <-tick.C {
			if _, err := io.CopyN(out, in, int64(rate/10)); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}
