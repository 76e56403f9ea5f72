package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// contents are the rows of a table: how often each is there. It is a dataflow.Printer that
// collapses a changelog; the sinks of the queries have no primary key, so a retraction takes
// back an equal row.
type contents struct {
	count   map[string]int
	columns int
	// changes is the number of rows of the changelog.
	changes int
	// err is the first retraction of a row that was not there.
	err  error
	env  *expr.Env
	line []byte
}

func newContents() *contents {
	return &contents{count: map[string]int{}, env: &expr.Env{}}
}

// Print applies the changes of a batch.
func (c *contents) Print(b *vec.Batch) error {
	c.columns = len(b.Cols)
	for k := range b.Rows() {
		i := b.Row(k)
		c.line = c.line[:0]
		for j, col := range b.Cols {
			if j > 0 {
				c.line = append(c.line, separator...)
			}
			c.line = appendDatum(c.line, col.Get(i), col.Type, c.env)
		}
		if kind := b.Kind(i); kind.Retracts() {
			c.retract(kind)
		} else {
			c.count[string(c.line)]++
		}
		c.changes++
	}
	return nil
}

func (c *contents) retract(kind vec.RowKind) {
	switch n := c.count[string(c.line)]; {
	case n > 1:
		c.count[string(c.line)] = n - 1
	case n == 1:
		delete(c.count, string(c.line))
	case c.err == nil:
		c.err = fmt.Errorf("change %d, %s[%s], takes back a row that is not there", c.changes+1, kind, c.line)
	}
}

// Close has nothing to close.
func (c *contents) Close() error { return nil }

// rows is the number of rows, equal ones counted each.
func (c *contents) rows() int {
	n := 0
	for _, k := range c.count {
		n += k
	}
	return n
}

// difference is how two contents differ.
type difference struct {
	// extra rows are only in the first, missing ones only in the second.
	extra, missing int
	// lines show the first of both in the order of their texts.
	lines []string
}

func (d *difference) equal() bool { return d.extra+d.missing == 0 }

// shown is the number of differing rows that a difference shows of each side.
const shown = 10

// compare compares as multisets.
func compare(got, want *contents) difference {
	var d difference
	var plus, minus []string
	for row, n := range got.count {
		if more := n - want.count[row]; more > 0 {
			d.extra += more
			plus = append(plus, row)
		}
	}
	for row, n := range want.count {
		if more := n - got.count[row]; more > 0 {
			d.missing += more
			minus = append(minus, row)
		}
	}
	for _, side := range []struct {
		sign string
		rows []string
	}{{"+ ", plus}, {"- ", minus}} {
		slices.Sort(side.rows)
		for i, row := range side.rows {
			if i == shown {
				d.lines = append(d.lines, fmt.Sprintf("%sand %d more", side.sign, len(side.rows)-shown))
				break
			}
			d.lines = append(d.lines, side.sign+strings.ReplaceAll(row, separator, " | "))
		}
	}
	return d
}
