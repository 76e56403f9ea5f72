package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// chunks holds values until their transaction ends, as bbolt wants it.
type chunks struct {
	bufs [][]byte
	at   int
}

const chunkSize = 1 << 20

// room returns an empty slice with room for n bytes.
func (c *chunks) room(n int) []byte {
	for ; c.at < len(c.bufs); c.at++ {
		if b := c.bufs[c.at]; cap(b)-len(b) >= n {
			return b[len(b):len(b):cap(b)]
		}
	}
	c.bufs = append(c.bufs, make([]byte, 0, max(n, chunkSize)))
	return c.bufs[c.at]
}

// keep makes v, which was appended to what room returned, stay.
func (c *chunks) keep(v []byte) {
	b := c.bufs[c.at]
	c.bufs[c.at] = b[:len(b)+len(v)]
}

// reset forgets all values. It keeps as many buffers as were used last.
func (c *chunks) reset() {
	if used := min(c.at+1, len(c.bufs)); used < len(c.bufs)/2 {
		clear(c.bufs[used:])
		c.bufs = c.bufs[:used]
	}
	for i := range c.bufs {
		c.bufs[i] = c.bufs[i][:0]
	}
	c.at = 0
}

// A commit rests after each restPages pages, which take a third of a millisecond, but at
// most restsMax times: a quarter of a second in all. The sleep may be longer by what the
// system's timers are.
const (
	restPages = 128
	restsMax  = 250
	restTime  = time.Millisecond
)

// commit is one Commit under way.
type commit struct {
	s       *Store
	c       *state.Commit
	tx      *bolt.Tx
	stats   state.CommitStats
	roots   state.Roots
	multi   bool  // several transactions
	bytes   int64 // image bytes in the transaction under way
	pages   *bolt.Bucket
	portion int // pages after which it rests
	staged  int // frames that stay staged
	// cursor is used again for each page: bbolt allocates its stack.
	cursor *bolt.Cursor
}

// Commit implements state.Store.
func (s *Store) Commit(c *state.Commit) (state.CommitStats, error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	if s.db == nil {
		return state.CommitStats{}, ErrClosed
	}
	if c.Epoch <= s.epoch {
		return state.CommitStats{}, fmt.Errorf("store: commit of epoch %d after epoch %d", c.Epoch, s.epoch)
	}
	w := &commit{s: s, c: c, roots: s.roots, stats: state.CommitStats{Epoch: c.Epoch, WrittenBytes: s.stagedWritten}}
	if c.Delta != nil {
		w.roots = c.Delta.Roots()
		w.multi = s.storedGuess(c.Delta.Bytes()) > s.opt.TxBytesMax
		w.portion = max(restPages, (c.Delta.Len()+restsMax-1)/restsMax)
	}
	defer s.chunks.reset()
	if err := guard(w.run); err != nil {
		if w.tx != nil {
			_ = guard(w.tx.Rollback)
		}
		var found *damage
		if errors.As(err, &found) {
			return w.stats, s.aside(err, found)
		}
		if s.shows(c.Epoch) {
			err = fmt.Errorf("%w: %w", ErrUnsynced, err)
		}
		return w.stats, fmt.Errorf("store: %s: commit of epoch %d: %w", s.path, c.Epoch, err)
	}
	s.epoch, s.roots, s.staged, s.stagedWritten = c.Epoch, w.roots, w.staged, 0
	s.learn(w.stats)
	// The checkpoint is committed; what follows can be made up for later.
	_ = s.opt.Failpoint("checkpoint.after-commit")
	if err := guard(s.sweep); err != nil {
		var found *damage
		if errors.As(err, &found) {
			return w.stats, s.aside(err, found)
		}
		s.opt.Logger.Warn("old page versions stay until a later commit", "path", s.path, "error", err)
	}
	w.stats.FileBytes, w.stats.FreeBytes = s.size()
	if s.compactWait > 0 {
		s.compactWait--
	} else if s.compactDue(w.stats.FileBytes, w.stats.FreeBytes) {
		if err := s.compact(); err != nil {
			s.opt.Logger.Warn("the state file cannot be compacted; a later commit tries again", "path", s.path, "error", err)
			s.compactWait = compactPause
		}
		w.stats.FileBytes, w.stats.FreeBytes = s.size()
	}
	return w.stats, nil
}

