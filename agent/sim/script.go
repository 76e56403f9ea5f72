package sim

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	forward "github.com/edgeflow/edgeflow/sync"
)

// script is the pipeline under test: a tumbling count by key and a filter.
const script = `
SET 'pipeline.name' = 'sim';
SET 'edgeflow.late' = 'divert';

CREATE TABLE events (
  id BIGINT,
  k  STRING,
  ts TIMESTAMP(3),
  v  BIGINT,
  WATERMARK FOR ts AS ts - INTERVAL '1.5' SECOND
) WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');

CREATE TABLE counts (
  k            STRING,
  window_start TIMESTAMP(3),
  window_end   TIMESTAMP(3),
  n            BIGINT,
  total        BIGINT
) WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');

CREATE TABLE alerts (id BIGINT, k STRING, v BIGINT) WITH ('connector' = 'nats', 'format' = 'json');

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO counts
  SELECT k, window_start, window_end, COUNT(*), SUM(v)
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND))
  GROUP BY k, window_start, window_end;

  INSERT INTO alerts SELECT id, k, v FROM events WHERE v >= 800;
END;
`

// The outputs of script.
const (
	countsOut = "counts"
	alertsOut = "alerts"
)

func compile() (*plan.Plan, error) {
	s, err := sql.Parse("sim.sql", script)
	if err != nil {
		return nil, err
	}
	return plan.Build(s, plan.Options{})
}

// connectors binds the tables of script to the simulated stream and the outbox.
type connectors struct{ h *host }

var _ dataflow.Connectors = connectors{}

// Source gives the simulated stream.
func (c connectors) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	c.h.source = newReader(c.h)
	return &dataflow.SourceBinding{
		Messages: c.h.source,
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		},
	}, nil
}

// Sink gives an encoder and the forwarder's frames.
func (c connectors) Sink(n *plan.Sink, _ *expr.Env) (*dataflow.SinkBinding, error) {
	var s format.Schema
	for _, i := range dataflow.SinkColumns(n) {
		col := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: col.Name, Type: col.Type})
	}
	enc, err := format.NewEncoder(n.Table.Options["format"], s, format.Options{Table: n.Table.Options})
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", n.Name, err)
	}
	return &dataflow.SinkBinding{Encoder: enc, Frames: &forward.FrameBuilder{}}, nil
}

// Diverted gives the frames of dead letters and late rows.
func (c connectors) Diverted(string) (dataflow.FrameWriter, error) {
	return &forward.FrameBuilder{}, nil
}
