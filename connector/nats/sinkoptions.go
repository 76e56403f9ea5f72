package nats

import (
	"bytes"
	"fmt"
	"time"
)

// SinkOptions configures a sink table: the hub's stream, where its rows go and where its
// cursors live. What the outbox may take is the forwarder's to read.
type SinkOptions struct {
	ConnOptions
	Stream string
	// Subject is where rows go that have no subject of their own.
	Subject string
	// Prefix begins the subjects of cursors: <prefix>.cursor.<pipeline>.<instance>.<output>.
	Prefix string
	// CreateStream makes a missing stream that takes Subject and the cursors, and Subjects
	// where rows choose their own.
	CreateStream   bool
	StreamSubjects []string
	StreamMaxBytes int64         // -1: no limit
	StreamMaxAge   time.Duration // 0: no limit
	StreamReplicas int
}

var sinkOnlyKeys = []string{"nats.cursor-prefix", "nats.stream.subjects", "edgeflow.on-lost-cursor"}

// ParseSink reads the WITH clause of a sink table, as ParseSource reads a source's.
func ParseSink(with map[string]string) (SinkOptions, error) {
	var o SinkOptions
	if err := checkKeys(with, append(append([]string(nil), sinkOnlyKeys...), sourceKeys...)); err != nil {
		return o, err
	}
	r := &reader{with: with}
	r.conn(&o.ConnOptions)
	r.text("nats.stream", &o.Stream)
	r.text("nats.subject", &o.Subject)
	r.text("nats.cursor-prefix", &o.Prefix)
	r.boolean("nats.stream.create", &o.CreateStream)
	o.StreamSubjects = splitList(with["nats.stream.subjects"], ";")
	r.bytes("nats.stream.max-bytes", &o.StreamMaxBytes)
	r.duration("nats.stream.max-age", &o.StreamMaxAge)
	r.small("nats.stream.replicas", &o.StreamReplicas)
	if r.err != nil {
		return o, r.err
	}
	if err := validName("nats.stream", o.Stream); err != nil {
		return o, err
	}
	if o.Subject == "" {
		return o, &OptionError{Key: "nats.subject", Problem: "missing: name the subject that rows are published to"}
	}
	if err := validSubject("nats.subject", o.Subject, false); err != nil {
		return o, err
	}
	if o.Prefix == "" {
		o.Prefix = o.Stream
	}
	if err := validSubject("nats.cursor-prefix", o.Prefix, false); err != nil {
		return o, err
	}
	for _, s := range o.StreamSubjects {
		if err := validSubject("nats.stream.subjects", s, true); err != nil {
			return o, err
		}
	}
	if len(o.StreamSubjects) == 0 {
		o.StreamSubjects = []string{o.Subject}
	}
	cursors := o.cursors() + ">"
	if covers(cursors, o.Subject) {
		return o, &OptionError{Key: "nats.subject", Value: o.Subject, Problem: fmt.Sprintf("the outputs' cursors lie under '%s': rows go elsewhere", cursors)}
	}
	covered := false
	for _, s := range o.StreamSubjects {
		covered = covered || covers(s, cursors)
	}
	if !covered {
		o.StreamSubjects = append(o.StreamSubjects, cursors)
	}
	return o, nil
}

// cursors begins the subjects of cursors.
func (o *SinkOptions) cursors() string { return o.Prefix + ".cursor." }

// subjectMax bounds the subject of a row, in bytes: with its headers it is to fit in what a batch
// leaves for them, and in a line of the protocol.
const subjectMax = 1024

// TakesRow says why no row may have the subject, which its data may have chosen: it is none that can
// be published to, the server would take it for a command, or a cursor is kept there. It is nil for
// one that a stream may take.
func (o *SinkOptions) TakesRow(subject []byte) error {
	bad := func(why string) error {
		return fmt.Errorf("the row's subject %.100q %s", subject, why)
	}
	if len(subject) > subjectMax {
		return bad(fmt.Sprintf("has %d bytes, a subject has at most %d", len(subject), subjectMax))
	}
	start := 0
	for i := 0; i <= len(subject); i++ {
		if i < len(subject) && subject[i] != '.' {
			if c := subject[i]; c <= ' ' || c == 0x7f {
				return bad("has a space or a control character")
			}
			continue
		}
		switch string(subject[start:i]) {
		case "":
			return bad("has an empty token (two dots in a row, or one at an end)")
		case "*", ">":
			return bad("has a wildcard")
		}
		start = i + 1
	}
	if bytes.HasPrefix(subject, []byte("$JS.")) || bytes.HasPrefix(subject, []byte("$SYS.")) {
		return bad("is one of the server's own")
	}
	if c := o.cursors(); len(subject) >= len(c) && string(subject[:len(c)]) == c {
		return bad("lies under the outputs' cursors")
	}
	return nil
}

// OptionKeys lists the keys that a nats table may have besides the engine's own.
func OptionKeys() []string {
	return append(append([]string(nil), sourceKeys...), sinkOnlyKeys...)
}
