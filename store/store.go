package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

var (
	bucketMeta    = []byte("meta")
	bucketPages   = []byte("pages")
	bucketOutbox  = []byte("outbox")
	bucketOutputs = []byte("outputs")
	keyUnswept    = []byte("unswept")
)

// fileStep is by how many bytes the file grows.
const fileStep = 4 << 20

// Store is a state.Store in one bbolt file.
type Store struct {
	path string
	opt  Options

	writer sync.Mutex   // Commit, Compact, Savepoint
	mu     sync.RWMutex // db changes place only under the write lock
	db     *bolt.DB
	// damaged is the *DamagedError of a file that was set aside.
	damaged error

	// Of the writer.
	epoch   state.Epoch
	roots   state.Roots
	unswept bool // keyUnswept is set
	stale   bool // the disk may have an older transaction than the file shows
	staged  int  // frames that are staged
	// stagedWritten is what was written for frames that were staged since the last commit, bytes.
	stagedWritten int64
	// compactWait is how many commits go by before the next compaction.
	compactWait int
	chunks      chunks // compressed images of the transaction under way
	// seal encrypts what is stored; nil leaves it as it is.
	seal *sealer
	key  []byte
	// Of the last commit of many pages: their bytes, and the bytes stored for them.
	pageBytes, storedBytes int64
}

var _ state.Store = (*Store)(nil)

// Open opens the file at path, making it when there is none. It returns an error
// that wraps ErrLocked when another process has it open, *FormatError when a newer
// program wrote it, *KeyError when it is encrypted with other keys than those given, and
// *DamagedError when it is damaged or was found so before.
func Open(path string, options Options) (*Store, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := readMark(o, path); err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := precheck(o, path); err != nil {
		var damage *damage
		if errors.As(err, &damage) {
			return nil, setAside(o, path, damage.err)
		}
		return nil, err
	}
	s := &Store{path: path, opt: o}
	if s.db, err = create(o, path); s.db == nil && err == nil {
		s.db, err = openBolt(o, path)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	clearLeftovers(o, path)
	if err := guard(s.init); err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

// damage is an error that says that the file is damaged.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// guard calls fn and turns a panic or a fault, as bbolt answers a damaged page,
// into damage. Panics of a caller's function, marked by callback, go on.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case callerPanic:
			panic(p.value)
		default:
			err = &damage{fmt.Errorf("%v", p)}
		}
	}()
	return fn()
}

// callerPanic marks a panic in a function that a caller gave.
type callerPanic struct{ value any }

// callback calls a function that a caller gave.
func callback(fn func() error) error {
	defer func() {
		if p := recover(); p != nil {
			panic(callerPanic{p})
		}
	}()
	return fn()
}

// failed closes the store after an error in it, and sets a damaged file aside. A commit under
// way ends first.
func (s *Store) failed(err error) error {
	var damage *damage
	if !errors.As(err, &damage) {
		s.Close()
		return err
	}
	s.writer.Lock()
	defer s.writer.Unlock()
	return s.aside(err, damage)
}

// aside closes the store and sets its file aside, for who holds s.writer.
func (s *Store) aside(err error, found *damage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		if s.damaged != nil { // somebody else has found it, too
			return s.damaged
		}
		return err
	}
	_ = s.db.Close()
	s.db = nil
	s.damaged = setAside(s.opt, s.path, found.err)
	return s.damaged
}

// asideIf sets the file aside if an error says that it is damaged.
func (s *Store) asideIf(err error) error {
	var found *damage
	if errors.As(err, &found) {
		return s.failed(err)
	}
	return err
}

// Damaged closes the store and sets its file aside, for who finds in what it read that the
// file must be damaged: why is the cause. It returns a *DamagedError.
func (s *Store) Damaged(why error) error { return s.failed(&damage{why}) }

