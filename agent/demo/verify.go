package demo

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"github.com/edgeflow/edgeflow/examples/qoe"
)

func newReader(b []byte) *bytes.Reader { return bytes.NewReader(b) }

// percentileSlack is the relative error that APPROX_PERCENTILE may have, with the distance
// between neighbouring ranks on top.
const percentileSlack = 0.03

// verdict compares what the hub has with the truth; the lines say what differs.
type verdict struct {
	lines []string
	wrong int
}

func (v *verdict) fail(format string, args ...any) {
	v.wrong++
	if len(v.lines) < 20 {
		v.lines = append(v.lines, fmt.Sprintf(format, args...))
	}
}

// verify compares windows one by one: views, errors and rebuffering exactly, percentiles
// within their declared error, and playback errors by view.
func verify(c *consumer, t *qoe.Truth) *verdict {
	v := &verdict{}
	c.mu.Lock()
	defer c.mu.Unlock()
	compare(v, "10 s", c.tumble, t.Tumble)
	compare(v, "1 min", c.hop, t.Hop)
	if c.errorRows != t.Errors {
		v.fail("playback errors: the hub has %d, the beacons %d", c.errorRows, t.Errors)
	}
	for id, n := range c.errors {
		if n != 1 {
			v.fail("playback error of view %s arrived %d times", id, n)
		}
	}
	for _, b := range c.bad {
		v.fail("a message that cannot be read: %s", b)
	}
	return v
}

func compare(v *verdict, name string, got map[qoe.Key][]result, want map[qoe.Key]*qoe.Totals) {
	for k, w := range want {
		rows := got[k]
		if len(rows) != 1 {
			v.fail("%s window %s/%s at %d: %d results at the hub instead of 1", name, k.Customer, k.CDN, k.StartMs, len(rows))
			continue
		}
		r := rows[0]
		if r.Views != w.Views || r.Errors != w.Errors || r.RebufferMs != w.RebufferMs {
			v.fail("%s window %s/%s at %d: views %d errors %d rebuffer %d at the hub, %d %d %d in the beacons",
				name, k.Customer, k.CDN, k.StartMs, r.Views, r.Errors, r.RebufferMs, w.Views, w.Errors, w.RebufferMs)
		}
		if !near(r.P50, w.Startup, 0.5) || !near(r.P95, w.Startup, 0.95) {
			v.fail("%s window %s/%s at %d: p50 %.1f p95 %.1f are too far off", name, k.Customer, k.CDN, k.StartMs, r.P50, r.P95)
		}
	}
	for k := range got {
		if want[k] == nil {
			v.fail("%s window %s/%s at %d: at the hub, but not in the beacons", name, k.Customer, k.CDN, k.StartMs)
		}
	}
}

// near tells whether got is the p-quantile of the ascending values, within slack.
func near(got float64, values []int, p float64) bool {
	rank := p * float64(len(values)-1)
	low, high := float64(values[int(math.Floor(rank))]), float64(values[int(math.Ceil(rank))])
	return got >= low*(1-percentileSlack)-1 && got <= high*(1+percentileSlack)+1
}

func (v *verdict) print(w io.Writer) {
	for _, l := range v.lines {
		fmt.Fprintf(w, "  %s\n", l)
	}
	if v.wrong > len(v.lines) {
		fmt.Fprintf(w, "  and %d more\n", v.wrong-len(v.lines))
	}
}
