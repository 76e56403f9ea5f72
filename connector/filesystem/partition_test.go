package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	forward "github.com/edgeflow/edgeflow/sync"
)

// partitioned is a sink with the options of a table, over a clock that the test sets.
func partitioned(t *testing.T, dir string, now *time.Time, more map[string]string) *Sink {
	t.Helper()
	table := map[string]string{"connector": "filesystem", "path": dir, "format": "json"}
	for k, v := range more {
		table[k] = v
	}
	o, err := ParseOptions(table)
	if err != nil {
		t.Fatal(err)
	}
	o.Partitions.By = []string{"dt", "hm"}
	o.Now = func() time.Time { return *now }
	s, err := NewSink(o, lines)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// q10 are the options of the published query.
var q10 = map[string]string{
	"sink.partition-commit.trigger": "partition-time", "sink.partition-commit.delay": "1 min",
	"sink.partition-commit.policy.kind":          "success-file",
	"partition.time-extractor.timestamp-pattern": "$dt $hm:00",
	"sink.rolling-policy.rollover-interval":      "1min",
	"sink.rolling-policy.check-interval":         "1min",
}

// rowsAt is a publish of row n to a minute of the day, and then how far event time is;
// minute and watermark below 0 leave the row and the watermark out.
func rowsAt(place, n uint64, minute, watermark int) *forward.Batch {
	b := &forward.Batch{Move: forward.Move{Output: "out", Subject: "cursor.p.i.out", Expect: place}}
	last := n - 1
	if minute >= 0 {
		folder := fmt.Sprintf("dt=2024-01-01/hm=%02d%%3A%02d", minute/60, minute%60)
		b.Messages = append(b.Messages, forward.Message{Subject: folder, First: n, Last: n, Data: fmt.Append(nil, n)})
		last++
	}
	if watermark >= 0 {
		ms := time.Date(2024, 1, 1, 0, watermark, 0, 1e6, time.UTC).UnixMilli()
		b.Messages = append(b.Messages, forward.Message{Subject: dataflow.ProgressSubject, First: last + 1, Last: last + 1, Data: fmt.Append(nil, ms)})
		last++
	}
	b.Cursor = forward.Record{Generation: 1, From: n - 1, Outbox: last}
	return b
}

// tree lists the visible files below a folder with their content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name()[0] == '.' {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, filepath.Dir(path))
		name := "rows"
		if d.Name() == "_SUCCESS" {
			name = d.Name()
		}
		out = append(out, rel+" "+name+" "+strings.TrimSpace(strings.ReplaceAll(string(data), "\n", " ")))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return strings.TrimSpace(strings.Join(out, "; "))
}

