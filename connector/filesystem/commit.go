package filesystem

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
)

// publishing is a publish on its way: the manifest it will leave.
type publishing struct {
	s     *Sink
	b     *forward.Batch
	id    string
	nowMs int64
	next  manifest
	files int // hidden ones made
	// open and partitions are the folders of next.Open, with their places, and of next.Partitions.
	open       map[string]int
	partitions map[string]bool
	// kept and gone are what prune has found and decided; kept is nil where it had nothing to do.
	kept *kept
	gone Removed
}

// commit does the three steps of a publish.
func (s *Sink) commit(m manifest, b *forward.Batch) (uint64, error) {
	p := &publishing{s: s, b: b, id: outputID(b.Subject), nowMs: s.now().UnixMilli(), next: manifest{
		Version: manifestVersion, Subject: b.Subject, Place: m.Place + 1, Cursor: b.Cursor.Append(nil),
		Open: slices.Clone(m.Open), Partitions: slices.Clone(m.Partitions), WatermarkMs: m.WatermarkMs,
		Removed: m.Removed,
	}, open: map[string]int{}, partitions: map[string]bool{}}
	for i, o := range p.next.Open {
		p.open[o.Folder] = i
	}
	for _, x := range p.next.Partitions {
		p.partitions[x.Folder] = true
	}
	delete(s.recovered, b.Subject) // until all three steps are done
	if err := p.rows(); err != nil {
		return 0, err
	}
	if err := p.complete(); err != nil {
		return 0, err
	}
	p.roll()
	if err := p.prune(); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("filesystem.after-part"); err != nil {
		return 0, err
	}
	if err := s.store(p.next); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("filesystem.after-manifest"); err != nil {
		return 0, err
	}
	if err := s.finish(p.next); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("filesystem.after-reveal"); err != nil {
		return 0, err
	}
	s.recovered[b.Subject] = true
	if p.kept != nil {
		s.kept[b.Subject] = p.kept
	}
	if p.gone.Files > 0 && s.keep.OnRemoved != nil {
		s.keep.OnRemoved(p.gone, p.next.Removed)
	}
	return p.next.Place, nil
}

// store replaces the manifest.
func (s *Sink) store(m manifest) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	name := manifestName(m.Subject)
	if err := writeSynced(s.root, name+".new", data); err != nil {
		return err
	}
	if err := failpoint.Hit("filesystem.before-manifest"); err != nil {
		return err
	}
	if err := s.root.Rename(name+".new", name); err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	return syncDir(s.root, ".")
}

// rows writes the batch's rows to hidden files by folder, and notes how far event time is.
func (p *publishing) rows() error {
	var folders []string
	of := map[string][]int{}
	for i, m := range p.b.Messages {
		if m.Subject == dataflow.ProgressSubject {
			t, err := strconv.ParseInt(string(m.Data), 10, 64)
			if err != nil {
				return fmt.Errorf("filesystem: sequence %d is no watermark: %w", m.First, err)
			}
			p.next.WatermarkMs = &t
			continue
		}
		folder := ""
		if len(p.s.partitions.By) > 0 {
			folder = m.Subject
		}
		if of[folder] == nil {
			folders = append(folders, folder)
		}
		of[folder] = append(of[folder], i)
	}
	for _, folder := range folders {
		if err := p.write(folder, of[folder]); err != nil {
			return err
		}
	}
	return nil
}

// write adds messages to the open file of a folder, or to a new one.
func (p *publishing) write(folder string, messages []int) error {
	s, first, last := p.s, p.b.Messages[messages[0]].First, p.b.Messages[messages[len(messages)-1]].Last
	at, open := p.open[folder]
	s.buf.Reset()
	if !open {
		s.buf.Write(s.framing.Header)
	}
	for _, i := range messages {
		s.buf.Write(p.b.Messages[i].Data)
		s.buf.Write(s.framing.Separator)
	}
	if open {
		o := &p.next.Open[at]
		if err := appendSynced(s.root, o.Hidden, o.Bytes, s.buf.Bytes()); err != nil {
			return err
		}
		o.Bytes, o.Written = o.Bytes+int64(s.buf.Len()), p.nowMs
		p.arrived(folder)
		return nil
	}
	data := s.buf.Bytes()
	if s.seal != nil {
		var err error
		if data, err = s.seal(data); err != nil {
			return fmt.Errorf("filesystem: %w", err)
		}
	}
	if s.rolling.On {
		last = 0
	}
	n, err := p.create(folder, s.partName(p.b.Output, p.id, first, last), data)
	if err != nil {
		return err
	}
	if s.rolling.On {
		p.next.Open = append(p.next.Open, n)
	} else {
		p.next.Ended = append(p.next.Ended, n)
	}
	p.arrived(folder)
	return nil
}

