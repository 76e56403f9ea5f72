package crashtest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// many is a pipeline of %[1]d rows whose texts are all kept in state, and which all go out.
const many = `
SET 'pipeline.name' = 'many';
SET 'execution.checkpointing.interval' = '50 ms';
SET 'execution.checkpointing.min-pause' = '10 ms';
SET 'execution.checkpointing.tolerable-failed-checkpoints' = '-1';
SET 'edgeflow.memory.max' = '%[2]d mb';
CREATE TABLE made (n BIGINT, s STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '%[1]d', 'rows-per-second' = '200000', 'datagen.seed' = '7',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '%[1]d', 'fields.s.length' = '60');
CREATE TABLE raw (n BIGINT, s STRING) WITH ('connector' = 'nats', 'nats.stream' = 'QOE', 'nats.subject' = 'qoe.raw', 'nats.stream.create' = 'true',
  'format' = 'json', 'edgeflow.pack' = '200', 'edgeflow.outbox.max-bytes' = '%[3]d mb');
CREATE TABLE twice (s STRING, times BIGINT, PRIMARY KEY (s) NOT ENFORCED) WITH ('connector' = 'nats', 'nats.stream' = 'QOE', 'nats.subject' = 'qoe.twice',
  'nats.stream.create' = 'true', 'format' = 'json');
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO raw SELECT n, s FROM made;
  INSERT INTO twice SELECT s, COUNT(*) FROM made GROUP BY s HAVING COUNT(*) > 1;
END;
`

// manyWorld has the pipeline of so many rows, and a hub that is away.
func manyWorld(t *testing.T, rows, memory, outbox int) (w *world, hub string) {
	t.Helper()
	w = &world{t: t, dir: t.TempDir(), begun: new(int), pipeline: pipeline{name: "many"}}
	w.edge = w.server("edge")
	w.hub, hub = w.edge, freeAddr(t)
	w.sql = filepath.Join(w.dir, "many.sql")
	if err := os.WriteFile(w.sql, fmt.Appendf(nil, many, rows, memory, outbox), 0o600); err != nil {
		t.Fatal(err)
	}
	return w, hub
}

// hubAt starts the hub that was away.
func (w *world) hubAt(addr string) {
	w.t.Helper()
	s, err := embedded.Start(embedded.Options{Name: "hub", StoreDir: filepath.Join(w.dir, "hub"), Listen: addr, LazySync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Shutdown)
	w.hub, w.js = s, w.connect(s)
}

// status asks a process for the status of its pipeline.
func (p *process) status() (st agent.Status, err error) {
	resp, err := http.Get("http://" + p.listen + "/pipelines")
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return st, err
	}
	var list []agent.Status
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 1 {
		return st, fmt.Errorf("%d pipelines: %w: %s", len(list), err, b)
	}
	return list[0], nil
}

// await waits for a status as wanted.
func (w *world) await(p *process, what string, want func(agent.Status) bool) agent.Status {
	w.t.Helper()
	var last agent.Status
	for late := time.Now().Add(processMax); ; {
		st, err := p.status()
		if err == nil {
			if last = st; want(st) {
				return st
			}
		}
		select {
		case <-p.ended:
			w.t.Fatalf("the process ended before %s: %v\n%s", what, p.err, p.out.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(late) {
			_ = p.cmd.Process.Signal(syscall.SIGQUIT)
			<-p.ended
			w.t.Fatalf("%s: not within %v: %+v %v\n%s", what, processMax, last, err, p.out.String())
		}
	}
}

// inOrder wants the hub to have the rows 1 to rows, each once and in order.
func (w *world) inOrder(rows int) {
	w.t.Helper()
	n := 0
	w.read("QOE", "qoe.raw", func(m jetstream.Msg) {
		for line := range strings.Lines(string(m.Data())) {
			if n++; !strings.HasPrefix(line, `{"n":`+strconv.Itoa(n)+`,"s":"`) {
				w.t.Fatalf("row %d is %s", n, line)
			}
		}
	})
	if n != rows {
		w.t.Errorf("%d of %d rows arrived", n, rows)
	}
}

// TestMemoryLimit runs a pipeline in a control group of 128 MB, with its state over its
// budget and its outbox at its own, until the hub is there.
func TestMemoryLimit(t *testing.T) {
	const limit = 128 << 20
	rows, budget := 100_000, 4
	if *large {
		rows, budget = 400_000, 24
	}
	group := memoryGroup(t, limit)
	w, hub := manyWorld(t, rows, budget, budget)
	p := w.launchAt("sh", hub, filepath.Join(w.dir, "data"), freeAddr(t), "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, group, binary)
	st := w.await(p, "the outbox is full", func(st agent.Status) bool { return st.State == agent.Backpressure && st.HeldBy == "raw" })
	t.Logf("held at %d events, %d MB of state, %d MB in the file, %s", st.Events, st.StateBytes>>20, st.FileBytes>>20, resident(t, p))
	if st.Events >= int64(rows) || st.StateBytes < int64(budget)<<20/2 {
		t.Errorf("the budgets were not reached: %+v", st)
	}
	w.hubAt(hub)
	if code := w.ended(p); code != 0 {
		t.Fatalf("the process ended with %d:\n%s", code, p.out.String())
	}
	w.inOrder(rows)
	most, kills := memoryUsed(t, group)
	t.Logf("at most %d MB of %d, with what the kernel keeps of files; %d kills for memory", most>>20, limit>>20, kills)
	if kills > 0 {
		t.Errorf("%d processes were killed for memory", kills)
	}
}

// resident reads the most that a process has had in memory, and has of its own.
func resident(t *testing.T, p *process) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmHWM:") || strings.HasPrefix(line, "RssAnon:") {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(out, ", ")
}

// memoryGroup makes a control group with a limit of memory, of whichever version there is.
func memoryGroup(t *testing.T, limit int) string {
	t.Helper()
	for _, v := range []struct{ root, file, swap string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("edgeflow-crashtest-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, v.file), []byte(strconv.Itoa(limit)), 0o644); err != nil {
			_ = os.Remove(dir)
			continue
		}
		swap := strconv.Itoa(limit)
		if v.swap == "memory.swap.max" {
			swap = "0"
		}
		_ = os.WriteFile(filepath.Join(dir, v.swap), []byte(swap), 0o644) // there may be no swap to limit
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Log(err)
			}
		})
		return dir
	}
	t.Skip("no control group with a limit of memory can be made: it takes root and a memory controller")
	return ""
}

