package forward

import "time"

// Bounds of what one publish carries before anything is known of the link.
const (
	batchBytesStart = 16 << 10
	batchBytesMin   = 4 << 10
	batchBytesMax   = 4 << 20
	// messageTime is what one message may take: an open batch dies at the hub after ten
	// seconds without a message.
	messageTime = 2 * time.Second
	// batchTime is what a batch may take.
	batchTime = 4 * time.Second
)

// link measures a way to a hub and says how much to send at once. The zero value is a link
// nothing is known of.
type link struct {
	// rate is the measured throughput in bytes a second, 0 when unknown.
	rate float64
	// batch is the present size of a batch, 0 for the start.
	batch int
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
	if l.rate == 0 {
		return min(hubMax, batchBytesStart)
	}
	return min(hubMax, max(batchBytesMin, int(l.rate*messageTime.Seconds())))
}

// timeout is how long to wait for a batch's answer: four times what it should take, and
// the ten seconds in which the hub gives an open batch up.
func (l link) timeout(bytes int) time.Duration {
	t := 10 * time.Second
	if l.rate > 0 {
		t += time.Duration(4 * float64(bytes) / l.rate * float64(time.Second))
	} else {
		t += 10 * time.Second
	}
	return min(t, 2*time.Minute)
}

// sent takes in that a batch was confirmed after took. Batches grow while they take less
// than half of batchTime and shrink when they take more than it.
func (l link) sent(bytes int, took time.Duration) link {
	took = max(took, 50*time.Microsecond)
	limit := l.batchBytes()
	if bytes >= limit/4 {
		r := float64(bytes) / took.Seconds()
		if l.rate == 0 {
			l.rate = r
		} else {
			l.rate += (r - l.rate) * 0.3
		}
	}
	switch {
	case took > batchTime:
		l.batch = max(batchBytesMin, limit/2)
	case took < batchTime/2 && bytes >= limit/2:
		l.batch = min(batchBytesMax, limit*2)
	}
	return l
}

// failed takes in that a batch got no answer, or was too large.
func (l link) failed() link {
	l.batch = max(batchBytesMin, l.batchBytes()/2)
	l.rate /= 2
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
