package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A folder of many files: each position tells of all that were read, what was encoded of them once
// is not encoded again for each file, none is looked at again before a scan, and what waits is told.
func TestManyFiles(t *testing.T) {
	const files = 300
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json", i)), fmt.Appendf(nil, "{\"n\":%d}\n", i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(position []byte) *Source {
		t.Helper()
		s, err := NewSource(Options{Path: dir, Format: "json"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(context.Background(), position); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	read := func(s *Source, from int, each func(i int, position []byte)) {
		t.Helper()
		for i := from; ; i++ {
			msgs, pending, err := s.Poll(nil, 100, 0)
			if errors.Is(err, io.EOF) {
				if i != files {
					t.Fatalf("the end comes after %d files", i)
				}
				return
			}
			if err != nil || len(msgs) != 1 || string(msgs[0].Data) != fmt.Sprintf("{\"n\":%d}\n", i) || pending != uint64(files-1-i) || s.next != i {
				t.Fatalf("file %d: %d messages, %d wait, place %d, %v", i, len(msgs), pending, s.next, err)
			}
			each(i, s.Position(nil, &msgs[0]))
		}
	}
	var middle []byte
	read(open(nil), 0, func(i int, position []byte) {
		rows, all, gone, err := decodePosition(position)
		if err != nil || rows != uint64(i+1) || len(all) != i+1 || gone != 0 {
			t.Fatalf("after file %d: %d rows of %d files, %d gone, %v", i, rows, len(all), gone, err)
		}
		for k, f := range all {
			if f.name != fmt.Sprintf("%06d.json", k) || f.offset == 0 {
				t.Fatalf("after file %d: %+v in place %d", i, f, k)
			}
		}
		if i == files/2 {
			middle = position
		}
	})
	read(open(middle), files/2+1, func(int, []byte) {})
	s := open(nil)
	read(s, 0, func(i int, _ []byte) {
		if i == 1 {
			s.others[1] = '!' // stays there unless all is encoded again
		}
	})
	if s.others[1] != '!' {
		t.Error("what was encoded is encoded again")
	}
}
