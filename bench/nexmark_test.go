package main

import (
	"strings"
	"testing"
)

func TestFlinkRatesAreDifferences(t *testing.T) {
	r := &flinkRow{Query: "q0"}
	r.add(flinkRun{WallS: 10, CPUS: 8, JITS: 3}, false)
	r.add(flinkRun{WallS: 20, CPUS: 18, JITS: 5, PeakRSSBytes: 7}, true)
	r.sum(5_000_000, 1_000_000)
	if r.Error != "" || r.PerS != 400_000 || r.PerCPUS != 500_000 || r.CPUSPerM != 2 || r.PeakRSSBytes != 7 {
		t.Errorf("%+v", r)
	}
	r.beside([]*nexmarkRow{
		{Source: fromEngine, Query: "q0", CPUS: spread{Median: 0.1}},
		{Source: fromDecode, Query: "q0", CPUS: spread{Median: 0.5}, EventsPerS: spread{Median: 1_900_000}},
	})
	if r.Ratio != 4 || r.OurPerS != 1_900_000 {
		t.Errorf("%+v", r)
	}
	same := &flinkRow{small: []flinkRun{{WallS: 2, CPUS: 2}}, large: []flinkRun{{WallS: 2, CPUS: 2}}}
	if same.sum(2, 1); same.Error == "" {
		t.Error("no difference makes a rate")
	}
	none := &flinkRow{}
	if none.sum(2, 1); none.Error == "" {
		t.Error("no run makes a rate")
	}
}

func TestNexmarkRowHasMedians(t *testing.T) {
	r := &nexmarkRow{Query: "q1"}
	for _, wall := range []float64{1, 4, 2} {
		r.add(nexmarkFigures{Events: 1_000_000, Rows: 5, WallS: wall, CPUS: wall, BatchP50Ms: wall, BatchP99Ms: 2 * wall})
	}
	r.sum()
	if r.EventsPerS != (spread{500_000, 250_000, 1_000_000}) || r.CPUS.Median != 2 || r.BatchP99Ms != 4 {
		t.Errorf("%+v", r)
	}
	if got := r.String(); got != "| q1 | 500 (250-1000) | 2.00 | 0 | 0.0 | 2.00 | 4.00 | 5 |" {
		t.Error(got)
	}
}

func TestNexmarkFlags(t *testing.T) {
	var o nexmarkOptions
	if got, err := o.parse([]string{"-flink", "-events", "100", "-q", "q1,pattern q0"}); err != nil || strings.Join(got, " ") != "decode" || o.small != 25 || len(o.queries) != 2 {
		t.Errorf("%v, %+v, %v", got, o, err)
	}
	for _, args := range [][]string{{"-source", "kafka"}, {"-rounds", "0"}, {"-events", "8", "-small-events", "8"}} {
		var o nexmarkOptions
		if _, err := o.parse(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
