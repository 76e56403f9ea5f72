package sim

import (
	"bytes"
	"errors"
	"fmt"
	"maps"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	"github.com/edgeflow/edgeflow/store/memstore"
)

// errCommit is what a commit that was told to fail answers, errFull one on a full disk.
var (
	errCommit    = errors.New("simulated disk: the commit fails")
	errFull      = errors.New("simulated disk: no space left on device")
	errAbandoned = errors.New("simulated disk: the process is gone")
)

// disk is what a host keeps: a store that outlives crashes, with points at its calls. It is
// a store in memory, or the real store on a file.
type disk struct {
	state.Store // nil while a file is closed
	w           *world
	mem         *memstore.Store // Store, or nil
	file        *file           // nil with mem
	h           *host           // that has it open
	// marks are what the state of each epoch came from.
	marks map[state.Epoch]past
	// acked is the newest epoch that was said to be written; limbo is set when a later one
	// was written and could not be synced.
	acked state.Epoch
	limbo bool
	// shaky is set when a start found a commit that could not be synced: until the next
	// commit, a loss of power takes it away.
	shaky bool

	failNext int // commits to fail
	full     int // turns until there is room again
	slow     int // turns that the next commit takes
	// budget is how many pages a commit captures before it lets go on what runs beside it,
	// by yield; which is nil outside of a commit that runs beside.
	budget int
	yield  func() bool
	// early holds frames that the forwarder sees before their commit; only a planted bug
	// fills it.
	early []state.OutboxFrame
}

var (
	_ state.Store  = (*disk)(nil)
	_ state.Stager = (*disk)(nil)
)

func newDisk(w *world, onFile bool) (d *disk, err error) {
	d = &disk{w: w, marks: map[state.Epoch]past{}}
	if onFile {
		d.file, err = newFile(w)
		return d, err
	}
	unsynced := w.unsyncedMax
	if w.plant == PlantSkipSync {
		unsynced = 2
	}
	d.mem = memstore.New(memstore.Options{Seed: w.seed, UnsyncedMax: unsynced, Failpoint: d.failpoint})
	d.Store = d.mem
	return d, nil
}

// kind names the kind of store.
func (d *disk) kind() string {
	if d.file != nil {
		return "file"
	}
	return "memory"
}

// copy is another disk with what was committed here.
func (d *disk) copy(w *world) (*disk, error) {
	c := &disk{w: w, marks: maps.Clone(d.marks), acked: d.acked}
	if d.file != nil {
		var err error
		c.file, err = d.file.copy()
		return c, err
	}
	var b bytes.Buffer
	if _, err := d.mem.Savepoint(&b); err != nil {
		return nil, err
	}
	s, err := memstore.FromSavepoint(&b, memstore.Options{Seed: w.rng.Uint64(), Failpoint: c.failpoint})
	c.mem, c.Store = s, s
	return c, err
}

// end ends the process that has the disk open, with its power when power is set, and tells
// how many acknowledged commits were lost.
func (d *disk) end(power bool) (lost state.Epoch, err error) {
	d.h, d.early = nil, nil
	if d.file != nil {
		if err := d.file.end(d, power); err != nil {
			return 0, err
		}
		d.Store = nil
		return 0, nil // a start tells
	}
	if power {
		d.mem = d.mem.Crash()
	} else {
		d.mem = d.mem.Kill()
	}
	d.Store = d.mem
	r, err := d.mem.Load()
	if err != nil {
		return 0, err
	}
	if lost, err = d.found(r.Epoch); err != nil {
		return lost, err
	}
	return lost, d.mem.Check()
}

// found takes in the epoch that a disk has after a process ended, and tells how many
// acknowledged commits it lost.
func (d *disk) found(e state.Epoch) (lost state.Epoch, err error) {
	if _, ok := d.marks[e]; !ok && e > 0 {
		return 0, fmt.Errorf("the disk has epoch %d, which was never written", e)
	}
	if e < d.acked {
		lost = d.acked - e
	}
	d.shaky = d.shaky || d.limbo && e > d.acked
	d.acked, d.limbo = e, false
	return lost, nil
}

// past is what the state on disk came from, as of the last commit said to be written.
func (d *disk) past() past { return d.marks[d.acked].clone() }

// fill makes the disk full for some turns.
func (d *disk) fill(turns int) {
	d.full = turns
	if d.mem != nil {
		d.mem.SetBytesMax(max(1, d.mem.Bytes()))
	}
}

// pass lets a turn go by.
func (d *disk) pass() {
	if d.full > 0 {
		if d.full--; d.full == 0 && d.mem != nil {
			d.mem.SetBytesMax(0)
		}
	}
}

// heal makes the disk work.
func (d *disk) heal() {
	d.failNext, d.full, d.slow = 0, 0, 0
	if d.mem != nil {
		d.mem.SetBytesMax(0)
		d.mem.FailSync(false)
	}
}

