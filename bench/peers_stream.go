package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// peerInput is where a peer reads the events: a file of JSON lines, or a stream of one event
// a message.
type peerInput struct {
	File string `json:"file,omitempty"`
	// URL is the server's; Subject is that of all messages of Stream.
	URL     string `json:"url,omitempty"`
	Stream  string `json:"stream,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// table are the options of a source table over the input, without those of its format.
func (in *peerInput) table() string {
	if in.Stream != "" {
		return "'connector'='nats','nats.stream'='" + in.Stream + "','scan.bounded.mode'='latest-offset'"
	}
	return "'connector'='filesystem','path'='" + in.File + "'"
}

// streams compares the programs that read JetStream: the lines of each file are stored as
// the messages of a stream of its own.
func (o *peersOptions) streams(ctx context.Context, report *peersReport, files map[int]peerInput, peers []peer) (err error) {
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	inputs := map[int]peerInput{}
	for n, f := range files {
		stream := fmt.Sprintf("BEACONS%d", n)
		if err := s.store(ctx, stream, fileLines(f.File)); err != nil {
			return err
		}
		inputs[n] = peerInput{URL: s.url, Stream: stream, Subject: stream + ".>"}
	}
	return o.compare(ctx, report, peerComparison{o: o, source: "jetstream", inputs: inputs, server: s}, peers)
}

// fileLines gives the lines of a file one by one.
func fileLines(path string) func(put func([]byte) error) error {
	return func(put func([]byte) error) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if err := put(lines.Bytes()); err != nil {
				return err
			}
		}
		return lines.Err()
	}
}

// clockTick is the unit of CPU times in /proc, which is the same on every Linux that Go
// supports.
const clockTick = 10 * time.Millisecond

// cpu is the CPU time of the server's process, user and system; 0 without a server, or
// where the system does not tell.
func (s *server) cpu() time.Duration {
	if s == nil {
		return 0
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name of the process, in parentheses, may hold spaces; utime and stime are the
	// 12th and 13th fields behind it.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(user+system) * clockTick
}
