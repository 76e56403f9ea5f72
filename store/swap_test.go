package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSwap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.swap")
	if err := os.WriteFile(path, []byte("left by a process that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSwap(path, 4096, func() int64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	exists := func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
	if exists() {
		t.Error("what was left is there, or a file that nobody needs")
	}
	image := func(n byte) []byte { return bytes.Repeat([]byte{n, 'p'}, 2048) }
	for _, put := range []struct {
		slot uint32
		n    byte
	}{{0, 1}, {7, 2}, {0, 3}, {1, 4}} {
		if err := s.Put(put.slot, image(put.n)); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 4096)
	for slot, n := range map[uint32]byte{0: 3, 1: 4, 7: 2} {
		if err := s.Get(slot, got); err != nil || !bytes.Equal(got, image(n)) {
			t.Errorf("slot %d: %v, %v", slot, err, got[:4])
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, image(3)[:16]) {
		t.Error("the file shows what is in it")
	}
	raw[100] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(0, got); err == nil || !strings.Contains(err.Error(), "the disk changed it") {
		t.Errorf("a changed image: %v", err)
	}
	if err := s.Put(2, got[:100]); err == nil {
		t.Error("an image of another size")
	}
	if err := s.Reset(); err != nil || exists() {
		t.Errorf("after Reset: %v", err)
	}
	if err := s.Put(3, image(5)); err != nil || s.Get(3, got) != nil || !bytes.Equal(got, image(5)) {
		t.Errorf("after Reset: %v", err)
	}
	if err := s.Close(); err != nil || exists() {
		t.Errorf("after Close: %v", err)
	}
}

// What is on the disk is left to the commit of what the swap holds, and to what that stores beside.
func TestSwapLeavesRoom(t *testing.T) {
	const spare, disk = 32 << 20, 100 << 20
	path := filepath.Join(t.TempDir(), "state.swap")
	size := func() int64 {
		if st, err := os.Stat(path); err == nil {
			return st.Size()
		}
		return 0
	}
	s, err := NewSwap(path, 4096, func() int64 { return size() + spare })
	if err != nil {
		t.Fatal(err)
	}
	s.free = func(dir string) (int64, bool) { return disk - size(), dir == filepath.Dir(path) }
	image := make([]byte, 4096)
	fill := func() (slots uint32) {
		for ; err == nil; slots++ {
			err = s.Put(slots, image)
		}
		return slots - 1
	}
	slots := fill()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	left := disk - size()
	if most := size() + spare; left < most || left > most+3*grant {
		t.Errorf("%d bytes are left for a commit of %d", left, most)
	}
	for _, slot := range []uint32{0, slots - 1} { // what there is may change
		if err := s.Put(slot, image); err != nil {
			t.Errorf("slot %d: %v", slot, err)
		}
	}
	if err = s.Reset(); err != nil {
		t.Fatal(err)
	}
	if again := fill(); again != slots {
		t.Errorf("%d images and then %d", slots, again)
	}
	s.free = func(string) (int64, bool) { return 0, false }
	if err := s.Put(slots+1000, image); err != nil {
		t.Errorf("a file system that does not tell its room: %v", err)
	}
	s.free = func(string) (int64, bool) { return spare, true }
	if err := s.Reset(); err != nil || size() != 0 || s.Put(0, image) == nil || size() != 0 {
		t.Errorf("on a disk that is nearly full from the start there is a file of %d bytes, %v", size(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
