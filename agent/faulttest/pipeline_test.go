package faulttest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

// Events are 10 ms apart in event time and come from some devices in turn.
const (
	devices     = 7
	perWindow   = 100
	eventBase   = 1_700_000_000_000
	subjectRows = "res.rows"
	subjectWins = "res.win"
)

// event is the n-th event. One of dev "end", a minute after the last, closes all windows.
func event(n int, last bool) []byte {
	if last {
		return fmt.Appendf(nil, `{"n":%d,"dev":"end","ts":%d}`, n, eventBase+n*10+60_000)
	}
	return fmt.Appendf(nil, `{"n":%d,"dev":"d%d","ts":%d}`, n, n%devices, eventBase+n*10)
}

// pipelineSQL passes rows on and counts them in windows. The options are added to the tables of
// the source and of the sinks.
func pipelineSQL(source, sink string) string {
	return fmt.Sprintf(`SET 'pipeline.name' = 'p';
SET 'execution.checkpointing.interval' = '50 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE ev (n BIGINT, dev STRING, ts BIGINT, at AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR at AS at) WITH (
  'connector' = 'nats', 'nats.stream' = 'EV', 'nats.subject' = 'ev.>', 'format' = 'json', 'scan.watermark.emit.strategy' = 'on-event'%[1]s);
CREATE TABLE passed (n BIGINT, dev STRING) WITH (
  'connector' = 'nats', 'nats.stream' = 'RES', 'nats.subject' = '%[3]s', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true', 'format' = 'json'%[2]s);
CREATE TABLE counted (first BIGINT, dev STRING, num BIGINT, total BIGINT) WITH (
  'connector' = 'nats', 'nats.stream' = 'RES', 'nats.subject' = '%[4]s', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true', 'format' = 'json'%[2]s);
EXECUTE STATEMENT SET BEGIN
  INSERT INTO passed SELECT n, dev FROM ev;
  INSERT INTO counted SELECT MIN(n), dev, COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, dev;
END;
`, source, sink, subjectRows, subjectWins)
}

type counted struct {
	First int    `json:"first"`
	Dev   string `json:"dev"`
	Num   int    `json:"num"`
	Total int    `json:"total"`
}

// expected is what an undisturbed run leaves of n events and the one that ends them.
func expected(n int) (rows []string, wins []counted) {
	for i := range n {
		rows = append(rows, fmt.Sprintf(`{"n":%d,"dev":"d%d"}`, i, i%devices))
	}
	rows = append(rows, fmt.Sprintf(`{"n":%d,"dev":"end"}`, n))
	for from := 0; from < n; from += perWindow {
		var w [devices]counted
		for i := from; i < min(from+perWindow, n); i++ {
			c := &w[i%devices]
			if c.Num == 0 {
				c.First, c.Dev = i, fmt.Sprintf("d%d", i%devices)
			}
			c.Num++
			c.Total += i
		}
		for _, c := range w {
			if c.Num > 0 {
				wins = append(wins, c)
			}
		}
	}
	slices.SortFunc(wins, byFirst)
	return rows, wins
}

func byFirst(a, b counted) int { return cmp.Compare(a.First, b.First) }

// site is the servers of a test and its pipeline.
type site struct {
	t             *testing.T
	dir, sql      string
	edge          *natsServer
	hubURL        string // as the pipeline sees it
	edgeJS, hubJS jetstream.JetStream
	ns            *netns // where the pipeline runs
	sent          int
}

// newSite is an edge with its stream, before a hub.
func newSite(t *testing.T, edge *natsServer, hubURL string, hub jetstream.JetStream) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), edge: edge, hubURL: hubURL, edgeJS: edge.connect(), hubJS: hub, ns: edge.ns}
	s.configure("", "")
	s.createEvents()
	return s
}

func (s *site) configure(source, sink string) {
	s.sql = filepath.Join(s.dir, "p.sql")
	if err := os.WriteFile(s.sql, []byte(pipelineSQL(source, sink)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) createEvents() {
	s.t.Helper()
	persist(s.t, "create the stream of events", func(ctx context.Context) error {
		_, err := s.edgeJS.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "EV", Subjects: []string{"ev.>"}})
		return err
	})
}