// openBolt opens a bbolt file for writing. The free list is not stored, so that a
// small commit stays small; it is rebuilt when the file is opened. The map is
// large from the start, so that growing does not wait for readers.
func openBolt(o Options, path string) (*bolt.DB, error) {
	mapped := 64 << 20
	if strconv.IntSize == 64 {
		mapped = 1 << (strconv.IntSize / 2) // 4 GiB of addresses, not of memory
	}
	if o.FileBytesMax > 0 {
		mapped = int(min(int64(mapped), o.FileBytesMax))
	}
	if runtime.GOOS == "windows" { // the file would take the size of its map
		mapped = 0
	}
	free := bolt.FreelistMapType // quick, in any order
	if o.StableLayout {
		free = bolt.FreelistArrayType
	}
	var db *bolt.DB
	err := guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:         o.LockTimeout,
			NoFreelistSync:  true,
			FreelistType:    free,
			InitialMmapSize: mapped,
			MaxSize:         int(o.FileBytesMax),
			PageSize:        boltPage,
			NoSync:          o.NoSync,
			NoGrowSync:      o.NoSync,
			OpenFile:        o.FS.OpenFile,
		})
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	db.AllocSize = fileStep
	return db, nil
}

// init makes the buckets of a new file, and checks the format of an old one and
// sweeps what a crash left in it.
func (s *Store) init() error {
	fresh := false
	var found uint32
	var sealed *mark
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if tx.ID() > 1 { // the first commit of a file makes the buckets
				return &damage{errors.New("all buckets are missing")}
			}
			fresh = true
			return nil
		}
		if found, err = readFormat(meta); err != nil {
			return err
		}
		if found > formatStaged {
			return &FormatError{Path: s.path, Found: found, Supported: formatStaged}
		}
		if err = verifyNames(tx); err != nil {
			return &damage{err}
		}
		s.unswept = meta.Get(keyUnswept) != nil
		sealed, err = getMark(meta, found)
		return err
	})
	if err != nil {
		return err
	}
	s.stale = !fresh // a process before may have met a failed sync
	if fresh {
		s.seal = newSealer(s.opt.Keys, s.opt.Scope)
		err := s.db.Update(func(tx *bolt.Tx) error { return createBuckets(tx, s.seal, s.opt.Scope) })
		if err != nil {
			return fmt.Errorf("store: %s: %w", s.path, err)
		}
	}
	// The state is in a folder of its own, in one of all pipelines, in that of the data.
	if err := s.opt.syncPath(s.path, 3); err != nil || fresh {
		return err
	}
	if err := s.readSealed(sealed); err != nil {
		return err
	}
	check := func(tx *bolt.Tx) error {
		r, err := s.loadFrom(tx)
		if err != nil {
			return err
		}
		s.epoch, s.roots = r.Epoch, r.Roots
		return s.verify(tx)
	}
	switch found {
	case formatVersion:
		err = s.db.View(check)
	case formatStaged:
		if err = s.renew(); err == nil {
			err = s.db.Update(func(tx *bolt.Tx) error { return errors.Join(s.dropStaged(tx), check(tx)) })
		}
	default:
		if err = s.db.Update(func(tx *bolt.Tx) error { return errors.Join(s.upgrade(tx), check(tx)) }); err == nil {
			s.opt.Logger.Info("the state file is of a later format now; an older program refuses it", "path", s.path, "before", found, "format", formatVersion)
		}
	}
	if err == nil {
		err = s.renewMark(sealed)
	}
	if err != nil {
		return err
	}
	return s.sweep()
}

func createBuckets(tx *bolt.Tx, seal *sealer, scope string) error {
	for _, name := range [][]byte{bucketMeta, bucketPages, bucketOutbox, bucketOutputs} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if seal != nil {
		if err := putMark(meta, seal.signMark(scope, nil)); err != nil {
			return err
		}
	}
	return putFormat(meta, formatVersion)
}

// ErrClosed is returned by all methods after Close, or after damage was found.
var ErrClosed = errors.New("store: closed")

// view runs fn in a reading transaction.
func (s *Store) view(fn func(tx *bolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return ErrClosed
	}
	return guard(func() error { return s.db.View(fn) })
}

// Load implements state.Store.
func (s *Store) Load() (*state.Restored, error) {
	r, err := s.load()
	if err != nil {
		return nil, s.failed(err)
	}
	return r, nil
}

