package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// formatVersion is the version of the file that this package writes. Its word in the file is
// a u32 in all versions, so that every build can tell that it is not for it. The versions
// before are made into this one when they are opened:
//
//	1  the word, the counters of outputs and the mark of an encrypted file have no checksum
//	2  as 1, with encrypted values
const formatVersion = 3

// formatStaged is the version of a file while frames are staged in it. A build that does not know
// them refuses it.
const formatStaged = 4

var (
	keyFormat = []byte("format")
	// keyFormatSum is where the checksum of the word stands, since version 3.
	keyFormatSum = []byte("format-sum")
)

func putFormat(meta *bolt.Bucket, version uint32) error {
	word := binary.LittleEndian.AppendUint32(nil, version)
	sum := binary.LittleEndian.AppendUint32(nil, checksum(keyFormat, word))
	return errors.Join(meta.Put(keyFormat, word), meta.Put(keyFormatSum, sum))
}

// readFormat returns the version of the file, which may be one that a newer program wrote.
func readFormat(meta *bolt.Bucket) (uint32, error) {
	word, sum := meta.Get(keyFormat), meta.Get(keyFormatSum)
	if len(word) != 4 {
		return 0, &damage{errors.New("the format is missing")}
	}
	v := binary.LittleEndian.Uint32(word)
	if old := v == 1 || v == 2; old && sum == nil {
		return v, nil
	}
	if len(sum) != 4 || binary.LittleEndian.Uint32(sum) != checksum(keyFormat, word) {
		return 0, &damage{fmt.Errorf("format %d: %w", v, errChecksum)}
	}
	return v, nil
}

// upgrade gives the values of a file of an earlier version the checksums that they lack. The
// transaction goes on to verify the file: one that is damaged stays as it is.
func (s *Store) upgrade(tx *bolt.Tx) error {
	outputs := tx.Bucket(bucketOutputs)
	var all []state.OutboxStats
	err := outputs.ForEach(func(name, v []byte) error {
		if len(v) != countersSize {
			return &damage{fmt.Errorf("outbox %q: counters of %d bytes", name, len(v))}
		}
		all = append(all, parseCounters(string(name), v))
		return nil
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = outputs.Put([]byte(all[i].Output), s.seal.packCounters(&all[i]))
	}
	meta := tx.Bucket(bucketMeta)
	if v := meta.Get(keySealed); v != nil && err == nil {
		err = putMark(meta, bytes.Clone(v))
	}
	return errors.Join(err, putFormat(meta, formatVersion))
}
