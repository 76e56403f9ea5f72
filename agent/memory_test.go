package agent

import (
	"os"
	"testing"
)

func TestGroupLimit(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"version 2": {map[string]string{"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "134217728\n"}, 134217728},
		"version 1": {map[string]string{"/proc/self/cgroup": "3:cpu,cpuacct:/x\n4:memory:/x\n0::/\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1000000\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1000000},
		"in a container": {map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "5\n"}, 5},
		"no limit":       {map[string]string{"/proc/self/cgroup": "4:memory:/\n0::/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"no groups":      {nil, 0},
		"other text":     {map[string]string{"/proc/self/cgroup": "memory\n\n0::\n", "/sys/fs/cgroup/memory.max": "much\n"}, 0},
	} {
		read := func(path string) ([]byte, error) {
			if text, ok := c.files[path]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		}
		if got := groupLimit(read); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