// failpoint is called at the steps of a commit.
func (d *disk) failpoint(name string) error {
	switch name {
	case "checkpoint.page-write":
		if d.budget--; d.budget <= 0 && d.yield != nil && !d.yield() {
			return errAbandoned
		}
	case "step.stage":
		if d.failNext > 0 {
			return errCommit
		}
		if d.full > 0 && d.file != nil {
			return errFull
		}
	case "checkpoint.before-commit":
		switch {
		case d.yield != nil && d.budget <= 0 && !d.yield():
			return errAbandoned
		case d.failNext > 0:
			d.failNext--
			d.w.hit("commit fails", d.w.step())
			return errCommit
		case d.full > 0 && d.file != nil:
			d.w.hit("disk full", "commit refused")
			return errFull
		}
	}
	return nil
}

// declined tells that a commit had a reason to fail.
func (d *disk) declined(err error) bool {
	for _, known := range []error{errCommit, errFull, memstore.ErrFull, memstore.ErrSync, state.ErrCanceled} {
		if errors.Is(err, known) {
			return true
		}
	}
	var damaged *store.DamagedError
	found := errors.Is(err, store.ErrClosed) || errors.As(err, &damaged)
	return d.limbo || d.w.struck && d.w.class == classDamage && found
}

// Load implements state.Store.
func (d *disk) Load() (*state.Restored, error) {
	d.h.point(pointLoad)
	if d.file != nil {
		if err := d.file.open(d); err != nil {
			return nil, err
		}
	}
	return d.Store.Load()
}

// Pages implements state.Store.
func (d *disk) Pages(fn func(state.PageID, []byte) error) error {
	return d.Store.Pages(func(p state.PageID, image []byte) error {
		d.h.point(pointPages)
		return fn(p, image)
	})
}

// Commit implements state.Store.
func (d *disk) Commit(c *state.Commit) (state.CommitStats, error) {
	d.h.point(pointCommitBefore)
	restore := d.plantBefore(c)
	if d.file != nil {
		if err := d.file.before(); err != nil {
			return state.CommitStats{}, err
		}
	}
	stats, err := d.Store.Commit(c)
	d.early = nil
	restore()
	switch {
	case errors.Is(err, memstore.ErrSync):
		d.limbo = true
		d.w.hit("fsync fails", "commit declined")
	case errors.Is(err, memstore.ErrFull):
		d.w.hit("disk full", "commit refused")
	case err == nil:
		d.h.point(pointCommitAfter)
		d.acked, d.limbo, d.shaky = c.Epoch, false, false
		if d.file != nil {
			d.file.done()
		}
	}
	return stats, err
}

// Stage implements state.Stager. It waits for a commit that is paused.
func (d *disk) Stage(frames []state.OutboxFrame) error {
	if d.h.write != nil {
		if err := d.h.storeAll(); err != nil {
			return err
		}
	}
	if d.file != nil {
		if err := d.file.before(); err != nil {
			return err
		}
	}
	wiring.Stamp(frames, d.w.Now())
	err := d.Store.(state.Stager).Stage(frames)
	if err == nil {
		if d.file != nil {
			d.file.synced()
		}
		d.w.drawn("output stored in a step")
		d.w.hit("output stored in a step", d.w.step())
	}
	d.w.tracef("%s stores %d frames in a step: %v", d.h.name, len(frames), err)
	return err
}

// OutboxScan implements state.Store.
func (d *disk) OutboxScan(output string, after uint64, fn func(state.OutboxFrame) (bool, error)) error {
	d.h.point(pointScan)
	if err := d.settle(); err != nil {
		return err
	}
	ended := false
	err := d.Store.OutboxScan(output, after, func(f state.OutboxFrame) (bool, error) {
		more, err := fn(f)
		ended = !more
		return more, err
	})
	for i := 0; i < len(d.early) && err == nil && !ended; i++ {
		if f := d.early[i]; f.Output == output && f.Last > after {
			var more bool
			more, err = fn(f)
			ended = !more
		}
	}
	return err
}

// settle ends a commit that is paused before a damaged file is read: who finds the damage
// closes the store, and waits until the commit is out of it.
func (d *disk) settle() error {
	if d.file == nil || d.h.write == nil || !d.w.struck || d.w.class != classDamage {
		return nil
	}
	return d.h.storeAll()
}

// OutboxStats implements state.Store.
func (d *disk) OutboxStats(output string) (state.OutboxStats, error) {
	st, err := d.Store.OutboxStats(output)
	for _, f := range d.early {
		if f.Output == output {
			st.Last = f.Last
		}
	}
	return st, err
}

// written tells that there is a state file with a commit in it.
func (d *disk) written() bool { return d.file != nil && d.acked > 0 }

// change damages the state file, which nobody has open.
func (d *disk) change(fn func([]byte) []byte) error { return d.file.change(fn) }

// close releases the store.
func (d *disk) close() error {
	if d.Store == nil {
		return nil
	}
	err := d.Store.Close()
	d.Store = nil
	return err
}
