package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// FS is what the store needs of a file system besides bbolt's own reading and
// writing.
type FS interface {
	OpenFile(name string, flag int, perm os.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
	Stat(name string) (os.FileInfo, error)
	MkdirAll(dir string, perm os.FileMode) error
	// SyncDir makes renames and new files in a folder last.
	SyncDir(dir string) error
}

// OS is the file system of the host.
type OS struct{}

func (OS) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (OS) Rename(from, to string) error                { return os.Rename(from, to) }
func (OS) Remove(name string) error                    { return os.Remove(name) }
func (OS) Stat(name string) (os.FileInfo, error)       { return os.Stat(name) }
func (OS) MkdirAll(dir string, perm os.FileMode) error { return os.MkdirAll(dir, perm) }

// SyncDir syncs a folder where the system can.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some systems cannot sync a folder; the rename is then as lasting as it gets.
	_ = d.Sync()
	return nil
}

// Options configure a Store. The zero value is what production uses.
type Options struct {
	// FS is the disk; nil means the host's.
	FS FS
	// Now is the clock, for durations and the names of files set aside; nil means
	// the host's.
	Now func() time.Time
	// Rest is how a commit of many pages pauses on its way, so that the engine has the
	// machine's caches, memory and cores for itself in between; nil means time.Sleep.
	Rest func(time.Duration)
	// Failpoint is called at each step of a commit; nil means failpoint.Hit.
	Failpoint func(name string) error
	// Logger takes what an operator of the pipeline should know; nil discards it.
	Logger *slog.Logger
	// NoSync leaves out fsync. For tests: a power failure may lose commits.
	NoSync bool
	// FileBytesMax is the limit in bytes for the file; 0 means none. A commit that
	// would pass it fails as one on a full disk does.
	FileBytesMax int64
	// TxBytesMax is the size in bytes above which a commit takes several transactions,
	// of changed pages as they will be stored, judged by earlier commits; 0 means 64 MiB.
	TxBytesMax int64
	// CompactMinBytes is the size in bytes that the file must have before Commit
	// compacts it when most of it is free; 0 means 16 MiB, negative means never.
	CompactMinBytes int64
	// LockTimeout is how long Open waits for another process to let go of the
	// file; 0 means 250 ms.
	LockTimeout time.Duration
	// StableLayout is for tests that damage places of a file and want the same again: after
	// Compact the file's bytes depend on its content alone, and free pages are taken lowest
	// first. Where a commit writes to several buckets, bbolt still lays them out in an order
	// that varies, until Compact.
	StableLayout bool
	// SavepointDir is where scheduled savepoints lie; the newest is named when the
	// file is damaged.
	SavepointDir string
	// Keys encrypt the file and its savepoints; nil leaves them in the clear. A file that
	// is not encrypted is refused with keys, and an encrypted one without.
	Keys *Keys
	// Scope is whose state it is, the pipeline's name. An encrypted file is bound to it;
	// empty takes that of the file.
	Scope string
}

func (o Options) withDefaults() (Options, error) {
	if o.FileBytesMax < 0 || o.TxBytesMax < 0 {
		return o, errors.New("store: a limit is negative")
	}
	if len(o.Scope) > scopeMax {
		return o, fmt.Errorf("store: a scope has at most %d bytes", scopeMax)
	}
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rest == nil {
		o.Rest = time.Sleep
	}
	if o.Failpoint == nil {
		o.Failpoint = failpoint.Hit
	}
	point := o.Failpoint
	o.Failpoint = func(name string) (err error) {
		defer func() { // a panic that was asked for is no damage of the file
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
		}()
		return point(name)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TxBytesMax == 0 {
		o.TxBytesMax = 64 << 20
	}
	if o.CompactMinBytes == 0 {
		o.CompactMinBytes = 16 << 20
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 250 * time.Millisecond
	}
	return o, nil
}

// syncPath makes a file's name last, and those of so many of the folders that it is in. The
// latter may be as new as the file, or may have been left unsynced by a process that died;
// those that cannot be opened were there before.
func (o *Options) syncPath(path string, above int) error {
	if o.NoSync {
		return nil
	}
	dir := filepath.Dir(path)
	if err := o.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for range above {
		dir = filepath.Dir(dir)
		_ = o.FS.SyncDir(dir)
	}
	return nil
}

// ErrLocked is returned, wrapped in a message with the path, when another process
// has the file open.
var ErrLocked = errors.New("another edgeflow process has it open; one instance of a pipeline runs at a time")

// FormatError is returned by Open for a file that a newer program wrote.
type FormatError struct {
	Path             string
	Found, Supported uint32
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("store: %s has format %d and this program reads up to %d; run the newer edgeflow that wrote it", e.Path, e.Found, e.Supported)
}

// DamagedError is returned by Open, Load and Pages when the file is damaged, and
// by each later Open until ResetState or RestoreSavepoint is called. The file is
// renamed to MovedTo and nothing is deleted.
type DamagedError struct {
	Path      string
	MovedTo   string
	Savepoint string // newest savepoint, empty when there is none
	Err       error
}

func (e *DamagedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "store: %s is damaged (%v); it was set aside as %s and nothing was deleted. ", e.Path, e.Err, e.MovedTo)
	if e.Savepoint != "" {
		fmt.Fprintf(&b, "Restore the newest savepoint, %s, or start", e.Savepoint)
	} else {
		b.WriteString("There is no savepoint. Start")
	}
	b.WriteString(" with --reset-state to begin with empty state")
	return b.String()
}

