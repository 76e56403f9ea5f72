package golden

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	_ "github.com/edgeflow/edgeflow/codegen/golden/group"
	_ "github.com/edgeflow/edgeflow/codegen/golden/having"
	_ "github.com/edgeflow/edgeflow/codegen/golden/hop"
	_ "github.com/edgeflow/edgeflow/codegen/golden/join"
	_ "github.com/edgeflow/edgeflow/codegen/golden/keys"
	_ "github.com/edgeflow/edgeflow/codegen/golden/literals"
	_ "github.com/edgeflow/edgeflow/codegen/golden/numbers"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_example"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_filter_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_filter_msgpack"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_tumble_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_tumble_msgpack"
	"github.com/edgeflow/edgeflow/examples/qoe"
)

// workloads are, by golden package and table, what makes an event.
var workloads = map[string]map[string]func(r *rand.Rand, i int, atMs int64) string{
	"qoe_filter_json":    {"beacons": beaconJSON},
	"qoe_filter_msgpack": {"beacons": beaconMsgpack},
	"qoe_tumble_json":    {"beacons": beaconJSON},
	"qoe_tumble_msgpack": {"beacons": beaconMsgpack},
	"qoe_example":        {"beacons": beaconJSON},
	"group":              {"orders": order},
	"having":             {"orders": order},
	"numbers":            {"readings": reading},
	"hop":                {"pulses": pulse},
	"literals":           {"points": point},
	"keys":               {"calls": call},
	"join":               {"clicks": click, "buys": buy},
}

// beacon makes a view's report, of which one in a hundred is late or ahead.
func beacon(r *rand.Rand, i int, atMs int64) *qoe.Beacon {
	var b qoe.Beacon
	qoe.New(3, startMs, 100).At(uint64(i), &b)
	b.EventTimeMs = atMs - r.Int64N(4000)
	switch r.IntN(200) {
	case 0:
		b.EventTimeMs -= 60_000
	case 1:
		b.EventTimeMs += 3_600_000 * 30
	}
	return &b
}

func beaconJSON(r *rand.Rand, i int, atMs int64) string {
	b := beacon(r, i, atMs)
	s := string(b.AppendJSON(nil))
	switch r.IntN(100) {
	case 0:
		s = strings.Replace(s, `"customer":"`, `"customer":"\u00e9\n`, 1)
	case 1:
		s = strings.Replace(s, `"cdn":"`, `"cdn":"äöü `, 1)
	case 2:
		s = strings.Replace(s, `"startup_ms":`, `"startup_ms":null,"more":`, 1)
	case 3:
		s = strings.Replace(s, `,"bitrate_kbps":`, `, "bitrate_kbps" : `, 1)
	case 4:
		s = strings.Replace(s, `"event_time":"`, `"event_time":"x`, 1)
	case 5:
		s = strings.Replace(s, `"customer":"`, `"customer":"`+strings.Repeat("long", 50), 1)
	case 6:
		s = strings.Replace(s, `"customer":`, `"customer":null,"tenant":`, 1)
	case 7:
		s = s[:len(s)/2]
	}
	return s + "\n"
}

func beaconMsgpack(r *rand.Rand, i int, atMs int64) string {
	s := string(beacon(r, i, atMs).AppendMsgpack(nil))
	switch r.IntN(100) {
	case 0:
		s = strings.Replace(s, "\xa8customer", "\xa8Customer", 1)
	case 1:
		s = strings.Replace(s, "\xaastartup_ms", "\xaastartup_ms\xc0\xa2xy", 1)
		s = string(s[0]+1) + s[1:]
	}
	return s
}

func order(r *rand.Rand, i int, _ int64) string {
	paid := []string{"true", "true", "true", "false", "null"}[r.IntN(5)]
	price := fmt.Sprintf("%.2f", r.Float64()*100)
	switch r.IntN(40) {
	case 0:
		price = "null"
	case 1:
		price = "-0.0"
	case 2:
		price = "1e3"
	}
	s := fmt.Sprintf(`{"id":%d,"customer":"c%d","amount":%d,"price":%s,"paid":%s}`, i, r.IntN(30), r.IntN(2000)-1000, price, paid)
	switch r.IntN(100) {
	case 0:
		s = strings.Replace(s, `"amount":`, `"amount":12345678901,"amount_":`, 1)
	case 1:
		s = strings.Replace(s, `"customer":`, `"customer":null,"x":`, 1)
	}
	return s + "\n"
}

