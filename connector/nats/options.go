package nats

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/nearest"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// StartupMode says where a source without a position begins.
type StartupMode uint8

// The startup modes of 'scan.startup.mode'.
const (
	EarliestOffset StartupMode = iota
	LatestOffset
	Timestamp
)

// GapPolicy says what happens when the stream does not continue the position.
type GapPolicy uint8

// The policies of 'edgeflow.on-gap'.
const (
	GapFail GapPolicy = iota
	GapResume
)

// Reader says how messages come off the connection.
type Reader uint8

// The readers of 'nats.reader'.
const (
	// WireReader takes them off the wire in place; nothing is allocated for a message.
	WireReader Reader = iota
	// ClientReader takes them as nats.go makes them.
	ClientReader
)

func (r Reader) String() string { return [...]string{"wire", "client"}[r] }

// Delivery says who decides what is sent.
type Delivery uint8

// The deliveries of 'nats.delivery'.
const (
	// Pull asks the server for messages.
	Pull Delivery = iota
	// Push lets the server send, bounded by its flow control.
	Push
)

func (d Delivery) String() string { return [...]string{"pull", "push"}[d] }

// SourceOptions configures a source. One flat set: how to connect, what to read, where to
// begin, how much to take at a time.
type SourceOptions struct {
	ConnOptions
	// Stream is the stream's name; Subjects filter it, with wildcards; none means all.
	Stream   string
	Subjects []string
	// Owner names who reads, the same at every start: an Open removes the consumers that earlier
	// ones of the owner left, as a killed process does. Without it they end by themselves, after
	// minutes.
	Owner string
	// CreateStream makes a missing stream with the limits below.
	CreateStream   bool
	StreamMaxBytes int64         // -1: no limit
	StreamMaxAge   time.Duration // 0: no limit
	StreamReplicas int
	// Startup is where to begin without a position.
	Startup     StartupMode
	TimestampMs int64
	// Bounded ends the source at the last message that the stream had at Open.
	Bounded bool
	OnGap   GapPolicy
	// Reader is how messages come off the connection; a websocket is always read by nats.go.
	Reader Reader
	// Delivery is who decides what is sent.
	Delivery Delivery
	// PullMessages and PullBytes bound one request; two may be in flight. Pushed to, PullBytes
	// is what may wait for Poll before the server's flow control goes unanswered.
	PullMessages int
	PullBytes    int64
	// Heartbeat is how often the server shows that a waiting request is alive.
	Heartbeat time.Duration
	// PullExpires is how long a request waits at the server.
	PullExpires time.Duration
	// BackoffMax bounds the wait between attempts to reconnect.
	BackoffMax time.Duration
	// OnStatus is told about lost and regained connections; it may be nil. It is called
	// from the keeper's goroutine and must not block.
	OnStatus func(Status)
	// OnGapFound is told about a gap found while running, under GapResume; as OnStatus.
	OnGapFound func(dataflow.OpenReport)
}

// Status tells how the source's connection is.
type Status struct {
	// Reader is how messages come off the connection, and Delivery who decides what is sent.
	Reader   Reader
	Delivery Delivery
	// Fallback is why that is not the reader that was asked for; empty when it is.
	Fallback   string
	Connected  bool
	Reconnects uint64
	// Err is why the connection was lost, or the last attempt failed.
	Err error
}

func (o *SourceOptions) setDefaults() {
	o.ConnOptions.setDefaults()
	set := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.PullBytes, 2<<20)
	set(&o.StreamMaxBytes, -1)
	if o.PullMessages == 0 {
		o.PullMessages = 4096
	}
	if o.StreamReplicas == 0 {
		o.StreamReplicas = 1
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 5 * time.Second
	}
	if o.PullExpires == 0 {
		o.PullExpires = 60 * time.Second
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = 5 * time.Second
	}
}

// Validate fills in defaults and reports the first thing wrong with the options.
func (o *SourceOptions) Validate() error {
	o.setDefaults()
	if err := o.ConnOptions.Validate(); err != nil {
		return err
	}
	if err := validName("nats.stream", o.Stream); err != nil {
		return err
	}
	for _, s := range o.Subjects {
		if err := validSubject("nats.subject", s, true); err != nil {
			return err
		}
	}
	if o.CreateStream && len(o.Subjects) == 0 {
		return &OptionError{Key: "nats.subject", Problem: "missing: a stream is created with the subjects it is to take"}
	}
	if o.Startup == Timestamp && o.TimestampMs <= 0 {
		return &OptionError{Key: "scan.startup.timestamp-millis", Problem: "missing: 'scan.startup.mode' = 'timestamp' begins at this time, in milliseconds since 1970"}
	}
	if o.PullMessages < 1 || o.PullBytes < 1024 {
		return &OptionError{Key: "nats.pull.messages", Problem: "a request takes at least 1 message and 1024 bytes"}
	}
	if o.PullExpires <= 2*o.Heartbeat {
		return &OptionError{Key: "nats.pull.heartbeat", Problem: fmt.Sprintf("must be less than half of the request's life (%v)", o.PullExpires)}
	}
	return nil
}

