// Package memstore is a state.Store in memory, for tests and simulations. It can
// fail commits and lose the newest ones in a crash, as a disk does that
// acknowledges writes before they last. All that chance decides comes from a seed.
//
// It may import dataflow/state and store.
package memstore

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// Options say what goes wrong. Rates are out of 100.
type Options struct {
	Seed        uint64
	FailRate    int // commits that fail
	UnsyncedMax int // newest commits that a crash may lose
	// Failpoint is called at the steps of a commit, by the names of package store; nil
	// calls nothing. A commit at one that returns an error fails.
	Failpoint func(name string) error
}

// ErrSync is returned, wrapped, by a commit that was written and could not be synced. It
// is seen by later calls, and a crash may lose it.
var ErrSync = fmt.Errorf("memstore: %w", store.ErrUnsynced)

// ErrFull is returned, wrapped, by a commit for which the disk has no room.
var ErrFull = errors.New("memstore: no space left on device")

// ErrCommit is returned, wrapped, by a commit that fails by chance.
var ErrCommit = errors.New("memstore: the commit fails")

type output struct {
	frames []state.OutboxFrame
	last   uint64
}

// version is the whole store after one commit. Images and frames never change, so
// versions share them.
type version struct {
	restored state.Restored
	pages    map[state.PageID][]byte
	outputs  map[string]output
}

func (v *version) clone() *version {
	c := &version{restored: v.restored, pages: maps.Clone(v.pages), outputs: maps.Clone(v.outputs)}
	for name, o := range c.outputs {
		o.frames = slices.Clone(o.frames)
		c.outputs[name] = o
	}
	return c
}

// Store is a state.Store in memory.
type Store struct {
	opt Options

	mu       sync.RWMutex
	rand     *rand.Rand
	versions []*version // the newest last; a crash may lose all but the first
	failNext int
	failSync bool
	bytesMax int64
	closed   bool
	// staged is the data of frames that no commit has appended; it ends with the process.
	staged map[frameKey][]byte
}

// frameKey names a frame by its last sequence.
type frameKey struct {
	output string
	last   uint64
}

var (
	_ state.Store  = (*Store)(nil)
	_ state.Stager = (*Store)(nil)
)

// New returns an empty store.
func New(o Options) *Store {
	return &Store{
		opt:      o,
		rand:     rand.New(rand.NewPCG(o.Seed, 0)),
		staged:   map[frameKey][]byte{},
		versions: []*version{{pages: map[state.PageID][]byte{}, outputs: map[string]output{}}},
	}
}

// Crash ends this store as a power failure does and returns the one that a
// restart finds: commits that were not synced are lost by chance, the newest
// first.
func (s *Store) Crash() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	keep := len(s.versions) - s.rand.IntN(len(s.versions))
	return &Store{opt: s.opt, rand: s.rand, versions: []*version{s.versions[keep-1].clone()}, staged: map[frameKey][]byte{}}
}

// Kill ends this store as the end of its process does and returns the one that a
// restart finds: nothing is lost.
func (s *Store) Kill() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return &Store{opt: s.opt, rand: s.rand, versions: s.versions, staged: map[frameKey][]byte{}}
}

// FailNext makes the next n commits fail.
func (s *Store) FailNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failNext = n
}

// FailSync makes the next commit fail with ErrSync, or none.
func (s *Store) FailSync(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failSync = on
}

// SetBytesMax is the room for pages and frames: a commit that would pass it and does not
// make the store smaller fails with ErrFull. 0 means no limit.
func (s *Store) SetBytesMax(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytesMax = n
}

// Bytes is the size of pages and frames.
func (s *Store) Bytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.versions[len(s.versions)-1].bytes()
}

func (v *version) bytes() int64 {
	n := int64(len(v.pages)) * int64(v.restored.Roots.PageSize)
	for _, o := range v.outputs {
		for i := range o.frames {
			n += int64(len(o.frames[i].Data))
		}
	}
	return n
}

// SetPage changes a page behind the back of who wrote it, as a damaged disk does.
func (s *Store) SetPage(p state.PageID, img []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[len(s.versions)-1].pages[p] = slices.Clone(img)
}

// Forget makes a crash forget the newest n commits although they were synced, but for the
// oldest one that is kept.
func (s *Store) Forget(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := max(1, len(s.versions)-n)
	s.versions = s.versions[:keep]
}

func (s *Store) now() (*version, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.versions[len(s.versions)-1], nil
}

// Load implements state.Store.
func (s *Store) Load() (*state.Restored, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, err := s.now()
	if err != nil {
		return nil, err
	}
	return v.load(), nil
}

func (v *version) load() *state.Restored {
	r := v.restored
	r.Manifest = slices.Clone(r.Manifest)
	r.Outboxes = nil
	for _, name := range slices.Sorted(maps.Keys(v.outputs)) {
		r.Outboxes = append(r.Outboxes, v.stats(name))
	}
	return &r
}

