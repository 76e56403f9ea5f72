package agent_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

func TestReadableSecretsAreWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the mode of a file says nothing here")
	}
	closed, closedRef := secretFile(t, "0123456789abcdef-control")
	open, openRef := secretFile(t, strings.Repeat("1a", 32))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, t.TempDir(), func(o *agent.Options) {
		o.Listen, o.StateKey, o.Access.ControlToken = "127.0.0.1:0", openRef, closedRef
	})
	log := h.log.String()
	contains(t, log, "everybody on this host can read", open)
	if strings.Contains(log, closed) {
		t.Errorf("a file that nobody else reads is warned of: %s", log)
	}
}
