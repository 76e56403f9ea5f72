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
	"os"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// latencyOptions are the flags of `bench latency`.
type latencyOptions struct {
	seconds   float64
	flat      int
	rate      float64
	queries   string
	parts     string
	kinds     string
	interpret bool
	gogc      int
	json      bool
}

// latencyRow is a query at a rate: from when the event that caused a row was due until the
// row was seen. What waits in the publisher counts, so that a stall is not hidden by fewer
// events during it.
type latencyRow struct {
	Query string `json:"query"`
	// Kind is "operator" for a row as it is computed, "committed" for one that the
	// checkpoint has made visible in the target's stream, "reader" for an event that a
	// program without an engine has read.
	Kind string `json:"kind"`
	// Part is the share of Max, events a second that the query takes in at most, at Rate.
	Part float64 `json:"part"`
	Rate float64 `json:"events_per_s"`
	Max  float64 `json:"max_events_per_s"`
	Rows int64   `json:"samples"`
	// Quantiles are ms.
	P50Ms       float64       `json:"p50_ms"`
	P99Ms       float64       `json:"p99_ms"`
	P999Ms      float64       `json:"p99_9_ms"`
	P9999Ms     float64       `json:"p99_99_ms"`
	MaxMs       float64       `json:"max_ms"`
	Histogram   string        `json:"histogram"`
	Publisher   publishReport `json:"publisher"`
	Checkpoints int64         `json:"checkpoints"`
	CPUS        float64       `json:"cpu_s_per_million"`
	// ServerCPU is how many cores the server used, Others how many programs did that are
	// none of the bench's.
	ServerCPU float64 `json:"server_cores"`
	Others    float64 `json:"others_cores"`
	// Stolen is how many cores the machine's host gave to others.
	Stolen float64 `json:"stolen_cores"`
	// Phases are of the reader.
	Phases *phaseReport `json:"phases_p99_99,omitempty"`
}

// speed is how much faster than the clock event time runs.
const speed = 100

func latencyCommand(ctx context.Context, args []string) error {
	var o latencyOptions
	f := flag.NewFlagSet("latency", flag.ContinueOnError)
	f.Float64Var(&o.seconds, "seconds", 15, "length of a run")
	f.IntVar(&o.flat, "flat", 600_000, "events of the runs that find the greatest rate")
	f.Float64Var(&o.rate, "max", 0, "the greatest rate in events a second; 0 measures it")
	f.StringVar(&o.queries, "query", "filter,tumble", "the queries")
	f.StringVar(&o.parts, "parts", "50,80", "the rates, in percent of the greatest")
	f.StringVar(&o.kinds, "kinds", "reader,operator,committed", "what is measured: a program that only reads, rows as they are computed, rows in the target")
	f.IntVar(&o.gogc, "gogc", 100, "GOGC of the server: a collection that meets the change of a stream's block holds messages up")
	f.BoolVar(&o.interpret, "interpret", false, "leave generated code aside")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.seconds < 1 || o.flat < 1 || o.rate < 0 {
		return errors.New("-seconds and -flat are at least 1")
	}
	s, err := startServer(ctx, "GOGC="+strconv.Itoa(o.gogc))
	if err != nil {
		return err
	}
	l := &latencyBench{o: &o, server: s}
	err = l.all(ctx)
	err = errors.Join(err, s.stop())
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return errors.Join(e.Encode(map[string]any{"machine": machine(), "interpreted": o.interpret, "server_gogc": o.gogc, "rows": l.rows}), err)
	}
	return errors.Join(l.print(os.Stdout), err)
}

type latencyBench struct {
	o *latencyOptions
	// long, when set, is for runs of minutes and more.
	long   *longRun
	server *server
	runs   int
	rows   []*latencyRow
}

