package forward

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// OptionKeys are the keys that ParseOutput reads.
var OptionKeys = []string{
	"edgeflow.pack", "edgeflow.outbox.max-bytes", "edgeflow.outbox.max-age", "edgeflow.outbox.on-limit",
	"edgeflow.outbox.rate", "edgeflow.outbox.priority", "edgeflow.on-lost-cursor",
}

// BytesMaxDefault is the outbox budget of an output that names none.
const BytesMaxDefault = 1 << 30

// ParseOutput reads a sink table's options about its outbox into o.
func ParseOutput(with map[string]string, o *OutputOptions) error {
	var err error
	bad := func(key, want string) {
		if err == nil {
			err = fmt.Errorf("option '%s' = '%s': expected %s", key, with[key], want)
		}
	}
	number := func(key string, least int, p *int) {
		if v, ok := with[key]; ok {
			n, e := strconv.Atoi(strings.TrimSpace(v))
			if e != nil || n < least {
				bad(key, fmt.Sprintf("a whole number from %d", least))
				return
			}
			*p = n
		}
	}
	size := func(key string, p *int64) {
		if v, ok := with[key]; ok {
			n, e := plan.ParseBytes(strings.TrimSuffix(strings.TrimSpace(v), "/s"))
			if e != nil {
				bad(key, "a size such as '64 mb'")
				return
			}
			*p = n
		}
	}
	o.BytesMax = BytesMaxDefault
	number("edgeflow.pack", 1, &o.Pack)
	number("edgeflow.outbox.priority", math.MinInt32, &o.Priority)
	size("edgeflow.outbox.max-bytes", &o.BytesMax)
	size("edgeflow.outbox.rate", &o.DrainBytesPerSecond)
	if v, ok := with["edgeflow.outbox.max-age"]; ok {
		d, e := plan.ParseDuration(v)
		if e != nil {
			bad("edgeflow.outbox.max-age", "a duration such as '2 d'")
		}
		o.AgeMax = d
	}
	switch with["edgeflow.outbox.on-limit"] {
	case "", "backpressure":
		o.OnFull = Backpressure
	case "drop-oldest":
		o.OnFull = DropOldest
	default:
		bad("edgeflow.outbox.on-limit", "'backpressure' or 'drop-oldest'")
	}
	switch with["edgeflow.on-lost-cursor"] {
	case "", "fail":
		o.OnLost = LostFail
	case "resend":
		o.OnLost = LostResend
	default:
		bad("edgeflow.on-lost-cursor", "'fail' or 'resend'")
	}
	return err
}
