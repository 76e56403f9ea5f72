package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Rekey writes the file at path anew: with keys in the options every value is encrypted
// with the first of them, without any it is in the clear. read are the keys of the file as
// it is. A file that is not encrypted takes the options' scope, an encrypted one keeps its
// own. No other process may have it open; it changes its content whole or not at all.
func Rekey(path string, read *Keys, options Options) error {
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	from := options
	from.Scope, from.Keys = "", nil
	sealed, err := isSealed(o, path)
	if err != nil {
		return err
	}
	if sealed {
		from.Keys = read
	}
	s, err := Open(path, from)
	if err != nil {
		return err
	}
	defer s.Close() // it keeps the lock until the new file has the name
	if s.seal != nil {
		o.Scope = s.opt.Scope
	}
	tmp := path + rekeySuffix
	if err := o.FS.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	out, in := io.Pipe()
	s.opt.Keys = nil // what goes through the pipe is in the clear, and in memory alone
	go func() {
		_, err := s.Savepoint(in)
		in.CloseWithError(err)
	}()
	if _, err = fillFrom(o, tmp, out); err == nil {
		err = o.FS.Rename(tmp, path)
	}
	out.Close()
	if err != nil {
		return errors.Join(fmt.Errorf("store: %s: %w", path, err), remove(o, tmp))
	}
	return o.FS.SyncDir(filepath.Dir(path))
}

func remove(o Options, path string) error {
	if err := o.FS.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// isSealed tells whether the file at path is encrypted.
func isSealed(o Options, path string) (sealed bool, err error) {
	if err := precheck(o, path); err != nil {
		return false, err
	}
	if _, err := o.FS.Stat(path); err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	err = guard(func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: o.LockTimeout, OpenFile: o.FS.OpenFile})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error {
			if meta := tx.Bucket(bucketMeta); meta != nil {
				sealed = meta.Get(keySealed) != nil
			}
			return nil
		})
	})
	if err != nil {
		err = fmt.Errorf("store: %s: %w", path, err)
	}
	return sealed, err
}
