package plan

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Config holds the options of a pipeline, as SET statements give them. Durations of 0
// mean none or for ever unless said otherwise.
type Config struct {
	// Name is pipeline.name.
	Name string
	// Zone is table.local-time-zone.
	Zone *time.Location
	// StateTTL is table.exec.state.ttl.
	StateTTL time.Duration
	// SourceIdleTimeout is table.exec.source.idle-timeout.
	SourceIdleTimeout time.Duration
	// CDCDuplicates is table.exec.source.cdc-events-duplicate: sources with a primary key
	// may repeat changes, which a ChangelogNormalize removes.
	CDCDuplicates bool
	// MiniBatch, MiniBatchLatency and MiniBatchSize are table.exec.mini-batch.enabled,
	// .allow-latency and .size (rows).
	MiniBatch        bool
	MiniBatchLatency time.Duration
	MiniBatchSize    int
	// NotNull is table.exec.sink.not-null-enforcer, Lengths table.exec.sink.type-length-enforcer.
	NotNull NotNullEnforcer
	Lengths LengthEnforcer
	// Nested is table.exec.sink.nested-constraint-enforcer. Unlike Flink's, its default holds
	// a table to all that it declares.
	Nested NestedEnforcer
	// RequireOnConflict is table.exec.sink.require-on-conflict: an INSERT whose rows are not
	// keyed by the sink's primary key needs ON CONFLICT.
	RequireOnConflict bool

	// CheckpointInterval, CheckpointMinPause, CheckpointTimeout and TolerableFailures are
	// execution.checkpointing.interval, .min-pause, .timeout and .tolerable-failed-checkpoints.
	CheckpointInterval time.Duration
	CheckpointMinPause time.Duration
	// CheckpointBytesPerDay is edgeflow.checkpoint.max-bytes-per-day.
	CheckpointBytesPerDay int64
	CheckpointTimeout     time.Duration
	TolerableFailures     int

	// WatermarkInterval is pipeline.auto-watermark-interval.
	WatermarkInterval time.Duration
	// WatermarkBy is edgeflow.watermark.by, a column per value of which watermarks are
	// aligned; WatermarkByTimeout, edgeflow.watermark.by-timeout, expires a silent value.
	WatermarkBy        string
	WatermarkByTimeout time.Duration
	// WatermarkMaxBehind is edgeflow.watermark.max-behind.
	WatermarkMaxBehind time.Duration
	// WatermarkMaxAhead is edgeflow.watermark.max-ahead, Ahead edgeflow.watermark.on-ahead.
	WatermarkMaxAhead time.Duration
	Ahead             AheadPolicy

	// OnRowError is edgeflow.on-row-error.
	OnRowError RowErrorPolicy
	// Late is edgeflow.late, AllowedLateness edgeflow.allowed-lateness.
	Late            LatePolicy
	AllowedLateness time.Duration
	// EmitLateness is table.exec.emit.allow-lateness, the allowed lateness of group windows.
	EmitLateness time.Duration

	// OutboxBytesMax, OutboxAgeMax, OutboxOnLimit and OutboxRate are edgeflow.outbox.max-bytes,
	// .max-age, .on-limit and .rate (bytes a second, 0 for any); a sink's own option of the
	// same name goes first.
	OutboxBytesMax int64
	OutboxAgeMax   time.Duration
	OutboxOnLimit  LimitPolicy
	OutboxRate     int64
	// OutboxCompact is edgeflow.outbox.compact: lengths of wider windows, ascending.
	OutboxCompact []time.Duration
	// MemoryMax is edgeflow.memory.max, bytes of state held in memory. OutputMemoryMax is
	// edgeflow.memory.output-max, bytes of output held there until a checkpoint stores them.
	MemoryMax, OutputMemoryMax int64
	// MessageBytesMax and FieldBytesMax are edgeflow.message.max-bytes and
	// edgeflow.field.max-bytes, 0 for any size; a source's own option of the same name goes
	// first.
	MessageBytesMax, FieldBytesMax int64

	// Values holds every option that was set, by key, as written.
	Values map[string]string
}

// DefaultConfig is the configuration without any SET.
func DefaultConfig() Config {
	return Config{
		Zone:               time.UTC,
		MiniBatchSize:      -1,
		RequireOnConflict:  true,
		Nested:             NestedCollections,
		CheckpointInterval: time.Second,
		CheckpointTimeout:  10 * time.Minute,
		TolerableFailures:  -1,
		WatermarkInterval:  200 * time.Millisecond,
		WatermarkByTimeout: time.Minute,
		WatermarkMaxBehind: time.Hour,
		WatermarkMaxAhead:  time.Hour,
		OutboxBytesMax:     1 << 30,
		MemoryMax:          256 << 20,
		OutputMemoryMax:    64 << 20,
		MessageBytesMax:    16 << 20,
		FieldBytesMax:      1 << 20,
		Values:             map[string]string{},
	}
}

