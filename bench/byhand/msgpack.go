package byhand

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Msgpack decodes beacons as msgpack maps, one after the other.
type Msgpack struct{}

// Next implements Decoder.
func (d *Msgpack) Next(data []byte, e *Event) ([]byte, error) {
	if rest, ok := d.expected(data, e); ok {
		return rest, nil
	}
	return d.general(data, e)
}

// str reads a string of at most 255 bytes.
func str(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	n, head := int(b[0]&0x1f), 1
	if b[0]&0xe0 != 0xa0 {
		if b[0] != 0xd9 || len(b) < 2 {
			return nil, nil, false
		}
		n, head = int(b[1]), 2
	}
	if len(b) < head+n {
		return nil, nil, false
	}
	return b[head : head+n], b[head+n:], true
}

// number reads a positive whole number of at most 32 bits.
func number(b []byte) (n int64, rest []byte, ok bool) {
	switch {
	case len(b) >= 1 && b[0] < 0x80:
		return int64(b[0]), b[1:], true
	case len(b) >= 5 && b[0] == 0xce:
		return int64(binary.BigEndian.Uint32(b[1:])), b[5:], true
	case len(b) >= 3 && b[0] == 0xcd:
		return int64(binary.BigEndian.Uint16(b[1:])), b[3:], true
	case len(b) >= 2 && b[0] == 0xcc:
		return int64(b[1]), b[2:], true
	}
	return 0, nil, false
}

// expected decodes an event whose fields come in the generator's order.
func (d *Msgpack) expected(b []byte, e *Event) (_ []byte, ok bool) {
	if b, ok = after(b, "\x8a\xa7view_id"); !ok {
		return nil, false
	}
	if e.ViewID, b, ok = str(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xa8customer"); !ok {
		return nil, false
	}
	if e.Customer, b, ok = str(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xa6region"); !ok {
		return nil, false
	}
	if _, b, ok = str(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xa3cdn"); !ok {
		return nil, false
	}
	if e.CDN, b, ok = str(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xa6device"); !ok {
		return nil, false
	}
	if e.Device, b, ok = str(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xaaevent_time\xd7\xff"); !ok || len(b) < 8 {
		return nil, false
	}
	v := binary.BigEndian.Uint64(b)
	e.TimeMs = int64(v&(1<<34-1))*1000 + int64(v>>34)/1e6
	return d.figures(b[8:], e)
}

// figures decodes the second half of an event, after its time.
func (d *Msgpack) figures(b []byte, e *Event) (_ []byte, ok bool) {
	if b, ok = after(b, "\xaastartup_ms"); !ok {
		return nil, false
	}
	if e.StartupMs, b, ok = number(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xabrebuffer_ms"); !ok {
		return nil, false
	}
	if e.RebufferMs, b, ok = number(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xacbitrate_kbps"); !ok {
		return nil, false
	}
	if e.BitrateKbps, b, ok = number(b); !ok {
		return nil, false
	}
	if b, ok = after(b, "\xa5error"); !ok || len(b) == 0 {
		return nil, false
	}
	if b[0] == 0xc0 {
		e.Error = nil
		return b[1:], true
	}
	e.Error, b, ok = str(b)
	return b, ok
}

// general decodes any event with the beacon's fields.
func (d *Msgpack) general(data []byte, e *Event) ([]byte, error) {
	var v struct {
		ViewID      string    `msgpack:"view_id"`
		Customer    string    `msgpack:"customer"`
		CDN         string    `msgpack:"cdn"`
		Device      string    `msgpack:"device"`
		EventTime   time.Time `msgpack:"event_time"`
		StartupMs   int64     `msgpack:"startup_ms"`
		RebufferMs  int64     `msgpack:"rebuffer_ms"`
		BitrateKbps int64     `msgpack:"bitrate_kbps"`
		Error       *string   `msgpack:"error"`
	}
	r := bytes.NewReader(data)
	if err := msgpack.NewDecoder(r).Decode(&v); err != nil {
		return nil, fmt.Errorf("beacon: %w", err)
	}
	*e = Event{
		ViewID: []byte(v.ViewID), Customer: []byte(v.Customer), CDN: []byte(v.CDN), Device: []byte(v.Device), TimeMs: v.EventTime.UnixMilli(),
		StartupMs: v.StartupMs, RebufferMs: v.RebufferMs, BitrateKbps: v.BitrateKbps,
	}
	if v.Error != nil {
		e.Error = []byte(*v.Error)
	}
	return data[len(data)-r.Len():], nil
}
