package forward

import (
	"errors"
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// FullPolicy says what happens when an outbox reaches its budget.
type FullPolicy uint8

// The policies of a full outbox.
const (
	// Backpressure makes the pipeline stop reading until there is room.
	Backpressure FullPolicy = iota
	// DropOldest gives up the oldest rows, counted in the ledger.
	DropOldest
)

// LostPolicy says what happens when the hub has lost a cursor or rows it confirmed.
type LostPolicy uint8

// The policies of a lost cursor.
const (
	// LostFail stops the pipeline.
	LostFail LostPolicy = iota
	// LostResend sends what is still in the outbox, after the last confirmed row.
	LostResend
)

// OutputOptions configures one output.
type OutputOptions struct {
	// Name is the output's name in the outbox.
	Name string
	// Hub takes the output.
	Hub Hub
	// Subject is where rows go that have no subject of their own.
	Subject string
	// Link names the way to the hub. Outputs of one link are moved one at a time, by priority and in
	// turn; those of different links at once. Empty is a link for itself, and a hub of its own.
	Link string
	// Group names what one publish of the hub reaches, a stream. Outputs of one group are claimed
	// together; empty is an output for itself. A group has one link.
	Group string
	// CursorSubject is where the cursor lives at the hub.
	CursorSubject string
	// Pack is how many rows a message carries at most (default 1).
	Pack int
	// Separator stands between the rows of a message: "\n" for text, nothing for msgpack.
	Separator string
	// BytesMax and AgeMax are the outbox's budget; 0 means no limit.
	BytesMax int64
	AgeMax   time.Duration
	OnFull   FullPolicy
	OnLost   LostPolicy
	// Compact merges rows of a crowded outbox; nil does not.
	Compact *Compaction
	// DrainBytesPerSecond limits the rate; 0 means no limit.
	DrainBytesPerSecond int64
	// RequestTimeout is how long the hub's answer to a request is waited for while nothing is
	// known of the link (default 5 s).
	RequestTimeout time.Duration
	// Priority orders outputs: higher goes first.
	Priority int
	// Refuse takes a row that is too large for the hub to the dead letters. Without it such
	// a row stops the forwarder. The entry is valid during the call, which happens inside a
	// scan of the outbox and must not call the store. With ErrNotYet the output waits there
	// until the next Committed. A row may be refused again when the batch around it is sent
	// again; its sequence tells.
	Refuse func(e Entry, why *RowTooLargeError) error
}

// Options configures a forwarder.
type Options struct {
	Pipeline, Instance string
	Outputs            []OutputOptions
	Store              Store
	// Clock tells the time; nil is the host's.
	Clock Clock
	// BackoffMin and BackoffMax bound the wait after a failure (100 ms, 30 s).
	BackoffMin, BackoffMax time.Duration
	// OnEvent is told what happens, for logs and status; it may be nil, must not block, and is
	// called from all lanes, as Refuse of their outputs is.
	OnEvent func(Event)
}

// EventKind says what an Event is about.
type EventKind uint8

// The events.
const (
	Claimed EventKind = iota
	LinkDown
	LinkUp
	Refused
	CursorWarning
	CompactionFailed
)

func (k EventKind) String() string {
	return [...]string{"claimed", "link down", "link up", "refused", "cursor warning", "compaction failed"}[k]
}

// Event is something a person may want to know.
type Event struct {
	Kind   EventKind
	Output string
	// Generation of a claim.
	Generation uint64
	Err        error
	Note       string
}

// Frame is a run of rows in the outbox.
type Frame = state.OutboxFrame

// Store is the outbox; every state.Store is one. Only committed frames are in it.
type Store interface {
	OutboxScan(output string, after uint64, fn func(Frame) (more bool, err error)) error
	OutboxStats(output string) (state.OutboxStats, error)
}

// Clock tells the time and makes timers.
type Clock interface {
	Now() time.Time
	// After sends once d has passed.
	After(d time.Duration) <-chan time.Time
}

type hostClock struct{}

func (hostClock) Now() time.Time                         { return time.Now() }
func (hostClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (o *Options) setDefaults() {
	if o.Clock == nil {
		o.Clock = hostClock{}
	}
	if o.BackoffMin == 0 {
		o.BackoffMin = 100 * time.Millisecond
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = 30 * time.Second
	}
	for i := range o.Outputs {
		if o.Outputs[i].Pack == 0 {
			o.Outputs[i].Pack = 1
		}
		if o.Outputs[i].RequestTimeout == 0 {
			o.Outputs[i].RequestTimeout = 5 * time.Second
		}
	}
}

// Validate reports the first thing wrong with the options.
func (o *Options) Validate() error {
	if o.Store == nil {
		return errors.New("forwarder: no store")
	}
	if o.Pipeline == "" || o.Instance == "" {
		return errors.New("forwarder: pipeline and instance need names")
	}
	seen, links := map[string]bool{}, map[string]string{}
	for i := range o.Outputs {
		p := &o.Outputs[i]
		bad := func(format string, v ...any) error {
			return fmt.Errorf("forwarder: output %q: %s", p.Name, fmt.Sprintf(format, v...))
		}
		switch {
		case p.Name == "" || seen[p.Name]:
			return bad("needs a name of its own")
		case p.Hub == nil:
			return bad("has no hub")
		case p.Subject == "" || p.CursorSubject == "":
			return bad("needs a subject for its rows and one for its cursor")
		case p.Pack < 1:
			return bad("'edgeflow.pack' = '%d': at least one row goes into a message", p.Pack)
		case p.BytesMax < 0 || p.AgeMax < 0 || p.DrainBytesPerSecond < 0:
			return bad("budgets and rates must not be negative")
		case p.Compact != nil && (p.Compact.Merger == nil || !dividing(p.Compact.Widths)):
			return bad("'edgeflow.outbox.compact' needs ascending widths of whole milliseconds, each a multiple of the one before")
		}
		if link, known := links[p.Group]; p.Group != "" && (p.Link == "" || known && link != p.Link) {
			return bad("of group %q needs the link that the group has", p.Group)
		}
		seen[p.Name], links[p.Group] = true, p.Link
	}
	return nil
}

// dividing tells that widths ascend and each divides the next.
func dividing(widths []time.Duration) bool {
	for i, w := range widths {
		if w < time.Millisecond || w%time.Millisecond != 0 || i > 0 && (w <= widths[i-1] || w%widths[i-1] != 0) {
			return false
		}
	}
	return len(widths) > 0
}
