package nats

import (
	"context"
	"errors"
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

// aside is for requests beside those of the keeper, whose connection may be another meanwhile.
func (s *Source) aside(ctx context.Context, t transport) *api {
	return &api{ctx: ctx, t: t, prefix: s.o.APIPrefix(), wait: &patience{s.o.RequestTimeout, s.o.RequestTimeout}}
}

// tidy removes the consumers of this source before the incarnation, and, with others, those that
// earlier sources of the owner left. One of an instance that still runs makes another, which is why
// only a start does that. What fails is left: an unused consumer ends by itself.
func (s *Source) tidy(a *api, incarnation uint64, others bool) {
	names, err := a.consumers(s.o.Stream)
	if err != nil {
		return
	}
	for _, name := range names {
		if s.stale(name, incarnation, others) {
			_ = a.deleteConsumer(s.o.Stream, name)
		}
	}
}

// stale tells whether a consumer is one to tidy up.
func (s *Source) stale(name string, incarnation uint64, others bool) bool {
	rest, ok := strings.CutPrefix(name, s.o.consumerPrefix())
	if !ok {
		return false
	}
	if own, ok := strings.CutPrefix(rest, s.id+"-"); ok {
		n, err := strconv.ParseUint(own, 10, 64)
		return err == nil && n < incarnation
	}
	return others && s.o.Owner != ""
}

// makeConsumer makes a consumer and tidies up. A stream may allow few: then what is left goes first.
func (k *keeper) makeConsumer(a *api, c consumerConfig) (pending uint64, err error) {
	s := k.s
	pending, err = a.createConsumer(s.o.Stream, c)
	if full(err) {
		ctx, cancel := context.WithTimeout(a.ctx, 2*s.o.RequestTimeout) // a user may lack the leave
		s.tidy(s.aside(ctx, k.t), k.incarnation, true)
		cancel()
		pending, err = a.createConsumer(s.o.Stream, c)
	}
	if err != nil {
		return 0, err
	}
	if first := k.incarnation == 1; !first || s.o.Owner != "" {
		go s.tidy(s.aside(k.ctx, k.t), k.incarnation, first)
	}
	return pending, nil
}

// full tells that a stream or an account has as many consumers as it may have.
func full(err error) bool {
	var ae *APIError
	return errors.As(err, &ae) && ae.ErrCode == codeMaxConsumers
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
