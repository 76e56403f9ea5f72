package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// compactPause is after how many commits a compaction that failed is tried again.
const compactPause = 100

// compactDue reports that most of a file that is not small is free. State that
// changes as a whole at each checkpoint keeps a little over half of the file free
// for the next one, so the line is drawn above that.
func (s *Store) compactDue(file, free int64) bool {
	return s.opt.CompactMinBytes >= 0 && file >= s.opt.CompactMinBytes && free > file/10*7
}

// Compact implements state.Store.
func (s *Store) Compact() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if s.db == nil {
		return ErrClosed
	}
	return s.compact()
}

// compact copies the file and puts the copy in its place. The copy is locked
// before it has the name, so no other process can come between.
func (s *Store) compact() error {
	tmp := s.path + compactSuffix
	if err := s.opt.FS.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dst, err := openBolt(s.opt, tmp)
	if err != nil {
		return fmt.Errorf("store: %s: %w", tmp, err)
	}
	txMax := s.opt.TxBytesMax
	if s.opt.StableLayout {
		txMax = 1 // a transaction for each entry: of one bucket's pages, there is one order
	}
	err = guard(func() error {
		dst.NoSync = true // one sync at the end will do
		if err := bolt.Compact(dst, s.db, txMax); err != nil {
			return err
		}
		dst.NoSync = s.opt.NoSync
		if s.opt.NoSync {
			return nil
		}
		return dst.Sync()
	})
	if err == nil {
		err = s.opt.Failpoint("compact.before-rename")
	}
	if err == nil {
		err = s.opt.FS.Rename(tmp, s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store: compaction of %s: %w", s.path, err), dst.Close(), s.opt.FS.Remove(tmp))
	}
	_ = s.opt.Failpoint("compact.after-rename")
	if err := s.opt.FS.SyncDir(filepath.Dir(s.path)); err != nil {
		s.opt.Logger.Warn("a compacted file may come back in its old form after a power failure", "path", s.path, "error", err)
	}
	s.mu.Lock()
	old := s.db
	s.db = dst
	s.mu.Unlock()
	return old.Close()
}