// publish stores the next n events, each once, whatever becomes of the server meanwhile.
func (s *site) publish(n int) {
	s.t.Helper()
	for n > 0 {
		var acks []jetstream.PubAckFuture
		k := min(n, 200)
		for i := range k {
			o := []jetstream.PublishOpt{jetstream.WithMsgID(fmt.Sprint(s.sent + i))}
			if i > 0 { // none overtakes one that was lost with a connection
				o = append(o, jetstream.WithExpectLastMsgID(fmt.Sprint(s.sent+i-1)))
			}
			a, err := s.edgeJS.PublishAsync("ev.a", event(s.sent+i, false), o...)
			if err != nil {
				break
			}
			acks = append(acks, a)
		}
		// Those before the first that is not known to be stored are; the others are sent again
		// after it.
		stored := 0
	acks:
		for _, a := range acks {
			select {
			case <-a.Ok():
				stored++
			case <-a.Err():
				break acks
			case <-time.After(5 * time.Second):
				break acks
			}
		}
		if stored < k {
			s.one(s.sent + stored)
			stored++
		}
		s.sent += stored
		n -= stored
	}
}

// one stores an event for certain.
func (s *site) one(n int) {
	s.t.Helper()
	persist(s.t, fmt.Sprintf("event %d is stored", n), func(ctx context.Context) error {
		_, err := s.edgeJS.Publish(ctx, "ev.a", event(n, false), jetstream.WithMsgID(fmt.Sprint(n)))
		return err
	})
}

// end stores the event that ends them.
func (s *site) end() {
	s.t.Helper()
	persist(s.t, "the last event is stored", func(ctx context.Context) error {
		_, err := s.edgeJS.Publish(ctx, "ev.a", event(s.sent, true), jetstream.WithMsgID("end"))
		return err
	})
}

// process is an edgeflow at work.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	mu    sync.Mutex
	text  bytes.Buffer
	ended chan struct{}
	err   error
}

// Write takes what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// run starts the pipeline on a folder.
func (s *site) run(data string, more ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, ended: make(chan struct{})}
	args := append([]string{"run", s.sql, "--data", filepath.Join(s.dir, data), "--nats", s.edge.url(), "--hub", s.hubURL, "--listen", "", "--instance", "faulttest"}, more...)
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), asEdgeflow+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := s.ns.do(p.cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if s.t.Failed() {
			s.t.Logf("the log:\n%s", p.log())
		}
	})
	return p
}

func (p *process) signal(sig syscall.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// says waits until the process has said all the words.
func (p *process) says(words ...string) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("the process says %q", words), func() bool {
		for _, w := range words {
			if !strings.Contains(p.log(), w) {
				return false
			}
		}
		return true
	})
}

// fails waits until the process ends with an error that has all the words.
func (p *process) fails(words ...string) {
	p.t.Helper()
	p.wait()
	if p.cmd.ProcessState.ExitCode() == 0 {
		p.t.Error("the process did not fail")
	}
	for _, w := range words {
		if !strings.Contains(p.log(), w) {
			p.t.Errorf("the process does not say %q:\n%s", w, p.log())
		}
	}
}

// claimed tells that both outputs have their cursors.
func (p *process) claimed() bool {
	return strings.Count(p.log(), "cursor claimed") >= 2
}

func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(*patience):
		p.signal(syscall.SIGQUIT) // shows where it stands
		<-p.ended
		p.t.Fatalf("the process did not end:\n%s", p.log())
	}
}

// stop tells the process to end, which has to succeed.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wait()
	if p.err != nil {
		p.t.Fatalf("the process ended with %v", p.err)
	}
	if strings.Contains(p.log(), "does not balance") {
		p.t.Error("the ledger does not balance")
	}
}

// arrived counts the messages of a subject at the hub; of none, when it does not answer.
func (s *site) arrived(subject string) uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	st, err := s.hubJS.Stream(ctx, "RES")
	if err != nil {
		return 0
	}
	i, err := st.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0
	}
	return i.State.Subjects[subject]
}

// reached is the last row of a subject that is at the hub; 0, when it does not answer.
func (s *site) reached(subject string) (last uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	st, err := s.hubJS.Stream(ctx, "RES")
	if err != nil {
		return 0
	}
	m, err := st.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		return 0
	}
	_, to, _ := strings.Cut(m.Header.Get("Edgeflow-Sequence"), "-")
	last, _ = strconv.ParseUint(to, 10, 64)
	return last
}

// complete waits until all rows are at the hub, ends the process, and wants everything to be as
// after an undisturbed run.
func (s *site) complete(p *process, data string) {
	s.t.Helper()
	rows, wins := expected(s.sent)
	until(s.t, "all rows are at the hub", func() bool {
		select {
		case <-p.ended:
			s.t.Fatal("the process has ended")
		default:
		}
		return s.reached(subjectRows) >= uint64(len(rows)) && s.reached(subjectWins) >= uint64(len(wins))
	}, func() string {
		return fmt.Sprintf("%d of %d rows, %d of %d windows", s.reached(subjectRows), len(rows), s.reached(subjectWins), len(wins))
	})
	p.stop()
	s.compare(rows, wins)
	s.audit(data, int64(s.sent+1), int64(len(rows)+len(wins)))
}

