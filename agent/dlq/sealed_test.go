package dlq

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/store"
)

// keyFile refers to a file of keys, each of which repeats two digits.
func keyFile(t *testing.T, digits ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	var text strings.Builder
	for _, d := range digits {
		text.WriteString(strings.Repeat(d, store.KeyBytes) + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return "${file:" + path + "}"
}

// readable tells how many files of letters hold a text, of how many.
func (r *rig) readable(text string) (n, of int) {
	r.t.Helper()
	parts, err := filepath.Glob(filepath.Join(r.data, "pipelines", "p", "*", "*part-*"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range parts {
		b, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			n++
		}
	}
	return n, len(parts)
}

// Letters of a pipeline with encrypted state lie encrypted, are read with the key alone, and
// get a new key, or none, with the state.
func TestEncryptedLetters(t *testing.T) {
	r := newRig(t)
	r.key = keyFile(t, "5a")
	r.run("file")
	if n, of := r.readable(`"reason"`); n != 0 || of < 2 {
		t.Fatalf("%d of %d files of letters can be read", n, of)
	}
	const want = "p/dead/decode 2(0) p/dead/compute 1(0) p/late/late 1(0) p/clock/clock 1(0)"
	counts := func(ref string) {
		t.Helper()
		r.key = ref
		if got := r.counts(r.options("file")); got != want {
			t.Errorf("letters: %s\nwant: %s", got, want)
		}
	}
	refused := func(ref string) {
		t.Helper()
		r.key = ref
		var key *store.KeyError
		if err := List(t.Context(), io.Discard, r.options("file")); !errors.As(err, &key) || !strings.Contains(err.Error(), "part-") {
			t.Errorf("letters are listed, or: %v", err)
		}
	}
	rekey := func(o agent.StateOptions) {
		t.Helper()
		var out bytes.Buffer
		if err := agent.InspectState(&out, r.data, o); err != nil || !strings.Contains(out.String(), "files of letters") {
			t.Fatalf("%v: %s", err, &out)
		}
	}
	both := keyFile(t, "6b", "5a")
	counts(r.key)
	counts(both)
	refused("")
	refused(keyFile(t, "6b"))
	rekey(agent.StateOptions{StateKey: both, Rekey: true})
	counts(keyFile(t, "6b"))
	refused(keyFile(t, "5a"))
	rekey(agent.StateOptions{StateKey: both, Decrypt: true})
	counts("")
	if n, of := r.readable(`"reason"`); n != of {
		t.Errorf("%d of %d files of letters can be read", n, of)
	}
	rekey(agent.StateOptions{StateKey: both, Rekey: true}) // what is in the clear is encrypted
	if n, _ := r.readable(`"reason"`); n != 0 {
		t.Errorf("%d files of letters can be read", n)
	}
	counts(both)
}

// A key is changed after a crash that left letters under a hidden name, and again after one in the
// midst of that; the folder's name is one that a pattern would not match.
func TestRekeyAfterACrash(t *testing.T) {
	r := newRig(t)
	r.data = filepath.Join(r.data, "[data]")
	r.key = keyFile(t, "5a")
	r.run("file")
	late := filepath.Join(r.data, "pipelines", "p", "late")
	var visible, hidden string
	entries, err := os.ReadDir(late)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(late, e.Name())
		if strings.HasPrefix(e.Name(), "part-") {
			visible = path
		}
		if b, err := os.ReadFile(path); err == nil && strings.HasSuffix(path, ".json") {
			_, rest, _ := strings.Cut(string(b), `"hidden":"`)
			hidden, _, _ = strings.Cut(rest, `"`)
		}
	}
	if err := os.Rename(visible, filepath.Join(late, hidden)); err != nil {
		t.Fatal(err)
	}
	torn := strings.TrimRight(hidden, "0123456789") + "77"
	if err := os.WriteFile(filepath.Join(late, torn), []byte("edgeflow-letters\n\x09"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var out bytes.Buffer
		if err := agent.InspectState(&out, r.data, agent.StateOptions{StateKey: keyFile(t, "6b", "5a"), Rekey: true}); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		if err := os.WriteFile(filepath.Join(late, ".rekey.tmp"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(late, hidden), visible); err != nil { // as the next start does
		t.Fatal(err)
	}
	r.key = keyFile(t, "6b")
	const want = "p/dead/decode 2(0) p/dead/compute 1(0) p/late/late 1(0) p/clock/clock 1(0)"
	if got := r.counts(r.options("file")); got != want {
		t.Errorf("letters: %s\nwant: %s", got, want)
	}
}

// A file of letters that was changed or cut is told from one that lacks its key.
func TestDamagedLetters(t *testing.T) {
	r := newRig(t)
	r.key = keyFile(t, "5a")
	r.run("file")
	parts, err := filepath.Glob(filepath.Join(r.data, "pipelines", "p", "late", "part-*.sealed"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	whole, err := os.ReadFile(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	list := func(file []byte) error {
		if err := os.WriteFile(parts[0], file, 0o600); err != nil {
			t.Fatal(err)
		}
		return List(t.Context(), io.Discard, r.options("file"))
	}
	for n := range whole {
		if err := list(whole[:n]); err == nil && n > 0 {
			t.Fatalf("cut to %d bytes: no error", n)
		}
		bad := bytes.Clone(whole)
		bad[n] ^= 1 << (n % 8)
		if err := list(bad); err == nil {
			t.Fatalf("a flipped bit in byte %d: no error", n)
		}
	}
	if err := list(whole[:len(whole)-1]); !errors.Is(err, store.ErrRecord) {
		t.Error(err)
	}
	if err := list(whole); err != nil {
		t.Error(err)
	}
}
