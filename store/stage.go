package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Staged frames are stored ahead of the commit that makes them part of the outbox: what a step
// makes that has more output than memory takes. They lie behind those that are counted, where no
// reader looks, until a commit counts them. While there are some the file is of format formatStaged;
// those that a process left are removed by the next start.

// stageBytes is how much of frames one transaction stages, bytes: it is in memory twice.
const stageBytes = 4 << 20

var _ state.Stager = (*Store)(nil)

// Stage implements state.Stager.
func (s *Store) Stage(frames []state.OutboxFrame) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if s.db == nil {
		return ErrClosed
	}
	for len(frames) > 0 {
		n, size := 0, 0
		for ; n < len(frames) && (n == 0 || size+len(frames[n].Data) <= stageBytes); n++ {
			size += len(frames[n].Data)
		}
		if err := guard(func() error { return s.stage(frames[:n]) }); err != nil {
			var found *damage
			if errors.As(err, &found) {
				return s.aside(err, found)
			}
			return fmt.Errorf("store: %s: output of a step cannot be stored: %w", s.path, err)
		}
		for i := range frames[:n] {
			f := &frames[i]
			f.Staged, f.Data = int64(len(f.Data)), nil
		}
		frames = frames[n:]
	}
	return nil
}

// stage stores frames in one transaction.
func (s *Store) stage(frames []state.OutboxFrame) error {
	if err := s.renew(); err != nil {
		return err
	}
	defer s.chunks.reset()
	w := &commit{s: s}
	var err error
	if w.tx, err = s.db.Begin(true); err != nil {
		return err
	}
	defer func() {
		if w.tx != nil {
			_ = guard(w.tx.Rollback)
		}
	}()
	n := 0
	for i := range frames {
		if err := w.store(&frames[i]); err != nil {
			return err
		}
		if len(frames[i].Data) > 0 { // one without passes for one that is not staged
			n++
		}
	}
	if err := putFormat(w.tx.Bucket(bucketMeta), formatStaged); err != nil {
		return err
	}
	if err := s.opt.Failpoint("step.stage"); err != nil {
		return err
	}
	if err := w.commitTx(); err != nil {
		return err
	}
	s.staged, s.stagedWritten = s.staged+n, s.stagedWritten+w.stats.WrittenBytes
	return nil
}

// settleStaged makes the file one that every build of formatVersion reads again, once nothing is staged
// but what this commit counts.
func (w *commit) settleStaged() (left int, err error) {
	left = w.s.staged
	for i := range w.c.Append {
		if w.c.Append[i].Staged > 0 {
			left--
		}
	}
	meta := w.tx.Bucket(bucketMeta)
	if v, err := readFormat(meta); err != nil || v != formatStaged || left > 0 {
		return left, err
	}
	return left, putFormat(meta, formatVersion)
}

// counted is the last sequence of an output that is counted.
func (s *sealer) counted(tx *bolt.Tx, output string) (uint64, error) {
	st, err := s.outboxStats(tx, output)
	return st.Last, err
}

// dropStaged removes the frames that were staged for a commit that did not come.
func (s *Store) dropStaged(tx *bolt.Tx) error {
	var names [][]byte
	err := tx.Bucket(bucketOutbox).ForEach(func(name, _ []byte) error {
		names = append(names, name)
		return nil
	})
	for _, name := range names {
		if err != nil {
			return err
		}
		err = s.dropStagedOf(tx, string(name))
	}
	return errors.Join(err, putFormat(tx.Bucket(bucketMeta), formatVersion))
}

func (s *Store) dropStagedOf(tx *bolt.Tx, output string) error {
	all := tx.Bucket(bucketOutbox)
	if tx.Bucket(bucketOutputs).Get([]byte(output)) == nil {
		return all.DeleteBucket([]byte(output))
	}
	last, err := s.seal.counted(tx, output)
	if err != nil {
		return err
	}
	b := all.Bucket([]byte(output))
	var gone [][]byte
	c := b.Cursor()
	for k, _ := c.Last(); k != nil && behind(k, last); k, _ = c.Prev() {
		gone = append(gone, k)
	}
	for _, k := range gone {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
