package agent

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/state"
	forward "github.com/edgeflow/edgeflow/sync"
)

// eachEntry decodes a frame's rows.
func eachEntry(f state.OutboxFrame, fn func(seq uint64, kind, payload string)) error {
	var r forward.FrameReader
	if _, err := r.Open(f.Data, f.First); err != nil {
		return err
	}
	for {
		e, ok, err := r.Next()
		if err != nil || !ok {
			return err
		}
		text := string(e.Payload)
		if !utf8.ValidString(text) {
			text = fmt.Sprintf("%x", text)
		}
		fn(e.Seq, e.Kind.String(), text)
	}
}

// instant prints a time in ms since 1970.
func instant(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
