package nats

// ackReply is what the server says about a delivered message in its reply subject:
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>[.<token>]
type ackReply struct {
	streamSeq, consumerSeq, pending uint64
	storedNs                        int64
}

const ackPrefix = "$JS.ACK."

// parseAckReply reads both forms in place.
func parseAckReply(b []byte) (a ackReply, ok bool) {
	if len(b) <= len(ackPrefix) || string(b[:len(ackPrefix)]) != ackPrefix {
		return a, false
	}
	var at [14]int
	n := 0
	at[0] = len(ackPrefix)
	for i := len(ackPrefix); i < len(b); i++ {
		if b[i] != '.' {
			continue
		}
		n++
		if n >= len(at)-1 {
			return a, false
		}
		at[n] = i + 1
	}
	n++
	at[n] = len(b) + 1
	first := 3
	switch {
	case n == 7:
	case n >= 9:
		first = 5
	default:
		return a, false
	}
	var v [4]uint64
	for i := range v {
		if v[i], ok = parseUint(b[at[first+i] : at[first+i+1]-1]); !ok {
			return a, false
		}
	}
	a.streamSeq, a.consumerSeq, a.storedNs, a.pending = v[0], v[1], int64(v[2]), v[3]
	return a, a.storedNs >= 0
}

// parseUint reads decimal digits; false when there are none, others, or too many.
func parseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	return v, true
}
