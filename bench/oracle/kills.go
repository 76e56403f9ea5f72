package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/bench/nexmark"
	functions "github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// killer runs queries as processes that it kills on the way.
type killer struct {
	dir, binary string
	hub         *hub
	set         *nexmark.Set
	events      int64
	pace        int64 // events in a second of the host's time
	kills       int
	rnd         *rand.Rand
}

func newKiller(set *nexmark.Set, o options) (_ *killer, err error) {
	k := &killer{set: set, events: o.events, pace: o.pace, kills: o.kills, rnd: rand.New(rand.NewPCG(o.seed, 0))}
	if k.dir, err = os.MkdirTemp("", "edgeflow-oracle-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	if err = nexmark.WriteSideInput(k.dir); err != nil {
		return nil, err
	}
	if k.binary, err = build(k.dir); err != nil {
		return nil, err
	}
	k.hub, err = startHub(filepath.Join(k.dir, "hub"))
	return k, err
}

func (k *killer) close() error {
	if k.hub != nil {
		k.hub.close()
	}
	return os.RemoveAll(k.dir)
}

// trial is what happened to a query's processes: how many events were read when each was
// killed, and the epoch and the events that the next one went on from.
type trial struct {
	killed, epochs, resumed []int64
	took                    time.Duration
}

// String lists the kills.
func (t *trial) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d kills, restored", len(t.killed))
	for i, n := range t.killed {
		fmt.Fprintf(&b, " epoch %d at %d after %d;", t.epochs[i], t.resumed[i], n)
	}
	fmt.Fprintf(&b, " %.1f s", t.took.Seconds())
	return b.String()
}

// run runs a query to its end, killing it as often as asked on the way, and returns what
// its changelog at the hub leaves.
func (k *killer) run(name string) (*contents, *trial, error) {
	text, columns, err := k.script(name)
	if err != nil {
		return nil, nil, err
	}
	data, err := os.MkdirTemp(k.dir, "data-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(data)
	file := filepath.Join(data, "nexmark.sql")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	targets, err := k.targets()
	if err != nil {
		return nil, nil, err
	}
	if err := k.hub.clear(); err != nil {
		return nil, nil, err
	}
	t := &trial{}
	began := time.Now()
	for _, target := range targets {
		if err := k.strike(t, file, data, target); err != nil {
			return nil, t, err
		}
	}
	p, err := startProcess(k.binary, file, data, k.hub.server.ClientURL())
	if err != nil {
		return nil, t, err
	}
	<-p.ended
	t.took = time.Since(began)
	if p.err != nil {
		return nil, t, p.failure()
	}
	if err := t.restored(p, k.events); err != nil {
		return nil, t, err
	}
	rows, err := k.hub.take(columns)
	return rows, t, err
}

// targets are the numbers of events after which processes are killed, in order: from 5 to
// 90 % of all, and so long before the end that a process, at its pace, does not come there
// while it has not told where it is and a kill is put off.
func (k *killer) targets() ([]int64, error) {
	least, most := k.events/20, min(k.events*9/10, k.events-k.pace/2)
	if most <= least {
		return nil, fmt.Errorf("%d events at %d a second are over too soon to kill on the way: let it go slower with --pace", k.events, k.pace)
	}
	out := make([]int64, k.kills)
	for i := range out {
		out[i] = least + k.rnd.Int64N(most-least)
	}
	slices.Sort(out)
	return out, nil
}

// The time that a process may take for its share, and how often it is asked where it is.
const (
	processMax = 10 * time.Minute
	askEvery   = 5 * time.Millisecond
)

// strike starts a process and kills it in the middle: once it has read events of its own,
// target of them or more in all, and a moment more. One that ends before is an error.
func (k *killer) strike(t *trial, file, data string, target int64) error {
	p, err := startProcess(k.binary, file, data, k.hub.server.ClientURL())
	if err != nil {
		return err
	}
	read, late := int64(0), time.Now().Add(processMax)
	for _, from := p.restored(); read < target || read <= from; _, from = p.restored() {
		select {
		case <-p.ended:
			return fmt.Errorf("kill %d of %d: %w", len(t.killed)+1, k.kills, p.failure())
		case <-time.After(askEvery):
		}
		if read = p.progress(); time.Now().After(late) {
			_, err := p.kill()
			return errors.Join(err, fmt.Errorf("after %v %d of %d events were read", processMax, read, target))
		}
	}
	time.Sleep(time.Duration(k.rnd.Int64N(int64(100 * time.Millisecond))))
	read = max(read, p.progress())
	killed, err := p.kill()
	if err != nil {
		return err
	}
	if !killed || read >= k.events {
		return fmt.Errorf("kill %d of %d does not fall in the middle: %d of %d events were read; let it go slower with --pace", len(t.killed)+1, k.kills, read, k.events)
	}
	if len(t.killed) > 0 {
		if err := t.restored(p, k.events); err != nil {
			return err
		}
	}
	t.killed = append(t.killed, read)
	return nil
}

// restored notes what a process went on from, which was not the end.
func (t *trial) restored(p *process, events int64) error {
	epoch, from := p.restored()
	if from >= events {
		return fmt.Errorf("all %d events had been read at the last commit before kill %d", events, len(t.killed))
	}
	t.epochs, t.resumed = append(t.epochs, epoch), append(t.resumed, from)
	return nil
}

// partitioned is a clause that the connector of the hub does not take.
var partitioned = regexp.MustCompile(`\)\s*PARTITIONED BY \([^)]*\)\s*WITH`)

// script is a query as a pipeline that is paced, takes checkpoints close together and sends
// its changelog to the hub; and the columns of its sink.
func (k *killer) script(name string) (string, []format.Column, error) {
	text, err := k.set.Script(name, k.events)
	if err != nil {
		return "", nil, err
	}
	text = strings.ReplaceAll(text, "${FLINK_HOME}", k.dir)
	text = partitioned.ReplaceAllString(text, ") WITH")
	text = strings.Replace(text, "'connector' = 'nexmark',", fmt.Sprintf("'connector' = 'nexmark', 'emit.rate' = '%d',", k.pace), 1)
	insert := strings.Index(text, "INSERT INTO")
	from := strings.LastIndex(text[:max(insert, 0)], "WITH (")
	if from < 0 {
		return "", nil, errors.New("the query has no sink table")
	}
	to := from + strings.IndexByte(text[from:], ')')
	text = text[:from] + "WITH ('connector' = 'nats', 'nats.stream' = '" + hubStream + "', 'nats.subject' = '" + hubSubject +
		"', 'nats.stream.create' = 'true', 'format' = 'json', 'changelog-mode' = 'retract', 'edgeflow.pack' = '100'" + text[to:]
	text = "SET 'pipeline.name' = 'nexmark';\nSET 'execution.checkpointing.interval' = '130 ms';\nSET 'execution.checkpointing.min-pause' = '1 ms';\n" + text
	script, err := sql.Parse(name+".sql", text)
	if err != nil {
		return "", nil, err
	}
	p, err := plan.Build(script, plan.Options{Functions: functions.Functions()})
	if err != nil {
		return "", nil, err
	}
	var columns []format.Column
	for _, c := range p.Sinks[0].Base().Schema {
		columns = append(columns, format.Column{Name: c.Name, Type: c.Type})
	}
	return text, columns, nil
}
