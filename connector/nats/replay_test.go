package nats

import (
	"bytes"
	"net"
	"time"
)

// replay is a connection that yields prepared bytes and swallows what is written.
type replay struct {
	net.Conn
	in bytes.Reader
}

func (r *replay) Read(b []byte) (int, error)      { return r.in.Read(b[:min(len(b), 64<<10)]) }
func (r *replay) Write(b []byte) (int, error)     { return len(b), nil }
func (r *replay) SetReadDeadline(time.Time) error { return nil }
func (r *replay) Close() error                    { return nil }

// silent is a transport to a server that takes everything.
type silent struct{ transport }

func (silent) publish(subject, reply, payload string) error { return nil }
