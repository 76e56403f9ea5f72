package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// outboxStage: what is staged is seen by nobody until a commit appends it, whose data then is there;
// a start forgets the rest.
func outboxStage(t *testing.T, newDisk func(t testing.TB) Disk) {
	d := newDisk(t)
	s := d.Open(t)
	stage := func(frames ...state.OutboxFrame) []state.OutboxFrame {
		t.Helper()
		want := fmt.Sprint(scan(t, s, "o", 0), scan(t, s, "new", 0))
		before, err := s.OutboxStats("o")
		must(t, err)
		must(t, s.(state.Stager).Stage(frames))
		for i := range frames {
			if f := &frames[i]; f.Data != nil || f.Size() != int64(len(frame(f.Output, f.First, f.Last).Data)) {
				t.Fatalf("%+v is staged", f)
			}
		}
		after, err := s.OutboxStats("o")
		must(t, err)
		if got := fmt.Sprint(scan(t, s, "o", 0), scan(t, s, "new", 0)); got != want || before != after {
			t.Fatalf("staged frames are seen: %s, %+v instead of %s, %+v", got, after, want, before)
		}
		must(t, s.Check())
		return frames
	}
	commit := func(e state.Epoch, frames ...state.OutboxFrame) {
		t.Helper()
		_, err := s.Commit(&state.Commit{Epoch: e, Append: frames, Manifest: []byte("m")})
		must(t, err)
	}
	holds := func(output string, want ...state.OutboxFrame) {
		t.Helper()
		if got := scan(t, s, output, 0); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s holds %v instead of %v", output, got, want)
		}
		must(t, s.Check())
	}
	reopen := func() {
		d.Kill(t)
		s = d.Open(t)
		must(t, s.Check())
	}

	stage(frame("new", 1, 2), frame("o", 1, 3)) // before the first commit
	reopen()
	commit(1, frame("o", 1, 2))
	holds("o", frame("o", 1, 2))
	holds("new")

	// A commit of frames that came before those that are staged, and a copy, leave them staged.
	staged := stage(frame("o", 4, 8), frame("o", 9, 9), frame("new", 1, 4))
	commit(2, frame("o", 3, 3))
	holds("o", frame("o", 1, 2), frame("o", 3, 3))
	var copied bytes.Buffer
	_, err := s.Savepoint(&copied)
	must(t, err)
	must(t, s.Compact())
	commit(3, append(staged, frame("new", 5, 5))...)
	holds("o", frame("o", 1, 2), frame("o", 3, 3), frame("o", 4, 8), frame("o", 9, 9))
	holds("new", frame("new", 1, 4), frame("new", 5, 5))

	stage(frame("o", 10, 12)) // and the process ends
	reopen()
	holds("o", frame("o", 1, 2), frame("o", 3, 3), frame("o", 4, 8), frame("o", 9, 9))
	_, err = s.Commit(&state.Commit{Epoch: 4, Append: []state.OutboxFrame{frame("o", 10, 10)}, Trim: []state.OutboxTrim{{Output: "o", UpTo: 9}}, Manifest: []byte("m")})
	must(t, err)
	holds("o", frame("o", 10, 10))
	stage(frame("o", 11, 11))
	commit(5)
	reopen()
	closeChecked(t, s)

	d = newDisk(t)
	must(t, d.Import(t, copied.Bytes()))
	s = d.Open(t)
	holds("o", frame("o", 1, 2), frame("o", 3, 3))
	closeChecked(t, s)
}