func (e *DamagedError) Unwrap() error { return e.Err }

// markPath is the file that says that the state at path was set aside.
func markPath(path string) string { return path + ".damaged" }

// asidePath returns an unused name beside path.
func asidePath(o Options, path, why string) string {
	base := fmt.Sprintf("%s.%s-%s", path, why, o.Now().UTC().Format("20060102T150405Z"))
	for i := 0; ; i++ {
		name := base
		if i > 0 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		if _, err := o.FS.Stat(name); errors.Is(err, os.ErrNotExist) {
			return name
		}
	}
}

// setAside leaves the mark and renames a damaged file. The mark comes first: a process that
// dies between the two must not find an empty place and begin there.
func setAside(o Options, path string, cause error) error {
	moved := asidePath(o, path, "damaged")
	e := &DamagedError{Path: path, MovedTo: moved, Savepoint: newestSavepoint(o.SavepointDir), Err: cause}
	f, err := o.FS.OpenFile(markPath(path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s\n%v\n", moved, cause)
		err = errors.Join(err, f.Sync(), f.Close(), o.FS.SyncDir(filepath.Dir(path)))
	}
	if err == nil {
		err = o.Failpoint("aside.before-rename")
	}
	if err == nil {
		err = o.FS.Rename(path, moved)
	}
	if err == nil {
		finishMark(o, path)
	}
	if err != nil {
		return fmt.Errorf("store: %s is damaged (%w) and cannot be set aside: %w; mend the disk, then start again", path, cause, err)
	}
	o.Logger.Error("state file is damaged", "path", path, "moved_to", moved, "cause", cause)
	if err := o.FS.SyncDir(filepath.Dir(path)); err != nil {
		return errors.Join(e, err)
	}
	return e
}

// markDone ends a mark once the file was renamed: what is at its path then was put there after.
const markDone = "\nset aside\n"

// finishMark ends a mark. Without it readMark goes by whether the renamed file is there.
func finishMark(o Options, path string) {
	f, err := o.FS.OpenFile(markPath(path), os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(markDone)
	_ = f.Sync()
	_ = f.Close()
}

// readMark returns the error for a file that was set aside before, or nil.
func readMark(o Options, path string) error {
	f, err := o.FS.OpenFile(markPath(path), os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	n, _ := f.Read(buf)
	text, done := strings.CutSuffix(string(buf[:n]), markDone)
	moved, cause, whole := strings.Cut(strings.TrimSpace(text), "\n")
	if _, err := o.FS.Stat(path); err == nil {
		if done || !whole { // a writer that died before it renamed the file leaves no whole one, and the file tells again
			return clearMark(o, path)
		}
		_, err := o.FS.Stat(moved)
		if err == nil {
			return clearMark(o, path) // what is there now was put there after
		}
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("store: %w", err)
		}
		if err := o.FS.Rename(path, moved); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return &DamagedError{Path: path, MovedTo: moved, Savepoint: newestSavepoint(o.SavepointDir), Err: errors.New(cause)}
}
