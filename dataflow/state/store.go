package state

import (
	"errors"
	"io"
	"time"
)

// Store keeps the snapshots and the outbox of one pipeline. Package store
// implements it on bbolt, package store/memstore in memory; both pass the suite
// in store/storetest.
//
// Commit, Compact and Savepoint exclude each other inside the store. ReadPage,
// OutboxScan and OutboxStats may run beside them, on any goroutine.
type Store interface {
	// Load returns what the last commit left.
	Load() (*Restored, error)
	// Pages calls fn for each page of the last commit, in order; the image is
	// valid during the call. Arena.Restore takes it.
	Pages(fn func(PageID, []byte) error) error
	// ReadPage returns the newest committed image of a page, in dst if it has
	// room, or ErrNoPage.
	ReadPage(id PageID, dst []byte) ([]byte, error)
	// Commit stores a checkpoint whole or not at all: after an error nothing of it
	// is seen by any later call, and the caller aborts the delta.
	Commit(c *Commit) (CommitStats, error)
	// OutboxScan calls fn for the frames of an output that hold sequences above
	// after, in order, until fn returns false or an error, which it returns. The
	// frame's Data is valid during the call. fn must not block for long and must
	// not call the store.
	OutboxScan(output string, after uint64, fn func(OutboxFrame) (more bool, err error)) error
	// OutboxStats describes the outbox of an output; it is zero for one that never
	// had a frame.
	OutboxStats(output string) (OutboxStats, error)
	// Savepoint writes a consistent copy of everything to w, in a format of its own
	// that does not depend on the machine.
	Savepoint(w io.Writer) (SavepointInfo, error)
	// Check verifies the whole store and returns all that is wrong.
	Check() error
	// Compact gives free space back to the file system.
	Compact() error
	// Close releases the store.
	Close() error
}

// Stager is a Store that takes frames ahead of their commit, so that a step may make more output than
// memory holds.
type Stager interface {
	// Stage stores the data of frames, and takes it out of those that it has stored: after an error
	// these are the first ones. No reader sees them until a Commit appends them; the next start
	// forgets those of which none did. It waits for a commit under way.
	Stage(frames []OutboxFrame) error
}

// ErrNoPage is returned by Store.ReadPage when the last commit has no such page.
var ErrNoPage = errors.New("state: no such page in the store")

// Restored is what the last commit left, but for pages and outbox frames.
type Restored struct {
	Epoch      Epoch
	Generation uint64
	Roots      Roots
	Manifest   []byte // nil when nothing was committed yet
	Outboxes   []OutboxStats
}

// Commit is a checkpoint to store.
type Commit struct {
	Epoch      Epoch
	Generation uint64
	Delta      *Delta // nil when no page changed: the pages and roots before stay
	Manifest   []byte // opaque; replaces the one before
	Append     []OutboxFrame
	Replace    []OutboxReplace
	Trim       []OutboxTrim
}

// OutboxFrame is a run of rows of one output that leave together. The sequences
// of an output have no holes: a frame's First is the Last before it plus one.
type OutboxFrame struct {
	Output      string
	First, Last uint64 // outbox sequences
	Rows        int    // Last - First + 1: a merged row counts for all it stands for
	Created     int64  // arrival time in milliseconds
	Data        []byte // opaque
	// Staged is the size of Data where Stage has stored it: Data is nil then.
	Staged int64
}

// Size is the size of the frame's data in bytes, staged or not.
func (f *OutboxFrame) Size() int64 { return int64(len(f.Data)) + f.Staged }

// OutboxReplace puts other frames in the place of those that hold the sequences from First
// to Last of an output. Frames hold the same sequences, without holes, and fewer rows.
type OutboxReplace struct {
	Output      string
	First, Last uint64
	Frames      []OutboxFrame
}

// Whole tells whether the new frames hold the sequences of the old ones.
func (r *OutboxReplace) Whole() bool {
	next := r.First
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.Output != r.Output || f.First != next || f.Last < f.First {
			return false
		}
		next = f.Last + 1
	}
	return len(r.Frames) > 0 && next == r.Last+1
}

// OutboxTrim says that the sequences up to UpTo of an output are confirmed.
// Frames that end at or before it are deleted.
type OutboxTrim struct {
	Output string
	UpTo   uint64
}

// OutboxStats describes the outbox of one output.
type OutboxStats struct {
	Output string
	// First and Last are the sequences of the first and the last row kept; when
	// the outbox is empty, First is Last+1.
	First, Last   uint64
	Frames        int
	Rows          int64
	Bytes         int64 // of Data
	OldestCreated int64 // arrival time in milliseconds of the oldest frame; 0 when empty
}

// CommitStats describes one commit.
type CommitStats struct {
	Epoch        Epoch
	Pages        int   // pages written
	PageBytes    int64 // their size
	StoredBytes  int64 // their size as stored
	PagesDeleted int
	Frames       int
	FrameBytes   int64
	Transactions int
	FileBytes    int64         // size of the file afterwards
	FreeBytes    int64         // part of it that holds nothing
	WrittenBytes int64         // bytes written to the file, counted in the file's own pages
	Capture      time.Duration // capturing, compressing and placing pages
	Sync         time.Duration // committing
}

// SavepointInfo describes a savepoint.
type SavepointInfo struct {
	Epoch      Epoch
	Generation uint64
	Pages      int
	Frames     int
	Bytes      int64 // size of the savepoint
}
