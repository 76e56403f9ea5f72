package nats

import (
	"context"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// consumerPrefix begins the names of the consumers of the options' owner. A name cannot hold all
// that an owner's may.
func (o *SourceOptions) consumerPrefix() string {
	if o.Owner == "" {
		return "edgeflow-"
	}
	return "edgeflow-" + strconv.FormatUint(xxhash.Sum64String(o.Owner), 36) + "-"
}

// tidy removes the consumers that earlier sources of the owner left. One of an instance that still
// runs makes another. What fails is left: an unused consumer ends by itself.
func (s *Source) tidy(ctx context.Context, t transport) {
	wait := patience{s.o.RequestTimeout, s.o.RequestTimeout}
	a := &api{ctx: ctx, t: t, prefix: s.o.APIPrefix(), wait: &wait}
	names, err := a.consumers(s.o.Stream)
	if err != nil {
		return
	}
	prefix := s.o.consumerPrefix()
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, prefix+s.id) {
			_ = a.deleteConsumer(s.o.Stream, name)
		}
	}
}

// The subjects that tidying up takes, and that a user may lack the leave for.
const (
	subjectNames  = "CONSUMER.NAMES."
	subjectDelete = "CONSUMER.DELETE."
)

// tidying tells that a permission is only missed for tidying up.
func tidying(err error) bool {
	return strings.Contains(err.Error(), ".API."+subjectNames) || strings.Contains(err.Error(), ".API."+subjectDelete)
}

// consumers lists the names of a stream's consumers.
func (a *api) consumers(stream string) (names []string, err error) {
	for {
		var r struct {
			Error     *APIError `json:"error"`
			Total     int       `json:"total"`
			Consumers []string  `json:"consumers"`
		}
		if err := a.request(subjectNames+stream, map[string]int{"offset": len(names)}, &r); err != nil {
			return nil, err
		}
		if r.Error != nil {
			return nil, r.Error
		}
		names = append(names, r.Consumers...)
		if len(r.Consumers) == 0 || len(names) >= r.Total {
			return names, nil
		}
	}
}

func (a *api) deleteConsumer(stream, name string) error {
	var r struct {
		Error *APIError `json:"error"`
	}
	if err := a.request(subjectDelete+stream+"."+name, nil, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return r.Error
	}
	return nil
}
