package fused

import (
	"strings"
	"testing"
)

// Bytes that are no date are none before the first date either, when nothing is kept yet.
func TestDayBeforeTheFirstDate(t *testing.T) {
	nul := []byte(strings.Repeat("\x00", 24))
	var d Day
	if days, end := d.Date(nul, 0); end >= 0 {
		t.Errorf("NUL bytes are day %d", days)
	}
	if micros, end := d.Stamp(nul, 0, 0, false, 6); end >= 0 {
		t.Errorf("NUL bytes are the time %d", micros)
	}
	if days, end := d.Date([]byte("1970-01-02"), 0); days != 1 || end != 10 {
		t.Errorf("1970-01-02 is day %d up to %d", days, end)
	}
}
