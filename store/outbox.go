package store

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2"
	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// OutboxScan implements state.Store.
func (s *Store) OutboxScan(output string, after uint64, fn func(state.OutboxFrame) (bool, error)) error {
	if after == ^uint64(0) {
		return nil
	}
	err := s.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketOutbox).Bucket([]byte(output))
		if b == nil {
			return nil
		}
		last, err := s.seal.counted(tx, output)
		if err != nil {
			return err
		}
		var buf []byte
		c := b.Cursor()
		for k, v := c.Seek(binary.BigEndian.AppendUint64(nil, after+1)); k != nil && !behind(k, last); k, v = c.Next() {
			f, err := s.seal.unpackFrame(buf, output, k, v)
			if err != nil {
				return &damage{err}
			}
			if v[0]&^encSealed == encS2 {
				buf = f.Data
			}
			more := false
			err = callback(func() error {
				more, err = fn(f)
				return err
			})
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
	return s.asideIf(err)
}

// behind tells that the frame at a key lies behind the last that is counted: it is staged.
func behind(k []byte, last uint64) bool { return len(k) == 8 && binary.BigEndian.Uint64(k) > last }

// OutboxStats implements state.Store.
func (s *Store) OutboxStats(output string) (st state.OutboxStats, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		st, err = s.seal.outboxStats(tx, output)
		return err
	})
	return st, s.asideIf(err)
}

// outboxStats reads the counters of an output, which are damage if they are not whole.
func (s *sealer) outboxStats(tx *bolt.Tx, output string) (state.OutboxStats, error) {
	v := tx.Bucket(bucketOutputs).Get([]byte(output))
	if v == nil {
		return state.OutboxStats{Output: output, First: 1}, nil
	}
	st, err := s.unpackCounters(output, v)
	if err != nil {
		return st, &damage{err}
	}
	if b := tx.Bucket(bucketOutbox).Bucket([]byte(output)); b != nil {
		if k, v := b.Cursor().First(); k != nil && !behind(k, st.Last) {
			st.First, _, st.OldestCreated = frameHead(v)
		}
	}
	return st, nil
}

// frameBytes returns the length of a stored frame's data.
func frameBytes(v []byte) (int, error) {
	if len(v) < 5+frameHeader {
		return 0, fmt.Errorf("frame of %d bytes", len(v))
	}
	body := v[5+frameHeader:]
	switch {
	case v[0]&encSealed != 0:
		if len(body) < sealOverhead {
			return 0, fmt.Errorf("encrypted frame of %d bytes", len(v))
		}
		return int(binary.LittleEndian.Uint32(body)), nil
	case v[0] == encS2:
		return s2.DecodedLen(body)
	}
	return len(body), nil
}
