package filesystem

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// CommitTrigger says when a partition is complete.
type CommitTrigger uint8

// The values of 'sink.partition-commit.trigger'.
const (
	// CommitByProcessTime: when it has been there for the delay; at once with a delay of 0.
	CommitByProcessTime CommitTrigger = iota
	// CommitByPartitionTime: when the watermark has passed the partition's time plus the delay;
	// by process time where the values make no time, which stops a job of Flink's.
	CommitByPartitionTime
)

// Partitions is how a table's rows are spread over folders such as dt=2024-01-01/hm=10%3A05,
// and when a folder is marked complete.
type Partitions struct {
	// By are the names of PARTITIONED BY, in order; empty puts all files into one folder.
	By []string
	// DefaultName stands for NULL and empty values, 'partition.default-name'.
	DefaultName string
	// SuccessFile is the name of the file that marks a complete partition, empty for none:
	// 'sink.partition-commit.policy.kind' = 'success-file' and '.success-file.name'.
	SuccessFile string
	Trigger     CommitTrigger
	Delay       time.Duration
	// Zone is that of partition times, 'sink.partition-commit.watermark-time-zone'.
	Zone *time.Location
	// Pattern puts a partition's time together of its values, $name each,
	// 'partition.time-extractor.timestamp-pattern'; empty takes the first value. Formatter
	// is the date pattern of the result.
	Pattern, Formatter string
}

// Rolling is when a part file ends. While it is written it is hidden.
type Rolling struct {
	// On is set with any 'sink.rolling-policy.*' option; without them each publish ends
	// its files.
	On bool
	// Bytes, Interval and Inactivity end a file that has become so large, so old, or has
	// not been written to for so long: 'file-size', 'rollover-interval', 'inactivity-interval'.
	Bytes                int64
	Interval, Inactivity time.Duration
}

var partitionKeys = []string{
	"partition.default-name", "partition.time-extractor.kind", "partition.time-extractor.timestamp-pattern", "partition.time-extractor.timestamp-formatter",
	"sink.partition-commit.trigger", "sink.partition-commit.delay", "sink.partition-commit.policy.kind", "sink.partition-commit.success-file.name",
	"sink.partition-commit.watermark-time-zone",
	"sink.rolling-policy.file-size", "sink.rolling-policy.rollover-interval", "sink.rolling-policy.inactivity-interval", "sink.rolling-policy.check-interval",
}

// parsePartitions reads the options of partitions and rolling.
func (o *Options) parsePartitions(r *with.Reader) {
	p := &o.Partitions
	*p = Partitions{DefaultName: "__DEFAULT_PARTITION__", Zone: time.UTC}
	r.Text("partition.default-name", &p.DefaultName)
	kind := 0
	r.Choice("partition.time-extractor.kind", &kind, "default")
	r.Text("partition.time-extractor.timestamp-pattern", &p.Pattern)
	r.Text("partition.time-extractor.timestamp-formatter", &p.Formatter)
	trigger := 0
	r.Choice("sink.partition-commit.trigger", &trigger, "process-time", "partition-time")
	p.Trigger = CommitTrigger(trigger)
	r.Duration("sink.partition-commit.delay", &p.Delay)
	if o.Table["sink.partition-commit.policy.kind"] != "" {
		r.Choice("sink.partition-commit.policy.kind", &kind, "success-file")
		p.SuccessFile = "_SUCCESS"
	}
	if name := o.Table["sink.partition-commit.success-file.name"]; name != "" && p.SuccessFile != "" {
		if p.SuccessFile = name; strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
			r.Fail("sink.partition-commit.success-file.name", "is a file's name without a path")
		}
	}
	if zone := o.Table["sink.partition-commit.watermark-time-zone"]; zone != "" {
		z, err := time.LoadLocation(zone)
		if err != nil {
			r.Fail("sink.partition-commit.watermark-time-zone", "is no time zone: "+err.Error())
			return
		}
		p.Zone = z
	}
	o.Rolling = Rolling{Bytes: 128 << 20, Interval: 30 * time.Minute, Inactivity: 30 * time.Minute}
	for key := range o.Table {
		o.Rolling.On = o.Rolling.On || strings.HasPrefix(key, "sink.rolling-policy.")
	}
	if size := o.Table["sink.rolling-policy.file-size"]; size != "" {
		n, err := plan.ParseBytes(size)
		if err != nil {
			r.Fail("sink.rolling-policy.file-size", err.Error())
		}
		o.Rolling.Bytes = n
	}
	r.Duration("sink.rolling-policy.rollover-interval", &o.Rolling.Interval)
	r.Duration("sink.rolling-policy.inactivity-interval", &o.Rolling.Inactivity)
	var check time.Duration // files are looked at with each publish
	r.Duration("sink.rolling-policy.check-interval", &check)
}

