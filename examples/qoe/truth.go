package qoe

import "sort"

// Key names a group of the example's aggregates: a customer, a network and a window.
type Key struct {
	Customer, CDN string
	StartMs       int64
}

// Totals are what the pipeline must deliver for a Key. Startup holds the start-up times,
// ascending, against which percentiles are judged.
type Totals struct {
	Views, Errors, RebufferMs int64
	Startup                   []int
}

// Truth adds beacons up directly, without any engine.
type Truth struct {
	// Windows holds the groups per window size; a hopping window counts a beacon in each
	// window that covers it.
	Tumble, Hop map[Key]*Totals
	// Errors counts beacons with an error, Late and Future those diverted, All every one.
	Errors, Late, Future, All int64
}

// The windows of the example in ms.
const (
	TumbleMs  = 10_000
	HopSizeMs = 60_000
	HopMs     = 10_000
)

// NewTruth makes an empty Truth.
func NewTruth() *Truth {
	return &Truth{Tumble: map[Key]*Totals{}, Hop: map[Key]*Totals{}}
}

// Add counts a beacon.
func (t *Truth) Add(b *Beacon) {
	t.All++
	if b.Future {
		t.Future++
		return
	}
	if b.Error != "" {
		t.Errors++
	}
	if b.Late {
		t.Late++
		return
	}
	start := b.EventTimeMs - b.EventTimeMs%TumbleMs
	add(t.Tumble, b, start)
	for s := start; s > start-HopSizeMs; s -= HopMs {
		add(t.Hop, b, s)
	}
}

func add(m map[Key]*Totals, b *Beacon, start int64) {
	k := Key{b.Customer, b.CDN, start}
	v := m[k]
	if v == nil {
		v = &Totals{}
		m[k] = v
	}
	v.Views++
	if b.Error != "" {
		v.Errors++
	}
	v.RebufferMs += int64(b.RebufferMs)
	i := sort.SearchInts(v.Startup, b.StartupMs)
	v.Startup = append(v.Startup, 0)
	copy(v.Startup[i+1:], v.Startup[i:])
	v.Startup[i] = b.StartupMs
}
