package filesystem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
)

// What one publish may carry: a part holds at most this much.
const (
	messageBytesMax  = 64 << 20
	partMessagesMax  = 1 << 16
	partBytesMax     = 64 << 20
	manifestVersion  = 1
	manifestBytesMax = 1 << 20
)

// ErrBusy is returned while another process writes the same output.
var ErrBusy = errors.New("another process is writing this output")

// Sink is a directory as a forward.Hub: rows go to part files, one for each publish, and
// the cursor to a manifest beside them. A publish
//
//  1. writes the part under a hidden name and syncs it,
//  2. replaces the manifest, by rename: it now has the moved cursor and the pending part's
//     two names; this is the act that commits,
//  3. renames the part to its visible name.
//
// Whoever finds a manifest with a pending part finishes step 3; hidden parts that no
// manifest names are removed. The manifest's place is a count that a publish raises by one
// and that guards it against another instance, under a lock of the operating system where
// there is one. Names of parts carry the outbox sequences of their rows.
type Sink struct {
	dir     string
	framing format.Framing
	ext     string
	buf     bytes.Buffer
	// recovered are the cursors whose pending part is known to be settled.
	recovered map[string]bool
}

// manifest is the stored cursor of an output, as JSON.
type manifest struct {
	Version int    `json:"version"`
	Subject string `json:"subject"`
	Place   uint64 `json:"place"`
	Cursor  []byte `json:"cursor"`
	// Pending is the hidden name of the newest part, Part its visible one; empty when the
	// newest publish carried no rows.
	Pending string `json:"pending,omitempty"`
	Part    string `json:"part,omitempty"`
	Bytes   int    `json:"bytes,omitempty"`
}

var extensions = map[string]string{"json": "json", "csv": "csv", "msgpack": "msgpack", "raw": "txt"}

// NewSink makes a sink. framing is the encoder's.
func NewSink(o Options, framing format.Framing) (*Sink, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Sink{dir: o.Path, framing: framing, ext: extensions[o.Format], recovered: map[string]bool{}}, nil
}

var _ forward.Hub = (*Sink)(nil)

// Check makes the directory and tries to write to it.
func (s *Sink) Check(context.Context) (forward.Limits, error) {
	lim := forward.Limits{MessageBytes: messageBytesMax, Messages: partMessagesMax, Bytes: partBytesMax}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return lim, fmt.Errorf("filesystem: %w", err)
	}
	f, err := os.CreateTemp(s.dir, ".edgeflow-check-*")
	if err != nil {
		return lim, fmt.Errorf("filesystem: the directory cannot be written to: %w", err)
	}
	return lim, errors.Join(f.Close(), os.Remove(f.Name()))
}

// outputID is an output's part of file names.
func outputID(subject string) string {
	h := fnv.New64a()
	h.Write([]byte(subject))
	return fmt.Sprintf("%016x", h.Sum64())
}

func (s *Sink) manifestPath(subject string) string {
	return filepath.Join(s.dir, ".edgeflow-"+outputID(subject)+".json")
}

// load reads the manifest; without one its place is 0.
func (s *Sink) load(subject string) (m manifest, err error) {
	path := s.manifestPath(subject)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{Version: manifestVersion, Subject: subject}, nil
	}
	if err != nil {
		return m, fmt.Errorf("filesystem: %w", err)
	}
	if len(data) > manifestBytesMax {
		return m, fmt.Errorf("filesystem: %s is no manifest: %d bytes", path, len(data))
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("filesystem: %s is no manifest: %w", path, err)
	}
	switch {
	case m.Version != manifestVersion:
		return m, fmt.Errorf("filesystem: %s has version %d, this program knows version %d: use a newer one", path, m.Version, manifestVersion)
	case m.Subject != subject || m.Place == 0 || m.Pending != filepath.Base(m.Pending) && m.Pending != "" || m.Part != filepath.Base(m.Part) && m.Part != "":
		return m, fmt.Errorf("filesystem: %s belongs to output %q, not to %q", path, m.Subject, subject)
	}
	return m, nil
}

