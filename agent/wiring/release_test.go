package wiring

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// empty is a store without pages.
type empty struct{}

func (empty) ReadPage(state.PageID, []byte) ([]byte, error) { return nil, state.ErrNoPage }

// A commit that ends before it has read a page, by an error or a panic, leaves nobody waiting: the
// engine may be in the midst of a step that has no more room for copies of pages that it changes.
func TestACommitThatEndsEarlyLetsTheEngineGoOn(t *testing.T) {
	for name, commit := range map[string]error{"an error": errors.New("disk is full"), "a panic": nil} {
		p, c := newChecks(t, store.DefaultPolicy)
		a, err := state.NewArena(state.Options{MemoryMax: 8 << 20, Pager: empty{}})
		if err != nil {
			t.Fatal(err)
		}
		p.arena, p.err = a, commit
		sp, err := a.Space("s", state.Layout{})
		if err != nil {
			t.Fatal(err)
		}
		tab := sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 200})
		step := func(v uint64) {
			var k [8]byte
			for i := range uint64(20_000) {
				binary.LittleEndian.PutUint64(k[:], i)
				r, _ := tab.Upsert(k[:])
				binary.LittleEndian.PutUint64(tab.MutValue(r), v)
			}
		}
		step(1)
		d, err := c.Begin(at(0))
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			if commit == nil {
				c.Forwarder = nil // Write panics
			}
			c.Write(d)
		}()
		stepped := make(chan struct{})
		go func() { step(2); close(stepped) }()
		select {
		case <-stepped:
		case <-time.After(time.Minute):
			t.Fatalf("after %s the engine waits", name)
		}
		d.Commit.Delta.Abort()
	}
}
