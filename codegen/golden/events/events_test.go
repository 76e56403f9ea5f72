package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/edgeflow/edgeflow/codegen"
	. "github.com/edgeflow/edgeflow/codegen/golden/events"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func planned(t *testing.T) *plan.Plan {
	t.Helper()
	text, err := os.ReadFile("events.sql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sql.Parse("events.sql", string(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGenerated(t *testing.T) {
	g, err := codegen.Types(planned(t), codegen.Options{Package: "events"})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := g.Compare(".")
	if err != nil || len(changes) > 0 {
		t.Errorf("run go generate: %v, %v", changes, err)
	}
}

// event is a generated type.
type event interface {
	msgp.Marshaler
	msgp.Encodable
	msgp.Sizer
}

// decoded decodes the rows of a table with its own options, and prints each as JSON.
func decoded(t *testing.T, table *plan.Table, formatName string, msg []byte) []string {
	t.Helper()
	var s format.Schema
	var ts []types.Type
	for _, c := range table.Columns {
		if c.Kind == plan.PhysicalColumn {
			s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type})
			ts = append(ts, c.Type)
		}
	}
	d, err := format.NewDecoder(formatName, s, format.Options{Table: table.Options, OnBad: func(e []byte, _ int, why error) { t.Errorf("%q: %v", e, why) }})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(ts)
	if d.Decode(msg, b) {
		t.Fatal("a batch is full")
	}
	stats := d.Stats()
	for i, c := range s.Columns {
		if stats.Mismatch[i] != 0 || stats.Missing[i] != 0 {
			t.Errorf("%s: %s has another form than the column's: %+v", formatName, c.Name, stats)
		}
	}
	if stats.Unknown != 0 {
		t.Errorf("%s: unknown fields: %v", formatName, stats.UnknownNames)
	}
	e, err := format.NewEncoder("json", s, format.Options{Table: table.Options})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range b.N {
		text, err := e.Append(nil, b, i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

func table(t *testing.T, name string) *plan.Table {
	for _, s := range planned(t).Sources {
		if s.Table.Name == name {
			return s.Table
		}
	}
	t.Fatalf("no source %s", name)
	return nil
}

// roundTrip wants the row to be want, the way the table's format prints it, whether it goes
// as msgpack by either method, or as JSON.
func roundTrip(t *testing.T, tab *plan.Table, e event, want string) {
	t.Helper()
	packed, err := e.MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := e.Msgsize(); n < len(packed) {
		t.Errorf("Msgsize is %d for %d bytes", n, len(packed))
	}
	var stream bytes.Buffer
	if err := msgp.Encode(&stream, e); err != nil || len(stream.Bytes()) != len(packed) {
		t.Fatalf("EncodeMsg: %v, %d bytes instead of %d", err, stream.Len(), len(packed))
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		name, format string
		msg          []byte
		rows         int
	}{
		{"MarshalMsg", "msgpack", append(packed[:len(packed):len(packed)], packed...), 2},
		{"EncodeMsg", "msgpack", stream.Bytes(), 1},
		{"json.Marshal", "json", text, 1},
	} {
		got := decoded(t, tab, m.format, m.msg)
		if len(got) != m.rows {
			t.Errorf("%s: %d rows", m.name, len(got))
		}
		for _, row := range got {
			if row != want {
				t.Errorf("%s:\n%s\ninstead of\n%s\nfrom %s", m.name, row, want, text)
			}
		}
	}
}

func TestRowsComeBack(t *testing.T) {
	tab := table(t, "readings")
	early := time.Date(1969, 12, 31, 23, 59, 58, 250e6, time.UTC)
	late := time.Date(2024, 2, 29, 12, 30, 45, 123456789, time.FixedZone("", 3600))
	roundTrip(t, tab, &Readings{
		ID: -1 << 63, Flag: new(true), Tiny: new(int8(-128)), Small: new(int16(32767)), Count: 1 << 30,
		Ratio: new(float32(0.1)), Level: 1e300, Price: new(Decimal("-12345678.90")), Huge: "1234567890123456789012345678.0123456789",
		Name: new("a \"b\"\n<c> ü"), Code: "abc", Raw: []byte{0, 255}, Day: new(Date(late)), Clock: new(TimeOfDay(late)),
		Ts: Timestamp(early), Ts9: new(Timestamp(late)), At: new(Instant(late)),
		Tags: []*string{new("x"), nil}, Counts: map[string]*int32{"k": new(int32(7))}, Bag: map[string]int32{"m": 2},
		Place:  &ReadingsPlace{Lon: 2.5, Seen: new(Timestamp(early)), Zone: &ReadingsPlaceZone{Name: new("z")}},
		Trail:  []ReadingsTrailElement{{N: new(int32(3)), Prices: []*Decimal{new(Decimal("1.5")), nil}}, {}},
		Nested: map[string]*ReadingsNestedValue{"n": {At: new(Instant(late))}},
	}, `{"id":-9223372036854775808,"flag":true,"tiny":-128,"small":32767,"count_":1073741824,"ratio":0.1,"level":1.0E300,"price":-12345678.90,`+
		`"huge":1234567890123456789012345678.0123456789,"name":"a \"b\"\n<c> ü","code":"abc","raw":"AP8=","day":"2024-02-29","clock":"11:30:45.123",`+
		`"ts":"1969-12-31 23:59:58.25","ts9":"2024-02-29 11:30:45.123456789","at_":"2024-02-29 11:30:45.123Z","tags":["x",null],"counts":{"k":7},"bag":{"m":2},`+
		`"place":{"lat":null,"lon":2.5,"seen":"1969-12-31 23:59:58.25","zone":{"name":"z"}},"trail":[{"n":3,"prices":[1.5,null]},{"n":null,"prices":null}],`+
		`"nested":{"n":{"at_":"2024-02-29 11:30:45.123456Z"}}}`)
	roundTrip(t, tab, &Readings{Ts: Timestamp(late)}, `{"id":0,"flag":null,"tiny":null,"small":null,"count_":0,"ratio":null,"level":0.0,"price":null,"huge":0E-10,"name":null,"code":"","raw":null,`+
		`"day":null,"clock":null,"ts":"2024-02-29 11:30:45.123","ts9":null,"at_":null,"tags":null,"counts":null,"bag":null,"place":null,"trail":null,"nested":null}`)
	roundTrip(t, table(t, "iso"), &Iso{Ts: new(TimestampISO(late)), At: new(InstantISO(early))},
		`{"id":null,"ts":"2024-02-29T11:30:45.123456","at_":"1969-12-31T23:59:58.25Z"}`)
}

func TestJSONIsReadBack(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 30, 45, 123456000, time.UTC)
	in := Readings{Ts: Timestamp(at), At: new(Instant(at)), Day: new(Date(at.Truncate(24 * time.Hour))), Price: new(Decimal("1.50"))}
	text, err := json.Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	var out Readings
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if !time.Time(out.Ts).Equal(at) || !time.Time(*out.At).Equal(at) || time.Time(*out.Day).Day() != 29 || *out.Price != "1.50" {
		t.Errorf("%+v of %s", out, text)
	}
}

func TestMarshalMsgDoesNotAllocate(t *testing.T) {
	row := &Iso{ID: new(int64(1)), Ts: new(TimestampISO(time.Unix(1, 0)))}
	buf := make([]byte, 0, row.Msgsize())
	if n := testing.AllocsPerRun(100, func() {
		if _, err := row.MarshalMsg(buf); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