// Env is the environment in which the pipeline's expressions are computed.
func (c *Config) Env() *expr.Env { return &expr.Env{Zone: c.Zone, Config: c.Values} }

// ConfigOption describes an option for SET.
type ConfigOption struct {
	Key, Doc string
	set      func(c *Config, value string) error
	get      func(c *Config) string
}

// Default is the value that holds when the option is not set, as text.
func (o ConfigOption) Default() string {
	c := DefaultConfig()
	return o.get(&c)
}

// ConfigOptions lists the options by key.
func ConfigOptions() []ConfigOption {
	out := append([]ConfigOption(nil), configOptions...)
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// Set sets an option. An unknown key or a value of the wrong form is an error that says
// what was expected; an option of Flink that has no meaning here yields a warning instead.
func (c *Config) Set(key, value string) (warning string, err error) {
	if known(key) {
		if err := c.assign(key, value); err != nil {
			return "", fmt.Errorf("option '%s': %w", key, err)
		}
		c.Values[key] = value
		return "", nil
	}
	if silent(key) {
		c.Values[key] = value
		return "", nil
	}
	if ignoredOption(key) {
		c.Values[key] = value
		return fmt.Sprintf("option '%s' has no effect here", key), nil
	}
	msg := fmt.Sprintf("unknown option '%s'", key)
	if near := sql.Nearest(key, optionKeys()); near != "" {
		msg += fmt.Sprintf("; did you mean '%s'?", near)
	}
	return "", fmt.Errorf("%s", msg)
}

func known(key string) bool {
	return slices.ContainsFunc(configOptions, func(o ConfigOption) bool { return o.Key == key })
}

// assign sets the field of a known option.
func (c *Config) assign(key, value string) error {
	for _, o := range configOptions {
		if o.Key == key {
			return o.set(c, strings.TrimSpace(value))
		}
	}
	return nil
}

// Reset sets an option, or with an empty key all of them, back to the default.
func (c *Config) Reset(key string) error {
	if key == "" {
		*c = DefaultConfig()
		return nil
	}
	if _, ok := c.Values[key]; !ok {
		return nil
	}
	kept := c.Values
	delete(kept, key)
	*c = DefaultConfig()
	for k, v := range kept {
		if _, err := c.Set(k, v); err != nil {
			return err
		}
	}
	return nil
}

func optionKeys() []string {
	keys := make([]string, len(configOptions))
	for i, o := range configOptions {
		keys[i] = o.Key
	}
	return keys
}

// silent tells the options of the SQL client, which a pipeline file may carry.
func silent(key string) bool { return strings.HasPrefix(key, "sql-client.") }

// ignoredPrefixes are the families of Flink's options that steer its own planner,
// runtime or deployment.
var ignoredPrefixes = []string{
	"table.optimizer.", "table.exec.", "table.planner", "table.plan.", "table.display.",
	"table.generated-code.", "table.dml-sync", "table.sql-dialect", "table.builtin-catalog-name",
	"table.builtin-database-name", "table.rtas-ctas.", "table.column-expansion-strategy", "table.resources.",
	"table.legacy-nested-row-nullability", "table.dynamic-table-options.", "__internal__.",
	"execution.", "pipeline.", "parallelism.", "state.", "taskmanager.", "jobmanager.", "restart-strategy",
	"akka.", "pekko.", "metrics.", "rest.", "web.", "kubernetes.", "yarn.", "high-availability",
	"cluster.", "heartbeat.", "s3.", "fs.", "env.", "classloader.", "security.",
}

func ignoredOption(key string) bool {
	if misspelt(key) {
		return false
	}
	for _, p := range ignoredPrefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// misspelt tells whether a key differs from a known one in a slip of its last part.
func misspelt(key string) bool {
	cut := strings.LastIndexByte(key, '.') + 1
	var last []string
	for _, o := range configOptions {
		if strings.HasPrefix(o.Key, key[:cut]) {
			last = append(last, o.Key[cut:])
		}
	}
	return sql.Nearest(key[cut:], last) != ""
}

func durationOption(key, doc string, field func(*Config) *time.Duration) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(c *Config, v string) error { return into(field(c), ParseDuration, v) },
		get: func(c *Config) string { return FormatDuration(*field(c)) }}
}

