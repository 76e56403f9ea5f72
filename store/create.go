package store

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// create makes the file at path where there is none, whole from the moment it has the name: one
// that is cut short is damaged, never one whose making a full disk or a loss of power ended. It
// returns nil when there is a file. The new one is locked before it has the name, so that of two
// processes one goes on with it and the other finds it locked.
func create(o Options, path string) (*bolt.DB, error) {
	if ok, err := missing(o, path); !ok || err != nil {
		return nil, err
	}
	tmp := path + createSuffix
	if info, err := o.FS.Stat(tmp); err == nil && info.Size() > 0 { // an empty one is as good as none
		var unfinished *damage
		err := precheck(o, tmp)
		if errors.As(err, &unfinished) { // a process died that made it
			err = remove(o, tmp)
		}
		if err != nil {
			return nil, err
		}
	}
	db, err := openBolt(o, tmp)
	if err != nil {
		return nil, err
	}
	ok, err := missing(o, path) // another process may have made it before this one had the lock
	if err == nil && ok {
		err = o.FS.Rename(tmp, path)
	}
	if err == nil && ok {
		return db, nil
	}
	return nil, errors.Join(err, db.Close(), remove(o, tmp))
}

func missing(o Options, path string) (bool, error) {
	switch _, err := o.FS.Stat(path); {
	case err == nil:
		return false, nil
	case errors.Is(err, os.ErrNotExist):
		return true, nil
	default:
		return false, fmt.Errorf("store: %w", err)
	}
}
