package crashtest

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

var (
	terms  = flag.Int("terms", 5, "how many processes are told to end while they work")
	frozen = flag.Duration("frozen", 2*time.Second, "how long a process is stopped")
)

// ended waits for a process that nobody kills and returns its exit code.
func (w *world) ended(p *process) int {
	w.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(processMax):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		w.t.Fatalf("the process did not end within %v:\n%s", processMax, p.out.String())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		w.t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// arrived counts the hub's messages of the pipeline, 0 without a stream.
func (w *world) arrived() uint64 {
	w.t.Helper()
	s, err := w.js.Stream(context.Background(), "QOE")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// sending waits until a process has sent rows, and tells whether it is still at work.
func (w *world) sending(p *process, more uint64) bool {
	for w.arrived() < more {
		select {
		case <-p.ended:
			return false
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// manifestOf reads what the state of a process that has ended says.
func (w *world) manifestOf(data string) *dataflow.Manifest {
	w.t.Helper()
	st, err := store.Open(filepath.Join(data, "pipelines", w.pipeline.name, "state.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer st.Close()
	r, err := st.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Manifest == nil {
		return &dataflow.Manifest{}
	}
	m, err := dataflow.DecodeManifest(r.Manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// undisturbed is what a process that nobody disturbs leaves at the hub.
func (w *world) undisturbed() (*result, time.Duration) {
	w.t.Helper()
	data := filepath.Join(w.dir, "undisturbed")
	began := time.Now()
	if code := w.ended(w.start(data, "")); code != 0 {
		w.t.Fatalf("the undisturbed process ended with %d", code)
	}
	return w.take(data), time.Since(began)
}

// TestTerminated tells processes at work to end, which each does by itself, with all that it
// has read in its state and all that it has made at the hub; the next goes on from there.
func TestTerminated(t *testing.T) {
	w := newWorld(t, *beacons).with(t, tumbling(t))
	want, took := w.undisturbed()
	rnd := rand.New(rand.NewPCG(*seed, 2))
	told, waiting := 0, 0
	for round := 0; told < *terms; round++ {
		data := filepath.Join(w.dir, "terminated", strconv.Itoa(round))
		for done := false; !done; {
			p := w.start(data, "")
			if told < *terms {
				time.AfterFunc(time.Duration(rnd.Int64N(int64(took))), func() { _ = p.cmd.Process.Signal(syscall.SIGTERM) })
			}
			code := w.ended(p)
			stopped := strings.Contains(p.out.String(), "msg=stopped")
			if code == -1 && !strings.Contains(p.out.String(), "msg=") {
				continue // before the program had begun to listen to signals
			}
			if code != 0 {
				t.Fatalf("a process that was told to end did so with %d:\n%s", code, p.out.String())
			}
			m := w.manifestOf(data)
			if done = m.Ended; stopped {
				told++
				left := slices.IndexFunc(m.Outputs, func(o dataflow.OutputManifest) bool { return uint64(o.Emitted) != o.Confirmed || o.Dropped > 0 })
				if left >= 0 {
					waiting++
					// One that has not waited for the hub has no reason to leave any.
					if took := stopTook(t, p.out.String()); took < leaveLeast {
						t.Errorf("at the end, after %v, not all rows were sent: %+v", took, m.Outputs[left])
					}
				}
			}
		}
		got := w.take(data)
		if lost, repeated := compare(t, data, want, got); lost+repeated > 0 {
			t.Errorf("%d rows lost, %d repeated", lost, repeated)
		}
		w.audit(t, data, got)
	}
	t.Logf("%d processes were told to end", told)
	// An end waits some seconds for the hub, which a host may stand still for.
	if waiting > told/2 {
		t.Errorf("%d of %d processes left rows that were not sent", waiting, told)
	}
}

// leaveLeast is how long a process that is told to end waits at least for a hub that does not take
// its rows: for one that it has no connection to.
const leaveLeast = 500 * time.Millisecond

var stopLines = regexp.MustCompile(`(?s)time=(\S+) [^\n]*msg="stopping.*\ntime=(\S+) [^\n]*msg=stopped`)

// stopTook is the time between the lines of a log that tell of the beginning and the end of a stop.
func stopTook(t *testing.T, log string) time.Duration {
	t.Helper()
	m := stopLines.FindStringSubmatch(log)
	if m == nil {
		t.Fatalf("the log does not tell of a stop:\n%s", log)
	}
	from, err := time.Parse(time.RFC3339, m[1])
	to, terr := time.Parse(time.RFC3339, m[2])
	if err = errors.Join(err, terr); err != nil {
		t.Fatal(err)
	}
	return to.Sub(from)
}

// TestFrozen stops a process at work for a while. Nobody else gets at its folder meanwhile; an
// instance on a copy of the folder takes over, and the one that wakes up sends nothing more.
func TestFrozen(t *testing.T) {
	w := newWorld(t, *beacons).with(t, tumbling(t))
	want, _ := w.undisturbed()
	var sleeper *process
	data := ""
	for round := 0; sleeper == nil; round++ {
		if round == 20 {
			t.Fatal("processes end before they can be stopped")
		}
		data = filepath.Join(w.dir, "sleeper", strconv.Itoa(round))
		p := w.start(data, "")
		if w.sending(p, 20) && p.cmd.Process.Signal(syscall.SIGSTOP) == nil && w.arrived() < uint64(want.messages)/2 {
			sleeper = p // it has rows left that it must not send
			break
		}
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		if w.ended(p); w.arrived() > 0 {
			w.take(data)
		}
	}
	woken := time.After(*frozen)
	second := w.start(data, "")
	if code := w.ended(second); code == 0 || !strings.Contains(second.out.String(), "another edgeflow process has it open") {
		t.Errorf("the second instance on the folder ended with %d:\n%s", code, second.out.String())
	}
	copied := filepath.Join(w.dir, "copy")
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	third := w.start(copied, "")
	if code := w.ended(third); code != 0 {
		t.Fatalf("the instance that takes over ended with %d:\n%s", code, third.out.String())
	}
	<-woken
	if err := sleeper.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if code := w.ended(sleeper); code == 0 || !strings.Contains(sleeper.out.String(), "another instance of this pipeline took over") {
		t.Errorf("the instance that was stopped ended with %d:\n%s", code, sleeper.out.String())
	}
	got := w.take(copied)
	if lost, repeated := compare(t, "taken over", want, got); lost+repeated > 0 {
		t.Errorf("%d rows lost, %d repeated", lost, repeated)
	}
	w.audit(t, copied, got)
}

// TestTwins starts two instances of a pipeline at once, on a folder each. One of them gets to
// the end, the other says why it does not; what the hub has is what one alone sends, from the
// beginning on, without a hole or a repetition.
func TestTwins(t *testing.T) {
	w := newWorld(t, *beacons).with(t, tumbling(t))
	want, took := w.undisturbed()
	rnd := rand.New(rand.NewPCG(*seed, 3))
	finished := 0
	for round := range *terms {
		data := [2]string{filepath.Join(w.dir, "left", strconv.Itoa(round)), filepath.Join(w.dir, "right", strconv.Itoa(round))}
		left := w.start(data[0], "")
		<-time.After(time.Duration(rnd.Int64N(int64(took))))
		right := w.start(data[1], "")
		ended, winner := 0, data[0]
		codes := [2]int{w.ended(left), w.ended(right)}
		for i, p := range []*process{left, right} {
			code, out := codes[i], p.out.String()
			switch {
			case code == 0:
				ended++
				winner = data[i]
			case !strings.Contains(out, "another instance of this pipeline took over") && !strings.Contains(out, "the hub is ahead") &&
				!strings.Contains(out, "--reset-state under another instance name"):
				t.Errorf("an instance ended with %d:\n%s", code, out)
			}
		}
		if finished += ended; ended != 1 {
			t.Errorf("%d instances got to the end:\n%s\n%s", ended, left.out.String(), right.out.String())
		}
		w.whole(winner, want)
	}
	t.Logf("of %d pairs %d had one that got to the end", *terms, finished)
}

// whole wants the hub to have all.
func (w *world) whole(data string, want *result) {
	w.t.Helper()
	got := w.take(data)
	if lost, repeated := compare(w.t, data, want, got); lost+repeated > 0 {
		w.t.Errorf("%d rows lost, %d repeated", lost, repeated)
	}
}
