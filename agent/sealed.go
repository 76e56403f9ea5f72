package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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
// of the keys, or in the clear, and returns how many there are.
func rekeyLetters(dir string, k *store.Keys, decrypt bool) (n int, err error) {
	for _, output := range []string{dataflow.DeadLetters, dataflow.LateRows} {
		parts, err := filepath.Glob(filepath.Join(dir, output+"*", "part-*")) // also what was set aside with its state
		if err != nil {
			return n, err
		}
		for _, path := range parts {
			if err := rekeyFile(path, filepath.Base(dir), k, decrypt); err != nil {
				return n, fmt.Errorf("%s: %w", path, err)
			}
			n++
		}
	}
	return n, nil
}

// rekeyFile writes a file of letters anew, under a name that tells whether it is encrypted. It
// changes whole or not at all.
func rekeyFile(path, pipeline string, k *store.Keys, decrypt bool) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if b, err = OpenLetters(k, b); err != nil {
		return err
	}
	to := strings.TrimSuffix(path, filesystem.SealedSuffix)
	if !decrypt {
		to += filesystem.SealedSuffix
		if b, err = sealLetters(k, pipeline, b); err != nil {
			return err
		}
	}
	tmp := filepath.Join(filepath.Dir(path), ".rekey.tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, to); err != nil || to == path {
		return err
	}
	return os.Remove(path)
}
