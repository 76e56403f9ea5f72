package agent

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShare is how much of a control group's memory, in percent, the heap may take before
// the collector works harder; the rest is for stacks, for the map of the state file, and for
// what the kernel keeps of files.
const memoryShare = 75

// limitMemory tells the collector about the limit of the control group that the process is
// in, which it does not look for itself: without it a heap grows to twice of what is alive
// before it is collected. GOMEMLIMIT, where set, counts instead. It returns the limit of the
// group in bytes, 0 without one.
func limitMemory() int64 {
	limit := groupLimit(os.ReadFile)
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 100 * memoryShare)
	}
	return limit
}

// groupLimit is the least limit of memory, in bytes, of the groups that the process is in, of
// version 1 or 2; 0 when there is none.
func groupLimit(read func(string) ([]byte, error)) (limit int64) {
	list, err := read("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(list)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		root, file := "/sys/fs/cgroup", "memory.max"
		if controllers == "memory" {
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if controllers != "" || !ok {
			continue
		}
		for ; ; path = filepath.Dir(path) {
			if b, err := read(filepath.Join(root, path, file)); err == nil {
				n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
				if err == nil && n > 0 && n < 1<<60 && (limit == 0 || n < limit) { // "max", or close to 2^63, is none
					limit = n
				}
			}
			if path == "/" || path == "." {
				break
			}
		}
	}
	return limit
}
