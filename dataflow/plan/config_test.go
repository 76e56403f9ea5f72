package plan

import (
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10 s": 10 * time.Second, "500ms": 500 * time.Millisecond, "1 h": time.Hour, "2 days": 48 * time.Hour, "1 min": time.Minute,
		"7": 7 * time.Millisecond, "PT1H": time.Hour, "PT1M30.5S": 90*time.Second + 500*time.Millisecond, "P1DT2H": 26 * time.Hour,
		"3 us": 3 * time.Microsecond, " 1 D ": 24 * time.Hour, "0 ms": 0,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "-1 s", "1 year", "99999999999 d", "P", "PT", "PT1X", "1.5 s", "PH"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{time.Second: "1 s", 90 * time.Second: "90 s", 0: "0 ms", 1500 * time.Microsecond: "1500 µs"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d prints as %q, want %q", d, got, want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"64 mb": 64 << 20, "1g": 1 << 30, "4096": 4096, "2 kib": 2048, "1 t": 1 << 40} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%q = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "mb", "1 xb", "9999999999 gb", "-1"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got := FormatBytes(64 << 20); got != "64 mb" {
		t.Errorf("64 MiB prints as %q", got)
	}
}

func TestParseZone(t *testing.T) {
	for text, seconds := range map[string]int{"UTC": 0, "Z": 0, "GMT+08:00": 8 * 3600, "+02:00": 2 * 3600, "UTC-3": -3 * 3600, "Asia/Shanghai": 8 * 3600} {
		z, err := parseZone(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if _, off := time.Unix(1_600_000_000, 0).In(z).Zone(); off != seconds {
			t.Errorf("%q is off by %d s, want %d", text, off, seconds)
		}
	}
	for _, text := range []string{"", "Local", "Nowhere/City", "GMT+99:99"} {
		if z, err := parseZone(text); err == nil {
			t.Errorf("%q is read as %v", text, z)
		}
	}
}

func TestConfigSet(t *testing.T) {
	c := DefaultConfig()
	for key, value := range map[string]string{
		"table.exec.state.ttl": "1 h", "table.exec.mini-batch.enabled": "true", "table.exec.mini-batch.size": "5",
		"table.local-time-zone": "Asia/Shanghai", "edgeflow.late": "divert", "edgeflow.on-row-error": "FAIL",
		"edgeflow.outbox.max-bytes": "10 mb", "table.exec.sink.type-length-enforcer": "TRIM_PAD",
	} {
		if warning, err := c.Set(key, value); err != nil || warning != "" {
			t.Errorf("%s: %q, %v", key, warning, err)
		}
	}
	if c.StateTTL != time.Hour || !c.MiniBatch || c.MiniBatchSize != 5 || c.Zone.String() != "Asia/Shanghai" || c.Late != LateDivert ||
		c.OnRowError != RowErrorFail || c.OutboxBytesMax != 10<<20 || c.Lengths != LengthTrimPad {
		t.Errorf("not all options arrived: %+v", c)
	}
	for _, key := range []string{"table.optimizer.join-reorder-enabled", "parallelism.default", "table.exec.emit.early-fire.enabled", "execution.runtime-mode"} {
		if warning, err := c.Set(key, "x"); err != nil || !strings.Contains(warning, "no effect") {
			t.Errorf("%s: %q, %v", key, warning, err)
		}
	}
	if warning, err := c.Set("sql-client.execution.result-mode", "table"); err != nil || warning != "" {
		t.Errorf("sql-client option: %q, %v", warning, err)
	}
	for _, key := range []string{"table.exec.state.tll", "table.exec.mini-batch.enable", "edgeflow.nosuch", "nosuch"} {
		if _, err := c.Set(key, "1"); err == nil {
			t.Errorf("%s is taken", key)
		}
	}
	if err := c.Reset("table.exec.state.ttl"); err != nil || c.StateTTL != 0 || !c.MiniBatch {
		t.Errorf("after RESET of one option: %v, %+v", err, c)
	}
	if err := c.Reset(""); err != nil || c.MiniBatch || len(c.Values) != 0 {
		t.Errorf("after RESET: %v, %+v", err, c)
	}
}

// TestDefaultsAreValid sets every option to the text of its default.
func TestDefaultsAreValid(t *testing.T) {
	for _, o := range ConfigOptions() {
		c := DefaultConfig()
		if o.Default() == "" {
			continue
		}
		if err := o.set(&c, o.Default()); err != nil {
			t.Errorf("%s: default %q: %v", o.Key, o.Default(), err)
		}
		if got := o.get(&c); got != o.Default() {
			t.Errorf("%s: %q becomes %q", o.Key, o.Default(), got)
		}
		if o.Doc == "" {
			t.Errorf("%s is not documented", o.Key)
		}
	}
}

func TestParseChangelogMode(t *testing.T) {
	for text, want := range map[string]ChangelogMode{
		"I": AppendOnly, "I,UB,UA,D": Retract, "ua, d": ModeUpdateAfter | ModeDelete, "upsert": Upsert, "all": Retract,
	} {
		if got, err := ParseChangelogMode(text); err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	if _, err := ParseChangelogMode("I,X"); err == nil {
		t.Error("X is taken as a row kind")
	}
	if Retract.String() != "I,UB,UA,D" || !Upsert.NeedsKey() || AppendOnly.Updates() || !Retract.Retracts() {
		t.Error("the sets of row kinds are wrong")
	}
}