// ReadCursor reads the cursor and settles what a crash left.
func (s *Sink) ReadCursor(_ context.Context, subject string) (data []byte, place uint64, err error) {
	unlock, err := lock(filepath.Join(s.dir, ".edgeflow-"+outputID(subject)+".lock"))
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	m, err := s.load(subject)
	if err != nil {
		return nil, 0, err
	}
	if err := s.settle(m); err != nil {
		return nil, 0, err
	}
	return m.Cursor, m.Place, nil
}

// settle makes the manifest's pending part visible and removes hidden parts that were
// never committed.
func (s *Sink) settle(m manifest) error {
	if m.Pending != "" {
		if err := s.reveal(m); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(filepath.Join(s.dir, ".part-"+outputID(m.Subject)+"-*"))
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("filesystem: %w", err)
		}
	}
	s.recovered[m.Subject] = true
	return nil
}

// reveal renames the pending part, unless that has happened before.
func (s *Sink) reveal(m manifest) error {
	err := os.Rename(filepath.Join(s.dir, m.Pending), filepath.Join(s.dir, m.Part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has its visible name, or was taken away since
	}
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	return syncDir(s.dir)
}

// Publish writes the rows as a part and moves the cursor.
func (s *Sink) Publish(ctx context.Context, b *forward.Batch) (place uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for i := range b.Messages {
		if k := b.Messages[i].Kind; k != "" && k != "+I" {
			return 0, &forward.RefusedError{Reason: "a row of kind " + k + " cannot be appended to a file", Hint: "write the query's result to a sink that takes updates, or make it append-only"}
		}
	}
	unlock, err := lock(filepath.Join(s.dir, ".edgeflow-"+outputID(b.Subject)+".lock"))
	if err != nil {
		return 0, err
	}
	defer unlock()
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

func (s *Sink) commit(m manifest, b *forward.Batch) (uint64, error) {
	next := manifest{Version: manifestVersion, Subject: b.Subject, Place: m.Place + 1, Cursor: b.Cursor.Append(nil)}
	delete(s.recovered, b.Subject) // until all three steps are done
	if n := len(b.Messages); n > 0 {
		id := outputID(b.Subject)
		next.Part = fmt.Sprintf("part-%s-%s-%012d-%012d.%s", cleanName(b.Output), id[:6], b.Messages[0].First, b.Messages[n-1].Last, s.ext)
		next.Pending = fmt.Sprintf(".part-%s-%d", id, next.Place)
		if _, err := os.Lstat(filepath.Join(s.dir, next.Part)); err == nil {
			return 0, &forward.RefusedError{Reason: "the file " + next.Part + " exists already", Hint: "it was written by a pipeline whose state or manifest is gone; move the old files out of " + s.dir}
		}
		s.encode(b)
		next.Bytes = s.buf.Len()
		if err := writeSynced(filepath.Join(s.dir, next.Pending), s.buf.Bytes()); err != nil {
			return 0, err
		}
		if err := failpoint.Hit("filesystem.after-part"); err != nil {
			return 0, err
		}
	}
	data, err := json.Marshal(next)
	if err != nil {
		return 0, fmt.Errorf("filesystem: %w", err)
	}
	path := s.manifestPath(b.Subject)
	if err := writeSynced(path+".new", data); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("filesystem.before-manifest"); err != nil {
		return 0, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return 0, fmt.Errorf("filesystem: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("filesystem.after-manifest"); err != nil {
		return 0, err
	}
	if next.Pending != "" {
		if err := s.reveal(next); err != nil {
			return 0, err
		}
	}
	if err := failpoint.Hit("filesystem.after-reveal"); err != nil {
		return 0, err
	}
	s.recovered[b.Subject] = true
	return next.Place, nil
}

// encode puts the rows together as a file.
func (s *Sink) encode(b *forward.Batch) {
	s.buf.Reset()
	s.buf.Write(s.framing.Header)
	for i := range b.Messages {
		s.buf.Write(b.Messages[i].Data)
		s.buf.Write(s.framing.Separator)
	}
}

// writeSynced writes a file, whole, and syncs it.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
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
