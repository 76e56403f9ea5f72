package qoe

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// Beacon is one report of a player.
type Beacon struct {
	ViewID      uint64
	Customer    string
	Region      string
	CDN         string
	Device      string
	EventTimeMs int64
	StartupMs   int
	RebufferMs  int
	BitrateKbps int
	// Error is empty when playback went well.
	Error string
	// Late and Future mark the beacons that the pipeline must divert: one that is older
	// than any open window, one whose clock is a year ahead.
	Late, Future bool
}

// Generator makes beacons. The zero value is not usable; see New.
type Generator struct {
	seed    uint64
	startMs int64
	// perSecond is the number of beacons in a second of event time.
	perSecond int
	region    string
	every     struct{ late, future uint64 }
}

// The names that occur in beacons.
var (
	customers = []string{"acme-tv", "bluesky-sports", "cinemax-go", "delta-news", "echo-kids", "foxglove", "globe-live", "harbor-media"}
	cdns      = []string{"akari", "borealis", "cirrus", "dune"}
	devices   = []string{"ios", "android", "roku", "webos", "tizen", "chrome", "firetv", "playstation"}
	errs      = []string{"NETWORK_TIMEOUT", "DECODE_FAILED", "DRM_DENIED", "MANIFEST_404"}
)

// The disorder of the beacons in ms: at most this much behind the newest, and how far
// behind a late one is.
const (
	DisorderMs = 3_000
	LateMs     = 90_000
	yearMs     = 365 * 24 * 3_600_000
)

// New makes a generator whose beacon 0 happens at startMs and which makes perSecond
// beacons for each second of event time.
func New(seed uint64, startMs int64, perSecond int) *Generator {
	g := &Generator{seed: seed, startMs: startMs, perSecond: max(perSecond, 1), region: "eu-west-1"}
	g.every.late, g.every.future = 1_999, 4_999
	return g
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// NowMs is the wall clock at which beacon i is sent.
func (g *Generator) NowMs(i uint64) int64 {
	return g.startMs + int64(i)*1000/int64(g.perSecond)
}

// At fills b with beacon i.
func (g *Generator) At(i uint64, b *Beacon) {
	r := mix(g.seed ^ mix(i))
	next := func(n uint64) uint64 {
		v := r % n
		r = mix(r)
		return v
	}
	now := g.NowMs(i)
	*b = Beacon{ViewID: mix(i), Region: g.region}
	// Popular customers and networks come up more often.
	b.Customer = customers[min(next(8), next(8))]
	b.CDN = cdns[min(next(4), next(4))]
	b.Device = devices[next(8)]
	jitter := min(next(DisorderMs), next(DisorderMs), next(DisorderMs))
	b.EventTimeMs = now - int64(jitter)
	// Start-up times are roughly log-normal: a sum of uniforms in the exponent.
	z := float64(next(1000)+next(1000)+next(1000)+next(1000))/1000 - 2
	b.StartupMs = int(600 * math.Exp(0.7*z))
	if next(10) == 0 {
		b.RebufferMs = int(next(4_000))
	}
	b.BitrateKbps = 400 + 200*int(next(40))
	if next(50) == 0 {
		b.Error = errs[next(4)]
	}
	settled := now-g.startMs > DisorderMs+10_000
	switch {
	case i%g.every.future == g.every.future-1:
		b.EventTimeMs, b.Device, b.Future = now+yearMs, "settop-17", true
	case i%g.every.late == g.every.late-1 && settled:
		b.EventTimeMs, b.Late = now-LateMs, true
	}
}

// AppendJSON appends the beacon as a JSON object.
func (b *Beacon) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"view_id":"`...)
	dst = appendHex(dst, b.ViewID)
	dst = append(dst, `","customer":"`...)
	dst = append(dst, b.Customer...)
	dst = append(dst, `","region":"`...)
	dst = append(dst, b.Region...)
	dst = append(dst, `","cdn":"`...)
	dst = append(dst, b.CDN...)
	dst = append(dst, `","device":"`...)
	dst = append(dst, b.Device...)
	dst = append(dst, `","event_time":"`...)
	dst = time.UnixMilli(b.EventTimeMs).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","startup_ms":`...)
	dst = strconv.AppendInt(dst, int64(b.StartupMs), 10)
	dst = append(dst, `,"rebuffer_ms":`...)
	dst = strconv.AppendInt(dst, int64(b.RebufferMs), 10)
	dst = append(dst, `,"bitrate_kbps":`...)
	dst = strconv.AppendInt(dst, int64(b.BitrateKbps), 10)
	if b.Error == "" {
		return append(dst, `,"error":null}`...)
	}
	dst = append(dst, `,"error":"`...)
	dst = append(dst, b.Error...)
	return append(dst, `"}`...)
}

// AppendMsgpack appends the beacon as a msgpack map with the same members; the event time
// is a timestamp extension.
func (b *Beacon) AppendMsgpack(dst []byte) []byte {
	str := func(s string) {
		if len(s) < 32 {
			dst = append(dst, 0xa0|byte(len(s)))
		} else {
			dst = append(dst, 0xd9, byte(len(s)))
		}
		dst = append(dst, s...)
	}
	num := func(n int) {
		if n < 128 {
			dst = append(dst, byte(n))
		} else {
			dst = binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
		}
	}
	dst = append(dst, 0x8a)
	str("view_id")
	dst = append(dst, 0xb0)
	dst = appendHex(dst, b.ViewID)
	for _, kv := range [...][2]string{{"customer", b.Customer}, {"region", b.Region}, {"cdn", b.CDN}, {"device", b.Device}} {
		str(kv[0])
		str(kv[1])
	}
	str("event_time")
	dst = append(dst, 0xd7, 0xff)
	ns := uint64(b.EventTimeMs%1000) * 1e6
	dst = binary.BigEndian.AppendUint64(dst, ns<<34|uint64(b.EventTimeMs/1000))
	str("startup_ms")
	num(b.StartupMs)
	str("rebuffer_ms")
	num(b.RebufferMs)
	str("bitrate_kbps")
	num(b.BitrateKbps)
	str("error")
	if b.Error == "" {
		return append(dst, 0xc0)
	}
	str(b.Error)
	return dst
}

func appendHex(dst []byte, x uint64) []byte {
	const digits = "0123456789abcdef"
	for s := 60; s >= 0; s -= 4 {
		dst = append(dst, digits[x>>uint(s)&15])
	}
	return dst
}
