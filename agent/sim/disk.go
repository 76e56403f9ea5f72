package sim

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store/memstore"
)

// disk is what a host keeps: a store that outlives crashes, with points at its calls.
type disk struct {
	*memstore.Store
	h *host // that has it open
	// marks are the watermarks that the engine had at the barrier of each epoch.
	marks map[state.Epoch]int64
	// early holds frames that the forwarder sees before their commit; only a planted bug
	// fills it.
	early []state.OutboxFrame
}

var _ state.Store = (*disk)(nil)

func newDisk(seed uint64, unsyncedMax int) *disk {
	return &disk{Store: memstore.New(memstore.Options{Seed: seed, UnsyncedMax: unsyncedMax}), marks: map[state.Epoch]int64{}}
}

// copy is another disk with what was committed here.
func (d *disk) copy(seed uint64) (*disk, error) {
	var b bytes.Buffer
	if _, err := d.Store.Savepoint(&b); err != nil {
		return nil, err
	}
	s, err := memstore.FromSavepoint(&b, memstore.Options{Seed: seed})
	if err != nil {
		return nil, err
	}
	return &disk{Store: s, marks: maps.Clone(d.marks)}, nil
}

// end ends the process that has the disk open, with its power when power is set, and tells
// how many commits were lost.
func (d *disk) end(power bool) (lost state.Epoch, err error) {
	before, err := d.Store.Load()
	if err != nil {
		return 0, err
	}
	if power {
		d.Store = d.Store.Crash()
	} else {
		d.Store = d.Store.Kill()
	}
	d.h, d.early = nil, nil
	after, err := d.Store.Load()
	if err != nil {
		return 0, err
	}
	if after.Epoch > before.Epoch {
		return 0, fmt.Errorf("epoch %d after a crash in epoch %d", after.Epoch, before.Epoch)
	}
	return before.Epoch - after.Epoch, d.Store.Check()
}

// Load implements state.Store.
func (d *disk) Load() (*state.Restored, error) {
	d.h.point(pointLoad)
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
	stats, err := d.Store.Commit(c)
	d.early = nil
	d.h.point(pointCommitAfter)
	return stats, err
}

// OutboxScan implements state.Store.
func (d *disk) OutboxScan(output string, after uint64, fn func(state.OutboxFrame) (bool, error)) error {
	d.h.point(pointScan)
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