// validName checks a stream's name.
func validName(key, s string) error {
	switch {
	case s == "":
		return &OptionError{Key: key, Problem: "missing: name the stream"}
	case strings.ContainsAny(s, " \t\r\n.*>/\\"):
		return &OptionError{Key: key, Value: s, Problem: "a stream's name has no spaces, dots, wildcards or slashes"}
	}
	return nil
}

// validSubject checks a subject, with or without wildcards.
func validSubject(key, s string, wildcards bool) error {
	bad := func(why string) error { return &OptionError{Key: key, Value: s, Problem: why} }
	if s == "" {
		return bad("a subject is empty")
	}
	if strings.ContainsAny(s, " \t\r\n") {
		return bad("a subject has no spaces; several are separated by ';'")
	}
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return bad("a subject has an empty token (two dots in a row, or one at an end)")
		case !wildcards && (t == "*" || t == ">"):
			return bad("this subject is published to and takes no wildcard")
		case t == ">" && i != len(tokens)-1:
			return bad("'>' stands only at the end")
		}
	}
	return nil
}

// keys known to every nats table.
var connKeys = []string{
	"nats.url", "nats.name", "nats.credentials", "nats.nkey", "nats.user", "nats.password", "nats.password-file", "nats.password-env",
	"nats.token", "nats.token-file", "nats.token-env", "nats.tls.ca", "nats.tls.cert", "nats.tls.key", "nats.tls.first", "nats.tls", "nats.tls.server-name", "nats.domain",
	"nats.timeout", "nats.stream", "nats.subject", "nats.stream.create", "nats.stream.max-bytes", "nats.stream.max-age", "nats.stream.replicas",
}

var sourceKeys = append([]string{
	"scan.startup.mode", "scan.startup.timestamp-millis", "scan.bounded.mode", "edgeflow.on-gap",
	"nats.reader", "nats.delivery", "nats.pull.messages", "nats.pull.bytes", "nats.pull.heartbeat",
}, connKeys...)

// foreign tells whether an option belongs to the format or the engine and is not ours to
// judge.
func foreign(key string) bool {
	if key == "connector" || key == "format" || key == "changelog-mode" {
		return true
	}
	for _, p := range []string{"json.", "msgpack.", "csv.", "raw.", "key.", "value.", "scan.watermark.", "sink.", "edgeflow."} {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// reader takes typed values out of a WITH clause and keeps the first error.
type reader struct {
	with map[string]string
	err  error
}

func (r *reader) fail(key, value, problem string) {
	if r.err == nil {
		r.err = &OptionError{Key: key, Value: value, Problem: problem}
	}
}

func (r *reader) integer(key string, p *int64) {
	if v, ok := r.with[key]; ok {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			r.fail(key, v, "not a whole number")
			return
		}
		*p = n
	}
}

func (r *reader) small(key string, p *int) {
	n := int64(*p)
	r.integer(key, &n)
	*p = int(n)
}

func (r *reader) boolean(key string, p *bool) {
	if v, ok := r.with[key]; ok {
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			*p = true
		case "false":
			*p = false
		default:
			r.fail(key, v, "expected 'true' or 'false'")
		}
	}
}

func (r *reader) text(key string, p *string) {
	if v, ok := r.with[key]; ok {
		*p = v
	}
}

func (r *reader) bytes(key string, p *int64) {
	if v, ok := r.with[key]; ok {
		n, err := plan.ParseBytes(v)
		if err != nil {
			r.fail(key, v, "not a size such as '64 mb'")
			return
		}
		*p = n
	}
}

func (r *reader) duration(key string, p *time.Duration) {
	if v, ok := r.with[key]; ok {
		d, err := plan.ParseDuration(v)
		if err != nil {
			r.fail(key, v, "not a duration such as '10 s'")
			return
		}
		*p = d
	}
}

