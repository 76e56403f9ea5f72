package with

import (
	"errors"
	"testing"
	"time"
)

func TestReader(t *testing.T) {
	r := Reader{Table: map[string]string{"n": "5", "b": "TRUE", "s": "x", "d": "10 s", "t": "2020-01-01 00:00:01", "c": "Two"}}
	var n, at int64
	var b bool
	var s string
	var d time.Duration
	var c int
	r.Int("n", &n, 1)
	r.Bool("b", &b)
	r.Text("s", &s)
	r.Duration("d", &d)
	r.Time("t", &at)
	r.Choice("c", &c, "one", "two")
	if r.Err != nil || n != 5 || !b || s != "x" || d != 10*time.Second || at != 1577836801000 || c != 1 {
		t.Fatal(r.Err, n, b, s, d, at, c)
	}
	for key, read := range map[string]func(r *Reader){
		"n": func(r *Reader) { r.Int("n", &n, 6) }, "s": func(r *Reader) { r.Bool("s", &b) }, "d": func(r *Reader) { r.Time("d", &at) },
		"t": func(r *Reader) { r.Duration("t", &d) }, "c": func(r *Reader) { r.Choice("c", &c, "one") },
	} {
		bad := Reader{Table: r.Table}
		read(&bad)
		read(&Reader{Table: nil})
		var o *OptionError
		if !errors.As(bad.Err, &o) || o.Key != key || !errors.Is(bad.Err, ErrOption) {
			t.Errorf("%s: %v", key, bad.Err)
		}
	}
}

func TestCheckKeys(t *testing.T) {
	known := []string{"rows-per-second", "number-of-rows"}
	ok := map[string]string{"connector": "", "format": "", "json.x": "", "edgeflow.y": "", "rows-per-second": "", "fields.a": ""}
	if err := CheckKeys("datagen", ok, known, func(k string) bool { return k == "fields.a" }); err != nil {
		t.Error(err)
	}
	err := CheckKeys("datagen", map[string]string{"row-per-second": "1"}, known, nil)
	if want := "option 'row-per-second': the datagen connector does not know it; did you mean 'rows-per-second'?"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
