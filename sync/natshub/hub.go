// Package natshub is a JetStream stream as a hub of the forwarder.
//
// A publish is an atomic batch of the server: its first message, or the second of two, moves the
// cursor subject (rolled up, never expiring, guarded by the subject's expected last sequence),
// the last one commits. The server checks the guard at the commit, so a batch of an instance that
// was fenced meanwhile is refused whole. The cursor is read from the stream's leader.
//
// The package must not import the engine's operators, store or agent.
package natshub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
)

// Headers of the messages that a forwarder publishes.
const (
	HeaderPipeline  = "Edgeflow-Pipeline"
	HeaderInstance  = "Edgeflow-Instance"
	HeaderOutput    = "Edgeflow-Output"
	HeaderEpoch     = "Edgeflow-Epoch"
	HeaderSequence  = "Edgeflow-Sequence"   // first-last outbox sequence of its rows
	HeaderWindowEnd = "Edgeflow-Window-End" // of its last row, ms since 1970
	HeaderKind      = "Edgeflow-Kind"       // row kind, absent for +I
	HeaderMerged    = "Edgeflow-Merged"     // rows of narrower windows that its rows were merged of, absent for none
)

// headerBytes is room for the headers and subject of a message under max_payload.
const headerBytes = 1024

// overheadBytes is about what the headers and the subject of a message take.
const overheadBytes = 300

// answerPoll is how often a wait for an answer looks whether the connection still stands.
const answerPoll = 100 * time.Millisecond

// longBytes is from when on a row may be what keeps a link from being heard of.
const longBytes = 64 << 10

// batchMessagesMax is the server's default limit of a batch, the cursor included.
const batchMessagesMax = 1000

// Options configures a hub.
type Options struct {
	// Stream is the hub's stream; Subjects are those it takes when it is created.
	Stream   string
	Subjects []string
	// Create makes a missing stream with the settings below.
	Create   bool
	MaxBytes int64 // -1 or 0: no limit
	MaxAge   time.Duration
	Replicas int
	// Prefix of the JetStream API, "$JS.API." when empty.
	Prefix string
	// Warn is told what is allowed and unwise about the stream; it may be nil.
	Warn func(string)
}

// Link is a connection that comes and goes.
type Link interface {
	// Conn is the connection, or nil and why there is none; no error stands for a first attempt
	// of which nothing is known yet. It does not wait.
	Conn() (*nats.Conn, error)
	// Server names the server for messages, without secrets.
	Server() string
	// Denied is what the server did not permit last, or nil.
	Denied() error
}

// Hub implements forward.Hub on a link. Several outputs may share the link, each with a Hub of
// its own.
type Hub struct {
	o      Options
	link   Link
	nc     *nats.Conn // of the call
	warned bool
	body   []byte
	// payload is the server's max_payload when the limits were found, subjects what the stream took.
	payload  int64
	subjects []string
}

var _ forward.Hub = (*Hub)(nil)

// New makes a hub; the link stays the caller's.
func New(l Link, o Options) *Hub {
	if o.Prefix == "" {
		o.Prefix = "$JS.API."
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = -1
	}
	return &Hub{o: o, link: l}
}

// CursorSubject is where the cursor of an output lives: <prefix>.cursor.<pipeline>.
// <instance>.<output>, each a single token.
func CursorSubject(prefix, pipeline, instance, output string) string {
	return strings.Join([]string{prefix, "cursor", Token(pipeline), Token(instance), Token(output)}, ".")
}

// Token makes one subject token of a name: what a subject cannot hold becomes =XX.
func Token(s string) string {
	if s == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s (JetStream error %d)", e.Description, e.ErrCode)
}

// JetStream's error codes that matter here.
const (
	codeNoMessage       = 10037
	codeNoStream        = 10059
	codeWrongLast       = 10071
	codeWrongLastPlain  = 10164
	codeIncomplete      = 10176
	codeTooLarge        = 10199
	codeTooManyInflight = 10210
	codeStoreFailed     = 10077
	codeMessageTooLarge = 10054
	codeNoSpace         = 10047
	codeNoResources     = 10023
	codeAccountLimits   = 10002
)

func (h *Hub) request(ctx context.Context, subject string, body any, v any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if err := h.connect(); err != nil {
		return err
	}
	m, err := h.nc.RequestWithContext(ctx, h.o.Prefix+subject, payload)
	if err != nil {
		if errors.Is(err, nats.ErrNoResponders) {
			return fmt.Errorf("no JetStream answers at the hub (%s): enable JetStream there, or check 'nats.domain'", h.nc.ConnectedUrlRedacted())
		}
		return fmt.Errorf("hub: %s: %w", strings.SplitN(subject, ".", 3)[1], err)
	}
	return json.Unmarshal(m.Data, v)
}

