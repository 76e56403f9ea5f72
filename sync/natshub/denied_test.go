package natshub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	cnats "github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// A server does not answer what it does not permit: the error says what that is.
func TestErrorsNameWhatIsDenied(t *testing.T) {
	srv, err := embedded.Start(embedded.Options{StoreDir: t.TempDir(), LazySync: true, Listen: "127.0.0.1:0", Users: []embedded.User{
		{Name: "edge", Password: "edgeedge", Publish: []string{"$JS.API.>", "hub.cursor.>"}, Subscribe: []string{"_INBOX.>"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown()
	up := make(chan struct{}, 10)
	l, err := cnats.ConnOptions{URLs: []string{srv.ClientURL()}, User: "edge", Password: "edgeedge"}.Open(t.Context(), func() { up <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	<-up
	h := natshub.New(l, natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true})
	if _, err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The cursor is let through, the rows are not: a batch has none of them, or lacks its end.
	row := forward.Message{Subject: "hub.rows", First: 1, Last: 1, Data: []byte("1")}
	for _, rows := range [][]forward.Message{{row, row}, {row}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			for l.Denied() == nil && ctx.Err() == nil {
				<-time.After(time.Millisecond)
			}
			if len(rows) > 1 {
				cancel()
			}
		}()
		b := &forward.Batch{Pipeline: "p", Instance: "i", Move: forward.Move{Output: "out", Subject: natshub.CursorSubject("hub", "p", "i", "out")}, Messages: rows}
		_, err = h.Publish(ctx, b)
		if !errors.Is(err, cnats.ErrAuthorization) || !strings.Contains(err.Error(), "hub.rows") {
			t.Errorf("%d rows: the error is %v", len(rows), err)
		}
	}
}
