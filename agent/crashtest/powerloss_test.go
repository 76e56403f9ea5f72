package crashtest

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

var images = flag.Int("images", 1, "how many images of power failures are made at each step; below 10, at a few steps only")

func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// powerBeacons is the size of the input of processes that lose power: enough for tens of
// checkpoints.
const powerBeacons = 10_000

// recordings is how many processes are recorded at a step at most, to come to so many
// different images.
const recordings = 50

// losses are the outcomes of a power failure that are tried, the plain ones first.
func losses(rnd *rand.Rand) []loss {
	none := func(int) int { return 0 }
	all := func(n int) int { return n }
	some := func(n int) int { return rnd.IntN(n + 1) }
	never := func(write) (int, func(int) bool) { return 0, func(int) bool { return false } }
	half := func(int) bool { return rnd.IntN(2) == 0 }
	whole := func(write) (int, func(int) bool) { return 0, half }
	torn := func(size int) keep {
		return func(write) (int, func(int) bool) {
			if half(0) {
				return 0, half
			}
			return size, half
		}
	}
	first := func(w write) (int, func(int) bool) { // each begun, none finished
		n := rnd.IntN(len(w.data)/512 + 1)
		return 512, func(i int) bool { return i < n }
	}
	return []loss{
		{"nothing lasts", none, never}, {"names last", all, never}, {"data lasts", none, always}, {"some writes", some, whole},
		{"torn at 512", some, torn(512)}, {"torn at 4096", some, torn(4096)}, {"all begun", all, first}, {"all lasts", all, always},
		{"some writes", all, whole}, {"torn at 512", all, torn(512)}, {"torn at 4096", all, torn(4096)}, {"some writes", some, whole},
		{"torn at 512", none, torn(512)}, {"torn at 4096", none, torn(4096)}, {"some writes", none, whole},
	}
}

// TestPowerLoss records processes that die at each step of a checkpoint, makes of what they
// wrote and had not synced several files that a power failure may leave, and wants each to
// hold the last committed epoch, and the pipeline to go on from it as if nothing had been.
func TestPowerLoss(t *testing.T) {
	tracer := needRecorder(t)
	w := newWorld(t, powerBeacons)
	p := tumbling(t)
	p.subjects = nil
	whole := w.with(t, p)
	if whole.wait(whole.start(filepath.Join(whole.dir, "undisturbed"), ""), 0) {
		t.Fatal("the undisturbed process was killed")
	}
	want := whole.take(filepath.Join(whole.dir, "undisturbed"))
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-38s %-26s %8s %8s %8s %8s %8s\n", "step", "place", "records", "images", "before", "after", "unsynced")
	total := 0
	for i, at := range everywhere {
		if at.point == "" || !strings.Contains(at.point, *where) || *where == "" && *images < 10 && i%9 != 2 {
			continue
		}
		s := &powerStep{world: w, t: t, p: p, at: at, tracer: tracer, want: want, rnd: rand.New(rand.NewPCG(*seed, uint64(i))), seen: map[string]bool{}}
		for s.recorded = 0; s.recorded < recordings && s.images < *images; s.recorded++ {
			// What a process and its images take on the disk goes when they have been looked at.
			t.Run(fmt.Sprintf("%s/%d", at.point, s.recorded+1), func(t *testing.T) {
				s.t = t
				s.record()
			})
		}
		total += s.images
		fmt.Fprintf(&table, "%-38s %-26s %8d %8d %8d %8d %8d\n", at.step, at.point, s.recorded, s.images, s.before, s.after, s.unsynced)
	}
	t.Logf("%s%d images", table.String(), total)
}

// powerStep is the images of one step.
type powerStep struct {
	*world
	t      *testing.T
	p      pipeline
	at     place
	tracer string
	want   *result
	rnd    *rand.Rand
	seen   map[string]bool
	forget func([]write) bool

	recorded, images int
	// before and after count the images of the last synced epoch, and of one whose commit was
	// under way; unsynced is the most writes that could be lost.
	before, after, unsynced int
}

