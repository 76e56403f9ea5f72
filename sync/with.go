package forward

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
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
			n, unit, good := quantity(strings.TrimSuffix(strings.TrimSpace(v), "/s"))
			m, known := sizeUnits[unit]
			if !good || !known || n > math.MaxInt64/m {
				bad(key, "a size such as '64 mb'")
				return
			}
			*p = n * m
		}
	}
	o.BytesMax = BytesMaxDefault
	number("edgeflow.pack", 1, &o.Pack)
	number("edgeflow.outbox.priority", math.MinInt32, &o.Priority)
	size("edgeflow.outbox.max-bytes", &o.BytesMax)
	size("edgeflow.outbox.rate", &o.DrainBytesPerSecond)
	if v, ok := with["edgeflow.outbox.max-age"]; ok {
		n, unit, good := quantity(v)
		m, known := timeUnits[unit]
		if !good || !known || n > math.MaxInt64/int64(m) {
			bad("edgeflow.outbox.max-age", "a duration such as '2 d'")
		} else {
			o.AgeMax = time.Duration(n) * m
		}
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

var sizeUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "t": 1 << 40, "tb": 1 << 40,
}

var timeUnits = map[string]time.Duration{
	"": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// quantity splits "64 mb" into 64 and "mb".
func quantity(s string) (n int64, unit string, ok bool) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, strings.ToLower(strings.TrimSpace(s[i:])), err == nil
}