// Pages implements state.Store.
func (s *Store) Pages(fn func(state.PageID, []byte) error) error {
	s.mu.RLock()
	v, err := s.now()
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	return v.eachPage(fn)
}

func (v *version) eachPage(fn func(state.PageID, []byte) error) error {
	for _, p := range slices.Sorted(maps.Keys(v.pages)) {
		if err := fn(p, v.pages[p]); err != nil {
			return err
		}
	}
	return nil
}

// ReadPage implements state.Store.
func (s *Store) ReadPage(p state.PageID, dst []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, err := s.now()
	if err != nil {
		return nil, err
	}
	img, ok := v.pages[p]
	if !ok {
		return nil, state.ErrNoPage
	}
	return append(dst[:0], img...), nil
}

// Commit implements state.Store.
func (s *Store) Commit(c *state.Commit) (state.CommitStats, error) {
	s.mu.RLock()
	v, err := s.now()
	s.mu.RUnlock()
	if err != nil {
		return state.CommitStats{}, err
	}
	next := v.clone()
	appended, err := s.unstage(c.Append)
	var stats state.CommitStats
	if err == nil {
		stats, err = next.apply(c, appended, s.opt.Failpoint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && (s.failNext > 0 || s.rand.IntN(100) < s.opt.FailRate) {
		s.failNext = max(0, s.failNext-1)
		err = ErrCommit
	}
	if n := next.bytes(); err == nil && s.bytesMax > 0 && n > s.bytesMax && n >= v.bytes() {
		err = ErrFull
	}
	if err == nil && s.closed {
		err = store.ErrClosed
	}
	if err == nil && s.failSync {
		s.failSync = false
		s.versions = append(s.versions, next)
		err = ErrSync
	}
	if err != nil {
		return stats, fmt.Errorf("commit of epoch %d: %w", c.Epoch, err)
	}
	s.versions = append(s.versions, next)
	for _, f := range c.Append {
		delete(s.staged, frameKey{f.Output, f.Last})
	}
	if n := len(s.versions) - 1 - s.opt.UnsyncedMax; n > 0 {
		s.versions = slices.Delete(s.versions, 0, n)
	}
	return stats, nil
}

// Stage implements state.Stager.
func (s *Store) Stage(frames []state.OutboxFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.now()
	if err != nil {
		return err
	}
	for i := range frames {
		f := &frames[i]
		if s.bytesMax > 0 && v.bytes()+s.stagedBytes()+int64(len(f.Data)) > s.bytesMax {
			return ErrFull
		}
		if s.opt.Failpoint != nil {
			if err := s.opt.Failpoint("step.stage"); err != nil {
				return err
			}
		}
		s.staged[frameKey{f.Output, f.Last}] = f.Data
		f.Staged, f.Data = int64(len(f.Data)), nil
	}
	return nil
}

func (s *Store) stagedBytes() (n int64) {
	for _, data := range s.staged {
		n += int64(len(data))
	}
	return n
}

// unstage is frames with the data of those that are staged.
func (s *Store) unstage(frames []state.OutboxFrame) ([]state.OutboxFrame, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := slices.Clone(frames)
	for i := range out {
		f := &out[i]
		if f.Staged == 0 {
			continue
		}
		if f.Data = s.staged[frameKey{f.Output, f.Last}]; int64(len(f.Data)) != f.Staged {
			return nil, fmt.Errorf("outbox %q: frame from %d to %d was not staged", f.Output, f.First, f.Last)
		}
		f.Staged = 0
	}
	return out, nil
}

func (v *version) apply(c *state.Commit, frames []state.OutboxFrame, point func(string) error) (state.CommitStats, error) {
	st := state.CommitStats{Epoch: c.Epoch, Transactions: 1}
	if point == nil {
		point = func(string) error { return nil }
	}
	if c.Epoch <= v.restored.Epoch {
		return st, fmt.Errorf("it comes after epoch %d", v.restored.Epoch)
	}
	v.restored.Epoch, v.restored.Generation = c.Epoch, c.Generation
	v.restored.Manifest = append([]byte{}, c.Manifest...)
	if c.Delta != nil {
		v.restored.Roots = c.Delta.Roots()
		err := c.Delta.Each(func(p state.PageID, img []byte) error {
			if err := point("checkpoint.page-write"); err != nil {
				return err
			}
			v.pages[p] = slices.Clone(img)
			st.Pages++
			st.PageBytes += int64(len(img))
			return nil
		})
		if err != nil {
			return st, err
		}
		err = c.Delta.Freed(func(p state.PageID) error {
			delete(v.pages, p)
			st.PagesDeleted++
			return nil
		})
		if err != nil {
			return st, err
		}
	}
	for _, f := range frames {
		o := v.outputs[f.Output]
		if f.First != o.last+1 || f.Last < f.First {
			return st, fmt.Errorf("outbox %q: frame from %d to %d after %d: %w", f.Output, f.First, f.Last, o.last, store.ErrSequence)
		}
		f.Data = slices.Clone(f.Data)
		o.frames = append(o.frames, f)
		o.last = f.Last
		v.outputs[f.Output] = o
		st.Frames++
		st.FrameBytes += int64(len(f.Data))
	}
	for i := range c.Replace {
		if err := v.replace(&c.Replace[i]); err != nil {
			return st, err
		}
	}
	for _, t := range c.Trim {
		if o, ok := v.outputs[t.Output]; ok {
			o.frames = slices.DeleteFunc(o.frames, func(f state.OutboxFrame) bool { return f.Last <= t.UpTo })
			v.outputs[t.Output] = o
		}
	}
	return st, nil
}

// replace puts frames in the place of others.
func (v *version) replace(r *state.OutboxReplace) error {
	o := v.outputs[r.Output]
	from := slices.IndexFunc(o.frames, func(f state.OutboxFrame) bool { return f.First == r.First })
	to := slices.IndexFunc(o.frames, func(f state.OutboxFrame) bool { return f.Last == r.Last })
	if from < 0 || to < from || !r.Whole() {
		return fmt.Errorf("outbox %q: other frames for %d to %d: %w", r.Output, r.First, r.Last, store.ErrSequence)
	}
	fresh := slices.Clone(r.Frames)
	for i := range fresh {
		fresh[i].Data = slices.Clone(fresh[i].Data)
	}
	o.frames = slices.Concat(o.frames[:from], fresh, o.frames[to+1:])
	v.outputs[r.Output] = o
	return nil
}

// OutboxScan implements state.Store.
func (s *Store) OutboxScan(name string, after uint64, fn func(state.OutboxFrame) (bool, error)) error {
	s.mu.RLock()
	v, err := s.now()
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	for _, f := range v.outputs[name].frames {
		if f.Last <= after {
			continue
		}
		if more, err := fn(f); err != nil || !more {
			return err
		}
	}
	return nil
}

// OutboxStats implements state.Store.
func (s *Store) OutboxStats(name string) (state.OutboxStats, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, err := s.now()
	if err != nil {
		return state.OutboxStats{}, err
	}
	return v.stats(name), nil
}

func (v *version) stats(name string) state.OutboxStats {
	o := v.outputs[name]
	st := state.OutboxStats{Output: name, First: o.last + 1, Last: o.last, Frames: len(o.frames)}
	for i, f := range o.frames {
		if i == 0 {
			st.First, st.OldestCreated = f.First, f.Created
		}
		st.Rows += int64(f.Rows)
		st.Bytes += int64(len(f.Data))
	}
	return st
}

// Savepoint implements state.Store.
func (s *Store) Savepoint(w io.Writer) (state.SavepointInfo, error) {
	s.mu.RLock()
	v, err := s.now()
	s.mu.RUnlock()
	if err != nil {
		return state.SavepointInfo{}, err
	}
	return store.WriteSavepoint(w, store.SavepointSource{
		Restored: v.load(),
		Pages:    v.eachPage,
		Frames: func(name string, fn func(state.OutboxFrame) error) error {
			for _, f := range v.outputs[name].frames {
				if err := fn(f); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// FromSavepoint returns a store with what a savepoint holds.
func FromSavepoint(r io.Reader, o Options) (*Store, error) {
	s := New(o)
	v := s.versions[0]
	_, err := store.ReadSavepoint(r, store.SavepointSink{
		Head: func(r *state.Restored) error {
			v.restored = *r
			return nil
		},
		Page: func(p state.PageID, img []byte) error {
			v.pages[p] = slices.Clone(img)
			return nil
		},
		Output: func(name string, before uint64) error {
			v.outputs[name] = output{last: before}
			return nil
		},
		Frame: func(f state.OutboxFrame) error {
			o := v.outputs[f.Output]
			f.Data = slices.Clone(f.Data)
			o.frames = append(o.frames, f)
			o.last = f.Last
			v.outputs[f.Output] = o
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Check implements state.Store: it looks for holes in the outbox.
func (s *Store) Check() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, err := s.now()
	if err != nil {
		return err
	}
	for name, o := range v.outputs {
		for i, f := range o.frames {
			if i > 0 && f.First != o.frames[i-1].Last+1 || i == len(o.frames)-1 && f.Last != o.last {
				return fmt.Errorf("memstore: outbox %q has a hole at %d", name, f.First)
			}
		}
	}
	return nil
}

// Compact implements state.Store; there is nothing to give back.
func (s *Store) Compact() error { return nil }

// Close implements state.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
