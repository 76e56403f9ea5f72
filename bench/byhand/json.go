package byhand

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// JSON decodes beacons as JSON objects, separated by nothing or white space.
type JSON struct {
	day   [10]byte // of dayMs, as text
	dayMs int64
}

// Next implements Decoder.
func (d *JSON) Next(data []byte, e *Event) ([]byte, error) {
	rest, ok := d.expected(data, e)
	if !ok {
		var err error
		if rest, err = general(data, e); err != nil {
			return nil, err
		}
	}
	for len(rest) > 0 && rest[0] <= ' ' {
		rest = rest[1:]
	}
	return rest, nil
}

// after returns what follows key at the start of b.
func after(b []byte, key string) ([]byte, bool) {
	if len(b) < len(key) || string(b[:len(key)]) != key {
		return nil, false
	}
	return b[len(key):], true
}

// text returns the string that ends at the next quote, and what follows its last
// character. A string with escapes is not for this decoder.
func text(b []byte) (s, rest []byte, ok bool) {
	for i, c := range b {
		if c == '"' {
			return b[:i], b[i:], true
		}
		if c == '\\' {
			break
		}
	}
	return nil, nil, false
}

// whole reads a number without sign, fraction and exponent.
func whole(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = 10*n + int64(b[i]-'0')
	}
	return n, b[i:], i > 0 && i < 16
}

// expected decodes an event whose fields come in the generator's order.
func (d *JSON) expected(b []byte, e *Event) (_ []byte, ok bool) {
	if b, ok = after(b, `{"view_id":"`); !ok {
		return nil, false
	}
	if e.ViewID, b, ok = text(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `","customer":"`); !ok {
		return nil, false
	}
	if e.Customer, b, ok = text(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `","region":"`); !ok {
		return nil, false
	}
	if _, b, ok = text(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `","cdn":"`); !ok {
		return nil, false
	}
	if e.CDN, b, ok = text(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `","device":"`); !ok {
		return nil, false
	}
	if e.Device, b, ok = text(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `","event_time":"`); !ok {
		return nil, false
	}
	if e.TimeMs, b, ok = d.instant(b); !ok {
		return nil, false
	}
	return d.figures(b, e)
}

// figures decodes the second half of an event, after its time.
func (d *JSON) figures(b []byte, e *Event) (_ []byte, ok bool) {
	if b, ok = after(b, `","startup_ms":`); !ok {
		return nil, false
	}
	if e.StartupMs, b, ok = whole(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `,"rebuffer_ms":`); !ok {
		return nil, false
	}
	if e.RebufferMs, b, ok = whole(b); !ok {
		return nil, false
	}
	if b, ok = after(b, `,"bitrate_kbps":`); !ok {
		return nil, false
	}
	if e.BitrateKbps, b, ok = whole(b); !ok {
		return nil, false
	}
	if rest, none := after(b, `,"error":null}`); none {
		e.Error = nil
		return rest, true
	}
	if b, ok = after(b, `,"error":"`); !ok {
		return nil, false
	}
	if e.Error, b, ok = text(b); !ok {
		return nil, false
	}
	return after(b, `"}`)
}

// instant reads 2006-01-02T15:04:05.000Z; the day is computed when it changes.
func (d *JSON) instant(b []byte) (ms int64, rest []byte, ok bool) {
	if len(b) < 24 || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[23] != 'Z' {
		return 0, nil, false
	}
	if string(d.day[:]) != string(b[:10]) {
		t, err := time.Parse(time.DateOnly, string(b[:10]))
		if err != nil {
			return 0, nil, false
		}
		copy(d.day[:], b)
		d.dayMs = t.UnixMilli()
	}
	two := func(i int) int64 { return int64(b[i]-'0')*10 + int64(b[i+1]-'0') }
	for _, i := range [...]int{11, 12, 14, 15, 17, 18, 20, 21, 22} {
		if b[i]-'0' > 9 {
			return 0, nil, false
		}
	}
	sec := two(11)*3600 + two(14)*60 + two(17)
	return d.dayMs + sec*1000 + two(20)*10 + int64(b[22]-'0'), b[24:], true
}

// general decodes any event with the beacon's fields.
func general(data []byte, e *Event) ([]byte, error) {
	var v struct {
		ViewID      string  `json:"view_id"`
		Customer    string  `json:"customer"`
		CDN         string  `json:"cdn"`
		Device      string  `json:"device"`
		EventTime   string  `json:"event_time"`
		StartupMs   int64   `json:"startup_ms"`
		RebufferMs  int64   `json:"rebuffer_ms"`
		BitrateKbps int64   `json:"bitrate_kbps"`
		Error       *string `json:"error"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("beacon: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, v.EventTime)
	if err != nil {
		return nil, fmt.Errorf("beacon: %w", err)
	}
	*e = Event{
		ViewID: []byte(v.ViewID), Customer: []byte(v.Customer), CDN: []byte(v.CDN), Device: []byte(v.Device), TimeMs: t.UnixMilli(),
		StartupMs: v.StartupMs, RebufferMs: v.RebufferMs, BitrateKbps: v.BitrateKbps,
	}
	if v.Error != nil {
		e.Error = []byte(*v.Error)
	}
	return data[dec.InputOffset():], nil
}