func (s *Store) load() (r *state.Restored, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		r, err = s.loadFrom(tx)
		return err
	})
	return r, err
}

func (s *Store) loadFrom(tx *bolt.Tx) (r *state.Restored, err error) {
	r = &state.Restored{}
	if v := tx.Bucket(bucketMeta).Get(manifestKey); v != nil {
		if r, err = s.seal.unpackManifest(v); err != nil {
			return nil, &damage{err}
		}
	}
	err = tx.Bucket(bucketOutputs).ForEach(func(name, _ []byte) error {
		st, err := s.seal.outboxStats(tx, string(name))
		r.Outboxes = append(r.Outboxes, st)
		return err
	})
	return r, err
}

// Pages implements state.Store.
func (s *Store) Pages(fn func(state.PageID, []byte) error) error {
	err := s.view(func(tx *bolt.Tx) error {
		return s.seal.eachPage(tx, func(p state.PageID, img []byte) error {
			return callback(func() error { return fn(p, img) })
		})
	})
	return s.asideIf(err)
}

// eachPage calls fn for the image of each page that the manifest's epoch sees.
func (s *sealer) eachPage(tx *bolt.Tx, fn func(state.PageID, []byte) error) error {
	epoch := manifestEpoch(tx.Bucket(bucketMeta).Get(manifestKey))
	swept := tx.Bucket(bucketMeta).Get(keyUnswept) == nil
	var key, value, buf []byte // the version chosen so far
	emit := func() error {
		if key == nil {
			return nil
		}
		p, e, err := parsePageKey(key)
		if err != nil {
			return &damage{err}
		}
		_, img, err := s.unpack(buf, place{kind: kindPage, key: key}, value, 0)
		if err != nil {
			return &damage{fmt.Errorf("page %d of epoch %d: %w", p, e, err)}
		}
		if cap(img) > cap(buf) && value[0]&^encSealed == encS2 {
			buf = img
		}
		return fn(p, img)
	}
	c := tx.Bucket(bucketPages).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		p, e, err := parsePageKey(k)
		if err != nil {
			return &damage{err}
		}
		if key != nil {
			if q, _, _ := parsePageKey(key); q != p {
				if err := emit(); err != nil {
					return err
				}
				key = nil
			}
		}
		if swept && (e > epoch || key != nil) {
			return &damage{fmt.Errorf("page %d has a version of epoch %d, and the manifest is of epoch %d", p, e, epoch)}
		}
		if e <= epoch {
			key, value = k, v
		}
	}
	return emit()
}

// ReadPage implements state.Store.
func (s *Store) ReadPage(p state.PageID, dst []byte) (img []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		epoch := manifestEpoch(tx.Bucket(bucketMeta).Get(manifestKey))
		c := tx.Bucket(bucketPages).Cursor()
		var prefix [pageKeySize]byte
		var key, value []byte
		for k, v := c.Seek(putPageKey(prefix[:], p, 0)); k != nil; k, v = c.Next() {
			q, e, err := parsePageKey(k)
			if err != nil || q != p || e > epoch {
				break
			}
			key, value = k, v
		}
		if key == nil {
			return state.ErrNoPage
		}
		_, data, err := s.seal.unpack(dst, place{kind: kindPage, key: key}, value, 0)
		if err != nil {
			return fmt.Errorf("store: page %d: %w", p, err)
		}
		if value[0] == encPlain {
			data = append(dst[:0], data...)
		}
		img = data
		return nil
	})
	return img, err
}

// Close implements state.Store.
func (s *Store) Close() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	return err
}

// Path returns where the file is.
func (s *Store) Path() string { return s.path }

// size returns the size of the file and the bytes in it that hold nothing.
func (s *Store) size() (file, free int64) {
	if info, err := os.Stat(s.path); err == nil {
		file = info.Size()
	}
	st := s.db.Stats()
	return file, int64(st.FreePageN+st.PendingPageN) * int64(s.db.Info().PageSize)
}

func (s *Store) since(t time.Time) time.Duration { return s.opt.Now().Sub(t) }
