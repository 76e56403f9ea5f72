package main

import (
	"bufio"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/edgeflow/edgeflow/bench/byhand"
)

// figures are what a measured program reports of its run.
type figures struct {
	Result byhand.Result `json:"result"`
	// WallS and CPUS, user and system, are those from the open source to the end;
	// StartMs is the time from the program's start to then.
	WallS   float64 `json:"wall_s"`
	CPUS    float64 `json:"cpu_s"`
	StartMs float64 `json:"start_ms"`
	// SettleMs is the time from then until an engine has ended.
	SettleMs float64 `json:"settle_ms"`
	// Mallocs counts heap allocations in that time.
	Mallocs uint64 `json:"mallocs"`
	// PeakRSSBytes is the greatest resident memory of the process; 0 where the system does
	// not tell.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
}

// meter measures this process from begin to end.
type meter struct {
	made    time.Time
	began   time.Time
	cpu     time.Duration
	mallocs uint64
	profile *os.File
}

func newMeter() *meter { return &meter{made: time.Now()} }

// begin starts measuring, with a CPU profile into the file when one is named.
func (m *meter) begin(profile string) error {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		m.profile = f
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.mallocs, m.cpu, m.began = s.Mallocs, cpuTime(), time.Now()
	return nil
}

// end stops measuring.
func (m *meter) end() figures {
	wall, cpu := time.Since(m.began), cpuTime()-m.cpu
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	if m.profile != nil {
		pprof.StopCPUProfile()
		m.profile.Close()
	}
	return figures{
		WallS: wall.Seconds(), CPUS: cpu.Seconds(), StartMs: float64(m.began.Sub(m.made).Microseconds()) / 1000,
		Mallocs: s.Mallocs - m.mallocs, PeakRSSBytes: memoryOf(os.Getpid(), "VmHWM"),
	}
}

// cpuTime is the CPU time of this process, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memoryOf reads a field of a process's status, VmRSS or VmHWM (its peak), in bytes; 0
// where there is none. The peak that getrusage tells includes that of the parent process.
func memoryOf(pid int, field string) int64 {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		value, ok := strings.CutPrefix(lines.Text(), field+":")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return 0
}
