package byhand

// Run computes one query over a log.
type Run interface {
	// Message takes the events of a message that the log stored at arrivalMs.
	Message(data []byte, arrivalMs int64) error
	// End ends the log and returns the account.
	End() Result
}

// New makes a run of a query, "filter" or "tumble", over an encoding, "json" or "msgpack".
func New(query, encoding string) Run {
	if query == "filter" {
		return &Filter{decoder: NewDecoder(encoding)}
	}
	return newTumble(NewDecoder(encoding))
}

// The event times that the queries' table declares, in ms: how far behind the newest event
// the watermark is, how often it goes out by arrival time, and how far ahead of arrival an
// event may be.
const (
	delayMs     = 5_000
	intervalMs  = 200
	maxAheadMs  = 3_600_000
	windowMs    = 10_000
	minBitrate  = 1_000
	noWatermark = -1 << 63
)

// Filter keeps the failed views of a fast network.
type Filter struct {
	decoder Decoder
	arrival int64
	event   Event
	buf     []byte
	result  Result
}

// Message implements Run.
func (f *Filter) Message(data []byte, arrivalMs int64) error {
	f.arrival = max(f.arrival, arrivalMs)
	e := &f.event
	var err error
	for len(data) > 0 {
		if data, err = f.decoder.Next(data, e); err != nil {
			return err
		}
		f.result.Events++
		if e.TimeMs-f.arrival > maxAheadMs {
			f.result.Future++
			continue
		}
		if e.Error != nil && e.BitrateKbps >= minBitrate {
			row := Failure{e.TimeMs, e.ViewID, e.Customer, e.CDN, e.Device, e.Error}
			f.buf = f.result.AddFailure(&row, f.buf)
		}
	}
	return nil
}

// End implements Run.
func (f *Filter) End() Result { return f.result }
