package forward

import (
	"math"
	"time"
)

// Bounds of what one publish carries.
const (
	batchBytesStart = 16 << 10 // before anything is known of the link
	batchBytesMin   = 4 << 10
	batchBytesMax   = 4 << 20
	// messageTime is what one message may take: an open batch dies at the hub after ten
	// seconds without a message.
	messageTime = 2 * time.Second
	// A batch is on its way for roundsPerBatch times as long as the link is idle until its answer
	// comes, which uses ten elevenths of it, within batchTimeMin and batchTimeMax: a ping that waits
	// behind a batch must be answered before the client gives the connection up.
	roundsPerBatch = 10
	batchTimeMin   = 2 * time.Second
	batchTimeMax   = 8 * time.Second
	// answerTime is how long a hub keeps an open batch of which nothing more comes.
	answerTime = 10 * time.Second
	// patienceMax is the longest that an answer is waited for.
	patienceMax = 2 * time.Minute
	// slowest is the bytes a second that a link is taken to carry of which nothing is known.
	slowest = 10 << 10
	// newest is how much the newest measurement counts.
	newest = 0.5
)

// link measures a way to a hub and says how much to send at once, and how long to wait for an
// answer. What the way takes is taken for a round trip, whatever is sent, and a time for each
// byte: a hub that answers late does not make batches small, one that takes bytes slowly does.
// The zero value is a link nothing is known of.
type link struct {
	// round is what an answer to next to nothing takes.
	round time.Duration
	// perByte is how many seconds a byte takes beside that, 0 when unknown.
	perByte float64
	// batch is the present size of a batch, 0 for the start.
	batch int
	// missed counts answers that did not come in time, in a row; lost does so for batches alone,
	// which small requests between them say nothing of.
	missed, lost int
}

// batchBytes is how much a batch may carry.
func (l link) batchBytes() int {
	if l.batch == 0 {
		return batchBytesStart
	}
	return l.batch
}

// messageBytes is how large a packed message may become. A single row may be larger.
func (l link) messageBytes(hubMax int) int {
	if l.perByte == 0 {
		return min(hubMax, batchBytesStart)
	}
	return min(hubMax, max(batchBytesMin, l.within(messageTime)))
}

// within is how many bytes go over the link in a time.
func (l link) within(d time.Duration) int {
	return int(min(d.Seconds()/l.perByte, batchBytesMax))
}

// throughput is the bytes a second of full batches, the waits for their answers included; 0
// when unknown.
func (l link) throughput() float64 {
	if l.perByte == 0 {
		return 0
	}
	n := float64(l.batchBytes())
	return n / (l.round.Seconds() + n*l.perByte)
}

// timeout is how long to wait for a batch's answer.
func (l link) timeout(bytes int) time.Duration {
	l.missed = max(l.missed, l.lost)
	if l.perByte == 0 {
		return l.patience(2*answerTime + time.Duration(float64(bytes)/slowest*float64(time.Second)))
	}
	return l.patience(answerTime + time.Duration(min(4*float64(bytes)*l.perByte, patienceMax.Seconds())*float64(time.Second)))
}

// patience is how long to wait for what is answered within a time once it has arrived: a slow
// link is given time, and one whose answers do not come in time is given more with each.
func (l link) patience(d time.Duration) time.Duration {
	d += 4 * l.round
	return time.Duration(min(math.Ldexp(float64(d), l.missed), float64(patienceMax)))
}

// answered takes in that something small was answered after a time.
func (l link) answered(took time.Duration) link {
	l.missed = 0
	if l.round == 0 {
		l.round = took
	} else {
		l.round += time.Duration(newest * float64(took-l.round))
	}
	return l
}

// sent takes in that a batch was confirmed after took, and its beginning answered after round,
// 0 where the hub does not say that: it is what it was then.
func (l link) sent(bytes int, took, round time.Duration) link {
	limit := l.batchBytes()
	if round == 0 {
		round = l.round
	}
	round = min(round, took)
	l = l.answered(round)
	l.lost = 0
	if bytes < limit/4 {
		return l // too little to tell what a byte takes
	}
	p := max(took-round, 50*time.Microsecond).Seconds() / float64(bytes)
	if l.perByte == 0 {
		l.perByte = p
	} else {
		l.perByte += newest * (p - l.perByte)
	}
	goal := l.within(min(max(roundsPerBatch*l.round, batchTimeMin), batchTimeMax))
	most := limit
	if bytes >= limit/2 {
		most = 2 * limit // it was full: what more of it would do can be tried
	}
	l.batch = max(batchBytesMin, min(goal, most))
	return l
}

// late takes in that an answer did not come in time.
func (l link) late() link {
	l.missed++
	return l
}

// lateBatch takes in that a batch's answer did not come in time.
func (l link) lateBatch() link {
	l.lost++
	return l.late()
}

// smaller halves batches, after one that was too large or whose outcome is not known.
func (l link) smaller() link {
	l.batch = max(batchBytesMin, l.batchBytes()/2)
	return l
}

// bucket limits the rate at which an output drains. Zero bytes a second is no limit.
type bucket struct {
	rate   int64 // bytes a second
	tokens float64
	at     time.Time
}

// wait says how long until something may be sent. What is sent may overdraw the bucket,
// which then takes its time to fill.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.tokens = min(float64(b.rate), b.tokens+now.Sub(b.at).Seconds()*float64(b.rate))
	} else {
		b.tokens = float64(b.rate)
	}
	b.at = now
	if b.tokens > 0 {
		return 0
	}
	return time.Duration((-b.tokens/float64(b.rate))*float64(time.Second)) + time.Millisecond
}

func (b *bucket) take(bytes int) {
	if b.rate > 0 {
		b.tokens -= float64(bytes)
	}
}
