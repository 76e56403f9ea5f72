package filesystem

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow/format"
)

// ChangedPolicy says what happens when a file is not the one that was read before.
type ChangedPolicy uint8

// The policies of 'edgeflow.on-gap'.
const (
	// ChangedFail stops the pipeline.
	ChangedFail ChangedPolicy = iota
	// ChangedReread reads the file from its beginning.
	ChangedReread
)

// Options configures a source or a sink.
type Options struct {
	// Path is a directory, or for a source also a file, 'path'.
	Path string
	// Roots hold Path and all that lies below it, links included; nil confines nothing.
	Roots *confine.Roots
	// Format and Table are the table's format and its options.
	Format string
	Table  map[string]string

	// MonitorInterval is how often a source looks for new files and for lines appended to
	// known ones, 'source.monitor-interval'; 0 reads what is there and ends.
	MonitorInterval time.Duration
	// Pattern is a regular expression that a file's path must match as a whole,
	// 'source.path.regex-pattern'; empty is all.
	Pattern string
	// StartMs is the arrival time of the first row, 'filesystem.start-time', each row
	// arriving 1 ms after the one before; 0 takes a file's modification time.
	StartMs int64
	// OnChanged is 'edgeflow.on-gap': 'fail' or 'resume'.
	OnChanged ChangedPolicy
	// ChunkBytes is how much a source reads at a time; 0 is 256 KiB.
	ChunkBytes int
	// Partitions and Rolling are those of a sink.
	Partitions Partitions
	Rolling    Rolling
	// Keep bounds a sink's part files; zero keeps all.
	Keep Keep
	// Seal encrypts the content of a part file, whose name then ends in SealedSuffix; nil
	// leaves it in the clear. It excludes Rolling, by which a file is added to.
	Seal func(rows []byte) ([]byte, error)
	// Now tells the time, for the monitor interval and the age of files; nil is the host's
	// clock.
	Now func() time.Time
}

// SealedSuffix ends the names of encrypted part files.
const SealedSuffix = ".sealed"

const (
	chunkBytes = 256 << 10
	// eventBytesMax is the longest event that is put together from chunks.
	eventBytesMax = 64 << 20
)

var keys = []string{"path", "source.monitor-interval", "source.path.regex-pattern", "filesystem.start-time", "sink.parallelism", "scan.parallelism"}

// ParseOptions reads a table's options, those of its format included.
func ParseOptions(table map[string]string) (Options, error) {
	o := Options{Format: table["format"], Table: table}
	if err := with.CheckKeys("filesystem", table, append(partitionKeys[:len(partitionKeys):len(partitionKeys)], keys...), nil); err != nil {
		return o, err
	}
	r := with.Reader{Table: table}
	r.Text("path", &o.Path)
	o.Path = strings.TrimPrefix(o.Path, "file://")
	r.Duration("source.monitor-interval", &o.MonitorInterval)
	r.Text("source.path.regex-pattern", &o.Pattern)
	r.Time("filesystem.start-time", &o.StartMs)
	changed := 0
	r.Choice("edgeflow.on-gap", &changed, "fail", "resume")
	o.OnChanged = ChangedPolicy(changed)
	o.parsePartitions(&r)
	if r.Err != nil {
		return o, r.Err
	}
	return o, o.Validate()
}

// Validate reports the first thing wrong with the options.
func (o *Options) Validate() error {
	switch {
	case o.Path == "":
		return &with.OptionError{Key: "path", Problem: "missing: name a directory or a file"}
	case o.Format == "":
		return &with.OptionError{Key: "format", Problem: "missing: one of " + strings.Join(format.Names(), ", ")}
	}
	if o.Seal != nil && o.Rolling.On {
		return errors.New("filesystem: a file that is encrypted as a whole cannot be added to")
	}
	if o.Keep.on() && (o.Rolling.On || len(o.Partitions.By) > 0) {
		return errors.New("filesystem: only files of one folder that are written at once have limits")
	}
	if _, err := regexp.Compile(o.Pattern); err != nil {
		return &with.OptionError{Key: "source.path.regex-pattern", Value: o.Pattern, Problem: err.Error()}
	}
	return format.Validate(o.Format, o.Table)
}

func (o *Options) setDefaults() {
	if o.ChunkBytes == 0 {
		o.ChunkBytes = chunkBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}
