package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// load tells how busy the machine is, and how much of that is the bench's own doing: what
// other programs take from it makes its figures worse.
type load struct {
	at                time.Time
	busy, own, stolen time.Duration
}

// loadNow reads the load. The bench's own CPU time is that of this process, of its children
// that have ended, and of a server that runs, or nil.
func loadNow(s *server) load {
	l := load{at: time.Now(), own: cpuTime() + s.cpu()}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err == nil {
		l.own += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(b, []byte("\n"))
	for i, field := range bytes.Fields(line) {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			continue
		}
		switch d := time.Duration(n) * clockTick; i {
		case 1, 2, 3, 6, 7: // user, nice, system, irq, softirq
			l.busy += d
		case 8:
			l.stolen = d
		}
	}
	return l
}

// since tells how many cores, on average, programs other than the bench have used since
// before, and how many the machine's host has given to others; 0 where the system does not
// tell.
func (l load) since(before load) (others, stolen float64) {
	seconds := l.at.Sub(before.at).Seconds()
	others = ((l.busy - before.busy) - (l.own - before.own)).Seconds() / seconds
	return max(0, others), (l.stolen - before.stolen).Seconds() / seconds
}
