package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Check implements state.Store: bbolt's own check, every checksum, page versions
// that no reader sees, and the sequences and counters of each outbox.
func (s *Store) Check() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("store: "+format, args...))
	}
	err := s.view(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			fail("bbolt: %w", err)
		}
		if v := tx.Bucket(bucketMeta).Get(manifestKey); v != nil {
			if _, err := s.seal.unpackManifest(v); err != nil {
				fail("%w", err)
			}
		}
		checkVersions(tx, fail)
		if err := s.seal.eachPage(tx, func(state.PageID, []byte) error { return nil }); err != nil {
			fail("%w", err)
		}
		return tx.Bucket(bucketOutputs).ForEach(func(name, _ []byte) error {
			s.checkOutbox(tx, string(name), fail)
			return nil
		})
	})
	return errors.Join(append(errs, err)...)
}

// checkVersions looks for page versions that no reader sees.
func checkVersions(tx *bolt.Tx, fail func(string, ...any)) {
	if tx.Bucket(bucketMeta).Get(keyUnswept) != nil {
		return
	}
	epoch := manifestEpoch(tx.Bucket(bucketMeta).Get(manifestKey))
	last := int64(-1)
	_ = tx.Bucket(bucketPages).ForEach(func(k, _ []byte) error {
		p, e, err := parsePageKey(k)
		switch {
		case err != nil:
			fail("%w", err)
		case e > epoch:
			fail("page %d has a version of epoch %d, after the manifest's %d", p, e, epoch)
		case int64(p) == last:
			fail("page %d has two versions", p)
		}
		last = int64(p)
		return nil
	})
}

func (s *Store) checkOutbox(tx *bolt.Tx, output string, fail func(string, ...any)) {
	want, err := s.seal.outboxStats(tx, output)
	if err != nil {
		fail("%w", err)
		return
	}
	got := state.OutboxStats{Output: output, First: want.First, Last: want.First - 1, OldestCreated: want.OldestCreated}
	if b := tx.Bucket(bucketOutbox).Bucket([]byte(output)); b != nil {
		format, _ := readFormat(tx.Bucket(bucketMeta))
		_ = b.ForEach(func(k, v []byte) error {
			if format == formatStaged && behind(k, want.Last) {
				return nil
			}
			f, err := s.seal.unpackFrame(nil, output, k, v)
			if err != nil {
				fail("%w", err)
				if len(k) == 8 {
					got.Last = binary.BigEndian.Uint64(k)
				}
				return nil
			}
			if f.First != got.Last+1 {
				fail("outbox %q: frame from %d to %d after %d", output, f.First, f.Last, got.Last)
			}
			got.Last = f.Last
			got.Frames++
			got.Rows += int64(f.Rows)
			got.Bytes += int64(len(f.Data))
			return nil
		})
	}
	if got != want {
		fail("outbox %q counts %+v and has %+v", output, want, got)
	}
}