// reading has a column NULL or missing as often as not.
func reading(r *rand.Rand, i int, atMs int64) string {
	at := time.UnixMilli(atMs - r.Int64N(500) + int64(i)*5000).UTC().Format("2006-01-02 15:04:05.000Z")
	s := fmt.Sprintf(`{"k":%d`, r.IntN(5))
	for _, c := range []string{"half", "small", "large", "d", "on_line", "day_of", "note"} {
		if r.IntN(3) == 0 {
			continue
		}
		v := "null"
		if r.IntN(3) > 0 {
			switch c {
			case "half", "d":
				v = fmt.Sprintf("%.3f", r.NormFloat64()*100)
			case "small":
				v = fmt.Sprintf("%d.%02d", r.IntN(20000)-10000, r.IntN(100))
			case "large":
				v = fmt.Sprintf("%d%015d.%04d", r.IntN(2_000_000)-1_000_000, r.Int64N(1e15), r.IntN(10_000))
			case "on_line":
				v = fmt.Sprint(r.IntN(2) == 0)
			case "day_of":
				v = fmt.Sprintf(`"2024-03-%02d"`, 1+r.IntN(2))
			case "note":
				v = fmt.Sprintf(`"note %d"`, r.IntN(100))
			}
		}
		s += fmt.Sprintf(`,"%s":%s`, c, v)
	}
	return s + `,"ts":"` + at + "\"}\n"
}

func pulse(r *rand.Rand, _ int, atMs int64) string {
	watts := fmt.Sprint(r.IntN(3000) - 100)
	if r.IntN(20) == 0 {
		watts = ""
	}
	return fmt.Sprintf("%d,%d,%s\n", r.IntN(40), atMs-r.Int64N(3000), watts)
}

func point(r *rand.Rand, _ int, atMs int64) string {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	return fmt.Sprintf(`{"d":%s,"wide":%s,"name":%s,"ok":%s,"n":%s,"t":"10:00:00","ts":"%s"}`+"\n",
		one("null", "0", "-0.0", "1.5", "-7e2"), one("null", "1", "12345678901234567890.1234", "-0.0001"),
		one("null", `""`, `"short"`, `"`+strings.Repeat("a long name ", 20)+`"`), one("null", "true", "false"),
		one("null", "1", "3", "9", "-2"), time.UnixMilli(atMs-r.Int64N(900)).UTC().Format("2006-01-02 15:04:05.000"))
}

func click(r *rand.Rand, i int, atMs int64) string {
	at := time.UnixMilli(atMs - r.Int64N(1500)).UTC().Format("2006-01-02 15:04:05.000")
	return fmt.Sprintf(`{"id":"click %d","who":"w%d","at":"%s"}`+"\n", i, r.IntN(300), at)
}

func buy(r *rand.Rand, i int, atMs int64) string {
	at := time.UnixMilli(atMs - r.Int64N(1500)).UTC().Format("2006-01-02 15:04:05.000")
	b := appendTexts([]byte{0x84}, "id", fmt.Sprint("buy ", i), "who", fmt.Sprintf("w%d", r.IntN(300)), "cents")
	b = binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(r.IntN(60000)))
	return string(appendTexts(b, "at", at))
}

// appendTexts appends texts of up to 31 bytes as msgpack.
func appendTexts(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = append(append(b, 0xa0|byte(len(s))), s...)
	}
	return b
}

func call(r *rand.Rand, _ int, atMs int64) string { return phoneCall(r, atMs-r.Int64N(3000), 2000) }

// phoneCall is a call of one of many subscribers.
func phoneCall(r *rand.Rand, atMs int64, subscribers int) string {
	b := appendTexts([]byte{0x84}, "subscriber")
	b = binary.BigEndian.AppendUint32(append(b, 0xce), uint32(r.IntN(subscribers)))
	b = appendTexts(b, "seconds")
	b = binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(r.IntN(60000)))
	b = appendTexts(b, "cents")
	b = append(b, byte(r.IntN(100)))
	b = append(appendTexts(b, "at"), 0xd7, 0xff)
	return string(binary.BigEndian.AppendUint64(b, uint64(atMs%1000*1e6)<<34|uint64(atMs/1000)))
}