// connect takes the connection that there is.
func (h *Hub) connect() (err error) {
	if h.nc, err = h.link.Conn(); h.nc != nil {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%w to %s", forward.ErrConnecting, h.link.Server())
	}
	return &forward.NotSentError{Err: fmt.Errorf("hub: %w", err)}
}

type streamConfig struct {
	Name              string   `json:"name"`
	Subjects          []string `json:"subjects"`
	Retention         string   `json:"retention"`
	Storage           string   `json:"storage"`
	Discard           string   `json:"discard"`
	MaxBytes          int64    `json:"max_bytes"`
	MaxMsgs           int64    `json:"max_msgs"`
	MaxMsgsPerSubject int64    `json:"max_msgs_per_subject"`
	MaxMsgSize        int32    `json:"max_msg_size"`
	MaxConsumers      int      `json:"max_consumers"`
	MaxAge            int64    `json:"max_age"`
	Replicas          int      `json:"num_replicas"`
	AllowAtomic       bool     `json:"allow_atomic"`
	AllowRollup       bool     `json:"allow_rollup_hdrs"`
	AllowTTL          bool     `json:"allow_msg_ttl"`
	DenyPurge         bool     `json:"deny_purge"`
}

func (h *Hub) newStream() streamConfig {
	return streamConfig{
		Name: h.o.Stream, Subjects: h.o.Subjects, Retention: "limits", Storage: "file", Discard: "new",
		MaxBytes: h.o.MaxBytes, MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		MaxAge: int64(h.o.MaxAge), Replicas: h.o.Replicas, AllowAtomic: true, AllowRollup: true, AllowTTL: true,
	}
}

// createCommand is the nats command that makes the stream.
func createCommand(c streamConfig) string {
	s := fmt.Sprintf("nats stream add %s --subjects '%s' --storage file --retention limits --discard %s --replicas %d --allow-batch --allow-rollup --allow-msg-ttl",
		c.Name, strings.Join(c.Subjects, ","), c.Discard, c.Replicas)
	if c.MaxBytes > 0 {
		s += fmt.Sprintf(" --max-bytes %d", c.MaxBytes)
	}
	if c.MaxAge > 0 {
		s += fmt.Sprintf(" --max-age %s", time.Duration(c.MaxAge))
	}
	return s + " --defaults"
}

// StreamError says what the hub's stream lacks and the command that mends it.
type StreamError struct{ Stream, Problem, Hint string }

func (e *StreamError) Error() string {
	return fmt.Sprintf("hub stream %q %s: %s", e.Stream, e.Problem, e.Hint)
}

// judge decides whether a stream can keep the protocol's promises.
func judge(c streamConfig) (warning string, err error) {
	var lacks, flags []string
	add := func(ok bool, what, flag string) {
		if !ok {
			lacks, flags = append(lacks, what), append(flags, flag)
		}
	}
	add(c.AllowAtomic, "atomic publish", "--allow-batch")
	add(c.AllowRollup, "roll-up", "--allow-rollup")
	add(c.AllowTTL, "message TTL", "--allow-msg-ttl")
	add(!c.DenyPurge, "purging (roll-up needs it)", "--no-deny-purge")
	if len(lacks) > 0 {
		return "", &StreamError{c.Name, "does not allow " + strings.Join(lacks, ", "), fmt.Sprintf("run `nats stream edit %s %s`", c.Name, strings.Join(flags, " "))}
	}
	if c.Retention != "limits" {
		return "", &StreamError{c.Name, fmt.Sprintf("has %s retention, under which a read cursor would vanish", c.Retention),
			"retention cannot be changed: make a stream with `--retention limits` and name it in 'nats.stream'"}
	}
	if c.Discard != "new" && (c.MaxBytes > 0 || c.MaxMsgs > 0) {
		warning = fmt.Sprintf("hub stream %q discards its oldest messages at its limit, which can push the cursor of a quiet output out: run `nats stream edit %s --discard new` and bound it with --max-age instead (a cursor does not age)", c.Name, c.Name)
	}
	return warning, nil
}

