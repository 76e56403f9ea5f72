package crashtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// faults are errors that the kernel answers calls for files with, on each thread from so
// many calls on, so many times.
var faults = []struct {
	call, err   string
	first, last int
}{
	{"fdatasync", "EIO", 3, 3},
	{"fdatasync", "EIO", 4, 4},
	{"fdatasync", "EIO", 4, 6},
	{"pwrite64", "EIO", 12, 20},
	{"pwrite64", "ENOSPC", 8, 30},
	{"pwrite64", "EROFS", 10, 18},
	{"ftruncate", "ENOSPC", 1, 2},
	{"fsync", "EIO", 2, 3},
	{"renameat", "EIO", 2, 3},
}

// TestFailingCalls has the kernel refuse what a process asks for its files, for a while, and
// wants the process to say so and to get to the end as if nothing had been.
func TestFailingCalls(t *testing.T) {
	tracer := needRecorder(t)
	p := tumbling(t)
	p.subjects = nil
	p.sql = "SET 'execution.checkpointing.tolerable-failed-checkpoints' = '-1';\n" + p.sql
	w := newWorld(t, powerBeacons).with(t, p)
	want, _ := w.undisturbed()
	for i, f := range faults {
		if i != 1 && !*large {
			continue
		}
		name := fmt.Sprintf("%s answers %s from call %d to %d", f.call, f.err, f.first, f.last)
		data := filepath.Join(w.dir, fmt.Sprint("faulty-", i))
		if err := os.Mkdir(data, 0o755); err != nil {
			t.Fatal(err)
		}
		calls := filepath.Join(w.dir, fmt.Sprint("calls-", i))
		p := w.launch(tracer, data, "", "", "-f", "--seccomp-bpf", "-o", calls, "-e", "trace="+f.call,
			"-e", fmt.Sprintf("inject=%s:error=%s:when=%d..%d", f.call, f.err, f.first, f.last), binary)
		if code := w.ended(p); code != 0 {
			t.Errorf("%s: the process ended with %d:\n%s", name, code, p.out.String())
			w.take(data)
			continue
		}
		b, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		hit, out := strings.Count(string(b), "(INJECTED)"), p.out.String()
		said := strings.Count(out, "level=ERROR") + strings.Count(out, "level=WARN")
		t.Logf("%s: %d calls, %d times it was said", name, hit, said)
		if hit > 0 && said == 0 {
			t.Errorf("%s: nothing is said of it:\n%s", name, out)
		}
		w.whole(data, want)
	}
}
