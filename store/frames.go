package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// outbox appends and deletes frames.
func (w *commit) outbox() error {
	if len(w.c.Append) == 0 && len(w.c.Replace) == 0 && len(w.c.Trim) == 0 {
		return nil
	}
	touched := map[string]*state.OutboxStats{}
	stats := func(output string) (*state.OutboxStats, error) {
		if st := touched[output]; st != nil {
			return st, nil
		}
		st, err := w.s.seal.outboxStats(w.tx, output)
		touched[output] = &st
		return &st, err
	}
	for i := range w.c.Append {
		st, err := stats(w.c.Append[i].Output)
		if err == nil {
			err = w.append(&w.c.Append[i], st)
		}
		if err != nil {
			return err
		}
	}
	for i := range w.c.Replace {
		st, err := stats(w.c.Replace[i].Output)
		if err == nil {
			err = w.replace(&w.c.Replace[i], st)
		}
		if err != nil {
			return err
		}
	}
	for _, t := range w.c.Trim {
		if w.tx.Bucket(bucketOutbox).Bucket([]byte(t.Output)) == nil {
			continue // it never had a frame
		}
		st, err := stats(t.Output)
		if err == nil {
			err = w.trim(t, st)
		}
		if err != nil {
			return err
		}
	}
	b := w.tx.Bucket(bucketOutputs)
	for name, st := range touched {
		if err := b.Put([]byte(name), w.s.seal.packCounters(st)); err != nil {
			return err
		}
	}
	return nil
}

// ErrSequence is returned, wrapped, by Commit for a frame that does not begin
// where the outbox ends.
var ErrSequence = errors.New("the outbox would have a hole or an overlap")

func (w *commit) append(f *state.OutboxFrame, st *state.OutboxStats) error {
	if f.Output == "" {
		return errors.New("a frame names no output")
	}
	if f.First != st.Last+1 || f.Last < f.First {
		return fmt.Errorf("outbox %q: frame from %d to %d after %d: %w", f.Output, f.First, f.Last, st.Last, ErrSequence)
	}
	st.Last = f.Last
	return w.put(f, st)
}

// put stores a frame, unless that was done before, and counts it.
func (w *commit) put(f *state.OutboxFrame, st *state.OutboxStats) error {
	st.Frames++
	st.Rows += int64(f.Rows)
	st.Bytes += f.Size()
	w.stats.Frames++
	w.stats.FrameBytes += f.Size()
	if f.Staged > 0 {
		return nil
	}
	return w.store(f)
}

// store stores a frame.
func (w *commit) store(f *state.OutboxFrame) error {
	b, err := w.tx.Bucket(bucketOutbox).CreateBucketIfNotExists([]byte(f.Output))
	if err != nil {
		return err
	}
	s := w.s
	s.key = binary.BigEndian.AppendUint64(s.key[:0], f.Last)
	v := s.seal.packFrame(s.chunks.room(packMax(frameHeader, len(f.Data))), s.key, f)
	s.chunks.keep(v)
	return b.Put(s.key, v)
}

// replace puts frames in the place of others.
func (w *commit) replace(r *state.OutboxReplace, st *state.OutboxStats) error {
	wrong := fmt.Errorf("outbox %q: other frames for %d to %d: %w", r.Output, r.First, r.Last, ErrSequence)
	b := w.tx.Bucket(bucketOutbox).Bucket([]byte(r.Output))
	if b == nil || !r.Whole() {
		return wrong
	}
	var old [][]byte
	next := r.First
	c := b.Cursor()
	for k, v := c.Seek(binary.BigEndian.AppendUint64(nil, r.First)); next <= r.Last; k, v = c.Next() {
		if len(k) != 8 || len(v) < 5+frameHeader {
			return wrong
		}
		first, rows, _ := frameHead(v)
		last := binary.BigEndian.Uint64(k)
		if first != next || last > r.Last {
			return wrong
		}
		n, err := frameBytes(v)
		if err != nil {
			return &damage{fmt.Errorf("outbox %q: %w", r.Output, err)}
		}
		st.Frames--
		st.Rows -= int64(rows)
		st.Bytes -= int64(n)
		old, next = append(old, bytes.Clone(k)), last+1
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	for i := range r.Frames {
		if err := w.put(&r.Frames[i], st); err != nil {
			return err
		}
	}
	return nil
}

func (w *commit) trim(t state.OutboxTrim, st *state.OutboxStats) error {
	c := w.tx.Bucket(bucketOutbox).Bucket([]byte(t.Output)).Cursor()
	for k, v := c.First(); len(k) == 8 && binary.BigEndian.Uint64(k) <= t.UpTo; k, v = c.First() {
		_, rows, _ := frameHead(v)
		n, err := frameBytes(v)
		if err != nil {
			return &damage{fmt.Errorf("outbox %q: %w", t.Output, err)}
		}
		st.Frames--
		st.Rows -= int64(rows)
		st.Bytes -= int64(n)
		if err := c.Delete(); err != nil {
			return err
		}
		if err := w.s.opt.Failpoint("checkpoint.trim"); err != nil {
			return err
		}
	}
	return nil
}
