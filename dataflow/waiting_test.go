package dataflow

import "testing"

// TestWaitingOfRowSource wants a row source whose batch is used up, as after its end, to say
// that nothing waits: otherwise no tick would be issued beside it.
func TestWaitingOfRowSource(t *testing.T) {
	in := &ingest{next: 10, ended: true}
	if n := in.waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	in.pending, in.rows = 3, true
	if n := in.waiting(); n != 4 {
		t.Errorf("%d wait, want the batch at hand and 3", n)
	}
	in.rows, in.msgs, in.next = false, make([]Message, 5), 2
	if n := in.waiting(); n != 6 {
		t.Errorf("%d wait, want 3 messages at hand and 3", n)
	}
}
