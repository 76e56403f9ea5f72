package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// The stream at the hub that takes the changelog of the query at hand.
const (
	hubStream  = "NEXMARK"
	hubSubject = "nexmark.rows"
	readMax    = time.Minute // between two messages
)

// hub is a JetStream server in this process, which is not killed.
type hub struct {
	server *embedded.Server
	nc     *nats.Conn
	js     jetstream.JetStream
}

func startHub(dir string) (*hub, error) {
	s, err := embedded.Start(embedded.Options{
		Name: "oracle", StoreDir: dir, Listen: "127.0.0.1:0", LazySync: true, MaxStoreBytes: 64 << 30, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	h := &hub{server: s}
	if h.nc, err = s.Connect(); err == nil {
		h.js, err = jetstream.New(h.nc)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *hub) close() {
	if h.nc != nil {
		h.nc.Close()
	}
	h.server.Shutdown()
}

// clear deletes what a query that failed left.
func (h *hub) clear() error {
	err := h.js.DeleteStream(context.Background(), hubStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// take collapses the changelog that the hub holds to what a table of the columns would
// hold, and deletes it. Rows have to be there once each, in the order of their sequences.
func (h *hub) take(columns []format.Column) (*contents, error) {
	ctx := context.Background()
	s, err := h.js.Stream(ctx, hubStream)
	if err != nil {
		return nil, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(hubSubject))
	if err != nil {
		return nil, err
	}
	r, err := newReader(columns)
	if err != nil {
		return nil, err
	}
	if n := info.State.Subjects[hubSubject]; n > 0 {
		c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{hubSubject}})
		if err != nil {
			return nil, err
		}
		it, err := c.Messages()
		if err != nil {
			return nil, err
		}
		defer it.Stop()
		for range n {
			m, err := it.Next(jetstream.NextMaxWait(readMax))
			if err != nil {
				return nil, err
			}
			if err := r.message(m.Headers(), m.Data()); err != nil {
				return nil, err
			}
		}
	}
	return r.rows, h.js.DeleteStream(ctx, hubStream)
}

// reader applies messages of a changelog to contents.
type reader struct {
	rows    *contents
	decoder format.Decoder
	batch   *vec.Batch
	kinds   []vec.RowKind
	bad     error
	last    uint64 // the newest sequence
}

func newReader(columns []format.Column) (*reader, error) {
	r := &reader{rows: newContents()}
	var ts []types.Type
	for _, c := range columns {
		ts = append(ts, c.Type)
	}
	r.batch = vec.NewBatch(ts)
	var err error
	r.decoder, err = format.NewDecoder("json", format.Schema{Columns: columns}, format.Options{
		OnBad: func(event []byte, _ int, reason error) { r.bad = fmt.Errorf("row %s: %w", event, reason) },
	})
	return r, err
}

var kindsByName = map[string]vec.RowKind{"": vec.Insert, "+I": vec.Insert, "-U": vec.UpdateBefore, "+U": vec.UpdateAfter, "-D": vec.Delete}

func (r *reader) message(h nats.Header, data []byte) error {
	kind, ok := kindsByName[h.Get(natshub.HeaderKind)]
	if !ok {
		return fmt.Errorf("a message has the kind %q", h.Get(natshub.HeaderKind))
	}
	text := h.Get(natshub.HeaderSequence)
	from, to, _ := strings.Cut(text, "-")
	first, err := strconv.ParseUint(from, 10, 64)
	last, err2 := strconv.ParseUint(to, 10, 64)
	if err != nil || err2 != nil || first != r.last+1 || last < first {
		return fmt.Errorf("a message has the rows %q after row %d", text, r.last)
	}
	r.last = last
	rows := 0
	r.batch.Reset()
	for more := r.decoder.Decode(data, r.batch); ; more = r.decoder.Resume(r.batch) {
		rows += r.batch.N
		r.kinds = r.kinds[:0]
		for range r.batch.N {
			r.kinds = append(r.kinds, kind)
		}
		r.batch.Kinds = r.kinds
		if err := errors.Join(r.rows.Print(r.batch), r.bad); err != nil {
			return err
		}
		r.batch.Reset()
		if !more {
			break
		}
	}
	if uint64(rows) != last-first+1 {
		return fmt.Errorf("the message of the rows %s holds %d", text, rows)
	}
	return nil
}
