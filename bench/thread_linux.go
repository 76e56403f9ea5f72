package main

import (
	"bytes"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// threadTime is the CPU time of the calling thread. The call is raw: one that the Go
// scheduler knows of could cost the thread its turn, which is what is to be measured.
func threadTime() time.Duration {
	var t unix.Timespec
	if _, _, e := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&t)), 0); e != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

// runDelay tells how long the thread on which it was opened has waited for a core since it
// began, runnable and not running.
type runDelay struct {
	fd  int
	buf [64]byte
}

// openRunDelay opens the figure of the calling thread.
func openRunDelay() (*runDelay, error) {
	fd, err := unix.Open("/proc/thread-self/schedstat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return &runDelay{fd: fd}, err
}

// now reads the figure, the second number of the file.
func (r *runDelay) now() time.Duration {
	n, _, e := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(r.fd), uintptr(unsafe.Pointer(&r.buf)), uintptr(len(r.buf)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	_, rest, _ := bytes.Cut(r.buf[:n], []byte(" "))
	delay := time.Duration(0)
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		delay = 10*delay + time.Duration(c-'0')
	}
	return delay
}

func (r *runDelay) close() { _ = unix.Close(r.fd) }

// pause lets the calling thread sleep. It wakes more exactly than a timer of the Go runtime
// does, which waits in whole milliseconds while the process has nothing else to do.
func pause(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil)
}

// pauseInTurn lets the calling thread sleep without the Go scheduler's knowing, so that no
// other goroutine takes its turn meanwhile.
func pauseInTurn(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
