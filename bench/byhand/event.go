package byhand

// Event is a beacon with the fields that the queries use. Strings refer to the message's
// bytes.
type Event struct {
	ViewID, Customer, CDN, Device []byte
	// Error is nil when playback went well.
	Error  []byte
	TimeMs int64

	StartupMs, RebufferMs, BitrateKbps int64
}

// Decoder reads the events of messages one by one.
type Decoder interface {
	// Next decodes the event at the start of data into e and returns what follows it.
	Next(data []byte, e *Event) (rest []byte, err error)
}

// NewDecoder makes the decoder of an encoding, "json" or "msgpack".
func NewDecoder(encoding string) Decoder {
	if encoding == "json" {
		return &JSON{}
	}
	return &Msgpack{}
}
