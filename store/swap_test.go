package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSwap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.swap")
	if err := os.WriteFile(path, []byte("left by a process that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSwap(path, 4096)
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
