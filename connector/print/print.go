// Package print is the sink that writes rows as lines, in the form of Flink's print
// connector: "+I[1, Alice, null]", behind "IDENTIFIER> " when there is an identifier.
// Rows are written when they are computed, before they are committed: after a crash some
// appear twice.
//
// The package imports dataflow of the project, and connector/internal/with.
package print

import (
	"io"
	"os"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Options configures a print sink.
type Options struct {
	// Identifier stands before each line, 'print-identifier'.
	Identifier string
	// StandardError writes to standard error instead of standard output, 'standard-error'.
	StandardError bool
	// Out overrides both, for tests and hosts that show the lines elsewhere.
	Out io.Writer
	// Env formats zoned timestamps; nil is UTC.
	Env *expr.Env
}

// ParseOptions reads a table's options.
func ParseOptions(table map[string]string) (Options, error) {
	var o Options
	if err := with.CheckKeys("print", table, []string{"print-identifier", "standard-error", "sink.parallelism"}, nil); err != nil {
		return o, err
	}
	r := with.Reader{Table: table}
	r.Text("print-identifier", &o.Identifier)
	r.Bool("standard-error", &o.StandardError)
	return o, r.Err
}

// Validate accepts every Options.
func (o Options) Validate() error { return nil }

// Sink writes lines. It is a dataflow.Printer.
type Sink struct {
	opt    Options
	prefix []byte
	out    io.Writer
	buf    []byte
}

// New makes a sink.
func New(o Options) *Sink {
	s := &Sink{opt: o, out: o.Out}
	if o.Identifier != "" {
		s.prefix = []byte(o.Identifier + "> ")
	}
	if s.out == nil {
		s.out = os.Stdout
		if o.StandardError {
			s.out = os.Stderr
		}
	}
	return s
}

// Print writes the rows of b, in one write.
func (s *Sink) Print(b *vec.Batch) error {
	s.buf = s.buf[:0]
	for k := range b.Rows() {
		i := b.Row(k)
		s.buf = append(append(s.buf, s.prefix...), b.Kind(i).String()...)
		s.buf = append(s.buf, '[')
		for c, v := range b.Cols {
			if c > 0 {
				s.buf = append(s.buf, ',', ' ')
			}
			s.buf = s.cell(s.buf, v, i)
		}
		s.buf = append(s.buf, ']', '\n')
	}
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.out.Write(s.buf)
	return err
}

func (s *Sink) cell(dst []byte, v *vec.Vector, i int) []byte {
	switch {
	case v.IsNull(i):
		return append(dst, "null"...)
	case v.Type.Kind == types.Boolean && v.I64[i] != 0:
		return append(dst, "true"...)
	case v.Type.Kind == types.Boolean:
		return append(dst, "false"...)
	}
	return expr.FormatDatum(dst, v.Get(i), v.Type, s.opt.Env)
}

// Close leaves the standard streams open.
func (s *Sink) Close() error { return nil }
