package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// longStreamBytes is the size of a long run's stream, which forgets its oldest messages;
	// a pipeline that falls so far behind loses some, and the run fails.
	longStreamBytes = 4 << 30
	// sampleEvery is how often a long run looks at the pipeline's process.
	sampleEvery = 5 * time.Second
)

// longRun looks at the process of a long run.
type longRun struct {
	most time.Duration

	mu      sync.Mutex
	samples []procSample
}

// procSample is the state of a process.
type procSample struct {
	AtS      float64 `json:"at_s"`
	RSSBytes int64   `json:"rss_bytes"`
	Files    int     `json:"open_files"`
}

// watch takes samples of a process until ctx or the process ends.
func (l *longRun) watch(ctx context.Context, pid int) {
	began := time.Now()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(sampleEvery):
			}
			files, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
			rss := memoryOf(pid, "VmRSS")
			if err != nil || rss == 0 {
				return
			}
			l.mu.Lock()
			l.samples = append(l.samples, procSample{time.Since(began).Seconds(), rss, len(files)})
			l.mu.Unlock()
		}
	}()
}

// soakReport is what `bench soak` found.
type soakReport struct {
	Machine string      `json:"machine"`
	Row     *latencyRow `json:"row"`
	Minutes float64     `json:"minutes"`
	// Samples are of the pipeline's process. RSSSlope is by how much its memory grows in an
	// hour, by the line of least squares through the second half of the samples.
	Samples  []procSample `json:"samples"`
	RSSSlope float64      `json:"rss_bytes_per_hour"`
}

func soakCommand(ctx context.Context, args []string) error {
	var o latencyOptions
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	minutes := f.Float64("minutes", 60, "length of the run")
	percent := f.Float64("percent", 70, "the rate, in percent of the greatest")
	f.IntVar(&o.flat, "flat", 1_500_000, "events of the run that finds the greatest rate")
	f.Float64Var(&o.rate, "max", 0, "the greatest rate in events a second; 0 measures it")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *minutes <= 0 || *percent <= 0 || o.flat < 1 || o.rate < 0 {
		return errors.New("-minutes, -percent and -flat are above 0")
	}
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	l := &latencyBench{o: &o, server: s}
	r, err := l.soak(ctx, *minutes, *percent/100)
	if err = errors.Join(err, s.stop()); err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	first, last := r.Samples[0], r.Samples[len(r.Samples)-1]
	fmt.Printf("%s\n\n", r.Machine)
	fmt.Printf("%.0f min at %.0f events/s, %.0f%% of %.0f: %d rows, none lost, none twice\n", r.Minutes, r.Row.Rate, 100*r.Row.Part, r.Row.Max, r.Row.Rows)
	fmt.Printf("latency p50 %.2f ms, p99 %.2f, p99.9 %.2f, p99.99 %.2f, max %.2f\n", r.Row.P50Ms, r.Row.P99Ms, r.Row.P999Ms, r.Row.P9999Ms, r.Row.MaxMs)
	fmt.Printf("memory %.1f MB after %.0f s, %.1f MB at the end; second half %+.1f MB an hour\n", float64(first.RSSBytes)/1e6, first.AtS, float64(last.RSSBytes)/1e6, r.RSSSlope/1e6)
	fmt.Printf("open files %d, %d at the end\n", first.Files, last.Files)
	fmt.Printf("%d checkpoints; others took %.2f cores, the host %.2f\n", r.Row.Checkpoints, r.Row.Others, r.Row.Stolen)
	return nil
}

// soak runs the filter at a part of its greatest rate. Every eighth event passes it; the run
// fails unless each of those comes out, once.
func (l *latencyBench) soak(ctx context.Context, minutes, part float64) (*soakReport, error) {
	most := l.o.rate
	if most == 0 {
		took, err := l.run(ctx, &latencyRow{Query: "filter", Kind: "operator", Rate: 1e6}, l.o.flat, true)
		if err != nil {
			return nil, fmt.Errorf("greatest rate: %w", err)
		}
		most = float64(l.o.flat) / took.Seconds()
	}
	length := time.Duration(minutes * float64(time.Minute))
	l.long = &longRun{most: length + 5*time.Minute}
	r := &latencyRow{Query: "filter", Kind: "operator", Part: part, Rate: part * most, Max: most}
	before := loadNow(l.server)
	if _, err := l.run(ctx, r, int(r.Rate*length.Seconds()), false); err != nil {
		return nil, err
	}
	r.Others, r.Stolen = loadNow(l.server).since(before)
	samples := l.long.samples
	if len(samples) < 4 {
		return nil, fmt.Errorf("%d samples: choose more -minutes", len(samples))
	}
	return &soakReport{Machine: machine(), Row: r, Minutes: minutes, Samples: samples, RSSSlope: slope(samples[len(samples)/2:]) * 3600}, nil
}

// slope is by how much memory grows in a second.
func slope(s []procSample) float64 {
	var n, x, y, xx, xy float64
	for _, p := range s {
		n, x, y = n+1, x+p.AtS, y+float64(p.RSSBytes)
		xx, xy = xx+p.AtS*p.AtS, xy+p.AtS*float64(p.RSSBytes)
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
