package filesystem

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	manifestVersion  = 2
	manifestBytesMax = 64 << 20
)

// manifest is the stored cursor of an output, as JSON, with what its files have come to.
type manifest struct {
	Version int    `json:"version"`
	Subject string `json:"subject"`
	Place   uint64 `json:"place"`
	Cursor  []byte `json:"cursor"`
	// Ended are the files to be given their visible names, in this order.
	Ended []part `json:"ended,omitempty"`
	// Open are the files that more is added to.
	Open []part `json:"open,omitempty"`
	// Partitions are the folders that are not complete.
	Partitions []partition `json:"partitions,omitempty"`
	// WatermarkMs is how far event time has come, in ms since 1970; nil without events.
	WatermarkMs *int64 `json:"watermark,omitempty"`
	// Before tells that the visible files with rows before this sequence are to be removed
	// after that, 0 for none, and Removed what was so far, those included.
	Before  uint64  `json:"before,omitempty"`
	Removed Removed `json:"removed,omitzero"`

	// Complete are the folders to be marked complete after Ended, in manifests made before marks
	// were parts.
	Complete []string `json:"complete,omitempty"`
	// Pending is the hidden name of the newest part, Part its visible one, in version 1.
	Pending string `json:"pending,omitempty"`
	Part    string `json:"part,omitempty"`
}

// part is a file of rows.
type part struct {
	// Hidden is its name while it is written, in the sink's folder; Name its visible one,
	// in Folder.
	Hidden string `json:"hidden"`
	Folder string `json:"folder,omitempty"`
	Name   string `json:"name"`
	// Bytes is its length, in which all rows are whole.
	Bytes int64 `json:"bytes"`
	// Created and Written are times in ms since 1970.
	Created int64 `json:"created,omitempty"`
	Written int64 `json:"written,omitempty"`
}

func (p part) path() string { return filepath.Join(fit(p.Folder), p.Name) }

// fit makes a folder one that a disk takes: names that are too long become their beginning and a
// hash. Folder makes none such; in outboxes and manifests of older builds there may be some.
func fit(folder string) string {
	names := strings.Split(folder, "/")
	for i, n := range names {
		if len(n) > nameBytesMax {
			id := "-" + outputID(n)
			names[i] = strings.ToValidUTF8(n[:nameBytesMax-len(id)], "") + id
		}
	}
	return strings.Join(names, "/")
}

// partition is a folder that rows went to.
type partition struct {
	Folder  string `json:"folder"`
	Created int64  `json:"created"`
}

func manifestName(subject string) string {
	return ".edgeflow-" + outputID(subject) + ".json"
}

// load reads the manifest; without one its place is 0.
func (s *Sink) load(subject string) (m manifest, err error) {
	path := filepath.Join(s.dir, manifestName(subject))
	data, err := s.root.ReadFile(manifestName(subject))
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
	if m.Version == 1 && m.Pending != "" {
		m.Ended = []part{{Hidden: m.Pending, Name: m.Part}}
	}
	switch {
	case m.Version != 1 && m.Version != manifestVersion:
		return m, fmt.Errorf("filesystem: %s has version %d, this program knows version %d: use a newer one", path, m.Version, manifestVersion)
	case m.Subject != subject || m.Place == 0 || slices.ContainsFunc(append(slices.Clone(m.Ended), m.Open...), part.outside):
		return m, fmt.Errorf("filesystem: %s belongs to output %q, not to %q", path, m.Subject, subject)
	}
	return m, nil
}

// outside tells a part that does not lie below the sink's folder, where no sink writes.
func (p part) outside() bool {
	return p.Hidden != filepath.Base(p.Hidden) || p.Name != filepath.Base(p.Name) || !p.local()
}

func (p part) local() bool { return p.Folder == "" || filepath.IsLocal(p.Folder) }

// settle does what a manifest says is to be done and removes hidden files that were never
// committed.
func (s *Sink) settle(m manifest) error {
	delete(s.kept, m.Subject)
	if err := s.finish(m); err != nil {
		return err
	}
	for _, f := range m.Complete {
		if s.partitions.SuccessFile == "" {
			break
		}
		if err := writeSynced(s.root, filepath.Join(fit(f), s.partitions.SuccessFile), nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	left, err := fs.Glob(s.root.FS(), ".part-"+outputID(m.Subject)+"-*")
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	for _, name := range left {
		if slices.ContainsFunc(m.Open, func(p part) bool { return p.Hidden == name }) {
			continue
		}
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("filesystem: %w", err)
		}
	}
	s.recovered[m.Subject] = true
	return nil
}

// finish gives the ended files their visible names and removes old files.
func (s *Sink) finish(m manifest) error {
	folders := map[string]bool{}
	for _, p := range m.Ended {
		dir := fit(p.Folder)
		folders[dir] = true
		if _, err := s.root.Lstat(p.Hidden); errors.Is(err, fs.ErrNotExist) {
			continue // it has its visible name, or was taken away since, be it with its folder
		}
		if dir != "" {
			if err := s.root.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("filesystem: %w", err)
			}
		}
		if err := s.root.Rename(p.Hidden, p.path()); err != nil {
			return fmt.Errorf("filesystem: %w", err)
		}
	}
	if err := s.syncFolders(folders); err != nil {
		return err
	}
	return s.removeOld(m)
}

// syncFolders makes the names in folders durable, and those of the folders themselves. One that
// is gone has none.
func (s *Sink) syncFolders(folders map[string]bool) error {
	up := map[string]bool{}
	for f := range folders {
		for ; f != "" && f != "."; f = filepath.Dir(f) {
			up[f] = true
		}
		up[""] = true
	}
	for f := range up {
		if err := syncDir(s.root, filepath.Clean(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// partName is the visible name of rows from sequence first on, to last unless it is 0.
func (s *Sink) partName(output, id string, first, last uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "part-%s-%s-%012d", cleanName(output), id[:6], first)
	if last > 0 {
		fmt.Fprintf(&b, "-%012d", last)
	}
	return b.String() + "." + s.ext
}
