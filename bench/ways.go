package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/bench/qoe"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/dataflow"
)

// wayJob is a way to read a stream to its end; messages are counted and dropped.
type wayJob struct {
	// Way is a reader of edgeflow's source with a delivery, such as "wire/pull", or "bare",
	// push with flow control read by no more than frames need, or "consume" of nats.go.
	Way string `json:"way"`
	// TCP connects over loopback instead of in memory.
	TCP      bool   `json:"tcp"`
	Dir      string `json:"dir"`
	Stream   string `json:"stream"`
	Messages int    `json:"messages"`
}

// wayRow is a way of reading; its CPU time holds the server's, which is in the process.
type wayRow struct {
	Way          string `json:"way"`
	TCP          bool   `json:"tcp"`
	MessagesPerS spread `json:"messages_per_s"`
	CPUS         spread `json:"cpu_s_per_million"`
	Allocs       spread `json:"allocs_per_message"`
}

// ways are the ways to read a stream, best known first.
var ways = []string{"wire/pull", "wire/push", "client/pull", "client/push", "bare", "consume"}

// readersCommand compares the ways to read a stream.
func readersCommand(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet("readers", flag.ContinueOnError)
	messages := f.Int("messages", 1_000_000, "messages of one JSON event each")
	rounds := f.Int("rounds", 3, "measured rounds")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *messages < 1 || *rounds < 1 {
		return errors.New("-messages and -rounds are at least 1")
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-readers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := startServerIn(ctx, filepath.Join(dir, streamsDir))
	if err != nil {
		return err
	}
	log := qoe.Log{Events: *messages, Pack: 1, Encoding: "json", StartMs: time.Now().UnixMilli()}
	if err := errors.Join(s.fill(ctx, "EVENTS", &log), s.stop()); err != nil {
		return err
	}
	var rows []*wayRow
	for _, tcp := range []bool{true, false} {
		for _, way := range ways {
			r := &wayRow{Way: way, TCP: tcp}
			var rate, cpu, allocs []float64
			for range *rounds {
				g, err := call[figures](ctx, "way", wayJob{Way: way, TCP: tcp, Dir: dir, Stream: "EVENTS", Messages: *messages})
				if err != nil {
					return err
				}
				n := float64(*messages)
				rate, cpu, allocs = append(rate, n/g.WallS), append(cpu, g.CPUS/n*1e6), append(allocs, float64(g.Mallocs)/n)
			}
			r.MessagesPerS, r.CPUS, r.Allocs = spreadOf(rate), spreadOf(cpu), spreadOf(allocs)
			rows = append(rows, r)
		}
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"machine": machine(), "messages": *messages, "rounds": *rounds, "rows": rows})
	}
	return printWays(os.Stdout, rows, *messages, *rounds)
}

func printWays(w io.Writer, rows []*wayRow, messages, rounds int) error {
	names := map[string]string{
		"wire/pull": "source: wire reader, pull", "wire/push": "source: wire reader, push", "client/pull": "source: nats.go reader, pull",
		"client/push": "source: nats.go reader, push", "bare": "push, frames counted by hand", "consume": "nats.go Consume, pull",
	}
	fmt.Fprintf(w, "%s; %d messages, server in the process; median of %d rounds (least to greatest)\n\n", machine(), messages, rounds)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "way\tconnection\tthousand messages/s\tCPU s/M messages, server included\tallocations/message, server included")
	for _, r := range rows {
		conn := "in process"
		if r.TCP {
			conn = "TCP"
		}
		fmt.Fprintf(tw, "%s\t%s\t%.0f (%.0f-%.0f)\t%.2f (%.2f-%.2f)\t%.2f\n", names[r.Way], conn, r.MessagesPerS.Median/1e3, r.MessagesPerS.Min/1e3,
			r.MessagesPerS.Max/1e3, r.CPUS.Median, r.CPUS.Min, r.CPUS.Max, r.Allocs.Median)
	}
	return tw.Flush()
}

// wayProgram serves the streams and reads one.
func wayProgram(j wayJob) (f figures, err error) {
	m := newMeter()
	o := embedded.Options{Name: "bench", StoreDir: filepath.Join(j.Dir, streamsDir), MaxStoreBytes: 64 << 30, LazySync: true}
	if j.TCP {
		o.Listen = "127.0.0.1:0"
	}
	s, err := embedded.Start(o)
	if err != nil {
		return f, err
	}
	defer s.Shutdown()
	conn := nats.ConnOptions{InProcess: s}
	if j.TCP {
		conn = nats.ConnOptions{URLs: []string{s.ClientURL()}}
	}
	if err := m.begin(""); err != nil {
		return f, err
	}
	n := 0
	switch j.Way {
	case "bare":
		n, err = readBare(j, conn)
	case "consume":
		n, err = readConsume(j, conn)
	default:
		n, err = readSource(j, conn)
	}
	if err == nil && n != j.Messages {
		err = fmt.Errorf("%s: %d messages of %d", j.Way, n, j.Messages)
	}
	if err != nil {
		return f, err
	}
	return m.end(), nil
}

