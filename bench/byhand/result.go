package byhand

import (
	"fmt"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Result is the account of a run. Two runs over the same log have equal Results.
type Result struct {
	// Events counts what was read, Future those diverted by the future guard, Late those
	// that came after their window had fired, Rows what the query yields.
	Events, Future, Late, Rows int64
	// Digest is the sum of the rows' hashes: it does not depend on their order. It is 0 for
	// a run that only counts its rows.
	Digest uint64
}

// Differs says how r differs from the wanted result, or is empty. A Digest of 0 is not
// compared.
func (r Result) Differs(want Result) string {
	if r.Digest == 0 || want.Digest == 0 {
		r.Digest, want.Digest = 0, 0
	}
	if r == want {
		return ""
	}
	return fmt.Sprintf("got %+v, want %+v", r, want)
}

// Failure is a row that the filter yields.
type Failure struct {
	TimeMs                               int64
	ViewID, Customer, CDN, Device, Error []byte
}

// AddFailure counts a row of the filter; buf is scratch, to be given again the next time.
func (r *Result) AddFailure(f *Failure, buf []byte) []byte {
	buf = strconv.AppendInt(buf[:0], f.TimeMs, 10)
	for _, s := range [...][]byte{f.ViewID, f.Customer, f.CDN, f.Device, f.Error} {
		buf = append(append(buf, '|'), s...)
	}
	r.Rows++
	r.Digest += xxhash.Sum64(buf)
	return buf
}

// Quality is a row that the tumbling aggregate yields.
type Quality struct {
	StartMs, EndMs            int64
	Customer, CDN             string
	Views, Errors, RebufferMs int64
	MeanStartup               float64
	MaxBitrate                int64
}

// AddQuality counts a row of the aggregate.
func (r *Result) AddQuality(q *Quality) {
	r.Rows++
	r.Digest += xxhash.Sum64String(fmt.Sprintf("%d|%d|%s|%s|%d|%d|%d|%v|%d",
		q.StartMs, q.EndMs, q.Customer, q.CDN, q.Views, q.Errors, q.RebufferMs, q.MeanStartup, q.MaxBitrate))
}
