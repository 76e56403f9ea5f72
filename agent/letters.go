package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// The subjects of a stream of letters begin with its name: <stream>.letter.<pipeline>.
// <instance>.<kind> takes the letters, <stream>.cursor.> the cursors of the outputs, and
// <stream>.replayed notes which events have been replayed.

// LetterSubject is where letters of a kind go in a stream of letters; each of pipeline,
// instance and kind may be "*".
func LetterSubject(stream, pipeline, instance, kind string) string {
	return strings.Join([]string{stream, "letter", subjectToken(pipeline), subjectToken(instance), subjectToken(kind)}, ".")
}

// ReplayedSubject is where a stream of letters notes which events have been replayed.
func ReplayedSubject(stream string) string { return stream + ".replayed" }

// ConnOptions are the server's as a connector takes them.
func (s Server) ConnOptions() (nats.ConnOptions, error) {
	var o nats.ConnOptions
	if err := s.FillIn(&o); err != nil {
		return o, err
	}
	return o, o.Validate()
}

// FillIn makes a connection whose options name no server one to this server. What the options say
// of the log-in, TLS and the domain goes first.
func (s Server) FillIn(o *nats.ConnOptions) error {
	if s.URL != "" {
		o.URLs = strings.Split(s.URL, ",")
	}
	for _, f := range []struct {
		dst *string
		src string
	}{{&o.Credentials, s.Credentials}, {&o.NKeySeed, s.NKey}, {&o.TLSCA, s.CA}, {&o.TLSCert, s.Cert}, {&o.TLSKey, s.Key}, {&o.Domain, s.Domain}, {&o.TLSServerName, s.ServerName}} {
		if *f.dst == "" {
			*f.dst = f.src
		}
	}
	mode, ok := nats.ParseTLSMode(s.TLS)
	if !ok {
		return fmt.Errorf("TLS of %s: %q is neither 'required' nor 'off'", o.Server(), s.TLS)
	}
	if o.TLS == nats.TLSBeyondHost {
		o.TLS = mode
	}
	return nil
}

func subjectToken(s string) string {
	if s == "*" {
		return s
	}
	return natshub.Token(s)
}

// letterSubject is the subject of letters by kind; nil where they go into files.
func (p *Pipeline) letterSubject() func(kind string) []byte {
	l := p.plan.Config.Letters()
	if l.Target == plan.LettersToFiles {
		return nil
	}
	subjects := map[string][]byte{}
	for _, kind := range []string{dataflow.KindDead, dataflow.KindLate, dataflow.KindClock} {
		subjects[kind] = []byte(LetterSubject(l.Stream, p.name, p.agent.opt.Instance, kind))
	}
	return func(kind string) []byte { return subjects[kind] }
}

// removedEvery is how often removed letters are logged at most.
const removedEvery = 10 * time.Minute

// keepLetters bounds the files of an output of letters, and counts and logs what they lose.
func (c *connectors) keepLetters(output string) filesystem.Keep {
	l := c.p.plan.Config.Letters()
	var logged time.Time
	return filesystem.Keep{Bytes: l.MaxBytes, Age: l.MaxAge, OnRemoved: func(now, all filesystem.Removed) {
		c.mu.Lock()
		c.removed[output] += now.Rows
		c.mu.Unlock()
		if at := c.p.agent.clock.Now(); logged.IsZero() || at.Sub(logged) >= removedEvery {
			logged = at
			c.p.log.Warn("the oldest letters were removed: their files are too many or too old (edgeflow.dlq.max-bytes, .max-age)",
				"output", output, "letters", now.Rows, "in all", all.Rows)
		}
	}}
}

// removedLetters is how many letters the limits have removed from an output's files.
func (c *connectors) removedLetters(output string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.removed[output]
}

// letterStream puts dead letters and late rows into a stream, each a message.
func (c *connectors) letterStream(o *forward.OutputOptions, l plan.Letters) error {
	conn := nats.ConnOptions{}
	if err := c.address(&conn, l.Target == plan.LettersToHub); err != nil {
		return err
	}
	if err := conn.Validate(); err != nil {
		return err
	}
	if err := c.hub(o, conn, natshub.Options{
		Stream: l.Stream, Subjects: []string{l.Stream + ".>"}, Create: true, MaxBytes: l.MaxBytes, MaxAge: l.MaxAge,
		Warn: func(w string) { c.p.log.Warn(w, "output", o.Name) },
	}); err != nil {
		return err
	}
	kind := dataflow.KindDead
	if o.Name == dataflow.LateRows {
		kind = dataflow.KindLate
	}
	o.Subject = LetterSubject(l.Stream, c.p.name, c.p.agent.opt.Instance, kind)
	o.CursorSubject = natshub.CursorSubject(l.Stream, c.p.name, c.p.agent.opt.Instance, o.Name)
	o.Pack, o.Separator = 1, "\n"
	// Letters of a pipeline whose stream was removed go into the new one.
	o.OnLost = forward.LostResend
	return nil
}
