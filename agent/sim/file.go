package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/edgeflow/edgeflow/store"
)

// fileBytesMax bounds a state file, so that looking at all of it is quick.
const fileBytesMax = 1 << 20

// sector is what a disk writes whole.
const sector = 512

// file is a state file of the real store. What a loss of power leaves of it is made up from
// the file before and after the commit under way: bbolt writes pages that the last commit
// does not use, syncs, writes one of its two meta pages, and syncs again.
type file struct {
	w    *world
	path string
	// txBytes is how much a transaction takes, 0 for any commit; a commit of several is
	// synced with each.
	txBytes int64
	// old is the file before the transaction under way, nil between two; images are the file
	// after each of the newest commits, kept where a disk loses commits.
	old    []byte
	images [][]byte
}

func newFile(w *world) (*file, error) {
	if w.dir == "" {
		var err error
		if w.dir, err = os.MkdirTemp(stateRoot(), "edgeflow-sim-"); err != nil {
			return nil, err
		}
	}
	n, err := os.ReadDir(w.dir)
	f := &file{w: w, path: filepath.Join(w.dir, fmt.Sprintf("state-%d.db", len(n)))}
	if w.seed%3 == 0 {
		f.txBytes = 5 * 4096
	}
	return f, err
}

// stateRoot is a folder in memory where there is one.
func stateRoot() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// copy is another file with the same content.
func (f *file) copy() (*file, error) {
	c, err := newFile(f.w)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	return c, os.WriteFile(c.path, b, 0o600)
}

// options are the store's. Nothing is synced: what power takes away is made up here.
func (f *file) options(failpoint func(string) error) store.Options {
	return store.Options{NoSync: true, StableLayout: true, FileBytesMax: fileBytesMax, TxBytesMax: f.txBytes, Failpoint: failpoint, Now: f.w.Now}
}

// open opens the store for the host that d belongs to.
func (f *file) open(d *disk) error {
	s, err := store.Open(f.path, f.options(d.failpoint))
	if err != nil {
		return err
	}
	d.Store = s
	r, err := s.Load()
	if err != nil {
		return err
	}
	lost, err := d.found(r.Epoch)
	if err != nil {
		return err
	}
	if lost > 0 && f.w.plant != PlantSkipSync {
		f.w.hit("commits lost", fmt.Sprint(lost))
		// A damaged head is as good as none: the file is one commit back.
		if f.w.class != classUnsynced && !(f.w.class == classDamage && f.w.struck && lost == 1) {
			return fmt.Errorf("the file lost %d commits that it had said were written", lost)
		}
		f.w.ahead = true
	}
	if f.w.class != classDamage { // there a start tells
		if err := s.Check(); err != nil {
			return err
		}
	}
	if d.acked == 0 || len(f.images) > 0 {
		return nil
	}
	return f.keep()
}

// before notes what the file is before a transaction.
func (f *file) before() (err error) {
	f.old, err = os.ReadFile(f.path)
	if f.w.struck && f.w.class == classDamage {
		err = nil // it may have been set aside: the commit tells
	}
	return err
}

// synced notes that what was written since before is on the disk.
func (f *file) synced() { f.old = nil }

// done notes that a commit was acknowledged.
func (f *file) done() {
	f.synced()
	if err := f.keep(); err != nil {
		f.w.violate("%v", err)
	}
}

// keep keeps an image of the file for a disk that loses commits.
func (f *file) keep() error {
	if f.w.unsyncedMax == 0 {
		return nil
	}
	b, err := os.ReadFile(f.path)
	if f.images = append(f.images, b); len(f.images) > f.w.unsyncedMax+1 {
		f.images = f.images[1:]
	}
	return err
}

// end closes the file as the end of its process does; without power, what was not synced is
// lost in parts.
func (f *file) end(d *disk, power bool) error {
	old := f.old
	f.old = nil
	if d.Store == nil {
		return nil
	}
	if err := d.close(); err != nil {
		return err
	}
	switch {
	case power && old != nil && f.txBytes == 0:
		b, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		return os.WriteFile(f.path, f.torn(old, b), 0o600)
	case power && len(f.images) > 1:
		keep := 1 + f.w.rng.IntN(len(f.images))
		f.images = f.images[:keep]
		return os.WriteFile(f.path, f.images[keep-1], 0o600)
	}
	return nil
}

// torn is what a loss of power during a commit leaves, of a file that was old before it and
// would be new after it.
func (f *file) torn(old, whole []byte) []byte {
	const metas = 2 * 4096
	whole = append([]byte{}, whole...)
	old = append(append([]byte{}, old...), make([]byte, max(0, len(whole)-len(old)))...)
	from, to := 0, len(whole)
	skipped := f.w.plant == PlantSkipSync // its pages and its meta page go in any order
	switch {
	case skipped:
	case f.w.rng.IntN(2) == 0: // before the first sync: some pages, no meta page
		copy(whole[:min(metas, len(whole))], old)
		from = metas
	default: // between the syncs: all pages, some of a meta page
		to = min(metas, len(whole))
	}
	// How many sectors differ is not the seed's: it follows from where pages lie.
	sectors := rand.New(rand.NewPCG(f.w.rng.Uint64(), 0))
	for at := from; at < to; at += sector {
		end := min(at+sector, to)
		if !bytes.Equal(old[at:end], whole[at:end]) && sectors.IntN(2) == 0 {
			copy(whole[at:end], old[at:end])
		}
	}
	f.w.drawn("commit torn")
	place := map[bool]string{true: "among pages", false: "in a meta page"}[from > 0]
	f.w.hit("commit torn", place)
	f.w.tracef("power fails during a commit, %s", place)
	return whole
}

// change damages the file, after it was compacted: where else its pages lie does not follow
// from its content, and what a place is part of could differ between two runs of a seed.
func (f *file) change(fn func([]byte) []byte) error {
	s, err := store.Open(f.path, f.options(nil))
	if err == nil {
		err = errors.Join(s.Compact(), s.Close())
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	used := len(bytes.TrimRight(b, "\x00"))
	if used == 0 {
		return errors.New("the state file is empty")
	}
	rest := b[used:]
	c := fn(b[:used])
	if len(c) == used {
		c = append(c, rest...)
	}
	return os.WriteFile(f.path, c, 0o600)
}