func (l *latencyBench) all(ctx context.Context) error {
	for _, query := range splitList(l.o.queries) {
		if query != "filter" && query != "tumble" {
			return fmt.Errorf("-query %s is none of filter, tumble", query)
		}
		// The flat run also gives the server's heap its size: while that grows, the server
		// collects garbage often.
		flat := &latencyRow{Query: query, Kind: "operator", Rate: 1e6}
		took, err := l.run(ctx, flat, l.o.flat, true)
		if err != nil {
			return fmt.Errorf("%s, greatest rate: %w", query, err)
		}
		most := l.o.rate
		if most == 0 {
			most = float64(l.o.flat) / took.Seconds()
		}
		for _, part := range splitList(l.o.parts) {
			percent, err := strconv.ParseFloat(part, 64)
			if err != nil || percent <= 0 {
				return fmt.Errorf("-parts %s: %q is no rate in percent", l.o.parts, part)
			}
			for _, kind := range splitList(l.o.kinds) {
				if err := l.row(ctx, &latencyRow{Query: query, Kind: kind, Part: percent / 100, Rate: percent / 100 * most, Max: most}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// row measures a row of the table.
func (l *latencyBench) row(ctx context.Context, r *latencyRow) error {
	if r.Kind != "reader" && r.Kind != "operator" && r.Kind != "committed" {
		return fmt.Errorf("-kinds %s is none of reader, operator, committed", r.Kind)
	}
	server, before := l.server.cpu(), loadNow(l.server)
	if _, err := l.run(ctx, r, int(r.Rate*l.o.seconds), false); err != nil {
		return fmt.Errorf("%s, %s at %.0f events/s: %w", r.Query, r.Kind, r.Rate, err)
	}
	after := loadNow(l.server)
	r.Others, r.Stolen = after.since(before)
	r.ServerCPU = (l.server.cpu() - server).Seconds() / after.at.Sub(before.at).Seconds()
	l.rows = append(l.rows, r)
	if !l.o.json {
		fmt.Fprintf(os.Stderr, "%s, %s, %.0f events/s (%.0f%%): p50 %.2f ms, p99 %.2f, p99.9 %.2f, p99.99 %.2f, max %.2f; others took %.2f cores, the host %.2f\n", r.Query, r.Kind, r.Rate,
			100*r.Part, r.P50Ms, r.P99Ms, r.P999Ms, r.P9999Ms, r.MaxMs, r.Others, r.Stolen)
	}
	return nil
}

// run runs a query over a schedule of events and fills r. It returns the time from the
// first event to the last row.
func (l *latencyBench) run(ctx context.Context, r *latencyRow, events int, flat bool) (time.Duration, error) {
	most, log, pace := 5*time.Minute, jetstream.StreamConfig{Storage: jetstream.FileStorage}, int64(speed)
	if l.long != nil {
		most, log.MaxBytes, log.Discard, pace = l.long.most, longStreamBytes, jetstream.DiscardOld, 1
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	l.runs++
	in, out := fmt.Sprintf("IN%d", l.runs), ""
	if r.Kind == "committed" {
		out = fmt.Sprintf("OUT%d", l.runs)
	}
	nc, err := natsgo.Connect(l.server.url)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	log.Name, log.Subjects = in, []string{in + ".>"}
	if _, err := js.CreateStream(ctx, log); err != nil {
		return 0, err
	}
	lines, toLines := io.Pipe()
	name, job := "latency", any(latencyJob{Query: r.Query, URL: l.server.url, In: in, Out: out, Interpret: l.o.interpret, Events: events})
	w := newWatch(r.Query)
	if r.Kind == "reader" {
		name, job = "reader", readerJob{URL: l.server.url, In: in, Events: events}
		w.query = "filter"
		w.split = true
	}
	cmd, stdin, err := start(ctx, name, job, toLines)
	if err != nil {
		return 0, err
	}
	if l.long != nil {
		l.long.watch(ctx, cmd.Process.Pid)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		toLines.CloseWithError(io.EOF)
		ended <- err
	}()
	report := make(chan []byte, 1)
	go func() { report <- w.lines(lines) }()
	took, err := l.measure(ctx, w, js, r, in, out, schedule{Rate: r.Rate, Speed: pace, Events: events}, flat)
	stdin.Close()
	err = errors.Join(err, <-ended)
	last := <-report
	if err != nil {
		return 0, err
	}
	var p latencyReport
	if err := json.Unmarshal(last, &p); err != nil {
		return 0, fmt.Errorf("the pipeline's report: %w", err)
	}
	if p.Events != int64(events) {
		return 0, fmt.Errorf("the pipeline read %d events of %d", p.Events, events)
	}
	r.Checkpoints, r.CPUS = p.Checkpoints, p.CPUS/float64(events)*1e6
	w.fill(r)
	for _, name := range []string{in, out} {
		if name != "" {
			err = errors.Join(err, js.DeleteStream(ctx, name))
		}
	}
	return took, err
}

// measure lets the publisher work and waits for the rows.
func (l *latencyBench) measure(ctx context.Context, w *watch, js jetstream.JetStream, r *latencyRow, in, out string, s schedule, flat bool) (time.Duration, error) {
	events := s.Events
	select {
	case <-w.ready:
	case <-ctx.Done():
		return 0, errors.New("the pipeline does not get ready")
	}
	if out != "" {
		cons, err := consumerOf(ctx, js, out)
		if err != nil {
			return 0, err
		}
		cc, err := cons.Consume(func(m jetstream.Msg) {
			at := time.Now()
			for row := range bytes.Lines(m.Data()) {
				w.see(row, at)
			}
		})
		if err != nil {
			return 0, err
		}
		defer cc.Stop()
	}
	now := time.Now().Add(500 * time.Millisecond)
	s.T0Ns, s.BaseMs = now.UnixNano(), now.UnixMilli()-3_500_000
	s.BaseMs -= s.BaseMs % windowMs
	if end := s.eventMs(s.dueNs(events)); end > now.UnixMilli()+3_500_000 {
		return 0, fmt.Errorf("event time would run %d s ahead of the clock: choose fewer -seconds", (end-now.UnixMilli())/1000)
	}
	w.expect(&s, events)
	var err error
	if r.Publisher, err = call[publishReport](ctx, "publish", publishJob{URL: l.server.url, Stream: in, Schedule: s, Flat: flat}); err != nil {
		return 0, err
	}
	select {
	case last := <-w.done:
		return last.Sub(now), w.err()
	case <-time.After(time.Minute):
		return 0, errors.Join(w.err(), fmt.Errorf("%d of %d rows or windows have come", w.count(), w.want))
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// consumerOf reads a stream that the pipeline is about to make.
func consumerOf(ctx context.Context, js jetstream.JetStream, stream string) (jetstream.Consumer, error) {
	for {
		cons, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{stream + ".rows"}})
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return cons, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// The windows of the aggregate, and how far behind the newest event the watermark is, in ms.
const (
	windowMs = 10_000
	delayMs  = 5_000
)

// watch takes rows as they are seen and counts how long after their cause that was: of the
// filter each row, of the aggregate the last row of each window.
type watch struct {
	query string
	ready chan struct{}
	done  chan time.Time

	mu       sync.Mutex
	schedule *schedule
	want     int
	rows     histogram
	split    bool // rows are the reader's
	phases   phases
	windows  map[int64]time.Time // when the last row of a window's end was seen
	bad      error
}

func newWatch(query string) *watch {
	return &watch{query: query, ready: make(chan struct{}), done: make(chan time.Time, 1), windows: map[int64]time.Time{}}
}

// expect says which rows are to come: of the events that pass the filter, or of the windows
// that the events' times close.
func (w *watch) expect(s *schedule, events int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.schedule = s
	w.want = (events + failsEach - 1) / failsEach
	if w.query == "tumble" {
		// A watermark goes out when it has grown by more than 200 ms.
		last := s.eventMs(s.dueNs(events-1)) - delayMs - 201
		w.want = max(0, int((last+1-s.BaseMs)/windowMs))
	}
}

// lines reads a pipeline's standard output, and returns its report, the last line.
func (w *watch) lines(r io.Reader) (report []byte) {
	s := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := s.ReadSlice('\n')
		if err != nil {
			return report
		}
		switch {
		case line[0] == '+':
			w.see(line, time.Now())
		case string(line) == readyLine+"\n":
			close(w.ready)
		case line[0] == '{':
			report = bytes.Clone(line)
		}
	}
}

// see takes a row, as print writes it or as JSON.
func (w *watch) see(row []byte, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.schedule == nil || w.bad != nil {
		return
	}
	if w.query == "filter" {
		due, err := dueOf(row)
		if err == nil && w.split {
			err = w.phases.add(row, due, at)
		}
		if err != nil {
			w.bad = err
			return
		}
		// Rows come in the order of their events, each once.
		if next := w.schedule.dueNs(int(w.rows.n) * failsEach); due != next {
			w.bad = fmt.Errorf("row %d is of the event that was due %d ns after the one it should be of", w.rows.n, due-next)
			return
		}
		w.rows.add(time.Duration(at.UnixNano() - due))
		if w.rows.n == int64(w.want) {
			w.done <- at
		}
		return
	}
	end, err := endOf(row)
	if err != nil {
		w.bad = err
		return
	}
	if _, ok := w.windows[end]; !ok && len(w.windows)+1 == w.want {
		w.done <- at
	}
	w.windows[end] = at
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.rows.n) + len(w.windows)
}

func (w *watch) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bad
}

// fill sets the figures of r. The cause of a window's rows is the first event whose time
// lets the watermark reach the window's end.
func (w *watch) fill(r *latencyRow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &w.rows
	for end, at := range w.windows {
		h.add(time.Duration(at.UnixNano() - w.schedule.reachesNs(end-1+delayMs)))
	}
	r.Rows, r.Histogram, r.Phases = h.n, h.String(), w.phases.report()
	r.P50Ms, r.P99Ms = milliseconds(h.quantile(0.5)), milliseconds(h.quantile(0.99))
	r.P999Ms, r.P9999Ms, r.MaxMs = milliseconds(h.quantile(0.999)), milliseconds(h.quantile(0.9999)), milliseconds(h.max)
}

// dueOf is when the event of a filter's row was due: its view's id, 16 hexadecimal digits.
func dueOf(row []byte) (int64, error) {
	const key = `"view_id":"`
	i := bytes.Index(row, []byte(key)) + len(key)
	if row[0] == '+' {
		i = bytes.Index(row, []byte(", ")) + 2
	}
	if i < 2 || i+16 > len(row) {
		return 0, fmt.Errorf("a row without a view: %s", row)
	}
	return strconv.ParseInt(string(row[i:i+16]), 16, 64)
}

// endOf is the end of the window of an aggregate's row, in ms.
func endOf(row []byte) (int64, error) {
	const key = `"window_end":"`
	i, end, layout := bytes.Index(row, []byte(key))+len(key), byte('"'), "2006-01-02T15:04:05"
	if row[0] == '+' {
		i, end, layout = bytes.Index(row, []byte(", "))+2, ',', "2006-01-02 15:04:05"
	}
	n := bytes.IndexByte(row[i:], end)
	if n < 0 {
		return 0, fmt.Errorf("a row without a window: %s", row)
	}
	t, err := time.Parse(layout, string(bytes.TrimSuffix(row[i:i+n], []byte("Z"))))
	return t.UnixMilli(), err
}

// print prints the table.
func (l *latencyBench) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s; from JetStream, JSON, one event a message, a checkpoint each second; the server's GOGC %d; %.0f s a run\n\n", machine(), l.o.gogc, l.o.seconds)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "query\tlatency\tthousand events/s\tof the greatest\tsamples\tp50 ms\tp99 ms\tp99.9 ms\tp99.99 ms\tmax ms\tpublisher late p99 ms\tcheckpoints\tCPU s/M events\tserver's cores\tothers' cores\tp99.99 ms until stored, read, seen")
	for _, r := range l.rows {
		phases := ""
		if p := r.Phases; p != nil {
			phases = fmt.Sprintf("%.1f, %.1f, %.1f", p.StoredMs, p.ReadMs, p.SeenMs)
		}
		fmt.Fprintf(tw, "%s\t%s\t%.0f\t%.0f%% of %.0f\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%.2f\t%.2f\t%.2f\t%s\n", r.Query, r.Kind, r.Rate/1e3, 100*r.Part, r.Max/1e3,
			r.Rows, r.P50Ms, r.P99Ms, r.P999Ms, r.P9999Ms, r.MaxMs, r.Publisher.LateP99Ms, r.Checkpoints, r.CPUS, r.ServerCPU, r.Others, phases)
	}
	return tw.Flush()
}
