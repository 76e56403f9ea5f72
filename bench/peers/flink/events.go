//go:build ignore

// Writes generated beacons of the video-quality workload, a JSON object a line:
//
//	go run bench/peers/flink/events.go 1000000 > beacons.json
//
// Beacons of devices whose clock is a year ahead are left out: Flink would take such a time
// for the watermark and drop every later row as late.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/edgeflow/edgeflow/bench/qoe"
)

// startMs is the event time of the first beacon, 2025-06-01 UTC, and year the text of every
// event time whose clock is right.
const startMs = 1_748_736_000_000

var year = []byte(`"event_time":"2025-`)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("give the number of beacons")
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	l := qoe.Log{Events: n, Pack: 1, Encoding: "json", StartMs: startMs}
	err = l.Each(func(data []byte, _ int64) error {
		if !bytes.Contains(data, year) {
			return nil
		}
		_, err := w.Write(append(data, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return w.Flush()
}
