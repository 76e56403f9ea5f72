package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The same row of the aggregate as each program writes it: edgeflow, eKuiper, and Bento in
// two parts.
var peerLines = []string{
	`{"window_start":"2025-06-01T00:00:10","window_end":"2025-06-01T00:00:20","customer":"a","cdn":"b","view_count":3,"errors":1,"rebuffer_ms":7,"mean_startup":33.333333333333336,"max_bitrate":9}`,
	`[{"ws":1748736010000,"customer":"a","cdn":"b","view_count":3,"errors":1,"rebuffer_ms":7,"mean_startup":33.333333333333336,"max_bitrate":9}]`,
	`{"window":"2025-06-01T00:00:1","customer":"a","cdn":"b","view_count":2,"errors":1,"rebuffer_ms":7,"startup_ms":60,"max_bitrate":4}
{"window":"2025-06-01T00:00:1","customer":"a","cdn":"b","view_count":1,"errors":0,"rebuffer_ms":0,"startup_ms":40,"max_bitrate":9}`,
}

func peerRowsOf(t *testing.T, text string) *peerRows {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rows.json"), []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := readPeerRows("tumble", dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPeerRowsAreComparable(t *testing.T) {
	want := peerRowsOf(t, peerLines[0])
	for _, text := range peerLines {
		if said, err := peerRowsOf(t, text).check(want); err != nil || said != "1, all equal" {
			t.Errorf("%s: %q, %v", text, said, err)
		}
	}
}

func TestPeerRowsThatDiffer(t *testing.T) {
	later := strings.NewReplacer("00:00:10", "00:00:20", "00:00:20", "00:00:30").Replace(peerLines[0])
	want := peerRowsOf(t, peerLines[0]+"\n"+later)
	if _, err := peerRowsOf(t, peerLines[0]).check(want); err == nil {
		t.Error("a missing row is not found")
	}
	open := peerRowsOf(t, peerLines[0])
	open.openEnd = true
	if _, err := open.check(want); err != nil {
		t.Errorf("the last window may stay open: %v", err)
	}
	first := peerRowsOf(t, later)
	first.openEnd = true
	if _, err := first.check(want); err == nil {
		t.Error("a missing window that is not the last is not found")
	}
	if _, err := peerRowsOf(t, strings.Replace(peerLines[0], `"rebuffer_ms":7`, `"rebuffer_ms":8`, 1)).check(peerRowsOf(t, peerLines[0])); err == nil {
		t.Error("another sum is not found")
	}
}
