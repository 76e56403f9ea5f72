package sim

import (
	// The generated code of the programs: of each version that has any which none before it has.
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/firsts"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/hops"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/pairs"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/pattern"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/rollup"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/sessions"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/top"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/union"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/unionedited"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/windows"
	_ "github.com/edgeflow/edgeflow/agent/sim/generated/windowsedited"
)

// native says which hosts of a world run generated code, where a program has some; the
// others interpret, as all do in a world without faults.
type native uint8

const (
	nativeNever native = iota
	nativeAlways
	nativeAtTimes // each host anew
	natives
)

// switched notes how a host goes on that may go on from another's state.
func (h *host) switched(restored bool) {
	if restored && h.past.generated != h.generated {
		kind := map[bool]string{true: "switched to generated code", false: "switched to the interpreter"}[h.generated]
		h.w.drawn(kind)
		h.w.hit(kind, "restoring")
	}
	h.past.generated = h.generated
}

// countEvents counts what ran a host's events, when it ends.
func (h *host) countEvents() {
	if h.engine == nil || h.w.calm || h.counted {
		return
	}
	h.counted = true
	for _, s := range h.engine.Shares() {
		h.w.events["by generated code"] += s.Taken
		h.w.events["left to the interpreter by it"] += s.Refused
	}
}
