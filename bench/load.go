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
	at        time.Time
	busy, own time.Duration
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
		// user, nice, system, not idle and iowait, irq, softirq, steal.
		if err == nil && i <= 8 && i != 4 && i != 5 {
			l.busy += time.Duration(n) * clockTick
		}
	}
	return l
}

// othersSince is how many cores programs other than the bench used since before, on
// average; 0 where the system does not tell.
func (l load) othersSince(before load) float64 {
	others := (l.busy - before.busy) - (l.own - before.own)
	return max(0, others.Seconds()/l.at.Sub(before.at).Seconds())
}