// memoryUsed reads the most that a group has used, and how many of its processes were killed.
func memoryUsed(t *testing.T, group string) (most, kills int) {
	t.Helper()
	for _, name := range []string{"memory.max_usage_in_bytes", "memory.peak"} {
		if b, err := os.ReadFile(filepath.Join(group, name)); err == nil {
			most, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		}
	}
	for _, name := range []string{"memory.oom_control", "memory.events"} {
		b, err := os.ReadFile(filepath.Join(group, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
				kills, _ = strconv.Atoi(strings.TrimSpace(n))
			}
		}
	}
	return most, kills
}

// smallDisk mounts a file system of so many MB.
func smallDisk(t *testing.T, mb int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mb)); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func remount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk runs a pipeline on a disk that is too small for its outbox: checkpoints are
// declined, reading stops at the budget, and goes on when the disk has grown.
func TestFullDisk(t *testing.T) {
	rows, budget := 100_000, 5
	if *large {
		rows, budget = 300_000, 12
	}
	disk := smallDisk(t, 5)
	w, hub := manyWorld(t, rows, 64, budget)
	data := filepath.Join(disk, "data")
	p := w.launchAt(binary, hub, data, freeAddr(t))
	st := w.await(p, "reading stops, and the log tells of the disk", func(st agent.Status) bool {
		log := p.out.String() // which may come later than what it is about
		return st.State == agent.Backpressure && st.HeldBy == "raw" && st.CheckpointFailures > 2 &&
			strings.Contains(log, "checkpoint declined") && strings.Contains(log, "no space left on device") && strings.Contains(log, "state.db")
	})
	t.Logf("held at %d events after %d checkpoints and %d that were declined", st.Events, st.Checkpoints, st.CheckpointFailures)
	if st.Events >= int64(rows) || st.Restarts > 0 {
		t.Errorf("with a full disk: %+v", st)
	}
	remount(t, disk, 0, "size=256m")
	w.await(p, "checkpoints succeed", func(now agent.Status) bool {
		return now.Epoch > st.Epoch && now.CheckpointFailures >= st.CheckpointFailures
	})
	w.hubAt(hub)
	if code := w.ended(p); code != 0 {
		t.Fatalf("the process ended with %d:\n%s", code, p.out.String())
	}
	w.inOrder(rows)
	if s := p.out.String(); !strings.Contains(s, "checkpoints succeed again") {
		t.Errorf("the log does not tell that it is over:\n%s", s)
	}
}

// TestReadOnlyDisk starts a pipeline on a disk that cannot be written to, with state and
// without, and wants to be told; once the disk can be written to, it goes on.
func TestReadOnlyDisk(t *testing.T) {
	w := newWorld(t, powerBeacons).with(t, tumbling(t))
	want, _ := w.undisturbed()
	disk := smallDisk(t, 64)
	for _, with := range []bool{false, true} {
		data := filepath.Join(disk, fmt.Sprint("state-", with))
		if with && !w.wait(w.start(data, "checkpoint.before-told=kill:3"), 0) {
			t.Fatal("the process ended before it was killed")
		}
		remount(t, disk, syscall.MS_RDONLY, "")
		p := w.launch(binary, data, "", "")
		said := func() bool {
			out := p.out.String()
			return strings.Contains(out, "read-only file system") && strings.Contains(out, data) && strings.Contains(out, "level=ERROR")
		}
		for late := time.After(processMax); !said(); {
			select {
			case <-p.ended:
				if !said() {
					t.Fatalf("the process ended and did not say why:\n%s", p.out.String())
				}
			case <-time.After(10 * time.Millisecond):
			case <-late:
				t.Fatalf("nothing is said of a disk that is read-only:\n%s", p.out.String())
			}
		}
		remount(t, disk, 0, "")
		code := w.ended(p)
		t.Logf("with state %v: the process ended with %d", with, code)
		if code != 0 {
			if code = w.ended(w.start(data, "")); code != 0 {
				t.Fatalf("on a disk that can be written to again a process ended with %d", code)
			}
		}
		w.whole(data, want)
	}
}
