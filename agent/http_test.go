package agent

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"
)

// Calls that may take long have no deadlines once they are handled: their body is read before.
func TestABodyThatDoesNotComeIsWaitedForUnderADeadline(t *testing.T) {
	a, err := New(Options{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, path := range []string{"/pipelines/p/savepoint", "/pipelines/p/drain"} {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, iotest.ErrReader(os.ErrDeadlineExceeded))
		w := httptest.NewRecorder()
		a.control.handler().ServeHTTP(w, req)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s is done all the same: %d %s", path, w.Code, w.Body)
		}
	}
}

// A variable that is set and empty names no token.
func TestAnEmptyTokenIsNone(t *testing.T) {
	t.Setenv(tokenVariable, "")
	if _, token, err := (Caller{}).client(); token != "" || err != nil {
		t.Errorf("%q %v", token, err)
	}
}
