package store_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// TestStableLayout makes a file several times by the same commits, which write to all buckets
// and free pages: compacted, all are the same, byte by byte.
func TestStableLayout(t *testing.T) {
	var first []byte
	for range 6 {
		d := newDisk(t, store.Options{StableLayout: true})
		s := d.Open(t)
		a, tab := newTable(t, s)
		for e := state.Epoch(1); e <= 30; e++ {
			for i := range uint64(300) {
				if i%uint64(e) == 0 {
					set(tab, i*7919+uint64(e)%3, uint64(e)*i)
				}
			}
			c := &state.Commit{Epoch: e, Manifest: randomBytes(3000)}
			for o := range 3 {
				name := fmt.Sprint("o", o)
				c.Append = append(c.Append, state.OutboxFrame{Output: name, First: uint64(e), Last: uint64(e), Rows: 1, Data: randomBytes(900)})
				if e > 12 {
					c.Trim = append(c.Trim, state.OutboxTrim{Output: name, UpTo: uint64(e) - 10})
				}
			}
			commit(t, s, a, c)
		}
		if err := s.Compact(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = file
		} else if !bytes.Equal(first, file) {
			t.Fatal("the same commits make another file")
		}
	}
}
