package natstest

import (
	"strings"
	"testing"
	"time"
)

// Make makes a stream, again where that fails because the server still removes the files of one of
// the same name.
func Make(t testing.TB, stream func() error) {
	t.Helper()
	for until := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		err := stream()
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "creating store for stream") || time.Now().After(until) {
			t.Fatal(err)
		}
	}
}
