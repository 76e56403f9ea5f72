package datagen

// burstMs is how much of what is due is made at once, in ms of the rate.
const burstMs = 1000

// pace is the time by which rows are made: the host's, but that it does not go back when that does.
type pace struct {
	known    bool
	now, saw int64 // what it is, and what the host's was then, ms since 1970
}

// at is the time when the host's is hostMs. It is not before least.
func (p *pace) at(hostMs, least int64) int64 {
	if !p.known {
		*p = pace{true, max(hostMs, least), hostMs}
	}
	p.now, p.saw = p.now+max(0, hostMs-p.saw), hostMs
	return p.now
}
