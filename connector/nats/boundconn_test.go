package nats

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// A connection is given up when it has brought nothing for a while, and not while it brings little.
func TestDeafConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := (&dialer{ctx: t.Context()}).bind(near)
		defer c.Close()
		go func() {
			for range 3 {
				time.Sleep(deafAfter - time.Second)
				_, _ = far.Write([]byte{1})
			}
		}()
		began := time.Now()
		for range 3 {
			if _, err := c.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.Read(make([]byte, 10))
		if took := time.Since(began); !errors.Is(err, nats.ErrStaleConnection) || took != 3*(deafAfter-time.Second)+deafAfter {
			t.Errorf("%v after %v", err, took)
		}
		// A handshake has its own time.
		began = time.Now()
		if err := c.SetDeadline(began.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 10))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err = c.Read(make([]byte, 10)); !errors.Is(err, nats.ErrStaleConnection) {
			t.Error(err)
		}
	})
}
