package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

var _ state.Swap = (*Swap)(nil)

// Swap is a file beside the state's file in which a step that touches more pages than memory
// has room for keeps them. It exists while it is needed, and what a process that was killed
// left is removed by the next. Images are encrypted by AES-256-GCM under a key that is drawn
// for the process and is nowhere else, whether state is encrypted or not: the tag tells of
// images that the disk changed, too.
//
// It leaves room on the disk for the commit that stores what it holds: one that took the last of
// it would keep that commit, which alone ends it, from succeeding.
//
// A record is a nonce of 12 bytes, which counts, the encrypted image, and 16 bytes of tag.
type Swap struct {
	path    string
	size    int          // bytes of an image
	need    func() int64 // bytes of the disk to leave
	free    func(dir string) (bytes int64, known bool)
	granted int64 // up to where there was room for the file
	file    *os.File
	aead    cipher.AEAD
	puts    uint64
	bufs    sync.Pool // of *[]byte, a record
}

// grant is how much the file grows until room is looked for again, bytes.
const grant = 1 << 20

const (
	swapNonce = 12
	swapTag   = 16
)

// NewSwap makes a Swap at path for images of size bytes. It leaves as many bytes of the disk as need
// says, which is called now and then while the file grows.
func NewSwap(path string, size int, need func() int64) (*Swap, error) {
	_ = os.Remove(path) // one that stays is overwritten
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	s := &Swap{path: path, size: size, need: need, free: room}
	s.bufs.New = func() any {
		b := make([]byte, swapNonce+size+swapTag)
		return &b
	}
	s.aead, err = cipher.NewGCM(block)
	return s, err
}

func (s *Swap) at(slot uint32) int64 { return int64(slot) * int64(swapNonce+s.size+swapTag) }

// Put implements state.Swap.
func (s *Swap) Put(slot uint32, image []byte) (err error) {
	if len(image) != s.size {
		return fmt.Errorf("store: an image of %d bytes in a swap for %d", len(image), s.size)
	}
	if err := s.grow(s.at(slot + 1)); err != nil {
		return err
	}
	if s.file == nil {
		if s.file, err = os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			s.file = nil
			return fmt.Errorf("store: swap: %w", err)
		}
	}
	b := s.bufs.Get().(*[]byte)
	defer s.bufs.Put(b)
	s.puts++
	nonce := (*b)[:swapNonce]
	clear(nonce)
	binary.LittleEndian.PutUint64(nonce, s.puts)
	var place [4]byte
	binary.LittleEndian.PutUint32(place[:], slot)
	if _, err = s.file.WriteAt(s.aead.Seal(nonce, nonce, image, place[:]), s.at(slot)); err != nil {
		return fmt.Errorf("store: swap: %w", err)
	}
	return nil
}

// grow sees to it that the file may have so many bytes. A file system that does not tell its room
// has enough.
func (s *Swap) grow(to int64) error {
	if to <= s.granted {
		return nil
	}
	to = max(to, s.granted+grant)
	if free, known := s.free(filepath.Dir(s.path)); known {
		if need := s.need(); free < to-s.granted+need {
			return fmt.Errorf("store: swap: %w: of %d bytes that are free the next checkpoint may need %d", syscall.ENOSPC, free, need)
		}
	}
	s.granted = to
	return nil
}

// Get implements state.Swap.
func (s *Swap) Get(slot uint32, dst []byte) error {
	b := s.bufs.Get().(*[]byte)
	defer s.bufs.Put(b)
	if _, err := s.file.ReadAt(*b, s.at(slot)); err != nil {
		return fmt.Errorf("store: swap: %w", err)
	}
	var place [4]byte
	binary.LittleEndian.PutUint32(place[:], slot)
	if _, err := s.aead.Open(dst[:0], (*b)[:swapNonce], (*b)[swapNonce:], place[:]); err != nil {
		return fmt.Errorf("store: swap: %s, slot %d: the disk changed it", s.path, slot)
	}
	return nil
}

// Reset implements state.Swap.
func (s *Swap) Reset() error { return s.Close() }

// Close removes the file. A later Put makes another one.
func (s *Swap) Close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.path))
	s.file, s.granted = nil, 0
	return err
}
