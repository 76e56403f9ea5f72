package filesystem

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Keep bounds the part files of a sink's output: when a new one is committed, the oldest go
// that are too old or too much, never the new one. It excludes Partitions and Rolling.
type Keep struct {
	// Bytes is how much they take, 0 any. A file counts for at least fileBytesMin, so that
	// their number is bounded, too.
	Bytes int64
	// Age is how long a file is kept after it was written, 0 for ever; it may go up to a
	// 32nd of that later, for the folder is not listed with each commit. A file written
	// while the host's clock was not set has no age.
	Age time.Duration
	// OnRemoved is told what one commit removed, and what commits have removed in all.
	OnRemoved func(now, all Removed)
}

// Removed is what went by the limits of Keep.
type Removed struct {
	Files int64 `json:"files"`
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

const (
	// fileBytesMin is what a file takes of most disks.
	fileBytesMin = 4096
	// clockSetMs is 2020: a host that tells an earlier time has yet to learn it.
	clockSetMs = 1_577_836_800_000
)

func (k *Keep) on() bool { return k.Bytes > 0 || k.Age > 0 }

// kept is what is known of an output's files without listing them.
type kept struct {
	bytes int64 // what they count for
	// lookMs is when age asks for a listing.
	lookMs int64
}

// sentFile is a visible part file, whose name tells the sequences of its rows.
type sentFile struct {
	name         string
	first, last  uint64
	bytes, modMs int64
}

var sentName = regexp.MustCompile(`^part-.*-([0-9a-f]{6})-([0-9]{12,})-([0-9]{12,})\.`)

// sent lists an output's part files, oldest rows first.
func (s *Sink) sent(subject string) ([]sentFile, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	var out []sentFile
	for _, e := range entries {
		m := sentName.FindStringSubmatch(e.Name())
		if m == nil || m[1] != outputID(subject)[:6] || !e.Type().IsRegular() {
			continue
		}
		info, err := s.root.Lstat(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody takes them away
		}
		if err != nil {
			return nil, fmt.Errorf("filesystem: %w", err)
		}
		f := sentFile{name: e.Name(), bytes: max(info.Size(), fileBytesMin), modMs: info.ModTime().UnixMilli()}
		first, err1 := strconv.ParseUint(m[2], 10, 64)
		last, err2 := strconv.ParseUint(m[3], 10, 64)
		if err1 != nil || err2 != nil || last < first {
			continue
		}
		f.first, f.last = first, last
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b sentFile) int { return cmp.Compare(a.first, b.first) })
	return out, nil
}

// prune decides which files the publish removes, once its rows are visible: those with rows
// before p.next.Before. An eighth more than asked for goes by size, which spares listings.
func (p *publishing) prune() error {
	k, have := &p.s.keep, p.s.kept[p.b.Subject]
	if !k.on() || len(p.next.Ended) == 0 {
		return nil
	}
	delete(p.s.kept, p.b.Subject) // until all steps are done
	var added int64
	for _, e := range p.next.Ended {
		added += max(e.Bytes, fileBytesMin)
	}
	p.kept = &kept{bytes: added}
	if have != nil {
		p.kept.bytes, p.kept.lookMs = have.bytes+added, have.lookMs
		if (k.Bytes == 0 || p.kept.bytes <= k.Bytes) && (k.Age == 0 || p.nowMs < p.kept.lookMs) {
			return nil
		}
	}
	files, err := p.s.sent(p.b.Subject)
	if err != nil {
		return err
	}
	p.kept.bytes = added
	for _, f := range files {
		p.kept.bytes += f.bytes
	}
	target := p.kept.bytes
	if k.Bytes > 0 && target > k.Bytes {
		target = k.Bytes - k.Bytes/8
	}
	age := k.Age.Milliseconds()
	n := 0
	for ; n < len(files); n++ {
		f := files[n]
		aged := age > 0 && f.modMs >= clockSetMs && f.modMs+age < p.nowMs
		if !aged && p.kept.bytes <= target {
			break
		}
		p.kept.bytes -= f.bytes
		p.gone.add(Removed{Files: 1, Rows: int64(f.last-f.first) + 1, Bytes: f.bytes})
		p.next.Before = f.last + 1
	}
	p.kept.lookMs = p.nowMs + age/32
	if n < len(files) {
		p.kept.lookMs = max(p.kept.lookMs, files[n].modMs+age)
	}
	p.next.Removed.add(p.gone)
	return nil
}

func (r *Removed) add(o Removed) {
	r.Files, r.Rows, r.Bytes = r.Files+o.Files, r.Rows+o.Rows, r.Bytes+o.Bytes
}

// removeOld removes the files that a manifest says are to go. One that cannot be removed
// holds nothing up: it is found again by the next listing.
func (s *Sink) removeOld(m manifest) error {
	if m.Before == 0 {
		return nil
	}
	files, err := s.sent(m.Subject)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.first < m.Before && !slices.ContainsFunc(m.Ended, func(e part) bool { return e.Name == f.name }) {
			_ = s.root.Remove(f.name)
		}
	}
	return nil
}

// RemovedFrom is what the limits of Keep have removed from a sink's folder in all, of the
// output with a cursor's subject; none where there is no such sink.
func RemovedFrom(dir, subject string) (Removed, error) {
	path := filepath.Join(dir, manifestName(subject))
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Removed{}, nil
	}
	var m manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return Removed{}, fmt.Errorf("filesystem: %s: %w", path, err)
	}
	return m.Removed, nil
}
