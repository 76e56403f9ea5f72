package natshub

import (
	"fmt"
	"strings"

	forward "github.com/edgeflow/edgeflow/sync"
)

// astray finds the first row whose subject the stream does not take: the server stages nothing of it,
// and calls the batch incomplete.
func (h *Hub) astray(b *forward.Batch) error {
	for i := range b.Messages {
		if m := &b.Messages[i]; !taken(h.subjects, m.Subject) {
			return &forward.RefusedError{
				Reason: fmt.Sprintf("row %d goes to subject %q, and stream %s takes %s", m.First, m.Subject, h.o.Stream, strings.Join(h.subjects, ", ")),
				Hint:   fmt.Sprintf("run `nats stream edit %s --subjects '%s'`", h.o.Stream, strings.Join(append(h.subjects[:len(h.subjects):len(h.subjects)], m.Subject), ",")),
			}
		}
	}
	return nil
}

// taken tells whether one of the subjects, which may have wildcards, takes a subject.
func taken(subjects []string, subject string) bool {
	for _, s := range subjects {
		if matches(strings.Split(s, "."), strings.Split(subject, ".")) {
			return true
		}
	}
	return false
}

func matches(pattern, subject []string) bool {
	for i, p := range pattern {
		switch {
		case p == ">":
			return len(subject) > i
		case i >= len(subject) || p != "*" && p != subject[i]:
			return false
		}
	}
	return len(pattern) == len(subject)
}
