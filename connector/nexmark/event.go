package nexmark

import (
	"math/bits"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Ids begin at these numbers.
const (
	firstAuction  = 1000
	firstPerson   = 1000
	firstCategory = 10
)

// What the generator draws from: the number of categories, the people and auctions that are
// referred to before they are there, the batch of which one is hot, the auctions in flight,
// the people that are active, and the channels.
const (
	categories = 5
	lead       = 10
	hotBatch   = 100
	inFlight   = 100
	active     = 1000
	channels   = 10_000
)

var (
	states      = []string{"AZ", "CA", "ID", "OR", "WA", "WY"}
	cities      = []string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	firstNames  = []string{"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}
	lastNames   = []string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
	hotChannels = []string{"Google", "Facebook", "Baidu", "Apple"}
)

// The kinds of events, as event_type tells them.
const (
	personEvent = iota
	auctionEvent
	bidEvent
	eventKinds
)

// kindNames are the columns of the kinds; fieldNames their fields, in the order in which they
// are drawn.
var (
	kindNames  = [eventKinds]string{"person", "auction", "bid"}
	fieldNames = [eventKinds][]string{
		{"id", "dateTime", "name", "emailAddress", "creditCard", "city", "state", "extra"},
		{"id", "dateTime", "seller", "category", "initialBid", "expires", "itemName", "description", "reserve", "extra"},
		{"dateTime", "auction", "bidder", "price", "channel", "url", "extra"},
	}
)

// generator makes events by their numbers.
type generator struct {
	opt   Options
	total int64
	// delayUs is the time between events in microseconds.
	delayUs float64
	// last is, by kind, the number of fields that are drawn; those behind are not read.
	last [eventKinds]int

	r      random
	fields []vec.Datum // of the newest event
	buf    []byte      // their bytes
	urls   [channels + 4][]byte
}

func newGenerator(o Options) *generator {
	return &generator{opt: o, total: o.Person + o.Auction + o.Bid, delayUs: 1e6 / float64(o.Rate)}
}

// timeOf is the event time of event n in ms.
func (g *generator) timeOf(n int64) int64 { return g.opt.BaseMs + int64(float64(n)*g.delayUs)/1000 }

func (g *generator) kindOf(n int64) int {
	switch rem := n % g.total; {
	case rem < g.opt.Person:
		return personEvent
	case rem < g.opt.Person+g.opt.Auction:
		return auctionEvent
	}
	return bidEvent
}

// event makes event n: its kind, and in fields the first last[kind] of its fields, valid
// until the next call.
func (g *generator) event(n int64) (kind int, timeMs int64) {
	kind, timeMs = g.kindOf(n), g.timeOf(n)
	g.r = newRandom(n)
	g.fields, g.buf = g.fields[:0], g.buf[:0]
	for i := range g.last[kind] {
		switch kind {
		case personEvent:
			g.person(i, n, timeMs)
		case auctionEvent:
			g.auction(i, n, timeMs)
		default:
			g.bid(i, n, timeMs)
		}
	}
	return kind, timeMs
}

func (g *generator) num(v int64) { g.fields = append(g.fields, vec.Datum{I: v}) }

// end makes the bytes from from on a field.
func (g *generator) end(from int) {
	g.fields = append(g.fields, vec.Datum{B: g.buf[from:len(g.buf):len(g.buf)]})
}

func (g *generator) pick(from []string) {
	at := len(g.buf)
	g.buf = append(g.buf, from[g.r.int31n(int32(len(from)))]...)
	g.end(at)
}

// used is the length of the texts so far.
func (g *generator) used() int32 {
	n := 0
	for _, f := range g.fields {
		n += len(f.B)
	}
	return int32(n)
}

func (g *generator) person(field int, n, timeMs int64) {
	at := len(g.buf)
	switch field {
	case 0:
		g.num(g.lastPerson(n) + firstPerson)
	case 1:
		g.num(timeMs * 1000)
	case 2:
		g.buf = append(g.buf, firstNames[g.r.int31n(int32(len(firstNames)))]...)
		g.buf = append(append(g.buf, ' '), lastNames[g.r.int31n(int32(len(lastNames)))]...)
		g.end(at)
	case 3:
		g.buf = g.r.text(g.buf, 7, ' ')
		g.buf = g.r.text(append(g.buf, '@'), 5, ' ')
		g.buf = append(g.buf, ".com"...)
		g.end(at)
	case 4:
		for i := range 4 {
			if i > 0 {
				g.buf = append(g.buf, ' ')
			}
			d := g.r.int31n(10_000)
			g.buf = append(g.buf, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
		}
		g.end(at)
	case 5:
		g.pick(cities)
	case 6:
		g.pick(states)
	case 7:
		g.buf = g.r.fill(g.buf, 8+g.used(), int32(g.opt.PersonSize))
		g.end(at)
	}
}

func (g *generator) auction(field int, n, timeMs int64) {
	at := len(g.buf)
	switch field {
	case 0:
		g.num(g.lastAuction(n) + firstAuction)
	case 1:
		g.num(timeMs * 1000)
	case 2:
		seller := int64(0)
		if g.r.int31n(int32(g.opt.HotSellers)) > 0 {
			seller = g.lastPerson(n) / hotBatch * hotBatch
		} else {
			seller = g.anyPerson(n)
		}
		g.num(seller + firstPerson)
	case 3:
		g.num(firstCategory + int64(g.r.int31n(categories)))
	case 4:
		g.num(g.r.price())
	case 5:
		ahead := g.timeOf(n+inFlight*g.total/g.opt.Auction) - timeMs
		g.num((timeMs + 1 + g.r.below(max(2*ahead, 1))) * 1000)
	case 6:
		g.buf = g.r.text(g.buf, 20, ' ')
		g.end(at)
	case 7:
		g.buf = g.r.text(g.buf, 100, ' ')
		g.end(at)
	case 8:
		g.num(g.fields[4].I + g.r.price())
	case 9:
		g.buf = g.r.fill(g.buf, 48+g.used(), int32(g.opt.AuctionSize))
		g.end(at)
	}
}

func (g *generator) bid(field int, n, timeMs int64) {
	at := len(g.buf)
	switch field {
	case 0:
		g.num(timeMs * 1000)
	case 1:
		auction := int64(0)
		if g.r.int31n(int32(g.opt.HotAuctions)) > 0 {
			auction = g.lastAuction(n) / hotBatch * hotBatch
		} else {
			from := max(g.lastAuction(n)-inFlight, 0)
			auction = from + g.r.below(g.lastAuction(n)-from+1+lead)
		}
		g.num(auction + firstAuction)
	case 2:
		bidder := int64(0)
		if g.r.int31n(int32(g.opt.HotBidders)) > 0 {
			bidder = g.lastPerson(n)/hotBatch*hotBatch + 1
		} else {
			bidder = g.anyPerson(n)
		}
		g.num(bidder + firstPerson)
	case 3:
		g.num(g.r.price())
	case 4:
		if g.r.int31n(2) > 0 {
			c := g.r.int31n(int32(len(hotChannels)))
			g.buf = append(g.buf, hotChannels[c]...)
			g.end(at)
			g.fields[4].I = channels + int64(c)
			return
		}
		c := int64(g.r.int31n(channels))
		g.buf = strconv.AppendInt(append(g.buf, "channel-"...), c, 10)
		g.end(at)
		g.fields[4].I = c
	case 5:
		g.fields = append(g.fields, vec.Datum{B: g.url(g.fields[4].I)})
	case 6:
		g.buf = g.r.fill(g.buf, 32, int32(g.opt.BidSize))
		g.end(at)
	}
}

// url is the address that a channel's bids come from: the same in every run.
func (g *generator) url(channel int64) []byte {
	if u := g.urls[channel]; u != nil {
		return u
	}
	r := newRandom(channel)
	u := []byte("https://www.nexmark.com/")
	for range 3 {
		u = append(r.text(u, 5, '_'), '/')
	}
	u = append(u, "item.htm?query=1"...)
	if channel < channels && r.int31n(10) > 0 {
		id := int64(int32(bits.Reverse32(uint32(channel))))
		u = strconv.AppendInt(append(u, "&channel_id="...), max(id, -id), 10)
	}
	g.urls[channel] = u
	return u
}

// lastPerson is the newest person at event n, from 0.
func (g *generator) lastPerson(n int64) int64 {
	return n/g.total*g.opt.Person + min(n%g.total, g.opt.Person-1)
}

// lastAuction is the newest auction at event n, from 0; -1 before the first.
func (g *generator) lastAuction(n int64) int64 {
	epoch, rem := n/g.total, n%g.total-g.opt.Person
	if rem < 0 {
		return epoch*g.opt.Auction - 1
	}
	return epoch*g.opt.Auction + min(rem, g.opt.Auction-1)
}

// anyPerson is one of the active people, or one who comes soon.
func (g *generator) anyPerson(n int64) int64 {
	people := g.lastPerson(n) + 1
	some := min(people, active)
	return people - some + g.r.below(some+lead)
}
