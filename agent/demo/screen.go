package demo

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edgeflow/edgeflow/agent"
)

// screen draws the demo's state: the whole screen anew, or a line a second.
type screen struct {
	w     io.Writer
	plain bool
	last  time.Time
}

// newScreen falls back to lines when the output is no terminal.
func newScreen(w io.Writer, plain bool) *screen {
	if f, ok := w.(*os.File); !plain && ok {
		st, err := f.Stat()
		plain = err != nil || st.Mode()&os.ModeCharDevice == 0
	} else {
		plain = true
	}
	return &screen{w: w, plain: plain}
}

func (s *screen) every() time.Duration { return 250 * time.Millisecond }

func (s *screen) draw(g *stage, st agent.Status, ok bool, title string) {
	if s.plain {
		if time.Since(s.last) < time.Second && title != "finished" {
			return
		}
		s.last = time.Now()
		s.line(g, st, ok, title)
		return
	}
	var b strings.Builder
	b.WriteString("\x1b[H\x1b[2J")
	s.full(&b, g, st, ok, title)
	io.WriteString(s.w, b.String())
}

func (s *screen) line(g *stage, st agent.Status, ok bool, title string) {
	at := time.Since(g.began).Seconds()
	if !ok {
		fmt.Fprintf(s.w, "%5.1fs  engine down; sent %d\n", at, g.player.count())
		return
	}
	var waiting int64
	for _, o := range st.Outputs {
		waiting += o.Rows
	}
	tumble, hop, errs := g.consumer.rows()
	if title == "" {
		title = string(st.State)
	}
	fmt.Fprintf(s.w, "%5.1fs  %-12s sent %-7d read %-7d %6d/s  watermark %s  epoch %-4d %3d ms  outbox %-5d hub %d+%d+%d%s\n",
		at, title, g.player.count(), st.Events, st.PerSec, clock(st.WatermarkMs), st.Epoch, st.CheckpointMs, waiting, tumble, hop, errs, down(g))
}

func down(g *stage) string {
	if g.link.isDown() {
		return "  [hub cut off]"
	}
	return ""
}

func clock(ms int64) string {
	if ms <= 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format("15:04:05.0")
}

func (s *screen) full(b *strings.Builder, g *stage, st agent.Status, ok bool, title string) {
	fmt.Fprintf(b, "edgeflow demo: video quality of experience   %s%s\n", time.Since(g.began).Round(time.Second), down(g))
	fmt.Fprintf(b, "edge %s   hub %s   %s\n\n", g.edge.ClientURL(), g.hub.ClientURL(), title)
	tw := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "beacons sent\t%d\n", g.player.count())
	if !ok || st.Ledger == nil {
		fmt.Fprintf(tw, "engine\tdown\n")
		tw.Flush()
		s.tail(b, g)
		return
	}
	fmt.Fprintf(tw, "engine\t%s\trestarts %d\n", st.State, st.Restarts)
	fmt.Fprintf(tw, "events read\t%d\t%d/s\tpending %d\n", st.Events, st.PerSec, st.Pending)
	fmt.Fprintf(tw, "watermark\t%s\tarrival %s\n", clock(st.WatermarkMs), clock(st.ArrivalMs))
	var fired, open, late int64
	for _, o := range st.Ledger.Operators {
		fired, open, late = fired+o.Fired, open+o.Open, late+o.Late
	}
	fmt.Fprintf(tw, "rows in windows\tfired %d\topen %d\tlate %d\n", fired, open, late)
	fmt.Fprintf(tw, "checkpoint\tepoch %d\t%d ms\t%d KiB\tstate %d KiB\n", st.Epoch, st.CheckpointMs, st.CheckpointBytes>>10, st.StateBytes>>10)
	tw.Flush()
	b.WriteByte('\n')
	fmt.Fprintf(tw, "output\temitted\thub has\tin outbox\tlink\n")
	for _, o := range st.Outputs {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%s\n", o.Name, o.Emitted, o.Confirmed, o.Rows, o.Link)
	}
	tw.Flush()
	b.WriteString("\nledger\n")
	agent.WriteLedger(b, st.Ledger)
	s.tail(b, g)
}

// tail shows the newest results at the hub, and what chaos did.
func (s *screen) tail(b *strings.Builder, g *stage) {
	g.consumer.mu.Lock()
	latest := g.consumer.latest
	latest = append([]result(nil), latest[max(0, len(latest)-8):]...)
	g.consumer.mu.Unlock()
	b.WriteString("\narrived at the hub\n")
	tw := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "window\tcustomer\tcdn\tviews\terrors\trebuffering\tp50\tp95\n")
	for _, r := range latest {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%.2f%%\t%.2f%%\t%.0f ms\t%.0f ms\n", r.WindowEnd, r.Customer, r.CDN, r.Views, 100*r.ErrorRate, 100*r.RebufferRatio, r.P50, r.P95)
	}
	tw.Flush()
	if len(g.events) > 0 {
		b.WriteString("\n" + strings.Join(g.events, "\n") + "\n")
	}
}

// hostPort is the address in a server's URL.
func hostPort(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Host
}
