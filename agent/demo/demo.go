package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/examples/qoe"
)

// Options configure Run.
type Options struct {
	// Duration ends the demo and verifies; 0 runs until interrupted.
	Duration time.Duration
	// Rate is in beacons a second.
	Rate int
	// Chaos cuts the hub off and kills the engine while it runs.
	Chaos bool
	// DataDir keeps the data; empty for a temporary folder.
	DataDir string
	// Plain prints lines instead of redrawing the screen.
	Plain bool
	Seed  uint64
	// Out is where it is shown; nil for standard output.
	Out io.Writer
}

// Bounds of the end of a demo: how long catching up and draining may take.
const settleMax = 60 * time.Second

// Run runs the demo. It returns agent.ErrReported when the hub's totals differ from the
// beacons'.
func Run(ctx context.Context, o Options) error {
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Rate <= 0 || o.Rate > 100_000 {
		return fmt.Errorf("--rate: %d is not between 1 and 100000", o.Rate)
	}
	dir := o.DataDir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "edgeflow-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("--data %s: the folder is not empty; the demo compares totals from an empty start", dir)
	}
	s, err := newStage(ctx, dir, o)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx)
}

// stage is everything that plays in a demo.
type stage struct {
	o         Options
	dir       string
	edge, hub *embedded.Server
	edgeNC    *nats.Conn
	hubNC     *nats.Conn
	link      *link
	player    *player
	consumer  *consumer
	engine    *engine
	screen    *screen
	events    []string
	cuts      int
	began     time.Time
	final     agent.Status
}

func newStage(ctx context.Context, dir string, o Options) (_ *stage, err error) {
	s := &stage{o: o, dir: dir, began: time.Now(), consumer: newConsumer()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	server := func(name string) (*embedded.Server, error) {
		return embedded.Start(embedded.Options{Name: "demo-" + name, StoreDir: filepath.Join(dir, name), Listen: "127.0.0.1:0", Logger: quiet, LazySync: name == "edge"})
	}
	if s.edge, err = server("edge"); err != nil {
		return nil, err
	}
	if s.hub, err = server("hub"); err != nil {
		return nil, err
	}
	if s.edgeNC, err = s.edge.Connect(); err != nil {
		return nil, err
	}
	if s.hubNC, err = s.hub.Connect(); err != nil {
		return nil, err
	}
	if s.link, err = newLink(hostPort(s.hub.ClientURL())); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "qoe.sql"), []byte(qoe.SQL), 0o640); err != nil {
		return nil, err
	}
	if s.player, err = newPlayer(ctx, s.edgeNC, o.Seed, o.Rate); err != nil {
		return nil, err
	}
	if s.engine, err = newEngine(dir, s.edge.ClientURL(), "nats://"+s.link.addr()); err != nil {
		return nil, err
	}
	s.screen = newScreen(o.Out, o.Plain)
	return s, nil
}

func (s *stage) close() {
	if s.engine != nil {
		s.engine.signal(os.Interrupt)
		s.engine.log.Close()
	}
	if s.link != nil {
		s.link.close()
	}
	for _, nc := range []*nats.Conn{s.edgeNC, s.hubNC} {
		if nc != nil {
			nc.Close()
		}
	}
	for _, srv := range []*embedded.Server{s.edge, s.hub} {
		if srv != nil {
			srv.Shutdown()
		}
	}
}

func (s *stage) run(ctx context.Context) error {
	if err := s.engine.start(); err != nil {
		return err
	}
	playCtx, stopPlay := context.WithCancel(ctx)
	defer stopPlay()
	played := make(chan error, 1)
	go func() { played <- s.player.play(playCtx) }()
	consumeCtx, stopConsume := context.WithCancel(context.Background())
	defer stopConsume()
	go s.consumeWhenThere(consumeCtx)

	err := s.show(ctx, played)
	stopPlay()
	if err == nil {
		err = <-played
	}
	if err != nil {
		return s.fail(err)
	}
	if err := s.settle(); err != nil {
		return s.fail(err)
	}
	return s.finish()
}

// fail shows the engine's last words with an error.
func (s *stage) fail(err error) error {
	if b, e := os.ReadFile(filepath.Join(s.dir, "engine.log")); e == nil && len(b) > 0 {
		if len(b) > 4000 {
			b = b[len(b)-4000:]
		}
		return fmt.Errorf("%w\nthe engine's log ends with:\n%s", err, b)
	}
	return err
}

