package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// RestoreSavepoint makes the state file at path from a savepoint read from r. It
// refuses to replace a file; ResetState moves one out of the way. It clears the
// mark of a damaged file. The file appears whole or not at all. With keys it is encrypted,
// whether the savepoint is or not.
func RestoreSavepoint(path string, r io.Reader, options Options) (state.SavepointInfo, error) {
	o, err := options.withDefaults()
	if err != nil {
		return state.SavepointInfo{}, err
	}
	if _, err := o.FS.Stat(path); err == nil {
		return state.SavepointInfo{}, fmt.Errorf("store: %s: %w; --reset-state moves it aside", path, os.ErrExist)
	}
	if err := o.FS.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return state.SavepointInfo{}, fmt.Errorf("store: %w", err)
	}
	tmp := path + restoreSuffix
	if err := o.FS.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return state.SavepointInfo{}, fmt.Errorf("store: %w", err)
	}
	info, err := fillFrom(o, tmp, r)
	if err == nil {
		err = o.Failpoint("restore.savepoint")
	}
	if err == nil {
		err = o.FS.Rename(tmp, path)
	}
	if err != nil {
		_ = o.FS.Remove(tmp)
		return info, err
	}
	return info, clearMark(o, path)
}

// fillFrom makes a state file of a savepoint.
func fillFrom(o Options, path string, r io.Reader) (info state.SavepointInfo, err error) {
	db, err := openBolt(o, path)
	if err != nil {
		return info, fmt.Errorf("store: %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.NoSync = true // one sync at the end will do
	f := &filler{db: db, most: o.TxBytesMax, seal: newSealer(o.Keys, o.Scope)}
	if err := db.Update(func(tx *bolt.Tx) error { return createBuckets(tx, f.seal, o.Scope) }); err != nil {
		return info, err
	}
	if f.tx, err = db.Begin(true); err != nil {
		return info, err
	}
	info, err = ReadSavepoint(r, SavepointSink{Head: f.head, Page: f.page, Output: f.output, Frame: f.frame, Keys: o.Keys})
	if err == nil {
		err = f.endOutput()
	}
	if err != nil {
		_ = f.tx.Rollback()
		return info, err
	}
	if err := f.tx.Commit(); err != nil {
		return info, err
	}
	if o.NoSync {
		return info, nil
	}
	return info, db.Sync()
}

// filler puts the parts of a savepoint into a new file.
type filler struct {
	db    *bolt.DB
	tx    *bolt.Tx
	most  int64
	bytes int64
	seal  *sealer
	epoch state.Epoch
	out   *state.OutboxStats
}

// put stores a value and begins another transaction when this one is large.
func (f *filler) put(bucket *bolt.Bucket, k, v []byte) error {
	if err := bucket.Put(k, v); err != nil {
		return err
	}
	if f.bytes += int64(len(v)); f.bytes < f.most {
		return nil
	}
	f.bytes = 0
	if err := f.tx.Commit(); err != nil {
		return err
	}
	tx, err := f.db.Begin(true)
	if err == nil {
		f.tx = tx
	}
	return err
}

func (f *filler) head(r *state.Restored) error {
	f.epoch = r.Epoch
	return f.put(f.tx.Bucket(bucketMeta), manifestKey, f.seal.packManifest(r.Epoch, r.Generation, r.Roots, r.Manifest))
}

func (f *filler) page(p state.PageID, img []byte) error {
	k := putPageKey(nil, p, f.epoch)
	return f.put(f.tx.Bucket(bucketPages), k, f.seal.pack(nil, place{kind: kindPage, key: k}, nil, img))
}

func (f *filler) output(name string, before uint64) error {
	if err := f.endOutput(); err != nil {
		return err
	}
	f.out = &state.OutboxStats{Output: name, Last: before}
	return nil
}

func (f *filler) frame(fr state.OutboxFrame) error {
	if f.out == nil || f.out.Output != fr.Output || fr.First != f.out.Last+1 {
		return fmt.Errorf("store: %w: frame from %d of output %q is out of place", ErrSavepoint, fr.First, fr.Output)
	}
	b, err := f.tx.Bucket(bucketOutbox).CreateBucketIfNotExists([]byte(fr.Output))
	if err != nil {
		return err
	}
	f.out.Last = fr.Last
	f.out.Frames++
	f.out.Rows += int64(fr.Rows)
	f.out.Bytes += int64(len(fr.Data))
	k := binary.BigEndian.AppendUint64(nil, fr.Last)
	return f.put(b, k, f.seal.packFrame(nil, k, &fr))
}

// endOutput stores the counters of the output under way.
func (f *filler) endOutput() error {
	if f.out == nil {
		return nil
	}
	out := f.out
	f.out = nil
	return f.put(f.tx.Bucket(bucketOutputs), []byte(out.Output), f.seal.packCounters(out))
}
