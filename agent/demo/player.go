package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/examples/qoe"
)

// player publishes beacons into the edge's stream at a rate and adds them up.
type player struct {
	js    jetstream.JetStream
	gen   *qoe.Generator
	start time.Time
	rate  int

	mu    sync.Mutex
	truth *qoe.Truth
	sent  uint64
}

func newPlayer(ctx context.Context, nc *nats.Conn, seed uint64, rate int) (*player, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096), jetstream.WithDefaultTimeout(settleMax))
	if err != nil {
		return nil, err
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "BEACONS", Subjects: []string{"beacons.>"}, MaxBytes: 1 << 30, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, fmt.Errorf("create the beacons' stream: %w", err)
	}
	start := time.Now()
	return &player{js: js, gen: qoe.New(seed, start.UnixMilli(), rate), start: start, rate: rate, truth: qoe.NewTruth()}, nil
}

// play publishes until ctx is done. Every beacon it counts has been stored by the server.
func (p *player) play(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var b qoe.Beacon
	var batch []qoe.Beacon
	var acks []jetstream.PubAckFuture
	for i := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due := uint64(time.Since(p.start).Milliseconds()) * uint64(p.rate) / 1000
		batch, acks = batch[:0], acks[:0]
		for ; i < due && len(batch) < 4000; i++ {
			p.gen.At(i, &b)
			f, err := p.js.PublishAsync("beacons."+b.Region, b.AppendJSON(nil))
			if err != nil {
				return fmt.Errorf("publish a beacon: %w", err)
			}
			batch, acks = append(batch, b), append(acks, f)
		}
		for _, f := range acks {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				return fmt.Errorf("publish a beacon: %w", err)
			}
		}
		p.mu.Lock()
		for k := range batch {
			p.truth.Add(&batch[k])
		}
		p.sent = i
		p.mu.Unlock()
	}
}

func (p *player) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}
