package dataflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// textFrames keeps entries as text.
type textFrames struct{ rows []string }

func (f *textFrames) Append(payload, _ []byte, kind vec.RowKind, _ int64) {
	f.rows = append(f.rows, fmt.Sprintf("%s%s", kind, payload))
}
func (f *textFrames) Len() int  { return 0 }
func (f *textFrames) Rows() int { return len(f.rows) }
func (f *textFrames) Seal(uint64) []byte {
	b := []byte(strings.Join(f.rows, " "))
	f.rows = nil
	return b
}

// upserter puts rows of a key into an output.
func upserter(out *Output) func(key string, kind vec.RowKind, payload string) {
	b := vec.NewBatch([]types.Type{types.TString})
	return func(key string, kind vec.RowKind, payload string) {
		b.Cols[0].Reset()
		b.Cols[0].SetString(0, key)
		out.upserts.put(b, 0, upsertRow{payload: []byte(payload), kind: kind})
	}
}

// A key leaves one row an epoch: its last, as a change against the epoch before.
func TestUpsertsLeaveOneRowAKeyAndEpoch(t *testing.T) {
	out := newOutput("o", &textFrames{})
	out.upserts = newCoalescer([]int{0})
	put := upserter(out)
	epoch := func() string {
		if frames := out.cut(nil); len(frames) == 1 {
			return string(frames[0].Data)
		}
		return ""
	}
	put("a", vec.Insert, "a1")
	put("b", vec.Insert, "b1")
	put("a", vec.UpdateAfter, "a2")
	put("b", vec.Delete, "b1")
	if got, want := epoch(), "+Ia2"; got != want {
		t.Errorf("first epoch %q, want %q", got, want)
	}
	put("a", vec.UpdateAfter, "a3")
	put("a", vec.UpdateAfter, "a4")
	put("c", vec.Delete, "c0")
	put("c", vec.Insert, "c1")
	if got, want := epoch(), "+Ua4 +Uc1"; got != want {
		t.Errorf("second epoch %q, want %q", got, want)
	}
	put("a", vec.Delete, "a4")
	if got, want := epoch(), "-Da4"; got != want {
		t.Errorf("third epoch %q, want %q", got, want)
	}
	if got := epoch(); got != "" || out.pendingBytes() != 0 || out.next != 5 || out.emitted != 4 {
		t.Errorf("an idle epoch: %q, %d bytes pending, next %d, emitted %d", got, out.pendingBytes(), out.next, out.emitted)
	}
}