func bytesOption(key, doc string, field func(*Config) *int64) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(c *Config, v string) error { return into(field(c), ParseBytes, v) },
		get: func(c *Config) string { return FormatBytes(*field(c)) }}
}

func intOption(key, doc string, field func(*Config) *int) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(c *Config, v string) error {
			return into(field(c), func(s string) (int, error) {
				n, err := strconv.Atoi(s)
				if err != nil {
					return 0, fmt.Errorf("%q is no whole number", s)
				}
				return n, nil
			}, v)
		},
		get: func(c *Config) string { return strconv.Itoa(*field(c)) }}
}

func boolOption(key, doc string, field func(*Config) *bool) ConfigOption {
	return ConfigOption{Key: key, Doc: doc,
		set: func(c *Config, v string) error { return into(field(c), parseBool, v) },
		get: func(c *Config) string { return strconv.FormatBool(*field(c)) }}
}

func enumOption[T ~uint8](key, doc string, names []string, field func(*Config) *T) ConfigOption {
	return ConfigOption{Key: key, Doc: doc + " (" + strings.Join(names, ", ") + ")",
		set: func(c *Config, v string) error {
			n, err := parseEnum(v, names)
			if err == nil {
				*field(c) = T(n)
			}
			return err
		},
		get: func(c *Config) string { return names[*field(c)] }}
}

