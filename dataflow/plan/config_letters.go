package plan

import (
	"fmt"
	"time"
)

// LetterTarget says where dead letters and late rows go.
type LetterTarget uint8

// They go into files of the pipeline's folder, into a stream of the server that sources are
// read from, or into one of the server that sinks forward to.
const (
	LettersToFiles LetterTarget = iota
	LettersToEdge
	LettersToHub
)

var letterTargetNames = []string{"file", "edge", "hub"}

// Letters is where dead letters and late rows go, and how many are kept: the options
// edgeflow.dlq, .stream, .max-bytes and .max-age.
type Letters struct {
	Target LetterTarget
	// Stream is made when it is missing, with the limits below. In files they hold for the
	// dead letters and for the late rows, each.
	Stream   string
	MaxBytes int64         // 0: no limit
	MaxAge   time.Duration // 0: no limit
}

// LettersStream is the stream of dead letters and late rows where no other is named.
const LettersStream = "EDGEFLOW_DLQ"

const (
	letterTargetKey = "edgeflow.dlq"
	letterStreamKey = "edgeflow.dlq.stream"
	letterBytesKey  = "edgeflow.dlq.max-bytes"
	letterAgeKey    = "edgeflow.dlq.max-age"
	letterAge       = 30 * 24 * time.Hour
	// letterFileBytes is the limit of files; a stream is the hub's, and has none unless it is set.
	letterFileBytes = 256 << 20
)

// Letters reads the options, whose values were checked when they were set.
func (c *Config) Letters() Letters {
	l := Letters{Stream: LettersStream, MaxAge: letterAge}
	if v, ok := c.Values[letterTargetKey]; ok {
		n, _ := parseEnum(v, letterTargetNames)
		l.Target = LetterTarget(n)
	}
	if v, ok := c.Values[letterStreamKey]; ok {
		l.Stream = v
	}
	if l.Target == LettersToFiles {
		l.MaxBytes = letterFileBytes
	}
	if v, ok := c.Values[letterBytesKey]; ok {
		l.MaxBytes, _ = ParseBytes(v)
	}
	if v, ok := c.Values[letterAgeKey]; ok {
		l.MaxAge, _ = ParseDuration(v)
	}
	return l
}

// checkedOption is an option that is kept in Config.Values alone.
func checkedOption(key, doc, standard string, check func(v string) error) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(_ *Config, v string) error { return check(v) },
		get: func(c *Config) string {
			if v, ok := c.Values[key]; ok {
				return v
			}
			return standard
		}}
}

func init() {
	configOptions = append(configOptions,
		checkedOption(letterTargetKey, "where dead letters and late rows go: files below the data folder, or a stream at the server of sources or of sinks (file, edge, hub)", "file",
			func(v string) error { _, err := parseEnum(v, letterTargetNames); return err }),
		checkedOption(letterStreamKey, "the stream of dead letters and late rows", LettersStream, checkStreamName),
		checkedOption(letterBytesKey, "the size of the files of dead letters, and of late rows, beyond which the oldest go, and of that stream when it is made, which has no limit unless this is set; 0 is any", FormatBytes(letterFileBytes),
			func(v string) error { _, err := ParseBytes(v); return err }),
		checkedOption(letterAgeKey, "how long files of letters are kept, and letters of that stream, when it is made; 0 is for ever", FormatDuration(letterAge),
			func(v string) error { _, err := ParseDuration(v); return err }),
	)
}

// checkStreamName checks a name that is also the first token of subjects.
func checkStreamName(v string) error {
	if v == "" {
		return fmt.Errorf("a stream has a name")
	}
	for _, r := range v {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		default:
			return fmt.Errorf("%q: a stream's name has letters, digits, - and _", v)
		}
	}
	return nil
}
