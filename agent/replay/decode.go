package replay

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/agent/pipetest"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/edgeflow/edgeflow/store"
)

// place is where a row came from.
type place struct {
	table    string
	sequence uint64
	row      uint32
}

// rowDecoder decodes all columns of a table that messages have, whether the plan uses them
// or not.
type rowDecoder struct {
	table    *plan.Table
	env      *expr.Env
	names    []string
	types    []types.Type
	batch    *vec.Batch
	payload  *vec.Batch // the physical columns of batch
	decoder  format.Decoder
	metadata dataflow.MetadataReader

	ordinal int
	ahead   map[place]bool
	bad     int
	skipped int
	rows    []inputRow
}

// newRowDecoder makes the decoder of a table whose nested values may have fieldMax bytes, as
// in the pipeline; 0 is the decoder's own limit.
func newRowDecoder(t *plan.Table, env *expr.Env, fieldMax int64) (*rowDecoder, error) {
	d := &rowDecoder{table: t, env: env, payload: &vec.Batch{}}
	var schema format.Schema
	var metadata []plan.SourceColumn
	var physical []int
	for i, c := range t.Columns {
		if c.Kind == plan.ComputedColumn {
			continue
		}
		sc := plan.SourceColumn{Column: i, Type: c.Type}
		if c.Kind == plan.MetadataColumn {
			sc.Metadata = c.Key
		} else {
			schema.Columns = append(schema.Columns, format.Column{Name: c.Name, Type: c.Type})
			schema.Declared = append(schema.Declared, types.Field{Name: c.Name, Type: c.Type})
			physical = append(physical, len(d.types))
		}
		metadata = append(metadata, sc)
		d.names, d.types = append(d.names, c.Name), append(d.types, c.Type)
	}
	d.batch = vec.NewBatch(d.types)
	for _, i := range physical {
		d.payload.Cols = append(d.payload.Cols, d.batch.Cols[i])
	}
	d.metadata = dataflow.NewMetadataReader(metadata)
	var err error
	d.decoder, err = format.NewDecoder(t.Options["format"], schema, format.Options{Table: t.Options, OnBad: func([]byte, int, error) { d.bad++ }})
	if l, ok := d.decoder.(format.Limited); ok && fieldMax > 0 {
		l.Limit(int(min(fieldMax, math.MaxInt)))
	}
	return d, err
}

// all decodes the messages of a source of a capture.
func (d *rowDecoder) all(path string, keys *store.Keys, number int) ([]inputRow, error) {
	c, err := capture.Open(path, keys)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	arrival := never
	var rec capture.Record
	for len(d.rows) <= testRowsMax {
		err := c.Next(&rec)
		if errors.Is(err, io.EOF) {
			return d.rows, nil
		}
		if err != nil {
			return nil, err
		}
		if rec.Source != number {
			continue
		}
		if err := d.message(&rec, arrival.of(rec.ArrivalMs)); err != nil {
			return nil, fmt.Errorf("message %d: %w", rec.Seq, err)
		}
	}
	return d.rows, nil
}

// message decodes the rows of a message.
func (d *rowDecoder) message(rec *capture.Record, arrivalMs int64) error {
	m := &dataflow.Message{Data: rec.Data, Seq: rec.Seq, ArrivalMs: rec.ArrivalMs, Subject: rec.Subject, Header: rec.Header}
	d.batch.Reset()
	d.payload.N = 0
	more := d.decoder.Decode(m.Data, d.payload)
	row := uint32(0)
	for {
		d.batch.N = d.payload.N
		if d.metadata != nil && d.batch.N > 0 {
			d.metadata.Read(m, d.batch.Cols, 0, d.batch.N)
		}
		for i := range d.batch.N {
			if err := d.row(i, place{d.table.Name, m.Seq, row}, arrivalMs); err != nil {
				return err
			}
			row++
		}
		if !more {
			return nil
		}
		d.batch.Reset()
		d.payload.N = 0
		more = d.decoder.Resume(d.payload)
	}
}

func (d *rowDecoder) row(i int, at place, arrivalMs int64) error {
	if d.ahead[at] {
		d.skipped++
		return nil
	}
	cells := make([]any, len(d.types))
	for c, t := range d.types {
		var err error
		if cells[c], err = pipetest.Cell(d.batch.Cols[c].Get(i), t, d.env); err != nil {
			return fmt.Errorf("column %s: %w", d.names[c], err)
		}
	}
	d.rows = append(d.rows, inputRow{d.table.Name, d.ordinal, arrivalMs, asJSON(cells)})
	return nil
}
