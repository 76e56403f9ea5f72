package dlq

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// Entry is a letter as it is kept.
type Entry struct {
	// ID names the event: letters of one event share it.
	ID string `json:"id"`
	// Instance is the host that wrote the letter; empty in files, which are its own.
	Instance string `json:"instance,omitempty"`
	// Replayed tells that the event was sent to its source again.
	Replayed bool `json:"replayed,omitempty"`
	dataflow.Letter
}

// parseEntry reads a letter. kind is that of letters which do not say it.
func parseEntry(line []byte, pipeline, instance, kind string) (*Entry, error) {
	e := &Entry{Instance: instance}
	if err := json.Unmarshal(line, &e.Letter); err != nil {
		return nil, err
	}
	if e.Kind == "" {
		e.Kind = kind
	}
	if e.Pipeline == "" {
		e.Pipeline = pipeline
	}
	e.ID = e.id()
	return e, nil
}

// id is a digest of the event's place and bytes, whichever pipeline read it: an event of a
// stream that was made anew under the old name is another one.
func (e *Entry) id() string {
	h := sha256.New()
	var n [8]byte
	for _, s := range []string{e.Instance, e.Log, string(e.Raw())} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, v := range []uint64{e.Sequence, uint64(e.Offset), uint64(e.ArrivalMs)} {
		binary.BigEndian.PutUint64(n[:], v)
		h.Write(n[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (e *Entry) arrived() time.Time { return time.UnixMilli(e.ArrivalMs).UTC() }

// instant prints a time as every listing does.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

var (
	atByte = regexp.MustCompile(` ?\(at byte \d+\)`)
	digits = regexp.MustCompile(`\d+`)
)

// sort is the reason without what is an event's own: its numbers and places.
func (e *Entry) sort() string {
	return digits.ReplaceAllString(atByte.ReplaceAllString(e.Reason, ""), "#")
}

// Filter picks letters; what is not set picks all.
type Filter struct {
	Pipeline, Instance, Kind, Class, Source string
	// Reason is a part of the reason.
	Reason string
	// Since and Until bound the arrival of events, the latter exclusive.
	Since, Until time.Time
	// IDs are beginnings of IDs.
	IDs []string
}

// Kinds are the kinds that Filter.Kind takes, in the order of listings.
var Kinds = []string{dataflow.KindDead, dataflow.KindLate, dataflow.KindClock}

// Validate reports the first thing wrong with the filter.
func (f *Filter) Validate() error {
	switch f.Kind {
	case "", dataflow.KindDead, dataflow.KindLate, dataflow.KindClock:
	default:
		return fmt.Errorf("--kind %s: a letter is one of %s", f.Kind, strings.Join(Kinds, ", "))
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return fmt.Errorf("--since %s: no letter is that new and older than --until %s", instant(f.Since), instant(f.Until))
	}
	return nil
}

func (f *Filter) picks(e *Entry) bool {
	for _, c := range [][2]string{{f.Pipeline, e.Pipeline}, {f.Instance, e.Instance}, {f.Kind, e.Kind}, {f.Class, e.Class}, {f.Source, e.Source}} {
		if c[0] != "" && c[0] != c[1] {
			return false
		}
	}
	if !strings.Contains(e.Reason, f.Reason) {
		return false
	}
	if at := e.arrived(); !f.Since.IsZero() && at.Before(f.Since) || !f.Until.IsZero() && !at.Before(f.Until) {
		return false
	}
	if len(f.IDs) == 0 {
		return true
	}
	for _, id := range f.IDs {
		if strings.HasPrefix(e.ID, id) {
			return true
		}
	}
	return false
}
