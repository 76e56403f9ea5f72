package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/marcboeker/go-duckdb/v2"

	set "github.com/edgeflow/edgeflow/bench/nexmark"
	"github.com/edgeflow/edgeflow/connector/nexmark"
	"github.com/edgeflow/edgeflow/dataflow/format"
	flinksql "github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// equivalents are the queries in DuckDB's dialect, by the published names.
//
//go:embed queries/*.sql
var equivalents embed.FS

// field is a field of an event and its type: B BIGINT, V VARCHAR, T TIMESTAMP(3).
type field struct {
	name string
	kind byte
}

// tables are the kinds of events in the order of event_type.
var tables = []struct {
	name   string
	fields []field
}{
	{"person", []field{{"id", 'B'}, {"name", 'V'}, {"emailAddress", 'V'}, {"creditCard", 'V'}, {"city", 'V'}, {"state", 'V'}, {"dateTime", 'T'}, {"extra", 'V'}}},
	{"auction", []field{{"id", 'B'}, {"itemName", 'V'}, {"description", 'V'}, {"initialBid", 'B'}, {"reserve", 'B'}, {"dateTime", 'T'}, {"expires", 'T'},
		{"seller", 'B'}, {"category", 'B'}, {"extra", 'V'}}},
	{"bid", []field{{"auction", 'B'}, {"bidder", 'B'}, {"price", 'B'}, {"channel", 'V'}, {"url", 'V'}, {"dateTime", 'T'}, {"extra", 'V'}}},
}

var (
	duckTypes   = map[byte]string{'B': "BIGINT", 'V': "VARCHAR", 'T': "TIMESTAMP"}
	engineTypes = map[byte]types.Type{'B': types.TBigInt, 'V': types.TString, 'T': types.TimestampOf(3)}
)

// sideRows is the number of rows of query 13's side input: keys from 0 on, value-KEY.
const sideRows = 10_000

// database is a DuckDB in memory, on one connection.
type database struct {
	connector *duckdb.Connector
	db        *sql.DB
	conn      *sql.Conn
}

func open() (*database, error) {
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, err
	}
	d := &database{connector: c, db: sql.OpenDB(c)}
	if d.conn, err = d.db.Conn(context.Background()); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *database) close() {
	if d.conn != nil {
		d.conn.Close()
	}
	d.db.Close()
}

// load makes the tables person, auction, bid and side_input, and fills them.
func (d *database) load(s *set.Set, events int64) error {
	o, err := generatorOptions(s, events)
	if err != nil {
		return err
	}
	for _, t := range tables {
		ddl := "CREATE TABLE " + t.name + " (n BIGINT"
		for _, f := range t.fields {
			ddl += ", \"" + f.name + "\" " + duckTypes[f.kind]
		}
		if err := d.exec(ddl + ")"); err != nil {
			return err
		}
	}
	if err := d.exec(fmt.Sprintf("CREATE TABLE side_input AS SELECT range AS key, 'value-' || range AS value FROM range(%d)", sideRows)); err != nil {
		return err
	}
	return d.conn.Raw(func(raw any) error { return fill(raw.(driver.Conn), o) })
}

func (d *database) exec(text string) error {
	_, err := d.conn.ExecContext(context.Background(), text)
	return err
}

// generatorOptions are the options of the nexmark table in the published DDL.
func generatorOptions(s *set.Set, events int64) (nexmark.Options, error) {
	text, err := s.Script("q0", events)
	if err != nil {
		return nexmark.Options{}, err
	}
	script, err := flinksql.Parse("q0.sql", text)
	if err != nil {
		return nexmark.Options{}, err
	}
	for _, st := range script.Statements {
		c, ok := st.(*flinksql.CreateTable)
		if !ok {
			continue
		}
		table := map[string]string{}
		for _, o := range c.Options {
			table[o.Key] = o.Value
		}
		if table["connector"] == "nexmark" {
			return nexmark.ParseOptions(table)
		}
	}
	return nexmark.Options{}, errors.New("the DDL has no table with 'connector' = 'nexmark'")
}

// fill appends the events to the tables.
func fill(conn driver.Conn, o nexmark.Options) (err error) {
	schema := format.Schema{Columns: []format.Column{{Name: "event_type", Type: types.TInt}}}
	first := make([]int, len(tables)) // the column of each kind's first field
	into := make([]*duckdb.Appender, len(tables))
	for k, t := range tables {
		first[k] = len(schema.Columns)
		for _, f := range t.fields {
			schema.Columns = append(schema.Columns, format.Column{Name: t.name + "." + f.name, Type: engineTypes[f.kind], Path: []string{t.name, f.name}})
		}
		if into[k], err = duckdb.NewAppenderFromConn(conn, "", t.name); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, into[k].Close()) }()
	}
	var kinds []types.Type
	for _, c := range schema.Columns {
		kinds = append(kinds, c.Type)
	}
	src, err := nexmark.New(o, schema)
	if err != nil {
		return err
	}
	if _, err := src.Open(context.Background(), nil); err != nil {
		return err
	}
	batch, row := vec.NewBatch(kinds), []driver.Value(nil)
	const everDue = 1 << 60
	for {
		batch.Reset()
		_, err := src.Next(batch, vec.BatchSize, everDue)
		if err != nil && err != io.EOF {
			return err
		}
		for i := range batch.N {
			k := int(batch.Cols[0].I64[i])
			row = append(row[:0], int64(batch.Origin[i].Seq))
			for j, f := range tables[k].fields {
				row = append(row, value(batch.Cols[first[k]+j].Get(i), f.kind))
			}
			if err := into[k].AppendRow(row...); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// value is a datum as the appender takes it. A TIMESTAMP(3) is microseconds since 1970.
func value(d vec.Datum, kind byte) driver.Value {
	switch kind {
	case 'B':
		return d.I
	case 'T':
		return time.UnixMicro(d.I).UTC()
	}
	return string(d.B)
}

// query is what a SELECT gives.
func (d *database) query(text string) (*contents, error) {
	rows, err := d.conn.QueryContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	c := newContents()
	c.columns = len(names)
	cells, at := make([]any, len(names)), make([]any, len(names))
	for i := range cells {
		at[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		c.line = c.line[:0]
		for i, v := range cells {
			if i > 0 {
				c.line = append(c.line, separator...)
			}
			if c.line, err = appendValue(c.line, v); err != nil {
				return nil, fmt.Errorf("column %s: %w", names[i], err)
			}
		}
		c.count[string(c.line)]++
		c.changes++
	}
	return c, rows.Err()
}
