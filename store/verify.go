package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// verify checks at a start what no checksum covers: that each outbox has as many frames, rows
// and bytes, in a row, as are counted. It reads keys and heads, not data.
func (s *Store) verify(tx *bolt.Tx) error {
	err := tx.Bucket(bucketOutputs).ForEach(func(name, _ []byte) error {
		return s.verifyOutbox(tx, string(name))
	})
	if err != nil {
		return &damage{err}
	}
	return tx.Bucket(bucketOutbox).ForEach(func(name, _ []byte) error {
		if tx.Bucket(bucketOutputs).Get(name) == nil {
			return &damage{fmt.Errorf("outbox %q has no counters", name)}
		}
		return nil
	})
}

// verifyNames checks that nothing is there under a name that nobody knows, and that a file
// with contents has a manifest.
func verifyNames(tx *bolt.Tx) error {
	known := [][]byte{bucketMeta, bucketPages, bucketOutbox, bucketOutputs}
	err := tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, name) }) {
			return fmt.Errorf("there is a bucket %q", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	known = [][]byte{keyFormat, keyFormatSum, keyUnswept, keySealed, manifestKey}
	err = meta.ForEach(func(name, v []byte) error {
		if v == nil || !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, name) }) {
			return fmt.Errorf("there is an entry %q", name)
		}
		return nil
	})
	if err != nil || meta.Get(manifestKey) != nil || meta.Get(keyUnswept) != nil {
		return err
	}
	for _, b := range [][]byte{bucketPages, bucketOutputs} {
		if k, _ := tx.Bucket(b).Cursor().First(); k != nil {
			return errors.New("the manifest is missing")
		}
	}
	return nil
}

// verifyOutbox compares the counters of an output with its frames.
func (s *Store) verifyOutbox(tx *bolt.Tx, output string) error {
	want, err := s.seal.outboxStats(tx, output)
	if err != nil {
		return err
	}
	got := state.OutboxStats{Output: output, First: want.First, Last: want.First - 1, OldestCreated: want.OldestCreated}
	each := func(k, v []byte) error {
		n, err := frameBytes(v)
		first, rows, _ := frameHead(v)
		if err != nil || len(k) != 8 || first != got.Last+1 {
			return fmt.Errorf("outbox %q: frame %x, which begins with %d, after %d", output, k, first, got.Last)
		}
		got.Last = binary.BigEndian.Uint64(k)
		got.Frames, got.Rows, got.Bytes = got.Frames+1, got.Rows+int64(rows), got.Bytes+int64(n)
		return nil
	}
	// Restored from a savepoint, an outbox without frames has no bucket.
	if b := tx.Bucket(bucketOutbox).Bucket([]byte(output)); b != nil {
		err = b.ForEach(each)
	}
	if err == nil && got != want {
		err = fmt.Errorf("outbox %q has %d frames, %d rows and %d bytes up to %d, and counts %d, %d and %d up to %d",
			output, got.Frames, got.Rows, got.Bytes, got.Last, want.Frames, want.Rows, want.Bytes, want.Last)
	}
	return err
}