// Check implements forward.Hub.
func (h *Hub) Check(ctx context.Context) (forward.Limits, error) {
	var none forward.Limits
	var r struct {
		Error  *apiError    `json:"error"`
		Config streamConfig `json:"config"`
	}
	if err := h.request(ctx, "STREAM.INFO."+h.o.Stream, nil, &r); err != nil {
		return none, err
	}
	if r.Error != nil && r.Error.ErrCode == codeNoStream {
		if !h.o.Create {
			return none, &StreamError{h.o.Stream, "does not exist", fmt.Sprintf("run `%s`, or set 'nats.stream.create' = 'true'", createCommand(h.newStream()))}
		}
		r.Error = nil
		if err := h.request(ctx, "STREAM.CREATE."+h.o.Stream, h.newStream(), &r); err != nil {
			return none, err
		}
	}
	if r.Error != nil {
		return none, r.Error
	}
	warning, err := judge(r.Config)
	if err != nil {
		return none, err
	}
	if warning != "" && !h.warned && h.o.Warn != nil {
		h.warned = true
		h.o.Warn(warning)
	}
	h.payload, h.subjects = h.nc.MaxPayload(), r.Config.Subjects
	lim := forward.Limits{MessageBytes: int(h.payload) - headerBytes, Messages: batchMessagesMax - 1, Bytes: 8 << 20, Overhead: overheadBytes}
	if n := int(r.Config.MaxMsgSize); n > 0 {
		lim.MessageBytes = min(lim.MessageBytes, n-headerBytes)
	}
	if n := r.Config.MaxBytes; n > 0 {
		// A batch that fills the stream would push its own cursor out.
		lim.Bytes = int(min(int64(lim.Bytes), max(n/8, 1024)))
	}
	if lim.MessageBytes < 1 {
		return none, &StreamError{h.o.Stream, fmt.Sprintf("takes messages of at most %d bytes, the headers included", r.Config.MaxMsgSize),
			fmt.Sprintf("run `nats stream edit %s --max-msg-size=-1`", h.o.Stream)}
	}
	return lim, nil
}

// ReadCursor implements forward.Hub.
func (h *Hub) ReadCursor(ctx context.Context, subject string) (data []byte, place uint64, err error) {
	var r struct {
		Error   *apiError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := h.request(ctx, "STREAM.MSG.GET."+h.o.Stream, map[string]string{"last_by_subj": subject}, &r); err != nil {
		return nil, 0, err
	}
	if r.Error != nil {
		if r.Error.ErrCode == codeNoMessage {
			return nil, 0, nil
		}
		return nil, 0, r.Error
	}
	return r.Message.Data, r.Message.Seq, nil
}

// Publish implements forward.Hub.
func (h *Hub) Publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	place, err := h.publish(ctx, b)
	var notSent *forward.NotSentError
	if err != nil && lone(b) && len(b.Messages[0].Data) >= longBytes && !errors.As(err, &notSent) && (ctx.Err() != nil || !h.nc.IsConnected()) {
		err = fmt.Errorf("%w: row %d alone takes %d bytes, and a connection on which nothing else gets through for 20 s is taken for dead: send less in a row, or over a faster link", err, b.Messages[0].First, len(b.Messages[0].Data))
	}
	return place, err
}

func (h *Hub) publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	if err := h.connect(); err != nil {
		return 0, err
	}
	if now := h.nc.MaxPayload(); now != h.payload && h.payload != 0 {
		return 0, &forward.RefusedError{Reason: fmt.Sprintf("max_payload of the server was %d and is %d", h.payload, now), Changed: true}
	}
	id, n := nuid.Next(), length(b)
	connection := h.nc.Stats().Reconnects
	inbox := h.nc.NewRespInbox()
	began := time.Now()
	answers := make(chan answer, 2) // to the first message and to the last
	sub, err := h.nc.Subscribe(inbox, func(m *nats.Msg) {
		select {
		case answers <- answer{m, time.Since(began)}:
		default: // nobody waits any more
		}
	})
	if err != nil {
		return 0, &forward.NotSentError{Err: fmt.Errorf("hub: %w", err)}
	}
	defer func() { _ = sub.Unsubscribe() }()
	// The first message asks for an answer too: it says whether anybody listens.
	for i := 1; i <= n; i++ {
		m := h.message(b, id, i)
		if i == 1 || i == n {
			m.Reply = inbox
		}
		if err := h.nc.PublishMsg(m); err != nil {
			if i == 1 {
				return 0, &forward.NotSentError{Err: fmt.Errorf("hub: publish: %w", err)}
			}
			return 0, fmt.Errorf("hub: publish: %w", err)
		}
	}
	if err := h.nc.FlushWithContext(ctx); err != nil {
		return 0, fmt.Errorf("hub: publish: %w", err)
	}
	if err := failpoint.Hit("forward.after-publish"); err != nil {
		return 0, err
	}
	return h.outcome(ctx, answers, b, connection)
}