// Follows tells that the sink must hear how far event time has come, and of the end.
func (o *Options) Follows() bool { return o.Rolling.On || o.Partitions.SuccessFile != "" }

// Column is a partition column in a row.
type Column struct {
	Name  string
	Index int
	Type  types.Type
}

// nameBytesMax is the longest name of a file or folder that file systems take.
const nameBytesMax = 255

// Folder makes the function that appends the folder of a row: name=value, joined by slashes. A
// value that makes no folder name is an error.
func Folder(cols []Column, defaultName string, env *expr.Env) func(dst []byte, b *vec.Batch, i int) ([]byte, error) {
	var text []byte
	return func(dst []byte, b *vec.Batch, i int) ([]byte, error) {
		for k, c := range cols {
			if k > 0 {
				dst = append(dst, '/')
			}
			from := len(dst)
			dst = append(escape(dst, []byte(c.Name)), '=')
			text = text[:0]
			if v := b.Cols[c.Index]; !v.IsNull(i) {
				text = expr.FormatDatum(text, v.Get(i), c.Type, env)
			}
			if len(text) == 0 {
				text = append(text, defaultName...)
			}
			dst = escape(dst, text)
			if n := len(dst) - from; n > nameBytesMax {
				return dst, fmt.Errorf("column '%s' of PARTITIONED BY: its value makes a folder name of %d bytes, a file system takes %d at most", c.Name, n, nameBytesMax)
			}
			if !utf8.Valid(dst[from:]) {
				return dst, fmt.Errorf("column '%s' of PARTITIONED BY: its value is not valid UTF-8 and makes no folder name", c.Name)
			}
		}
		return dst, nil
	}
}

// escape writes the characters that Hive and Flink keep out of folder names as %XX.
func escape(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range s {
		if c < 0x20 || c == 0x7f || strings.IndexByte("\"#%'*/:=?\\{[]^", c) >= 0 {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// values are those of a folder by name.
func values(folder string) (map[string]string, []string, error) {
	out := map[string]string{}
	var names []string
	for _, part := range strings.Split(folder, "/") {
		name, value, ok := strings.Cut(part, "=")
		n, err := url.PathUnescape(name)
		v, err2 := url.PathUnescape(value)
		if err = errors.Join(err, err2); err != nil || !ok {
			return nil, nil, fmt.Errorf("%q is no folder of a partition", folder)
		}
		out[n] = v
		names = append(names, n)
	}
	return out, names, nil
}

// timeOf is a partition's time in ms since 1970.
func (p *Partitions) timeOf(folder string) (int64, error) {
	vals, names, err := values(folder)
	if err != nil {
		return 0, err
	}
	text := p.Pattern
	if text == "" {
		text = vals[names[0]]
	} else {
		for _, name := range names {
			text = strings.ReplaceAll(text, "$"+name, vals[name])
		}
	}
	patterns := []string{p.Formatter}
	if p.Formatter == "" {
		patterns = []string{"yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd"}
	}
	for _, pattern := range patterns {
		call, err := expr.NewCall("TO_TIMESTAMP", expr.NewString(text), expr.NewString(pattern))
		if err != nil {
			return 0, err
		}
		if l, ok := expr.Fold(call, &expr.Env{Zone: time.UTC}).(*expr.Lit); ok && !l.Value.Null {
			utc := time.UnixMicro(l.Value.I).UTC()
			return time.Date(utc.Year(), utc.Month(), utc.Day(), utc.Hour(), utc.Minute(), utc.Second(), utc.Nanosecond(), p.Zone).UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q, of partition %s, is no time in the pattern %s", text, folder, strings.Join(patterns, " or "))
}