func publish(t *testing.T, s *Sink, b *forward.Batch) uint64 {
	t.Helper()
	place, err := s.Publish(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

func TestPartitionsByTime(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	s := partitioned(t, dir, &now, q10)
	place := publish(t, s, rowsAt(0, 1, 605, 0))
	place = publish(t, s, rowsAt(place, 3, 606, 605))
	if got := tree(t, dir); got != "" {
		t.Fatalf("files are written to, and visible: %s", got)
	}
	now = now.Add(time.Minute)
	place = publish(t, s, rowsAt(place, 5, 606, 605))
	want := "dt=2024-01-01/hm=10%3A05 rows 1; dt=2024-01-01/hm=10%3A06 rows 3 5"
	if got := tree(t, dir); got != want {
		t.Fatalf("rolled by age: %s", got)
	}
	place = publish(t, s, rowsAt(place, 7, 607, 606))
	want = "dt=2024-01-01/hm=10%3A05 _SUCCESS ; dt=2024-01-01/hm=10%3A05 rows 1; dt=2024-01-01/hm=10%3A06 rows 3 5"
	if got := tree(t, dir); got != want {
		t.Fatalf("a minute past 10:05: %s", got)
	}
	b := rowsAt(place, 9, -1, 0)
	b.Messages[0].Data = []byte("9223372036854775807")
	publish(t, s, b)
	want = "dt=2024-01-01/hm=10%3A05 _SUCCESS ; dt=2024-01-01/hm=10%3A05 rows 1; dt=2024-01-01/hm=10%3A06 _SUCCESS ; dt=2024-01-01/hm=10%3A06 rows 3 5; " +
		"dt=2024-01-01/hm=10%3A07 _SUCCESS ; dt=2024-01-01/hm=10%3A07 rows 7"
	if got := tree(t, dir); got != want {
		t.Fatalf("the end: %s", got)
	}
}

// TestPartitionWithoutTime publishes a row of a partition whose values make no time: it is
// complete by process time, and the others by theirs.
func TestPartitionWithoutTime(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	s := partitioned(t, dir, &now, q10)
	odd := rowsAt(0, 1, 5, -1)
	odd.Messages[0].Subject = "dt=__DEFAULT_PARTITION__/hm=y"
	place := publish(t, s, odd)
	now = now.Add(time.Minute)
	place = publish(t, s, rowsAt(place, 2, 605, 607))
	ripe := "dt=2024-01-01/hm=10%3A05 _SUCCESS ; dt=2024-01-01/hm=10%3A05 rows 2"
	if got := tree(t, dir); got != ripe+"; dt=__DEFAULT_PARTITION__/hm=y rows 1" {
		t.Fatalf("after the delay: %s", got)
	}
	now = now.Add(time.Millisecond)
	publish(t, s, rowsAt(place, 4, -1, 607))
	if got := tree(t, dir); got != ripe+"; dt=__DEFAULT_PARTITION__/hm=y _SUCCESS ; dt=__DEFAULT_PARTITION__/hm=y rows 1" {
		t.Fatalf("past the delay: %s", got)
	}
}

func TestPartitionsByProcessTime(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	s := partitioned(t, dir, &now, map[string]string{"sink.partition-commit.policy.kind": "success-file", "sink.partition-commit.delay": "1 h", "sink.partition-commit.success-file.name": "_DONE"})
	place := publish(t, s, rowsAt(0, 1, 0, -1))
	if got := tree(t, dir); got != "dt=2024-01-01/hm=00%3A00 rows 1" {
		t.Fatal(got)
	}
	now = now.Add(time.Hour + time.Millisecond)
	publish(t, s, rowsAt(place, 2, 1, -1))
	if _, err := os.Stat(filepath.Join(dir, "dt=2024-01-01", "hm=00%3A00", "_DONE")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "dt=2024-01-01", "hm=00%3A01", "_DONE")); err == nil {
		t.Error("complete at once")
	}
}

// TestPartitionsCrashAtEveryStep fails at each step of each publish and goes on with a new
// sink: rows are there once, and every partition is marked.
func TestPartitionsCrashAtEveryStep(t *testing.T) {
	defer failpoint.Enable("")
	const publishes = 8
	run := func(dir, point string, hit int) (string, int) {
		if err := failpoint.Enable(fmt.Sprintf("filesystem.%s=error:%d", point, hit)); err != nil {
			t.Fatal(err)
		}
		now, crashes := time.Unix(1e9, 0), 0
		s := partitioned(t, dir, &now, q10)
		for {
			_, place, err := s.ReadCursor(context.Background(), "cursor.p.i.out")
			if err != nil {
				t.Fatal(err)
			}
			for ; place < publishes && err == nil; place++ {
				now = time.Unix(1e9+20*int64(place), 0)
				b := rowsAt(place, 1+2*place, 600+int(place)/3, 600+int(place)/3)
				if place == publishes-1 {
					b.Messages[1].Data = []byte("9223372036854775807")
				}
				_, err = s.Publish(context.Background(), b)
			}
			if err == nil {
				return tree(t, dir), crashes
			}
			if !errors.Is(err, failpoint.ErrInjected) {
				t.Fatal(err)
			}
			crashes++
			s = partitioned(t, dir, &now, q10)
		}
	}
	want, _ := run(t.TempDir(), "never", 1)
	if strings.Count(want, "_SUCCESS") != 3 || strings.Count(want, "rows") < 3 {
		t.Fatal(want)
	}
	for _, point := range []string{"after-part", "before-manifest", "after-manifest", "after-reveal"} {
		for hit := 1; hit <= publishes; hit++ {
			dir := t.TempDir()
			got, crashes := run(dir, point, hit)
			if got != want || crashes != 1 {
				t.Errorf("%s, hit %d, %d crashes:\n%s\nand not\n%s", point, hit, crashes, got, want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".part-*")); len(left) > 0 {
				t.Errorf("%s, hit %d: %q left", point, hit, left)
			}
		}
	}
}

func TestFolder(t *testing.T) {
	b := vec.NewBatch([]types.Type{types.TString, types.TInt})
	b.N = 2
	b.Cols[0].SetBytes(0, []byte("a/b=10:05"))
	b.Cols[1].SetNull(0)
	b.Cols[0].SetBytes(1, nil)
	b.Cols[1].Set(1, vec.IntDatum(7))
	f := Folder([]Column{{"s", 0, types.TString}, {"i", 1, types.TInt}}, "none", nil)
	for i, want := range []string{"s=a%2Fb%3D10%3A05/i=none", "s=none/i=7"} {
		if got, err := f(nil, b, i); string(got) != want || err != nil {
			t.Errorf("row %d: %s, %v", i, got, err)
		}
	}
	for value, want := range map[string]string{strings.Repeat("x", 253): "", strings.Repeat("x", 254): "256 bytes", strings.Repeat(":", 85): "257 bytes", "a\xff": "UTF-8", "a\x00": ""} {
		b.Cols[0].SetBytes(0, []byte(value))
		if _, err := f(nil, b, 0); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("value %.9q of %d bytes: %v", value, len(value), err)
		}
	}
	p := Partitions{Zone: time.UTC}
	for folder, want := range map[string]string{"d=2024-02-29": "2024-02-29T00:00:00Z", "d=2024-02-29 10%3A11%3A12": "2024-02-29T10:11:12Z"} {
		if ms, err := p.timeOf(folder); err != nil || time.UnixMilli(ms).UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %d %v", folder, ms, err)
		}
	}
	for _, o := range []map[string]string{{"sink.partition-commit.policy.kind": "metastore"}, {"sink.partition-commit.trigger": "x"}, {"sink.partition-commit.policy.kind": "success-file", "sink.partition-commit.success-file.name": ".."}, {"sink.rolling-policy.file-size": "much"}, {"sink.partition-commit.watermark-time-zone": "Mars"}, {"partition.time-extractor.kind": "custom"}} {
		o["path"], o["format"] = "p", "json"
		if _, err := ParseOptions(o); err == nil {
			t.Errorf("%v is taken", o)
		}
	}
}

