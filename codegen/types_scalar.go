package codegen

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// scalar is a named type of generated code for values that Go's own types do not write as
// the formats read them.
type scalar struct {
	name string
	doc  string
	// layout is that of the time in JSON; "" for DECIMAL.
	layout string
	// text tells that msgpack holds the text of JSON, not the timestamp extension.
	text bool
}

const (
	dateLayout  = "2006-01-02"
	clockLayout = "15:04:05.999999999"
)

// scalarOf is the scalar for a type.
func scalarOf(t types.Type, iso bool) (scalar, bool) {
	suffix, sep := "", " "
	if iso {
		suffix, sep = "ISO", "T"
	}
	switch t.Kind {
	case types.Decimal:
		return scalar{name: "Decimal", doc: `Decimal is a DECIMAL as its digits, such as "-12.50"; "" is 0.`, text: true}, true
	case types.Date:
		return scalar{name: "Date", doc: "Date is a DATE: the day of the time in UTC.", layout: dateLayout, text: true}, true
	case types.Time:
		return scalar{name: "TimeOfDay", doc: "TimeOfDay is a TIME: the clock of the time in UTC.", layout: clockLayout, text: true}, true
	case types.Timestamp:
		name := "Timestamp" + suffix
		return scalar{name: name, doc: name + " is a TIMESTAMP: day and clock of the time in UTC.", layout: dateLayout + sep + clockLayout}, true
	case types.TimestampLTZ:
		name := "Instant" + suffix
		return scalar{name: name, doc: name + " is a TIMESTAMP_LTZ.", layout: dateLayout + sep + clockLayout + "Z"}, true
	}
	return scalar{}, false
}

// source is the type with its methods.
func (s scalar) source() string {
	text := decimalSource
	if s.layout != "" {
		text = timeSource
		if s.text {
			text += timeTextSource
		} else {
			text += timeExtSource
		}
	}
	quoted := `"` + s.layout + `"`
	millis := ""
	if short := strings.Replace(quoted, ".999999999", ".000", 1); short != quoted {
		millis = fmt.Sprintf("if t.Nanosecond()%%1e6 == 0 { // the form that is read fastest\nreturn t.AppendFormat(nil, %q), nil\n}\n", short)
	}
	return strings.NewReplacer("DOC", s.doc, "NAME", s.name, "LAYOUT", fmt.Sprintf("%q", s.layout),
		"QUOTED", fmt.Sprintf("%q", quoted), "MILLIS", millis).Replace(text)
}

const decimalSource = `// DOC
type NAME string

// digits is the text of the number.
func (v NAME) digits() string {
	if v == "" {
		return "0"
	}
	return string(v)
}

// MarshalJSON is the number.
func (v NAME) MarshalJSON() ([]byte, error) { return []byte(v.digits()), nil }

// UnmarshalJSON takes a number as it stands.
func (v *NAME) UnmarshalJSON(b []byte) error {
	*v = NAME(b)
	return nil
}

// MarshalMsg appends the value as msgpack to b.
func (v NAME) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendString(b, v.digits()), nil }

// EncodeMsg writes the value as msgpack to w.
func (v NAME) EncodeMsg(w *msgp.Writer) error { return w.WriteString(v.digits()) }

// Msgsize is an upper bound of what MarshalMsg appends, in bytes.
func (v NAME) Msgsize() int { return msgp.StringPrefixSize + 1 + len(v) }

`

const timeSource = `// DOC
type NAME time.Time

// MarshalJSON is the text that the table's format reads.
func (v NAME) MarshalJSON() ([]byte, error) {
	t := time.Time(v).UTC()
MILLIS	return t.AppendFormat(nil, QUOTED), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *NAME) UnmarshalJSON(b []byte) error {
	t, err := time.Parse(QUOTED, string(b))
	*v = NAME(t)
	return err
}

`

const timeTextSource = `// MarshalMsg appends the value as msgpack to b.
func (v NAME) MarshalMsg(b []byte) ([]byte, error) {
	return msgp.AppendString(b, time.Time(v).UTC().Format(LAYOUT)), nil
}

// EncodeMsg writes the value as msgpack to w.
func (v NAME) EncodeMsg(w *msgp.Writer) error {
	return w.WriteString(time.Time(v).UTC().Format(LAYOUT))
}

// Msgsize is an upper bound of what MarshalMsg appends, in bytes.
func (v NAME) Msgsize() int { return msgp.StringPrefixSize + len(LAYOUT) }

`

const timeExtSource = `// MarshalMsg appends the value as msgpack to b.
func (v NAME) MarshalMsg(b []byte) ([]byte, error) {
	return msgp.AppendTimeExt(b, time.Time(v)), nil
}

// EncodeMsg writes the value as msgpack to w.
func (v NAME) EncodeMsg(w *msgp.Writer) error { return w.WriteTimeExt(time.Time(v)) }

// Msgsize is an upper bound of what MarshalMsg appends, in bytes.
func (v NAME) Msgsize() int { return msgp.TimeSize }

`
