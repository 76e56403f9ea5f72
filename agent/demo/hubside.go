package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/edgeflow/edgeflow/examples/qoe"
)

// result is one row of qoe_10s or qoe_1m as it arrives at the hub.
type result struct {
	WindowStart   string  `json:"window_start"`
	WindowEnd     string  `json:"window_end"`
	Customer      string  `json:"customer"`
	CDN           string  `json:"cdn"`
	Views         int64   `json:"views"`
	Errors        int64   `json:"errors"`
	ErrorRate     float64 `json:"error_rate"`
	RebufferMs    int64   `json:"rebuffer_ms"`
	RebufferRatio float64 `json:"rebuffer_ratio"`
	P50           float64 `json:"startup_p50"`
	P95           float64 `json:"startup_p95"`
}

func (r *result) startMs() (int64, error) {
	t, err := time.Parse("2006-01-02 15:04:05.999", r.WindowStart)
	return t.UnixMilli(), err
}

// consumer reads the hub's stream like any NATS client would.
type consumer struct {
	mu          sync.Mutex
	tumble, hop map[qoe.Key][]result
	errors      map[string]int // playback errors by view
	errorRows   int64
	latest      []result
	bad         []string
}

func newConsumer() *consumer {
	return &consumer{tumble: map[qoe.Key][]result{}, hop: map[qoe.Key][]result{}, errors: map[string]int{}}
}

// consume follows the stream QOE until ctx is done.
func (c *consumer) consume(ctx context.Context, nc *nats.Conn) error {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(settleMax))
	if err != nil {
		return err
	}
	cons, err := js.OrderedConsumer(ctx, "QOE", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"qoe.>"}})
	if err != nil {
		return fmt.Errorf("consume at the hub: %w", err)
	}
	cc, err := cons.Consume(func(m jetstream.Msg) { c.take(m.Subject(), m.Data()) })
	if err != nil {
		return fmt.Errorf("consume at the hub: %w", err)
	}
	<-ctx.Done()
	cc.Stop()
	return nil
}

// take counts the rows of one message; a message may carry several, one a line in JSON,
// one after the other in msgpack.
func (c *consumer) take(subject string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	switch subject {
	case "qoe.10s":
		err = c.results(data, c.tumble, true)
	case "qoe.1m":
		err = c.results(data, c.hop, false)
	case "qoe.errors":
		err = c.playbackErrors(data)
	}
	if err != nil && len(c.bad) < 10 {
		c.bad = append(c.bad, fmt.Sprintf("%s: %v: %.80q", subject, err, data))
	}
}

func (c *consumer) results(data []byte, into map[qoe.Key][]result, show bool) error {
	dec := json.NewDecoder(newReader(data))
	for dec.More() {
		var r result
		if err := dec.Decode(&r); err != nil {
			return err
		}
		start, err := r.startMs()
		if err != nil {
			return err
		}
		k := qoe.Key{Customer: r.Customer, CDN: r.CDN, StartMs: start}
		into[k] = append(into[k], r)
		if show {
			c.latest = append(c.latest, r)
			if len(c.latest) > 64 {
				c.latest = c.latest[len(c.latest)-32:]
			}
		}
	}
	return nil
}

func (c *consumer) playbackErrors(data []byte) error {
	rd := newReader(data)
	dec := msgpack.NewDecoder(rd)
	for rd.Len() > 0 {
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			return err
		}
		c.errors[fmt.Sprint(m["view_id"])]++
		c.errorRows++
	}
	return nil
}

// rows is the number of rows that arrived.
func (c *consumer) rows() (tumble, hop, errors int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tumble {
		tumble += int64(len(r))
	}
	for _, r := range c.hop {
		hop += int64(len(r))
	}
	return tumble, hop, c.errorRows
}
