package nexmark

import (
	"math"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/connector/internal/with"
)

// Options configures the generator. The keys are those of Nexmark's own source.
type Options struct {
	// EventsNum is the number of events, 'events.num'; 0 is no end. StopAt ends them at an
	// event number, 'stop-at'; negative is no such end.
	EventsNum, StopAt int64
	// FirstNumber is the number of the first event, 'first-event.number'.
	FirstNumber int64
	// Rate is the number of events in a second of event time, 'first-event.rate'.
	Rate int64
	// RateLimited makes events come at the rate, 'rate.limited' or 'max-emit-speed' =
	// 'false'; else they come as fast as they are read, and arrive at their event time.
	RateLimited bool
	// EmitRate is how many events are read in a second of the host's time at the most,
	// 'emit.rate'; 0 is no limit. It bears on neither event time nor arrival time.
	EmitRate int64
	// KeepAlive leaves the source open behind its last event, 'keep-alive'.
	KeepAlive bool
	// BaseMs is the event time of event 0 in ms since 1970, 'nexmark.base-time'.
	BaseMs int64
	// Person, Auction and Bid are the proportions of events, 'person.proportion' and so on.
	Person, Auction, Bid int64
	// The average sizes of events in bytes, 'person.avg-size' and so on.
	PersonSize, AuctionSize, BidSize int64
	// One in so many bids, auctions and sellers is not for a hot one,
	// 'bid.hot-ratio.auctions', 'bid.hot-ratio.bidders', 'auction.hot-ratio.sellers'.
	HotAuctions, HotBidders, HotSellers int64
}

// DefaultOptions are Nexmark's. BaseMs is 2015-07-15 00:00:00 UTC, so that events are the
// same in every run.
func DefaultOptions() Options {
	return Options{StopAt: -1, Rate: 10_000, BaseMs: 1_436_918_400_000, Person: 1, Auction: 3, Bid: 46,
		PersonSize: 200, AuctionSize: 500, BidSize: 100, HotAuctions: 2, HotBidders: 4, HotSellers: 4}
}

// Keys are the options that a table may have.
var Keys = []string{"events.num", "stop-at", "first-event.number", "first-event.rate", "next-event.rate", "rate.shape", "rate.period",
	"rate.limited", "max-emit-speed", "emit.rate", "keep-alive", "nexmark.base-time", "person.proportion", "auction.proportion", "bid.proportion",
	"person.avg-size", "auction.avg-size", "bid.avg-size", "bid.hot-ratio.auctions", "bid.hot-ratio.bidders", "auction.hot-ratio.sellers",
	"scan.parallelism"}

// ParseOptions reads a table's options.
func ParseOptions(table map[string]string) (Options, error) {
	o := DefaultOptions()
	if err := with.CheckKeys("nexmark", table, Keys, nil); err != nil {
		return o, err
	}
	r := with.Reader{Table: table}
	r.Int("events.num", &o.EventsNum, 0)
	r.Int("stop-at", &o.StopAt, -1)
	r.Int("first-event.number", &o.FirstNumber, 0)
	r.Int("first-event.rate", &o.Rate, 1)
	next := o.Rate
	r.Int("next-event.rate", &next, 1)
	if next != o.Rate && table["next-event.rate"] != "" {
		r.Fail("next-event.rate", "the rate does not change: leave it out, or write the value of 'first-event.rate'")
	}
	r.Bool("rate.limited", &o.RateLimited)
	most := !o.RateLimited
	r.Bool("max-emit-speed", &most)
	o.RateLimited = o.RateLimited || !most
	r.Int("emit.rate", &o.EmitRate, 1)
	r.Bool("keep-alive", &o.KeepAlive)
	r.Time("nexmark.base-time", &o.BaseMs)
	r.Int("person.proportion", &o.Person, 1)
	r.Int("auction.proportion", &o.Auction, 1)
	r.Int("bid.proportion", &o.Bid, 0)
	size(&r, "person.avg-size", &o.PersonSize)
	size(&r, "auction.avg-size", &o.AuctionSize)
	size(&r, "bid.avg-size", &o.BidSize)
	r.Int("bid.hot-ratio.auctions", &o.HotAuctions, 1)
	r.Int("bid.hot-ratio.bidders", &o.HotBidders, 1)
	r.Int("auction.hot-ratio.sellers", &o.HotSellers, 1)
	if r.Err != nil {
		return o, r.Err
	}
	return o, o.Validate()
}

// size reads a number of bytes, with or without the unit b or kb.
func size(r *with.Reader, key string, p *int64) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	v = strings.TrimSpace(strings.ToLower(v))
	unit := int64(1)
	if s, ok := strings.CutSuffix(v, "kb"); ok {
		v, unit = s, 1024
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(v, "b")), 10, 32)
	if err != nil || n < 0 || n*unit > sizeMax {
		r.Fail(key, "expected a size such as '200b', at most 1 MiB")
		return
	}
	*p = n * unit
}

// The largest average size of an event, proportion, hot ratio and rate.
const (
	sizeMax  = 1 << 20
	shareMax = 1 << 20
	rateMax  = 1_000_000_000
)

// Validate reports the first thing wrong with the options.
func (o *Options) Validate() error {
	for _, c := range []struct {
		key            string
		v, least, most int64
	}{
		{"events.num", o.EventsNum, 0, math.MaxInt64 / 4}, {"first-event.number", o.FirstNumber, 0, math.MaxInt64 / 4},
		{"first-event.rate", o.Rate, 1, rateMax}, {"emit.rate", o.EmitRate, 0, rateMax},
		{"person.proportion", o.Person, 1, shareMax}, {"auction.proportion", o.Auction, 1, shareMax}, {"bid.proportion", o.Bid, 0, shareMax},
		{"person.avg-size", o.PersonSize, 0, sizeMax}, {"auction.avg-size", o.AuctionSize, 0, sizeMax}, {"bid.avg-size", o.BidSize, 0, sizeMax},
		{"bid.hot-ratio.auctions", o.HotAuctions, 1, shareMax}, {"bid.hot-ratio.bidders", o.HotBidders, 1, shareMax},
		{"auction.hot-ratio.sellers", o.HotSellers, 1, shareMax},
	} {
		if c.v < c.least || c.v > c.most {
			return &with.OptionError{Key: c.key, Problem: "expected a number from " + strconv.FormatInt(c.least, 10) + " to " + strconv.FormatInt(c.most, 10)}
		}
	}
	return nil
}