// ErrUnsynced is returned, wrapped, by a commit that was written and then could not be synced:
// bbolt shows it to all that comes later in this process, and whether it lasts nobody knows.
// The pipeline starts anew, and goes by what it finds.
var ErrUnsynced = errors.New("the commit was written but not synced; a new start goes by what is there")

// ErrUnmapped is returned, wrapped, when a file that grew could not be mapped into memory again.
// The file is whole; a new start maps it anew.
var ErrUnmapped = berrors.ErrInvalidMapping

// renew syncs the newest transaction once more, after one that failed, and before the first of a
// process. Its meta page may have been
// written and not synced: bbolt then goes on from it, and takes pages that the disk's older meta
// page still needs, so that after a loss of power neither would be whole. An empty transaction
// writes the other meta page alone.
func (s *Store) renew() error {
	if !s.stale {
		return nil
	}
	if err := s.db.Update(func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	s.stale = false
	return nil
}

// shows tells that the file shows the commit of an epoch.
func (s *Store) shows(e state.Epoch) (yes bool) {
	err := s.view(func(tx *bolt.Tx) error {
		yes = manifestEpoch(tx.Bucket(bucketMeta).Get(manifestKey)) >= e
		return nil
	})
	return yes && err == nil
}

// storedGuess is how many bytes pages of so many bytes are taken to need when stored: the
// room in memory that one transaction needs. It goes by the last commit of a size that
// tells, and takes twice of what that needed, and a quarter of the pages at least, so that
// a transaction is never beyond four times the limit.
func (s *Store) storedGuess(bytes int64) int64 {
	if s.pageBytes < s.opt.TxBytesMax/4 || s.pageBytes == 0 {
		return bytes
	}
	twice := int64(2 * float64(bytes) * float64(s.storedBytes) / float64(s.pageBytes))
	return min(bytes, max(bytes/4, twice))
}

// learn notes what pages of a large commit needed.
func (s *Store) learn(st state.CommitStats) {
	if st.PageBytes >= s.opt.TxBytesMax/4 {
		s.pageBytes, s.storedBytes = st.PageBytes, st.StoredBytes
	}
}

func (w *commit) run() error {
	if err := w.s.renew(); err != nil {
		return err
	}
	// What an earlier commit that failed left would pass for this one's.
	if err := w.s.sweep(); err != nil {
		return err
	}
	start := w.s.opt.Now()
	if err := w.begin(); err != nil {
		return err
	}
	if w.c.Delta != nil {
		if err := w.c.Delta.Each(w.page); err != nil {
			return err
		}
		if err := w.c.Delta.Freed(w.free); err != nil {
			return err
		}
	}
	if err := w.outbox(); err != nil {
		return err
	}
	var err error
	if w.staged, err = w.settleStaged(); err != nil {
		return err
	}
	m := w.s.seal.packManifest(w.c.Epoch, w.c.Generation, w.roots, w.c.Manifest)
	if err := w.tx.Bucket(bucketMeta).Put(manifestKey, m); err != nil {
		return err
	}
	w.stats.Capture = w.s.since(start)
	if err := w.s.opt.Failpoint("checkpoint.before-commit"); err != nil {
		return err
	}
	return w.commitTx()
}

// begin begins a transaction.
func (w *commit) begin() (err error) {
	if w.tx, err = w.s.db.Begin(true); err != nil {
		return err
	}
	w.pages = w.tx.Bucket(bucketPages)
	w.cursor = w.pages.Cursor()
	return nil
}

func (w *commit) commitTx() error {
	start := w.s.opt.Now()
	tx := w.tx
	w.tx = nil
	err := guard(tx.Commit)
	w.s.stale = w.s.stale || err != nil
	var found *damage
	if errors.As(err, &found) {
		_ = guard(tx.Rollback) // or its lock stays
	}
	w.stats.Sync += w.s.since(start)
	w.stats.Transactions++
	st := tx.Stats()
	w.stats.WrittenBytes += st.GetPageAlloc() + int64(w.s.db.Info().PageSize)
	return err
}

// page stores one image.
func (w *commit) page(p state.PageID, img []byte) error {
	if err := w.s.opt.Failpoint("checkpoint.page-write"); err != nil {
		return err
	}
	if !w.multi {
		if err := w.dropVersions(p); err != nil {
			return err
		}
	}
	s := w.s
	s.key = putPageKey(s.key, p, w.c.Epoch)
	v := s.seal.pack(s.chunks.room(packMax(0, len(img))), place{kind: kindPage, key: s.key}, nil, img)
	s.chunks.keep(v)
	if err := w.pages.Put(s.key, v); err != nil {
		return err
	}
	w.stats.Pages++
	w.stats.PageBytes += int64(len(img))
	w.stats.StoredBytes += int64(len(v))
	if w.stats.Pages%w.portion == 0 {
		s.opt.Rest(restTime)
	}
	if w.bytes += int64(len(img)); w.multi && w.bytes >= s.opt.TxBytesMax {
		return w.nextTx()
	}
	return nil
}

// nextTx commits what was stored so far, where no reader looks at it, and begins
// another transaction.
func (w *commit) nextTx() error {
	if err := w.tx.Bucket(bucketMeta).Put(keyUnswept, []byte{1}); err != nil {
		return err
	}
	w.s.unswept = true
	if err := w.commitTx(); err != nil {
		return err
	}
	if err := w.s.opt.Failpoint("checkpoint.transaction"); err != nil {
		return err
	}
	w.s.chunks.reset()
	w.bytes = 0
	return w.begin()
}

// dropVersions deletes all versions of a page.
func (w *commit) dropVersions(p state.PageID) error {
	s, c := w.s, w.cursor
	s.key = putPageKey(s.key, p, 0)
	for k, _ := c.Seek(s.key); k != nil && binary.BigEndian.Uint32(k) == uint32(p); k, _ = c.Seek(s.key) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func (w *commit) free(p state.PageID) error {
	w.stats.PagesDeleted++
	return w.dropVersions(p)
}

// sweepStep is about how many keys one transaction of sweep looks at.
const sweepStep = 20_000

// sweep deletes the page versions that the manifest's epoch does not see, if
// there may be any.
func (s *Store) sweep() error {
	if !s.unswept {
		return nil
	}
	if err := s.renew(); err != nil {
		return err
	}
	var from []byte
	for done := false; !done; {
		err := s.db.Update(func(tx *bolt.Tx) (err error) {
			if from, err = sweepSome(tx, from); err != nil {
				return err
			}
			if done = from == nil; done {
				return tx.Bucket(bucketMeta).Delete(keyUnswept)
			}
			return nil
		})
		s.stale = s.stale || err != nil
		if err == nil {
			err = s.opt.Failpoint("checkpoint.sweep")
		}
		if err != nil {
			return err
		}
	}
	s.unswept = false
	return nil
}

// sweepSome deletes versions from key from on and returns where to go on, or nil.
func sweepSome(tx *bolt.Tx, from []byte) (next []byte, err error) {
	epoch := manifestEpoch(tx.Bucket(bucketMeta).Get(manifestKey))
	b := tx.Bucket(bucketPages)
	c := b.Cursor()
	var stale [][]byte
	var kept []byte
	n := 0
	for k, _ := c.Seek(from); k != nil; k, _ = c.Next() {
		p, e, err := parsePageKey(k)
		if err != nil {
			return nil, &damage{err}
		}
		if kept != nil && binary.BigEndian.Uint32(kept) != uint32(p) {
			if kept = nil; n >= sweepStep {
				next = append([]byte{}, k...)
				break
			}
		}
		n++
		if e > epoch {
			stale = append(stale, k)
			if n >= 2*sweepStep { // what comes later of this page is stale, too
				next = append([]byte{}, k...)
				break
			}
			continue
		}
		if kept != nil {
			stale = append(stale, kept)
		}
		kept = k
	}
	for _, k := range stale {
		if err := b.Delete(k); err != nil {
			return nil, err
		}
	}
	return next, nil
}
