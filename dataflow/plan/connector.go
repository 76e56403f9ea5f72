package plan

import (
	"maps"
	"slices"
	"strings"
)

// Connector is what the planner must know of a connector.
type Connector struct {
	// Source and Sink tell what it can be.
	Source, Sink bool
	// SourceMode yields the row kinds that a source delivers; nil is append-only.
	SourceMode func(t *Table) ChangelogMode
	// SinkMode yields the row kinds that a sink takes; nil is any, without -U when the
	// table has a primary key.
	SinkMode func(t *Table) ChangelogMode
	// AtLeastOnce tells that a sink may write rows again after a failure.
	AtLeastOnce bool
	// Partitions tells that rows are kept by the columns of PARTITIONED BY.
	Partitions bool
	// Options are the keys that a table may have besides the planner's own; a key that ends
	// in "*" stands for all that begin so. Nil leaves the keys unchecked.
	Options []string
	// Metadata are the keys of metadata columns that a source offers. Nil leaves them
	// unchecked.
	Metadata []string
}

// ownOptions are the table options that the planner and the engine read, and those of Flink's
// that have no meaning here: sources are always merged by arrival.
var ownOptions = []string{
	"connector", "format", "changelog-mode", "scan.watermark.emit.strategy", "scan.watermark.emit.on-event.gap", "scan.watermark.idle-timeout",
	"scan.watermark.alignment.*",
	"edgeflow.watermark.by", "edgeflow.watermark.by-timeout", "edgeflow.watermark.max-behind", "edgeflow.watermark.max-ahead", "edgeflow.watermark.on-ahead",
	messageBytesOption, fieldBytesOption,
	"edgeflow.outbox.max-bytes", "edgeflow.outbox.max-age", "edgeflow.outbox.on-limit", "edgeflow.outbox.rate",
	"edgeflow.outbox.priority", compactOption, "edgeflow.pack", "sink.parallelism", "scan.parallelism",
}

// checkConnector checks a table's connector and option keys against what is known.
func (b *binder) checkConnector(t *Table) error {
	name, ok := t.Options["connector"]
	if b.opts.Connectors == nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(b.opts.Connectors))
	if !ok {
		return b.errorf(t.span, "table %s has no option 'connector'", t.Name).
			WithHint("one of %s", strings.Join(names, ", "))
	}
	c, ok := b.opts.Connectors[name]
	if !ok {
		return b.errorf(t.spans["connector"], "unknown connector '%s'", name).WithNearest(name, names)
	}
	t.Partitioned = c.Partitions && len(t.PartitionBy) > 0
	for _, key := range t.Order {
		if c.Options == nil || matchOption(key, c.Options) || matchOption(key, ownOptions) || formatOption(t, key) {
			continue
		}
		return b.errorf(t.spans[key], "connector '%s' has no option '%s'", name, key).
			WithNearest(key, append(slices.Clone(ownOptions), c.Options...))
	}
	for _, col := range t.Columns {
		if col.Kind == MetadataColumn && c.Metadata != nil && !matchOption(col.Key, c.Metadata) {
			return b.errorf(col.def.Span, "connector '%s' has no metadata '%s'", name, col.Key).WithNearest(col.Key, c.Metadata)
		}
	}
	return nil
}

// formatOption tells the options of the table's format, such as 'json.ignore-parse-errors'.
func formatOption(t *Table, key string) bool {
	f := t.Options["format"]
	return f != "" && strings.HasPrefix(key, f+".")
}

func matchOption(key string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		if p, ok := strings.CutSuffix(k, "*"); ok {
			return strings.HasPrefix(key, p)
		}
		return k == key
	})
}

// sourceMode is the row kinds that a table delivers when it is read.
func (b *binder) sourceMode(t *Table) ChangelogMode {
	if m, ok := t.ChangelogMode(); ok {
		return m
	}
	if c, ok := b.opts.Connectors[t.Connector()]; ok && c.SourceMode != nil {
		return c.SourceMode(t)
	}
	return AppendOnly
}

// sinkMode is the row kinds that a table takes. A table of a test that is to take updates
// and has no primary key takes former images as well.
func (b *binder) sinkMode(t *Table) ChangelogMode {
	if m, ok := t.ChangelogMode(); ok {
		if t.Connector() == "values" && m.NeedsKey() && len(t.PrimaryKey) == 0 {
			m |= ModeUpdateBefore
		}
		return m
	}
	if c, ok := b.opts.Connectors[t.Connector()]; ok && c.SinkMode != nil {
		return c.SinkMode(t)
	}
	if len(t.PrimaryKey) > 0 {
		return Upsert
	}
	return Retract
}
