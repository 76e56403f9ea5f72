package codegen

import "github.com/edgeflow/edgeflow/dataflow/plan"

// emitDecoder writes the decoder of the head's format:
//
//	func (f *FRAGMENT) decode(b []byte, i int, e *EVENT) int
//
// which decodes the event of b that begins at i into e, a zero EVENT (see emitEvent), and
// returns where it ends, or -1. FRAGMENT and EVENT are w.fragment and w.event.
func emitDecoder(_ *writer, h *plan.Head) error {
	return fallback("no decoder is generated for format '%s'", h.Source.Table.Options["format"])
}
