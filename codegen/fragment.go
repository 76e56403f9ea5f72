package codegen

import (
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// generateHead writes the file of a head.
func generateHead(h *plan.Head, suffix, pkg string) ([]byte, error) {
	w := newWriter(suffix)
	emitEvent(w, h)
	if err := emitDecoder(w, h); err != nil {
		return nil, err
	}
	return nil, fallback("no fragment can be put together for %s", pkg)
}