// read is the rows of a subject at the hub, whose sequences must have neither hole nor repetition.
func (s *site) read(subject string) (rows []string) {
	s.t.Helper()
	next := uint64(1)
	for _, m := range s.messages(subject) {
		var first, last uint64
		if _, err := fmt.Sscanf(m.Headers().Get("Edgeflow-Sequence"), "%d-%d", &first, &last); err != nil || first != next || last < first {
			s.t.Fatalf("%s: sequence %q where %d is next", subject, m.Headers().Get("Edgeflow-Sequence"), next)
		}
		next = last + 1
		rows = append(rows, strings.Split(string(m.Data()), "\n")...)
	}
	return rows
}

// rowsAt is the rows of a subject at a hub that has lost some.
func (s *site) rowsAt(subject string) (rows []string) {
	s.t.Helper()
	for _, m := range s.messages(subject) {
		rows = append(rows, strings.Split(string(m.Data()), "\n")...)
	}
	return rows
}

// messages is what the hub has of a subject. A cluster that looks for a leader is asked again.
func (s *site) messages(subject string) (msgs []jetstream.Msg) {
	s.t.Helper()
	var err error
	until(s.t, "the hub can be read", func() bool {
		msgs, err = s.fetch(subject)
		return err == nil
	}, func() string { return fmt.Sprint(err) })
	return msgs
}

// fetch asks once. A request that comes while a cluster has no leader may never be answered, which
// must leave time to ask again.
func (s *site) fetch(subject string) (msgs []jetstream.Msg, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := s.hubJS.Stream(ctx, "RES")
	if err != nil {
		return nil, err
	}
	i, err := st.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return nil, err
	}
	c, err := st.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return nil, err
	}
	it, err := c.Messages()
	if err != nil {
		return nil, err
	}
	defer it.Stop()
	for left := i.State.Subjects[subject]; left > 0; left-- {
		m, err := it.Next(jetstream.NextMaxWait(10 * time.Second))
		if err != nil {
			return nil, fmt.Errorf("%d messages of %s are missing: %w", left, subject, err)
		}
		msgs = append(msgs, m)
	}
	return msgs, nil
}

// compare wants the hub to have the rows, in their order, and the windows.
func (s *site) compare(rows []string, wins []counted) {
	s.t.Helper()
	got := s.read(subjectRows)
	if len(got) != len(rows) {
		s.t.Errorf("the hub has %d rows instead of %d", len(got), len(rows))
	}
	for i := range min(len(got), len(rows)) {
		if got[i] != rows[i] {
			s.t.Fatalf("row %d is %s instead of %s", i, got[i], rows[i])
		}
	}
	var c []counted
	for _, r := range s.read(subjectWins) {
		var w counted
		if err := json.Unmarshal([]byte(r), &w); err != nil {
			s.t.Fatal(err)
		}
		if len(c) > 0 && w.First/perWindow < c[len(c)-1].First/perWindow {
			s.t.Errorf("window of %d after that of %d", w.First, c[len(c)-1].First)
		}
		c = append(c, w)
	}
	slices.SortFunc(c, byFirst)
	if !slices.Equal(c, wins) {
		s.t.Errorf("the hub has %d windows %v\ninstead of %d %v", len(c), c, len(wins), wins)
	}
}

// audit looks into what a process left: the file must hold together, all events have been read
// once, and all that was emitted is at the hub.
func (s *site) audit(data string, read, emitted int64) {
	s.t.Helper()
	m := s.manifest(data)
	if l := m.Sources[0].Ledger; l.Read != read || l.Read != l.Decoded+l.Undecodable || l.Gap > 0 {
		s.t.Errorf("of %d events %+v", read, l)
	}
	var all int64
	for _, o := range m.Outputs {
		all += o.Emitted
		if uint64(o.Emitted) != o.Confirmed || o.Dropped > 0 || o.Next != o.Cursor+1 {
			s.t.Errorf("output %+v", o)
		}
	}
	if all != emitted {
		s.t.Errorf("%d rows were emitted, %d arrived", all, emitted)
	}
}

// manifest is what the state of a process that has ended says.
func (s *site) manifest(data string) *dataflow.Manifest {
	s.t.Helper()
	st, err := store.Open(filepath.Join(s.dir, data, "pipelines", "p", "state.db"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(); err != nil {
		s.t.Error(err)
	}
	r, err := st.Load()
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := dataflow.DecodeManifest(r.Manifest)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}
