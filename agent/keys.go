package agent

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/edgeflow/edgeflow/connector/secret"
	"github.com/edgeflow/edgeflow/store"
)

// StateKeys reads the keys that encrypt state; nil without a reference.
func StateKeys(ref string) (*store.Keys, error) {
	text, err := secret.Reader{}.Must("--state-key", ref)
	if err != nil || text == "" {
		return nil, err
	}
	k, err := store.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("--state-key %s: %w", ref, err)
	}
	return k, nil
}

// streamKeys are those of the embedded server's streams: the one in use, and the one
// before, each empty when there is none.
func streamKeys(k *store.Keys) (current, old string) {
	if k == nil {
		return "", ""
	}
	now, before := k.Derive("streams", store.KeyBytes)
	if len(before) > 0 {
		old = hex.EncodeToString(before[0])
	}
	return hex.EncodeToString(now), old
}

// changeKey writes a state file, and the letters beside it, anew with the first of the keys, or
// in the clear. The state comes first: a process that has it open, and writes letters, is found.
func changeKey(w io.Writer, file string, k *store.Keys, o StateOptions) error {
	switch {
	case o.Rekey && o.Decrypt:
		return errors.New("--rekey and --decrypt exclude each other")
	case k == nil:
		return errors.New("--rekey and --decrypt need --state-key; for --rekey the first key in it encrypts, and all of them decrypt")
	}
	opts := store.Options{SavepointDir: filepath.Join(filepath.Dir(file), savepointDir)}
	if o.Rekey {
		opts.Keys, opts.Scope = k, filepath.Base(filepath.Dir(file)) // the folder has the pipeline's name
	}
	if err := store.Rekey(file, k, opts); err != nil {
		return err
	}
	letters, err := rekeyLetters(filepath.Dir(file), k, o.Decrypt)
	if err != nil {
		return err
	}
	what := "decrypted"
	if o.Rekey {
		what = "encrypted with key " + k.IDs()[0].String()
	}
	_, err = fmt.Fprintf(w, "%s, and %d files of letters: %s\n", file, letters, what)
	return err
}

// printKeys tells which keys a file's values are encrypted with.
func printKeys(w io.Writer, ids []store.KeyID) {
	switch n := len(ids); {
	case n == 0:
		fmt.Fprintln(w, "  not encrypted")
	case n == 1:
		fmt.Fprintf(w, "  encrypted with key %s\n", ids[0])
	default:
		fmt.Fprintf(w, "  encrypted with key %s; values from before may be under %v (--rekey writes them anew)\n", ids[n-1], ids[:n-1])
	}
}
