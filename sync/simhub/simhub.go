// Package simhub simulates a hub and the way to it: a stream with guarded cursors whose
// requests and replies are lost, delayed and repeated, a link that is cut, a server that
// restarts or refuses. All of it follows from a seed, so that a run can be repeated.
//
// Invariants: what Publish stores is stored whole, in one step, under its guard, as a
// JetStream stream does with an atomic batch; nothing else changes the stream.
package simhub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	forward "github.com/edgeflow/edgeflow/sync"
)

// ErrNoAnswer is what a client sees of a lost request or reply, or a cut link.
var ErrNoAnswer = errors.New("simulated hub: no answer")

// Faults are probabilities, each of one request.
type Faults struct {
	// LoseRequest: it never arrives. LoseReply: it is done and nobody hears of it.
	LoseRequest, LoseReply float64
	// Delay: it arrives after some later requests, and its sender hears nothing.
	Delay float64
	// Repeat: it arrives again later.
	Repeat float64
	// Cut: the link is cut for up to 20 requests.
	Cut float64
	// Refuse: the hub refuses a batch, for lack of room.
	Refuse float64
}

// Stored is a message of the stream.
type Stored struct {
	Place   uint64
	Subject string
	Data    string
	First   uint64
	Last    uint64
	// Kind is the row kind of its rows.
	Kind string
	// Merged is how many rows its merged rows stand for, 0 when it has none.
	Merged uint64
}

type cursor struct {
	data  []byte
	place uint64
}

// Server is the simulated hub. It is used by one goroutine.
type Server struct {
	rng     *rand.Rand
	faults  Faults
	limits  forward.Limits
	last    uint64
	cursors map[string]cursor
	late    []late
	cut     int

	// Messages are the stream's, cursors aside.
	Messages []Stored
	// Trace, when set, is told each request and what became of it.
	Trace func(string)
}

// late is a request that arrives when wait further requests have come.
type late struct {
	wait int
	b    forward.Batch
}

// New makes a hub with faults that follow from the seed.
func New(seed uint64, faults Faults, limits forward.Limits) *Server {
	return &Server{rng: rand.New(rand.NewPCG(seed, 0x5eed)), faults: faults, limits: limits, cursors: map[string]cursor{}}
}

// Heal ends all faults; what is late arrives.
func (s *Server) Heal() {
	s.faults, s.cut = Faults{}, 0
	for len(s.late) > 0 {
		s.arrivals()
	}
}

// Lose forgets a cursor, as a stream with too little room does.
func (s *Server) Lose(subject string) { delete(s.cursors, subject) }

// Cursor is a cursor as it is, without a request; the zero Record where there is none.
func (s *Server) Cursor(subject string) (forward.Record, error) {
	c, ok := s.cursors[subject]
	if !ok {
		return forward.Record{}, nil
	}
	return forward.DecodeRecord(c.data)
}

// SetCursor puts a cursor in place, as restoring an old backup does.
func (s *Server) SetCursor(subject string, r forward.Record) {
	s.last++
	s.cursors[subject] = cursor{r.Append(nil), s.last}
}

// Backup is a copy of the stream as it was.
type Backup struct {
	last     uint64
	cursors  map[string]cursor
	messages int
}

// Backup copies the stream.
func (s *Server) Backup() Backup {
	return Backup{s.last, maps.Clone(s.cursors), len(s.Messages)}
}

// Restore rolls the stream back to a copy, as a hub that was given an old backup or lost
// unsynced writes does, and returns the messages that are gone. Requests on their way to it
// die with their connections. Copies made after b are void from then on.
func (s *Server) Restore(b Backup) (gone []Stored) {
	gone = slices.Clone(s.Messages[b.messages:])
	s.last, s.cursors, s.Messages, s.late = b.last, maps.Clone(b.cursors), s.Messages[:b.messages], nil
	return gone
}

func (s *Server) trace(format string, v ...any) {
	if s.Trace != nil {
		s.Trace(fmt.Sprintf(format, v...))
	}
}

func (s *Server) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }

// arrivals lets late requests arrive.
func (s *Server) arrivals() {
	rest := s.late[:0]
	due := []late{}
	for _, l := range s.late {
		if l.wait--; l.wait > 0 {
			rest = append(rest, l)
		} else {
			due = append(due, l)
		}
	}
	s.late = rest
	for _, l := range due {
		_, err := s.store(&l.b)
		s.trace("late %+v: %v", l.b.Cursor, err)
	}
}

// down tells whether the link is cut for this request.
func (s *Server) down() bool {
	if s.cut > 0 {
		s.cut--
		return true
	}
	if s.chance(s.faults.Cut) {
		s.cut = s.rng.IntN(20)
		return true
	}
	return false
}

// store does what the stream does with an atomic batch.
func (s *Server) store(b *forward.Batch) (uint64, error) {
	moves := append([]forward.Move{b.Move}, b.With...)
	for _, m := range moves {
		if have := s.cursors[m.Subject]; have.place != m.Expect {
			return 0, &forward.GuardError{Place: have.place}
		}
	}
	place := s.last + 1
	for _, m := range moves {
		s.last++
		s.cursors[m.Subject] = cursor{m.Cursor.Append(nil), s.last}
	}
	for _, m := range b.Messages {
		s.last++
		s.Messages = append(s.Messages, Stored{s.last, m.Subject, string(m.Data), m.First, m.Last, m.Kind, m.Merged})
	}
	return place, nil
}

// clone keeps what a late request carries.
func clone(b *forward.Batch) forward.Batch {
	c := *b
	c.Messages = append([]forward.Message(nil), b.Messages...)
	for i := range c.Messages {
		c.Messages[i].Data = []byte(strings.Clone(string(c.Messages[i].Data)))
	}
	return c
}

// Check implements forward.Hub.
func (s *Server) Check(context.Context) (forward.Limits, error) {
	s.arrivals()
	if s.down() {
		return forward.Limits{}, ErrNoAnswer
	}
	return s.limits, nil
}

// ReadCursor implements forward.Hub.
func (s *Server) ReadCursor(_ context.Context, subject string) ([]byte, uint64, error) {
	s.arrivals()
	if s.down() || s.chance(s.faults.LoseRequest) {
		return nil, 0, ErrNoAnswer
	}
	c := s.cursors[subject]
	return c.data, c.place, nil
}

// Publish implements forward.Hub.
func (s *Server) Publish(_ context.Context, b *forward.Batch) (uint64, error) {
	s.arrivals()
	switch {
	case s.down(), s.chance(s.faults.LoseRequest):
		s.trace("lost %+v", b.Cursor)
		return 0, ErrNoAnswer
	case s.chance(s.faults.Delay):
		s.trace("delayed %+v", b.Cursor)
		s.late = append(s.late, late{1 + s.rng.IntN(6), clone(b)})
		return 0, ErrNoAnswer
	case len(b.Messages) > 0 && s.chance(s.faults.Refuse):
		s.trace("refused %+v", b.Cursor)
		return 0, &forward.RefusedError{Reason: "maximum bytes exceeded", Smaller: s.chance(0.5)}
	}
	if s.chance(s.faults.Repeat) {
		s.late = append(s.late, late{1 + s.rng.IntN(6), clone(b)})
	}
	place, err := s.store(b)
	if s.chance(s.faults.LoseReply) {
		s.trace("reply lost %+v: %v", b.Cursor, err)
		return 0, ErrNoAnswer
	}
	s.trace("stored %+v: %v", b.Cursor, err)
	return place, err
}