// answer is what came back for a batch, and how long after its beginning.
type answer struct {
	*nats.Msg
	after time.Duration
}

// next waits for an answer, which does not outlive its connection.
func (h *Hub) next(ctx context.Context, answers <-chan answer, connection uint64) (answer, error) {
	poll := time.NewTicker(answerPoll)
	defer poll.Stop()
	for {
		select {
		case a := <-answers:
			return a, nil
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-poll.C:
			if !h.nc.IsConnected() || h.nc.Stats().Reconnects != connection {
				return answer{}, errors.New("the connection was lost")
			}
		}
	}
}

// outcome waits for what became of a batch. An empty answer only says that the first message
// was staged.
func (h *Hub) outcome(ctx context.Context, answers <-chan answer, b *forward.Batch, connection uint64) (uint64, error) {
	n := length(b)
	for {
		m, err := h.next(ctx, answers, connection)
		if err != nil {
			if why := h.link.Denied(); why != nil { // what is published so is not answered
				err = fmt.Errorf("%w: %w", err, why)
			}
			return 0, fmt.Errorf("hub: no answer to a batch: %w", err)
		}
		if b.Round == 0 && !lone(b) { // of a lone row, the answer waits for all of it
			b.Round = m.after
		}
		if len(m.Data) == 0 {
			if m.Header.Get("Status") == "503" {
				if err := h.astray(b); err != nil {
					return 0, err
				}
				return 0, &forward.RefusedError{Reason: "no stream takes the subject", Hint: fmt.Sprintf("is it among the subjects of stream %s? look with `nats stream info %s`", h.o.Stream, h.o.Stream)}
			}
			continue
		}
		var r struct {
			Error  *apiError `json:"error"`
			Stream string    `json:"stream"`
			Seq    uint64    `json:"seq"`
			Count  int       `json:"count"`
		}
		if err := json.Unmarshal(m.Data, &r); err != nil {
			return 0, fmt.Errorf("hub: answer to a batch: %w", err)
		}
		if r.Error != nil && r.Error.ErrCode == codeIncomplete {
			if err := h.astray(b); err != nil {
				return 0, err
			}
			if why := h.link.Denied(); why != nil { // what it did not permit is not in the batch
				return 0, fmt.Errorf("%w: %w", &forward.RefusedError{Reason: r.Error.Error()}, why)
			}
		}
		if r.Error != nil {
			return 0, classify(r.Error)
		}
		if n == 1 {
			return r.Seq, nil
		}
		if r.Count != n || r.Seq < uint64(n) {
			return 0, fmt.Errorf("hub: answer to a batch of %d: count %d, sequence %d", n, r.Count, r.Seq)
		}
		if lone(b) {
			return r.Seq, nil
		}
		return r.Seq - uint64(n) + 1, nil
	}
}

// classify tells what a refusal means. With all of these nothing was stored; others leave
// the outcome open.
func classify(e *apiError) error {
	switch e.ErrCode {
	case codeWrongLast, codeWrongLastPlain:
		var at uint64
		if i := strings.LastIndexByte(e.Description, ' '); i >= 0 {
			at, _ = strconv.ParseUint(e.Description[i+1:], 10, 64)
		}
		return &forward.GuardError{Place: at}
	case codeIncomplete:
		return &forward.RefusedError{Reason: e.Error(), Smaller: true}
	case codeTooLarge, codeMessageTooLarge:
		return &forward.RefusedError{Reason: e.Error(), Smaller: true}
	case codeStoreFailed, codeNoSpace, codeNoResources, codeAccountLimits:
		if strings.Contains(e.Description, "maximum") || e.ErrCode == codeAccountLimits || e.ErrCode == codeNoSpace {
			return &forward.RefusedError{Reason: e.Error(), Smaller: true, Hint: "the hub is full: raise --max-bytes or shorten --max-age of its stream"}
		}
	case codeTooManyInflight:
		return &forward.RefusedError{Reason: e.Error()}
	}
	if e.Code == 400 {
		return &forward.RefusedError{Reason: e.Error()}
	}
	return e
}
