package filesystem

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/dataflow/format"
	forward "github.com/edgeflow/edgeflow/sync"
)

// What one publish may carry: a part holds at most this much.
const (
	messageBytesMax = 64 << 20
	partMessagesMax = 1 << 16
	partBytesMax    = 64 << 20
)

// ErrBusy is returned while another process writes the same output.
var ErrBusy = errors.New("another process is writing this output")

// Sink is a directory as a forward.Hub: rows go to part files, and the cursor to a manifest
// beside them. A publish
//
//  1. writes its rows to hidden files, one for each folder, and syncs them,
//  2. replaces the manifest, by rename: it now has the moved cursor, the length of the files
//     that are still written to, and what is to be done in step 3; this is the act that
//     commits,
//  3. renames the files that have ended to their visible names, and marks the partitions
//     that are complete; old files go, where Keep says so.
//
// Whoever finds a manifest does its step 3 again, which changes nothing where it was done.
// Hidden files that no manifest names are removed, and one that is written to is cut to the
// length that the manifest tells before more is added. The manifest's place is a count that
// a publish raises by one and that guards it against another instance, under a lock of the
// operating system where there is one. Names of parts carry the outbox sequences of their
// rows.
type Sink struct {
	dir        string
	roots      *confine.Roots
	root       *os.Root // dir, while one of the hub's methods runs
	framing    format.Framing
	ext        string
	partitions Partitions
	rolling    Rolling
	keep       Keep
	seal       func([]byte) ([]byte, error)
	now        func() time.Time
	buf        bytes.Buffer
	// recovered are the cursors whose manifest's step 3 is known to be done.
	recovered map[string]bool
	kept      map[string]*kept
}

var extensions = map[string]string{"json": "json", "csv": "csv", "msgpack": "msgpack", "raw": "txt"}

// NewSink makes a sink. framing is the encoder's.
func NewSink(o Options, framing format.Framing) (*Sink, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	s := &Sink{dir: o.Path, roots: o.Roots, framing: framing, ext: extensions[o.Format], partitions: o.Partitions, rolling: o.Rolling, keep: o.Keep, seal: o.Seal, now: o.Now, recovered: map[string]bool{}, kept: map[string]*kept{}}
	if s.seal != nil {
		s.ext += SealedSuffix
	}
	return s, nil
}

var _ forward.Hub = (*Sink)(nil)

// Check makes the directory and tries to write to it.
func (s *Sink) Check(context.Context) (forward.Limits, error) {
	lim := forward.Limits{MessageBytes: messageBytesMax, Messages: partMessagesMax, Bytes: partBytesMax}
	root, err := s.roots.OpenDir(s.dir, true)
	if err != nil {
		return lim, fmt.Errorf("filesystem: %w", err)
	}
	defer root.Close()
	for dir, n := filepath.Dir(s.dir), 0; n < 3; dir, n = filepath.Dir(dir), n+1 {
		if up, err := os.OpenRoot(dir); err == nil { // one that cannot be opened was there before
			_ = syncDir(up, ".") // where the name of a new folder is
			up.Close()
		}
	}
	name := ".edgeflow-check-" + rand.Text()
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return lim, fmt.Errorf("filesystem: the directory cannot be written to: %w", err)
	}
	return lim, errors.Join(f.Close(), root.Remove(name))
}

// outputID is an output's part of file names.
func outputID(subject string) string {
	h := fnv.New64a()
	h.Write([]byte(subject))
	return fmt.Sprintf("%016x", h.Sum64())
}

// ReadCursor reads the cursor and settles what a crash left.
func (s *Sink) ReadCursor(_ context.Context, subject string) (data []byte, place uint64, err error) {
	leave, err := s.enter(subject)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	m, err := s.load(subject)
	if err != nil {
		return nil, 0, err
	}
	if err := s.settle(m); err != nil {
		return nil, 0, err
	}
	return m.Cursor, m.Place, nil
}

// Publish writes the rows and moves the cursor.
func (s *Sink) Publish(ctx context.Context, b *forward.Batch) (place uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for i := range b.Messages {
		if k := b.Messages[i].Kind; k != "" && k != "+I" {
			return 0, &forward.RefusedError{Reason: "a row of kind " + k + " cannot be appended to a file", Hint: "write the query's result to a sink that takes updates, or make it append-only"}
		}
	}
	leave, err := s.enter(b.Subject)
	if err != nil {
		return 0, err
	}
	defer leave()
	m, err := s.load(b.Subject)
	if err != nil {
		return 0, err
	}
	if m.Place != b.Expect {
		return 0, &forward.GuardError{Place: m.Place}
	}
	if !s.recovered[b.Subject] {
		if err := s.settle(m); err != nil {
			return 0, err
		}
	}
	return s.commit(m, b)
}

// enter opens the folder and takes the lock of an output's cursor.
func (s *Sink) enter(subject string) (leave func(), err error) {
	root, err := s.roots.OpenDir(s.dir, false)
	if err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	unlock, err := lock(root, ".edgeflow-"+outputID(subject)+".lock")
	if err != nil {
		root.Close()
		return nil, err
	}
	s.root = root
	return func() {
		unlock()
		root.Close()
		s.root = nil
	}, nil
}

// writeSynced writes a file, whole, and syncs it.
func writeSynced(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	return nil
}

// cleanName makes a text a part of a file name.
func cleanName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}
