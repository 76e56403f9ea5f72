package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

// An encrypted file of letters is
//
//	"edgeflow-letters\n", u16 length and bytes of the head (store.Records), the lines encrypted
//
// and its name ends in filesystem.SealedSuffix.
const lettersMagic = "edgeflow-letters\n"

// sealLetters makes an encrypted file of lines.
func sealLetters(k *store.Keys, pipeline string, lines []byte) ([]byte, error) {
	r, head, err := k.SealRecords(store.LetterFile, pipeline)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(lettersMagic)+2+len(head)+len(lines)+store.RecordOverhead)
	out = append(out, lettersMagic...)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(head)))
	return r.Seal(append(out, head...), lines), nil
}

// OpenLetters returns the lines of a file of letters, encrypted or not. The error is a
// *store.KeyError when its key is not there.
func OpenLetters(k *store.Keys, file []byte) (lines []byte, err error) {
	rest, sealed := bytes.CutPrefix(file, []byte(lettersMagic))
	if !sealed {
		return file, nil
	}
	if len(rest) < 2 || len(rest)-2 < int(binary.LittleEndian.Uint16(rest)) {
		return nil, fmt.Errorf("%w: it is cut off", store.ErrRecord)
	}
	head, rest := rest[2:2+binary.LittleEndian.Uint16(rest)], rest[2+binary.LittleEndian.Uint16(rest):]
	r, err := k.OpenRecords(store.LetterFile, head)
	if err != nil {
		return nil, err
	}
	return r.Open(nil, rest)
}

// rekeyLetters writes the files of letters in a pipeline's folder anew, encrypted with the first
// of the keys, or in the clear, and returns how many there are: also those that were set aside
// with their state, and hidden ones, which get their visible names at the next start.
func rekeyLetters(dir string, k *store.Keys, decrypt bool) (n int, err error) {
	for _, output := range []string{dataflow.DeadLetters, dataflow.LateRows} {
		for _, pattern := range []string{"part-*", ".part-*"} {
			parts, err := fs.Glob(os.DirFS(dir), output+"*/"+pattern) // a folder's own name may look like a pattern
			if err != nil {
				return n, err
			}
			for _, part := range parts {
				path := filepath.Join(dir, part)
				if err := rekeyFile(path, filepath.Base(dir), k, decrypt); err != nil {
					return n, fmt.Errorf("%s: %w", path, err)
				}
				n++
			}
		}
	}
	return n, nil
}

// rekeyFile writes a file of letters anew, under a name that tells whether it is encrypted; that
// of a hidden one stays, since a manifest has it. It changes whole or not at all, and one that was
// interrupted is done again.
func rekeyFile(path, pipeline string, k *store.Keys, decrypt bool) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	hidden := strings.HasPrefix(filepath.Base(path), ".")
	b, err = OpenLetters(k, b)
	switch {
	case hidden && errors.Is(err, store.ErrRecord):
		return nil // it was not written to its end: no manifest has it
	case err != nil:
		return err
	}
	to := path
	if !hidden {
		to = strings.TrimSuffix(path, filesystem.SealedSuffix)
		if !decrypt {
			to += filesystem.SealedSuffix
		}
	}
	if !decrypt {
		if b, err = sealLetters(k, pipeline, b); err != nil {
			return err
		}
	}
	dir := filepath.Dir(path)
	tmp := filepath.Join(dir, ".rekey.tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	err = os.Rename(tmp, to)
	if err == nil {
		err = store.OS{}.SyncDir(dir) // before the old name goes
	}
	if err != nil || to == path {
		return err
	}
	return os.Remove(path)
}