// readSource reads with edgeflow's source.
func readSource(j wayJob, conn nats.ConnOptions) (n int, err error) {
	reader, delivery, _ := strings.Cut(j.Way, "/")
	o, err := nats.ParseSource(map[string]string{"nats.stream": j.Stream, "nats.reader": reader, "nats.delivery": delivery, "scan.bounded.mode": "latest-offset"})
	if err != nil {
		return 0, err
	}
	o.ConnOptions = conn
	src, err := nats.NewSource(o)
	if err != nil {
		return 0, err
	}
	if _, err := src.Open(context.Background(), nil); err != nil {
		return 0, err
	}
	defer src.Close()
	var msgs []dataflow.Message
	for err == nil {
		msgs, _, err = src.Poll(msgs[:0], 4096, time.Second)
		n += len(msgs)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// readConsume reads with Consume of nats.go.
func readConsume(j wayJob, conn nats.ConnOptions) (int, error) {
	nc, err := dial(conn)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	cons, err := js.CreateConsumer(context.Background(), j.Stream, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		return 0, err
	}
	n, done := 0, make(chan struct{})
	cc, err := cons.Consume(func(jetstream.Msg) {
		if n++; n == j.Messages {
			close(done)
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(8192, 8<<20))
	if err != nil {
		return 0, err
	}
	defer cc.Stop()
	<-done
	return n, nil
}

// readBare reads a push consumer with flow control from the wire: no more than a reader of
// frames must do.
func readBare(j wayJob, conn nats.ConnOptions) (n int, err error) {
	raw, err := wireOf(conn)
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	r := bufio.NewReaderSize(raw, 256<<10)
	if _, err := r.ReadSlice('\n'); err != nil { // INFO
		return 0, err
	}
	if _, err := io.WriteString(raw, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\nSUB bench.deliver 1\r\nPING\r\n"); err != nil {
		return 0, err
	}
	nc, err := dial(conn)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	made := make(chan error, 1)
	for n < j.Messages {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return n, err
		}
		switch {
		case bytes.HasPrefix(line, []byte("PONG")): // the subscription is there
			go func() {
				_, err := nc.Request("$JS.API.CONSUMER.CREATE."+j.Stream, []byte(`{"stream_name":"`+j.Stream+
					`","config":{"deliver_policy":"all","ack_policy":"none","deliver_subject":"bench.deliver","flow_control":true,"idle_heartbeat":5000000000,"max_deliver":1,"mem_storage":true}}`), 5*time.Second)
				made <- err
			}()
		case bytes.HasPrefix(line, []byte("PING")):
			if _, err := io.WriteString(raw, "PONG\r\n"); err != nil {
				return n, err
			}
		case bytes.HasPrefix(line, []byte("MSG ")):
			size, err := lastNumber(line)
			if err != nil {
				return n, err
			}
			if _, err := r.Discard(size + 2); err != nil {
				return n, err
			}
			n++
		case bytes.HasPrefix(line, []byte("HMSG ")):
			if err := flowControl(raw, r, string(line)); err != nil {
				return n, err
			}
		case bytes.HasPrefix(line, []byte("-ERR")):
			return n, fmt.Errorf("the server says: %s", line)
		}
	}
	return n, <-made
}

// wireOf opens a connection without a client.
func wireOf(conn nats.ConnOptions) (net.Conn, error) {
	if conn.InProcess != nil {
		return conn.InProcess.InProcessConn()
	}
	return net.Dial("tcp", strings.TrimPrefix(conn.URLs[0], "nats://"))
}

// lastNumber is the size at the end of a frame's first line.
func lastNumber(line []byte) (int, error) {
	line = bytes.TrimRight(line, "\r\n")
	return strconv.Atoi(string(line[bytes.LastIndexByte(line, ' ')+1:]))
}

// flowControl answers the server's question whether messages have come so far; heartbeats
// need no answer.
func flowControl(raw io.Writer, r *bufio.Reader, line string) error {
	fields := strings.Fields(line)
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return err
	}
	if _, err := r.Discard(size + 2); err != nil {
		return err
	}
	if len(fields) == 6 { // HMSG subject sid reply header total
		_, err = io.WriteString(raw, "PUB "+fields[3]+" 0\r\n\r\n")
	}
	return err
}
