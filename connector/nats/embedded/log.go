package embedded

import (
	"fmt"
	"log/slog"
	"sync"
)

// bridge carries the server's log to slog: notices are debug detail of
// edgeflow, warnings and errors keep their level, and a fatal error is
// handed to Start instead of ending the process.
type bridge struct {
	log   *slog.Logger
	fatal chan string

	mu   sync.Mutex
	last string
}

func (b *bridge) note(msg string) {
	b.mu.Lock()
	b.last = msg
	b.mu.Unlock()
}

func (b *bridge) lastProblem() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == "" {
		return "no reason given"
	}
	return b.last
}

func (b *bridge) Noticef(format string, v ...any) {
	if b.log != nil {
		b.log.Debug("nats-server: " + fmt.Sprintf(format, v...))
	}
}

func (b *bridge) Warnf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	b.note(msg)
	if b.log != nil {
		b.log.Warn("nats-server: " + msg)
	}
}

func (b *bridge) Errorf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	b.note(msg)
	if b.log != nil {
		b.log.Error("nats-server: " + msg)
	}
}

func (b *bridge) Fatalf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	b.note(msg)
	if b.log != nil {
		b.log.Error("nats-server: " + msg)
	}
	select {
	case b.fatal <- msg:
	default:
	}
}

func (b *bridge) Debugf(string, ...any) {}
func (b *bridge) Tracef(string, ...any) {}