// TestFolderThatCannotBe publishes rows to folders that the disk does not take: nothing is
// committed, and what comes next is written.
func TestFolderThatCannotBe(t *testing.T) {
	ctx := context.Background()
	for name, prepare := range map[string]func(dir string, b *forward.Batch) error{
		"leads out": func(_ string, b *forward.Batch) error {
			b.Messages[0].Subject = "../dt=1"
			return nil
		},
		"a file": func(dir string, _ *forward.Batch) error {
			return os.WriteFile(filepath.Join(dir, "dt=2024-01-01"), nil, 0o600)
		},
	} {
		dir, now := t.TempDir(), time.Unix(1e9, 0)
		s, b := partitioned(t, dir, &now, nil), rowsAt(0, 1, 5, -1)
		if err := prepare(dir, b); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(ctx, b); err == nil {
			t.Errorf("%s: it is taken", name)
		}
		if err := os.RemoveAll(filepath.Join(dir, "dt=2024-01-01")); err != nil {
			t.Fatal(err)
		}
		s = partitioned(t, dir, &now, nil)
		if _, place, err := s.ReadCursor(ctx, b.Subject); place != 0 || err != nil {
			t.Fatalf("%s: after a restart at %d, %v", name, place, err)
		}
		publish(t, s, rowsAt(0, 2, 5, -1))
		if got := tree(t, dir); got != "dt=2024-01-01/hm=00%3A05 rows 2" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestMarkedOnce completes a partition and starts again: what a consumer took away stays away,
// and without the option nothing is marked, nor does it fail.
func TestMarkedOnce(t *testing.T) {
	const folder = "dt=2024-01-01/hm=00%3A05"
	marks := map[string]string{"sink.partition-commit.policy.kind": "success-file"}
	made := func(dir string, now *time.Time) *forward.Batch {
		publish(t, partitioned(t, dir, now, marks), rowsAt(0, 1, 5, -1))
		if got := tree(t, dir); got != folder+" _SUCCESS ; "+folder+" rows 1" {
			t.Fatal(got)
		}
		return rowsAt(1, 2, -1, 0)
	}
	restart := func(dir string, now *time.Time, options map[string]string, next *forward.Batch, want string) {
		t.Helper()
		s := partitioned(t, dir, now, options)
		if _, _, err := s.ReadCursor(context.Background(), next.Subject); err != nil {
			t.Fatal(err)
		}
		publish(t, s, next)
		if got := tree(t, dir); got != want {
			t.Error(got)
		}
	}
	for what, want := range map[string]string{"dt=2024-01-01": "", folder + "/_SUCCESS": folder + " rows 1"} {
		dir, now := t.TempDir(), time.Unix(1e9, 0)
		next := made(dir, &now)
		if err := os.RemoveAll(filepath.Join(dir, what)); err != nil {
			t.Fatal(err)
		}
		restart(dir, &now, marks, next, want)
		if _, err := os.Stat(filepath.Join(dir, "dt=2024-01-01")); want == "" && err == nil {
			t.Error("an empty folder is back")
		}
	}
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	restart(dir, &now, nil, made(dir, &now), folder+" _SUCCESS ; "+folder+" rows 1")

	// A manifest of a build that marked folders by their names.
	dir = t.TempDir()
	write(t, dir, folder+"/part-1", "1")
	old := rowsAt(1, 2, -1, 0)
	write(t, dir, manifestName(old.Subject), `{"version":2,"subject":"`+old.Subject+`","place":1,"complete":["`+folder+`","dt=gone"]}`)
	restart(dir, &now, marks, old, folder+" _SUCCESS ; "+folder+" rows 1")
}

// TestFolderThatIsTooLong has rows in the outbox and in the manifest of a build that did not look
// at the length of folder names: they are written to folders of shorter ones.
func TestFolderThatIsTooLong(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	b := rowsAt(1, 2, 5, -1)
	b.Messages[0].Subject = "dt=" + strings.Repeat("é", 200) + "/hm=1"
	write(t, dir, ".part-"+outputID(b.Subject)+"-1-0", "1")
	write(t, dir, manifestName(b.Subject), fmt.Sprintf(`{"version":2,"subject":%q,"place":1,"ended":[{"hidden":".part-%s-1-0","folder":"dt=%s1/hm=1","name":"part-1"}]}`,
		b.Subject, outputID(b.Subject), strings.Repeat("é", 200)))
	s := partitioned(t, dir, &now, map[string]string{"sink.partition-commit.policy.kind": "success-file"})
	if _, _, err := s.ReadCursor(context.Background(), b.Subject); err != nil {
		t.Fatal(err)
	}
	publish(t, s, b)
	got := strings.Split(tree(t, dir), "; ")
	if len(got) != 3 || strings.Count(got[0], "é") != 117 || !strings.HasSuffix(got[0], "/hm=1 rows 1") && !strings.HasSuffix(got[2], "/hm=1 rows 1") {
		t.Fatalf("%q", got)
	}
}