// splitList splits at sep and drops empty parts.
func splitList(s, sep string) []string {
	var out []string
	for _, p := range strings.Split(s, sep) {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// checkKeys reports the first key that is not known.
func checkKeys(with map[string]string, known []string) error {
	keys := make([]string, 0, len(with))
	for k := range with {
		keys = append(keys, k)
	}
	sort.Strings(keys)
next:
	for _, k := range keys {
		for _, n := range known {
			if k == n {
				continue next
			}
		}
		if foreign(k) {
			continue
		}
		return &OptionError{Key: k, Value: "", Problem: "the nats connector does not know it", Nearest: nearest.Name(k, known)}
	}
	return nil
}

func (r *reader) conn(o *ConnOptions) {
	o.URLs = splitList(r.with["nats.url"], ",")
	if strings.EqualFold(r.with["nats.url"], "embedded") {
		o.URLs = nil
	}
	r.text("nats.name", &o.Name)
	r.text("nats.credentials", &o.Credentials)
	r.text("nats.nkey", &o.NKeySeed)
	r.text("nats.user", &o.User)
	r.text("nats.password", &o.Password)
	r.text("nats.password-file", &o.PasswordFile)
	r.text("nats.password-env", &o.PasswordEnv)
	r.text("nats.token", &o.Token)
	r.text("nats.token-file", &o.TokenFile)
	r.text("nats.token-env", &o.TokenEnv)
	r.text("nats.tls.ca", &o.TLSCA)
	r.text("nats.tls.cert", &o.TLSCert)
	r.text("nats.tls.key", &o.TLSKey)
	r.boolean("nats.tls.first", &o.TLSFirst)
	r.text("nats.tls.server-name", &o.TLSServerName)
	if v, ok := r.with["nats.tls"]; ok {
		if o.TLS, ok = ParseTLSMode(v); !ok {
			r.fail("nats.tls", v, "expected 'required' or 'off'; without it TLS is required wherever the server is not on this host")
		}
	}
	r.text("nats.domain", &o.Domain)
	r.duration("nats.timeout", &o.RequestTimeout)
}

// ParseSource reads the WITH clause of a source table. Without 'nats.url' the caller sets
// InProcess or URLs before Validate. Options of formats and of the engine are left alone;
// others that are not known are refused with the nearest name.
func ParseSource(with map[string]string) (SourceOptions, error) {
	var o SourceOptions
	if err := checkKeys(with, append(append([]string(nil), sourceKeys...), sinkOnlyKeys...)); err != nil {
		return o, err
	}
	r := &reader{with: with}
	r.conn(&o.ConnOptions)
	r.text("nats.stream", &o.Stream)
	o.Subjects = splitList(with["nats.subject"], ";")
	r.boolean("nats.stream.create", &o.CreateStream)
	r.bytes("nats.stream.max-bytes", &o.StreamMaxBytes)
	r.duration("nats.stream.max-age", &o.StreamMaxAge)
	r.small("nats.stream.replicas", &o.StreamReplicas)
	r.integer("scan.startup.timestamp-millis", &o.TimestampMs)
	switch v := with["scan.startup.mode"]; v {
	case "", "earliest-offset":
	case "latest-offset":
		o.Startup = LatestOffset
	case "timestamp":
		o.Startup = Timestamp
	case "group-offsets", "specific-offsets":
		r.fail("scan.startup.mode", v, "positions are kept in edgeflow's own checkpoints: a restart goes on where the last commit was; for the first start use 'earliest-offset', 'latest-offset' or 'timestamp'")
	default:
		r.fail("scan.startup.mode", v, "expected 'earliest-offset', 'latest-offset' or 'timestamp'")
	}
	switch v := with["scan.bounded.mode"]; v {
	case "", "unbounded":
	case "latest-offset":
		o.Bounded = true
	default:
		r.fail("scan.bounded.mode", v, "expected 'unbounded' or 'latest-offset'")
	}
	switch v := with["edgeflow.on-gap"]; v {
	case "", "fail":
	case "resume":
		o.OnGap = GapResume
	default:
		r.fail("edgeflow.on-gap", v, "expected 'fail' or 'resume'")
	}
	switch v := with["nats.reader"]; v {
	case "", "wire":
	case "client":
		o.Reader = ClientReader
	default:
		r.fail("nats.reader", v, "expected 'wire' or 'client'")
	}
	switch v := with["nats.delivery"]; v {
	case "", "pull":
	case "push":
		o.Delivery = Push
	default:
		r.fail("nats.delivery", v, "expected 'pull' or 'push'")
	}
	r.small("nats.pull.messages", &o.PullMessages)
	r.bytes("nats.pull.bytes", &o.PullBytes)
	r.duration("nats.pull.heartbeat", &o.Heartbeat)
	if r.err == nil && o.Stream == "" {
		r.fail("nats.stream", "", "missing: name the stream to read")
	}
	return o, r.err
}