// create writes a part under a hidden name, and makes its folder: what keeps step 3 from giving
// it its visible name shows before a manifest asks for that.
func (p *publishing) create(folder, name string, data []byte) (part, error) {
	root := p.s.root
	n := part{Hidden: fmt.Sprintf(".part-%s-%d-%d", p.id, p.next.Place, p.files), Folder: folder, Name: name, Bytes: int64(len(data)), Created: p.nowMs, Written: p.nowMs}
	p.files++
	if n.outside() {
		return n, &forward.RefusedError{Reason: fmt.Sprintf("%q is no folder of a partition", folder)}
	}
	if folder != "" {
		if err := root.MkdirAll(fit(folder), 0o755); err != nil {
			return n, fmt.Errorf("filesystem: %w", err)
		}
	}
	switch _, err := root.Lstat(n.path()); {
	case err == nil && name != p.s.partitions.SuccessFile: // late rows complete a folder again
		return n, &forward.RefusedError{Reason: "the file " + n.path() + " exists already", Hint: "it was written by a pipeline whose state or manifest is gone; move the old files out of " + p.s.dir}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return n, fmt.Errorf("filesystem: %w", err)
	}
	return n, writeSynced(root, n.Hidden, data)
}

// arrived notes a folder that has rows.
func (p *publishing) arrived(folder string) {
	parts := &p.s.partitions
	if parts.SuccessFile == "" || len(parts.By) == 0 || p.partitions[folder] {
		return
	}
	p.partitions[folder] = true
	p.next.Partitions = append(p.next.Partitions, partition{folder, p.nowMs})
}

// complete finds the folders that are complete now, ends their files, and marks them: the mark is
// an empty part that becomes visible after the others, once.
func (p *publishing) complete() error {
	name := p.s.partitions.SuccessFile
	if name == "" { // it was given up since
		p.next.Partitions = nil
		return nil
	}
	var open []partition
	complete := map[string]bool{}
	for _, x := range p.next.Partitions {
		if complete[x.Folder] = p.isComplete(x); !complete[x.Folder] {
			open = append(open, x)
		}
	}
	p.end(func(o part) bool { return complete[o.Folder] })
	for _, x := range p.next.Partitions {
		if !complete[x.Folder] {
			continue
		}
		mark, err := p.create(x.Folder, name, nil)
		if err != nil {
			return err
		}
		p.next.Ended = append(p.next.Ended, mark)
	}
	p.next.Partitions = open
	return nil
}

// atEnd tells that the input has ended.
func (p *publishing) atEnd() bool {
	return p.next.WatermarkMs != nil && *p.next.WatermarkMs == math.MaxInt64
}

// isComplete tells whether a folder is complete. One whose time cannot be told, as of NULL, goes
// by process time, so that it holds nothing up and the manifest does not keep it for ever.
func (p *publishing) isComplete(x partition) bool {
	parts := &p.s.partitions
	delay := parts.Delay.Milliseconds()
	if p.atEnd() {
		return true
	}
	if parts.Trigger == CommitByPartitionTime {
		if t, err := parts.timeOf(x.Folder); err == nil {
			return p.next.WatermarkMs != nil && *p.next.WatermarkMs > t+delay
		}
	}
	return delay == 0 || p.nowMs > x.Created+delay
}

// roll ends the files that are large or old enough, at the end of the input all.
func (p *publishing) roll() {
	r := p.s.rolling
	old := func(since int64, limit int64) bool { return limit > 0 && p.nowMs-since >= limit }
	p.end(func(o part) bool {
		return p.atEnd() || r.Bytes > 0 && o.Bytes >= r.Bytes || old(o.Created, r.Interval.Milliseconds()) || old(o.Written, r.Inactivity.Milliseconds())
	})
}

// end ends the open files for which f holds.
func (p *publishing) end(f func(part) bool) {
	var open []part
	for _, o := range p.next.Open {
		if f(o) {
			p.next.Ended = append(p.next.Ended, o)
		} else {
			open = append(open, o)
		}
	}
	p.next.Open = open
}

// appendSynced cuts a file to a length, adds to it and syncs it.
func appendSynced(root *os.Root, path string, length int64, data []byte) error {
	f, err := root.OpenFile(path, os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() < length {
		err = fmt.Errorf("%s has %d bytes of the %d that were committed", path, info.Size(), length)
	}
	if err == nil {
		err = f.Truncate(length)
	}
	if err == nil {
		_, err = f.WriteAt(data, length)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	return nil
}