func into[T any](dst *T, parse func(string) (T, error), v string) error {
	x, err := parse(v)
	if err == nil {
		*dst = x
	}
	return err
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// parseEnum finds a name in any case, with "_" read as "-".
func parseEnum(s string, names []string) (int, error) {
	norm := strings.ReplaceAll(strings.ToLower(s), "_", "-")
	for i, n := range names {
		if n == norm {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of %s", s, strings.Join(names, ", "))
}

var configOptions = []ConfigOption{
	{Key: "pipeline.name", Doc: "the pipeline's name",
		set: func(c *Config, v string) error { c.Name = v; return nil },
		get: func(c *Config) string { return c.Name }},
	{Key: "table.local-time-zone", Doc: "the session's time zone",
		set: func(c *Config, v string) error { return into(&c.Zone, parseZone, v) },
		get: func(c *Config) string { return c.Zone.String() }},
	durationOption("table.exec.state.ttl", "how long untouched state of unbounded operators is kept; 0 is for ever",
		func(c *Config) *time.Duration { return &c.StateTTL }),
	durationOption("table.exec.source.idle-timeout", "after how long without rows a source no longer holds the watermark; 0 is never",
		func(c *Config) *time.Duration { return &c.SourceIdleTimeout }),
	boolOption("table.exec.source.cdc-events-duplicate", "sources of changes with a primary key may repeat changes",
		func(c *Config) *bool { return &c.CDCDuplicates }),
	boolOption("table.exec.mini-batch.enabled", "coalesce the updates of a batch",
		func(c *Config) *bool { return &c.MiniBatch }),
	durationOption("table.exec.mini-batch.allow-latency", "how long updates may be held back to be coalesced",
		func(c *Config) *time.Duration { return &c.MiniBatchLatency }),
	intOption("table.exec.mini-batch.size", "how many rows may be held back to be coalesced; -1 is the engine's batch",
		func(c *Config) *int { return &c.MiniBatchSize }),
	enumOption("table.exec.sink.not-null-enforcer", "what happens to a NULL for a NOT NULL column", notNullNames,
		func(c *Config) *NotNullEnforcer { return &c.NotNull }),
	enumOption("table.exec.sink.type-length-enforcer", "what happens to a cell of another length than declared", lengthNames,
		func(c *Config) *LengthEnforcer { return &c.Lengths }),
	enumOption("table.exec.sink.nested-constraint-enforcer", "whether NOT NULL and lengths hold inside rows and collections too", nestedNames,
		func(c *Config) *NestedEnforcer { return &c.Nested }),
	boolOption("table.exec.sink.require-on-conflict", "refuse an INSERT into a keyed table whose rows have another key, unless ON CONFLICT says what to do",
		func(c *Config) *bool { return &c.RequireOnConflict }),
	durationOption("execution.checkpointing.interval", "time from the start of one checkpoint to the next",
		func(c *Config) *time.Duration { return &c.CheckpointInterval }),
	durationOption("execution.checkpointing.min-pause", "time at least between the end of a checkpoint and the start of the next",
		func(c *Config) *time.Duration { return &c.CheckpointMinPause }),
	durationOption("execution.checkpointing.timeout", "after how long a checkpoint counts as failed",
		func(c *Config) *time.Duration { return &c.CheckpointTimeout }),
	bytesOption("edgeflow.checkpoint.max-bytes-per-day", "what checkpoints may write to the disk in a day, for the sake of flash memory: their interval grows up to 10 min to keep to it; 0 is any amount",
		func(c *Config) *int64 { return &c.CheckpointBytesPerDay }),
	intOption("execution.checkpointing.tolerable-failed-checkpoints", "how many checkpoints may fail in a row; -1 is any number",
		func(c *Config) *int { return &c.TolerableFailures }),
	durationOption("pipeline.auto-watermark-interval", "the grid of arrival time on which watermarks are emitted",
		func(c *Config) *time.Duration { return &c.WatermarkInterval }),
	{Key: "edgeflow.watermark.by", Doc: "a column per value of which watermarks are kept and aligned",
		set: func(c *Config, v string) error { c.WatermarkBy = v; return nil },
		get: func(c *Config) string { return c.WatermarkBy }},
	durationOption("edgeflow.watermark.by-timeout", "after how long a silent value of edgeflow.watermark.by is forgotten",
		func(c *Config) *time.Duration { return &c.WatermarkByTimeout }),
	durationOption("edgeflow.watermark.max-behind", "how far a value of edgeflow.watermark.by may be behind the leading one and still hold the watermark; 0 is any",
		func(c *Config) *time.Duration { return &c.WatermarkMaxBehind }),
	durationOption("edgeflow.watermark.max-ahead", "how far event time may be ahead of arrival time; 0 is any",
		func(c *Config) *time.Duration { return &c.WatermarkMaxAhead }),
	enumOption("edgeflow.watermark.on-ahead", "what happens to rows further ahead", aheadNames,
		func(c *Config) *AheadPolicy { return &c.Ahead }),
	enumOption("edgeflow.on-row-error", "what happens to a row that cannot be computed", rowErrorNames,
		func(c *Config) *RowErrorPolicy { return &c.OnRowError }),
	enumOption("edgeflow.late", "what happens to late rows", lateNames,
		func(c *Config) *LatePolicy { return &c.Late }),
	durationOption("edgeflow.allowed-lateness", "how long after its end a window takes late rows, with edgeflow.late = correct",
		func(c *Config) *time.Duration { return &c.AllowedLateness }),
	durationOption("table.exec.emit.allow-lateness", "how long after its end a group window takes late rows, each of which revises its result",
		func(c *Config) *time.Duration { return &c.EmitLateness }),
	bytesOption("edgeflow.outbox.max-bytes", "budget of an output's outbox",
		func(c *Config) *int64 { return &c.OutboxBytesMax }),
	durationOption("edgeflow.outbox.max-age", "how old an output's rows may become; 0 is any",
		func(c *Config) *time.Duration { return &c.OutboxAgeMax }),
	enumOption("edgeflow.outbox.on-limit", "what happens at the budget's end", limitNames,
		func(c *Config) *LimitPolicy { return &c.OutboxOnLimit }),
	bytesOption("edgeflow.outbox.rate", "bytes a second that are sent at most; 0 is any",
		func(c *Config) *int64 { return &c.OutboxRate }),
	widthsOption(compactOption, "lengths of the wider windows into which results are merged when an outbox is crowded, such as '1 min, 1 h'",
		func(c *Config) *[]time.Duration { return &c.OutboxCompact }),
	bytesOption("edgeflow.memory.max", "state held in memory at most",
		func(c *Config) *int64 { return &c.MemoryMax }),
	bytesOption("edgeflow.memory.output-max", "output held in memory until a checkpoint stores it: at this a checkpoint begins at once, at twice reading pauses; 0 is any amount",
		func(c *Config) *int64 { return &c.OutputMemoryMax }),
	bytesOption(messageBytesOption, "size of a message above which it is a dead letter and is not decoded; 0 is any",
		func(c *Config) *int64 { return &c.MessageBytesMax }),
	bytesOption(fieldBytesOption, "size of a text, a byte string or a nested value of an event above which the event is a dead letter; 0 is any",
		func(c *Config) *int64 { return &c.FieldBytesMax }),
}

// clone copies the configuration, so that later statements do not change it.
func (c *Config) clone() Config {
	out := *c
	out.Values = maps.Clone(c.Values)
	return out
}