// record runs a process until it dies at the step, and tries images of what it leaves.
func (s *powerStep) record() {
	w := s.with(s.t, s.p)
	root := filepath.Join(w.dir, "data")
	if err := os.Mkdir(root, 0o755); err != nil {
		s.t.Fatal(err)
	}
	d, low, high := s.trace(w, root)
	if d == nil {
		return // it ended before
	}
	w.hub.Shutdown()
	s.unsynced = max(s.unsynced, d.unsynced())
	for i, l := range losses(s.rnd) {
		if s.images >= *images || i == 8 {
			return
		}
		dir := filepath.Join(s.t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
		sum, err := d.image(dir, l)
		if err != nil {
			s.t.Fatal(err)
		}
		if sum += fmt.Sprint(s.recorded); s.seen[sum] {
			continue
		}
		s.seen[sum] = true
		s.images++
		s.goOn(w, dir, fmt.Sprintf("%s, %s", s.at.point, l.name), low, high)
	}
}

// unsynced counts the changes that may be lost.
func (d *disk) unsynced() int {
	n := len(d.names)
	for _, f := range d.now {
		n += len(f.writes)
	}
	return n
}

// trace runs a process on root that dies at the step, and tells what it did to the disk, the
// last epoch whose commit was synced, and the last that was written.
func (s *powerStep) trace(w *world, root string) (d *disk, low, high state.Epoch) {
	// Every other process begins from state.
	if s.recorded%2 == 0 {
		if !w.wait(w.start(root, fmt.Sprintf("checkpoint.before-told=kill:%d", 2+s.rnd.IntN(6))), 0) {
			return nil, 0, 0
		}
	}
	d, err := newDisk(root)
	if err != nil {
		s.t.Fatal(err)
	}
	d.state, d.forget = filepath.Join(root, "pipelines", s.p.name, "state.db"), s.forget
	if low, err = s.epoch(d); err != nil {
		s.t.Fatal(err)
	}
	log := filepath.Join(w.dir, "calls")
	points := fmt.Sprintf("%s=kill:%d", s.at.point, 1+s.rnd.IntN(s.at.most))
	listen := ""
	if s.at.savepoints {
		listen = freeAddr(s.t)
	}
	p := w.launch(s.tracer, root, points, listen, "-f", "-y", "-xx", "-s", "100000000", "--seccomp-bpf", "-e", "trace="+recorded, "-o", log, program(s.t, s.at.variant))
	if s.at.savepoints {
		go p.savepoints(listen, s.p.name)
	}
	if !w.wait(p, 0) {
		return nil, 0, 0
	}
	f, err := os.Open(log)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	d.onSync = func() (err error) {
		low, err = s.epoch(d)
		return err
	}
	if err := readCalls(f, d.take); err != nil {
		s.t.Fatal(err)
	}
	if high, err = s.epoch(d); err != nil {
		s.t.Fatal(err)
	}
	s.complete(d)
	return d, low, high
}

// complete wants the recording to come to what the folder holds, but for calls that the
// process did not see the end of.
func (s *powerStep) complete(d *disk) {
	for path, n := range d.now {
		if n.folder {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil && d.cut == 0 {
			s.t.Errorf("%s is recorded: %v", path, err)
		} else if err == nil && d.cut == 0 && !bytes.Equal(b, n.content(always)) {
			s.t.Errorf("%s holds other bytes than were recorded", path)
		}
	}
}

// epoch is that of the state file as the process sees it.
func (s *powerStep) epoch(d *disk) (state.Epoch, error) {
	n := d.now[d.state]
	if n == nil {
		return 0, nil
	}
	path := filepath.Join(s.t.TempDir(), "state.db")
	if err := os.WriteFile(path, n.content(always), 0o600); err != nil {
		return 0, err
	}
	return epochOf(path)
}

// epochOf opens a state file, checks it and reads its epoch.
func epochOf(path string) (state.Epoch, error) {
	st, err := store.Open(path, store.Options{NoSync: true})
	if err != nil {
		return 0, err
	}
	defer st.Close()
	if err := st.Check(); err != nil {
		return 0, err
	}
	r, err := st.Load()
	if err != nil {
		return 0, err
	}
	return r.Epoch, nil
}

// verdict opens the state file of an image, checks it, and wants an epoch that was committed
// or was under way.
func (s *powerStep) verdict(data string, low, high state.Epoch) (state.Epoch, error) {
	path := filepath.Join(data, "pipelines", s.p.name, "state.db")
	var epoch state.Epoch
	if _, err := os.Stat(path); err == nil {
		if epoch, err = epochOf(path); err != nil {
			return 0, err
		}
	}
	if epoch < low || epoch > high {
		return epoch, fmt.Errorf("epoch %d; %d was committed, %d was under way", epoch, low, high)
	}
	return epoch, nil
}

// goOn opens an image, runs the pipeline from it, with a copy of the hub as it was then, and
// compares what the hub has in the end.
func (s *powerStep) goOn(recorded *world, data, name string, low, high state.Epoch) {
	epoch, err := s.verdict(data, low, high)
	switch {
	case err != nil:
		s.t.Errorf("%s: %v", name, err)
		return
	case epoch == low:
		s.before++
	default:
		s.after++
	}
	w := &world{t: s.t, dir: s.t.TempDir(), edge: s.edge, beacons: s.beacons, begun: s.begun, pipeline: s.p, sql: recorded.sql}
	if err := os.CopyFS(filepath.Join(w.dir, "hub"), os.DirFS(filepath.Join(recorded.dir, "hub"))); err != nil {
		s.t.Fatal(err)
	}
	w.hub = w.server("hub")
	w.js = w.connect(w.hub)
	defer w.hub.Shutdown()
	if w.wait(w.start(data, ""), 0) {
		s.t.Fatal("a process was killed by somebody else")
	}
	got := w.take(data)
	if lost, repeated := compare(s.t, name, s.want, got); lost+repeated > 0 {
		s.t.Errorf("%s: %d rows lost, %d repeated", name, lost, repeated)
	}
	w.audit(s.t, data, got)
}

// TestSkippedSyncIsFound leaves the syncs of pages out of what was recorded, as if the program
// did not make them, and wants an image that shows it.
func TestSkippedSyncIsFound(t *testing.T) {
	if *images < 10 {
		t.Skip("it takes a variant of the program: -images 10")
	}
	tracer := needRecorder(t)
	w := newWorld(t, powerBeacons)
	p := tumbling(t)
	p.subjects = nil
	s := &powerStep{world: w, t: t, p: p, at: place{point: "file.sync-meta", most: 12, variant: stepped}, tracer: tracer, rnd: rand.New(rand.NewPCG(*seed, 0))}
	s.forget = func(writes []write) bool {
		for _, w := range writes {
			if !w.cut && w.at < 2*4096 {
				return false // a meta page
			}
		}
		return true
	}
	found, tried := 0, 0
	for s.recorded = 0; s.recorded < 4 && found == 0; s.recorded++ {
		v := s.with(t, p)
		root := filepath.Join(v.dir, "data")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		d, low, high := s.trace(v, root)
		v.hub.Shutdown()
		if d == nil {
			continue
		}
		for _, l := range losses(s.rnd) {
			dir := t.TempDir()
			if _, err := d.image(dir, l); err != nil {
				t.Fatal(err)
			}
			tried++
			if _, err := s.verdict(dir, low, high); err != nil {
				t.Logf("%s: %v", l.name, err)
				found++
			}
		}
	}
	if found == 0 {
		t.Errorf("of %d images none shows that pages were not synced", tried)
	}
}
