package crashtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWreckedFile cuts the state file of a pipeline that was killed, and writes noise into it,
// at several places; a process ends at once with a message that names the file, the newest
// savepoint and what to do, and leaves the file alone. One that is told to begin with the
// savepoint goes on.
func TestWreckedFile(t *testing.T) {
	w := newWorld(t, powerBeacons).with(t, tumbling(t))
	data := filepath.Join(w.dir, "good")
	p := w.launch(binary, data, "savepoint.after-rename=kill:2", freeAddr(t))
	go p.savepoints(p.listen, "qoe")
	if !w.wait(p, 0) {
		t.Skip("the process ended before it had made two savepoints")
	}
	state := filepath.Join("pipelines", "qoe", "state.db")
	good, err := os.ReadFile(filepath.Join(data, state))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(*seed, 4))
	for name, wreck := range map[string]func([]byte) []byte{
		"six pages": func(b []byte) []byte { return b[:6*4096+100] },
		"two pages": func(b []byte) []byte { return b[:8192] },
		"one byte":  func(b []byte) []byte { return b[:1] },
		// Any single page may be a free one, which holds nothing.
		"noise":      func(b []byte) []byte { return noise(rnd, b, 8192, len(b)-8192) },
		"both heads": func(b []byte) []byte { return noise(rnd, b, 0, 8192) },
		"zeros":      func(b []byte) []byte { clear(b[8192:]); return b },
	} {
		bad := filepath.Join(w.dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.CopyFS(bad, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		wrecked := wreck(append([]byte(nil), good...))
		if err := os.WriteFile(filepath.Join(bad, state), wrecked, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second start finds the mark
			p := w.start(bad, "")
			code, out := w.ended(p), p.out.String()
			for _, word := range []string{filepath.Join(bad, state), "is damaged", "nothing was deleted", "savepoints/qoe-", "--reset-state"} {
				if code == 0 || !strings.Contains(out, word) {
					t.Errorf("%s: a start ended with %d and does not say %q:\n%s", name, code, word, out)
				}
			}
			if strings.Contains(out, "panic") || strings.Contains(out, "SIGBUS") {
				t.Errorf("%s:\n%s", name, out)
			}
		}
		aside, err := filepath.Glob(filepath.Join(bad, state+".damaged-*"))
		if err != nil || len(aside) != 1 {
			t.Fatalf("%s: set aside are %v: %v", name, aside, err)
		}
		if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != string(wrecked) {
			t.Errorf("%s: what was set aside is not what was found: %v", name, err)
		}
	}
}

// noise writes random bytes into b.
func noise(rnd *rand.Rand, b []byte, from, n int) []byte {
	for i := range n {
		b[from+i] = byte(rnd.Uint32())
	}
	return b
}

// TestFileCutWhileRunning cuts the state file under a process at work: it must not die of a
// fault in memory that the file no longer backs, and must say what is wrong.
func TestFileCutWhileRunning(t *testing.T) {
	w := newWorld(t, *beacons).with(t, tumbling(t))
	for round := 0; ; round++ {
		if round == 20 {
			t.Fatal("processes end before the file can be cut")
		}
		data := filepath.Join(w.dir, "cut", time.Now().Format("150405.000000"))
		p := w.start(data, "")
		cut := w.sending(p, 20) && os.Truncate(filepath.Join(data, "pipelines", "qoe", "state.db"), 3*4096) == nil
		code, out := w.ended(p), p.out.String()
		if w.arrived() > 0 {
			w.take(data)
		}
		if !cut || code == 0 {
			continue // it had ended
		}
		if code < 0 || strings.Contains(out, "fatal error") || strings.Contains(out, "goroutine ") && !strings.Contains(out, "level=ERROR") ||
			!strings.Contains(out, "is damaged") || !strings.Contains(out, "--reset-state") {
			t.Errorf("the process ended with %d:\n%s", code, out)
		}
		return
	}
}
