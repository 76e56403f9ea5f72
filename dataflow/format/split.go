package format

import "bytes"

// Splitter cuts a file that is read in chunks into messages of whole events: JSON and
// texts by line, CSV by line with regard to quotes, msgpack by value.
type Splitter struct {
	format string
	csv    csvOptions
}

// NewSplitter makes the splitter of a format.
func NewSplitter(format string, table map[string]string) (*Splitter, error) {
	if err := Validate(format, table); err != nil {
		return nil, err
	}
	s := &Splitter{format: format}
	if format == "csv" {
		s.csv, _ = parseCSVOptions(table)
	}
	return s, nil
}

// Header tells that a file begins with a line that every message needs in front.
func (s *Splitter) Header() bool { return s.format == "csv" && s.csv.header }

// Next returns a message at the beginning of data and how far to advance, as large as
// whole events allow; 0 asks for more data. atEOF tells that there is none.
func (s *Splitter) Next(data []byte, atEOF bool) (advance int, msg []byte) {
	n := 0
	switch s.format {
	case "raw":
		n = bytes.IndexByte(data, '\n') + 1
		if n == 0 && atEOF {
			return len(data), data
		}
		return n, bytes.TrimSuffix(data[:n], []byte{'\n'})
	case "msgpack":
		for n < len(data) {
			end := skipMsgpack(data[n:], 0)
			if end < 0 {
				break
			}
			n += end
		}
	case "csv":
		n = s.lines(data, false)
	default:
		n = bytes.LastIndexByte(data, '\n') + 1
	}
	if atEOF {
		n = len(data)
	}
	return n, data[:n]
}

// Line returns the length of the first line with its end, or 0 when data holds none.
func (s *Splitter) Line(data []byte, atEOF bool) int {
	n := s.lines(data, true)
	if n == 0 && atEOF {
		return len(data)
	}
	return n
}

// lines is the end of the first or of the last whole line; a line end in quotes is none.
func (s *Splitter) lines(data []byte, first bool) (n int) {
	q, e := s.csv.quote, s.csv.escape
	if !first && e == 0 && (q == 0 || bytes.IndexByte(data, q) < 0) {
		return bytes.LastIndexByte(data, '\n') + 1
	}
	quoted, fieldStart := false, true
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case e != 0 && c == e:
			i++
			fieldStart = false
		case q != 0 && c == q && (quoted || fieldStart):
			quoted = !quoted
			if !quoted && i+1 < len(data) && data[i+1] == q {
				quoted = true
				i++
			}
			fieldStart = false
		case quoted:
		case c == '\n':
			n = i + 1
			if first {
				return n
			}
			fieldStart = true
		default:
			fieldStart = c == s.csv.delim
		}
	}
	return n
}