// consumeWhenThere follows the hub's stream once the engine has created it.
func (s *stage) consumeWhenThere(ctx context.Context) {
	js, err := jetstream.New(s.hubNC, jetstream.WithDefaultTimeout(settleMax))
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		if _, err := js.Stream(ctx, "QOE"); err == nil {
			if err := s.consumer.consume(ctx, s.hubNC); err != nil && ctx.Err() == nil {
				s.note("the hub's consumer: " + err.Error())
			}
		}
		wait(ctx, 200*time.Millisecond)
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// show draws until the duration is over or ctx is done, and plays the chaos.
func (s *stage) show(ctx context.Context, played <-chan error) error {
	var end <-chan time.Time
	if s.o.Duration > 0 {
		end = time.After(s.o.Duration)
	}
	tick := time.NewTicker(s.screen.every())
	defer tick.Stop()
	chaos := newChaos(s)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return nil
		case err := <-played:
			if err == nil {
				err = errors.New("the player stopped")
			}
			return err
		case <-tick.C:
		}
		if err, gone := s.engine.exited(); gone {
			return fmt.Errorf("the engine ended by itself: %v", err)
		}
		if s.o.Chaos {
			chaos.act(time.Since(s.began))
		}
		s.draw(ctx, "")
	}
}

func (s *stage) note(text string) {
	s.events = append(s.events, fmt.Sprintf("%5.1fs  %s", time.Since(s.began).Seconds(), text))
	if len(s.events) > 6 {
		s.events = s.events[len(s.events)-6:]
	}
	if s.screen.plain {
		fmt.Fprintf(s.o.Out, "%5.1fs  ** %s\n", time.Since(s.began).Seconds(), text)
	}
}

func (s *stage) draw(ctx context.Context, title string) {
	st, ok := s.engine.status(ctx)
	s.screen.draw(s, st, ok, title)
}

// settle mends what chaos broke, lets the engine catch up, drains it, and waits until the
// hub has everything.
func (s *stage) settle() error {
	s.link.mend()
	if !s.engine.running() {
		if err := s.engine.start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleMax)
	defer cancel()
	if err := s.catchUp(ctx, int64(s.player.count())); err != nil {
		return err
	}
	type drained struct {
		st  agent.Status
		err error
	}
	done := make(chan drained, 1)
	go func() {
		st, err := s.engine.drain(ctx)
		done <- drained{st, err}
	}()
	tick := time.NewTicker(s.screen.every())
	defer tick.Stop()
	for {
		select {
		case d := <-done:
			if d.err != nil {
				return d.err
			}
			s.final = d.st
			s.screen.draw(s, d.st, true, "finished")
			return s.awaitHub(ctx, d.st)
		case <-tick.C:
			if st, ok := s.engine.status(ctx); ok {
				s.screen.draw(s, st, ok, "draining")
			}
		}
	}
}

// catchUp waits until the engine has read every beacon that was sent.
func (s *stage) catchUp(ctx context.Context, want int64) error {
	for ctx.Err() == nil {
		if err, gone := s.engine.exited(); gone {
			return fmt.Errorf("the engine ended by itself: %v", err)
		}
		st, ok := s.engine.status(ctx)
		if ok && st.Events >= want {
			return nil
		}
		s.screen.draw(s, st, ok, "catching up")
		wait(ctx, 250*time.Millisecond)
	}
	return fmt.Errorf("the engine did not catch up within %v", settleMax)
}

// awaitHub waits until the consumer has read as many rows as the outputs confirmed.
func (s *stage) awaitHub(ctx context.Context, st agent.Status) error {
	var want int64
	for _, o := range st.Outputs {
		switch o.Name {
		case "qoe_10s", "qoe_1m", "playback_errors":
			want += o.Emitted
		}
	}
	for ctx.Err() == nil {
		a, b, c := s.consumer.rows()
		if a+b+c >= want {
			wait(ctx, 300*time.Millisecond) // what came twice would come now
			return nil
		}
		wait(ctx, 50*time.Millisecond)
	}
	a, b, c := s.consumer.rows()
	return fmt.Errorf("the hub's consumer has %d rows, the outputs confirmed %d", a+b+c, want)
}

// finish prints the comparison and the ledger.
func (s *stage) finish() error {
	st := s.final
	v := verify(s.consumer, s.player.truth)
	t := s.player.truth
	tumble, hop, errorRows := s.consumer.rows()
	w := s.o.Out
	fmt.Fprintf(w, "\n%d beacons: %d late, %d from the future, %d playback errors\n", t.All, t.Late, t.Future, t.Errors)
	fmt.Fprintf(w, "at the hub: %d results of 10 s windows, %d of 1 min windows, %d playback errors\n", tumble, hop, errorRows)
	if s.o.Chaos {
		fmt.Fprintf(w, "the engine was killed %d times, the hub cut off %d times\n", s.engine.kills, s.cuts)
	}
	fmt.Fprintln(w, "\nledger")
	agent.WriteLedger(w, st.Ledger)
	bad := st.Ledger.Imbalances()
	for _, b := range bad {
		fmt.Fprintf(w, "  %s\n", b)
	}
	if v.wrong > 0 || len(bad) > 0 {
		v.print(w)
		fmt.Fprintf(w, "\nNOT EQUAL: %d differences between the hub and the beacons, %d imbalances\n", v.wrong, len(bad))
		return agent.ErrReported
	}
	fmt.Fprintf(w, "\nEQUAL: the hub's totals are those of the beacons, and the ledger balances\n")
	return nil
}
