package dataflow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// One watermark that closes very many windows makes no more output in memory than the bound and a
// frame for each output, whether rows are kept by key or not; what is committed in the end is the
// same. Where frames cannot be stored they stay, and that is tried once in an epoch.
func TestOutputOfAStepIsBounded(t *testing.T) {
	const keys, most = 20_000, 1 << 20
	full := errors.New("no room")
	for name, key := range map[string]string{"rows": "", "upserts": ", PRIMARY KEY (n, w) NOT ENFORCED"} {
		run := func(fails bool, bound int64) (rows []string, calls int, peak int64) {
			r := newRig(t, `CREATE TABLE a (n BIGINT, at AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR at AS at) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE o (n BIGINT, w TIMESTAMP(3), s STRING`+key+`) WITH ('connector' = 'x');
INSERT INTO o SELECT n, window_end, REPEAT(CAST(n AS STRING), 30) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(at), INTERVAL '1' DAY)) GROUP BY n, window_start, window_end;`,
				map[string]*script{"a": {log: numbers(1, keys, 1000, 1)}}).start()
			staged := map[uint64][]byte{}
			r.engine.spill = spill{max: bound, stage: func(frames []state.OutboxFrame) error {
				calls++
				peak = max(peak, r.engine.PendingMemory())
				for i := range frames {
					if fails && len(staged) > 0 {
						return full
					}
					f := &frames[i]
					staged[f.Last] = f.Data
					f.Staged, f.Data = int64(len(f.Data)), nil
				}
				return nil
			}}
			r.settle()
			if calls > 0 {
				t.Errorf("%s: frames are stored though there is no output yet", name)
			}
			if err := r.engine.Drain(); err != nil {
				t.Fatal(err)
			}
			peak = max(peak, r.engine.PendingMemory())
			c := r.engine.Barrier(1)
			for _, f := range c.Frames {
				if f.Staged > 0 {
					f.Data = staged[f.Last]
				}
				if f.First != uint64(len(rows))+1 {
					t.Fatalf("%s: a frame from row %d after %d", name, f.First, len(rows))
				}
				rows = append(rows, strings.Split(string(f.Data), "\n")...)
			}
			if r.engine.PendingMemory() != 0 || r.engine.PendingBytes() != 0 {
				t.Errorf("%s: after the barrier %d bytes wait", name, r.engine.PendingBytes())
			}
			return rows, calls, peak
		}
		want, _, all := run(false, 0)
		if len(want) != keys || all < 3*most {
			t.Fatalf("%s: %d rows, %d bytes: the step is too small to tell", name, len(want), all)
		}
		rows, calls, peak := run(false, most)
		if !slices.Equal(rows, want) {
			t.Errorf("%s: %d rows and not the same", name, len(rows))
		}
		if peak > most+3*frameBytesMax || calls < 3 || calls > int(all/frameBytesMax) {
			t.Errorf("%s: output took %d bytes, the bound is %d; frames were stored %d times", name, peak, most, calls)
		}
		rows, calls, _ = run(true, most)
		if !slices.Equal(rows, want) || calls != 1 && calls != 2 {
			t.Errorf("%s: where there is no room: %d rows, tried %d times", name, len(rows), calls)
		}
	}
}

// A key that is handed out in the midst of an epoch goes on as in the next: what follows is a change
// of it.
func TestUpsertsHandedOutEarly(t *testing.T) {
	out := newOutput("o", &textFrames{})
	out.upserts = newCoalescer([]int{0})
	put := upserter(out)
	put("a", vec.Insert, "a1")
	put("b", vec.Insert, "b1")
	out.upserts.drain(out)
	put("a", vec.UpdateAfter, "a2")
	put("b", vec.Delete, "b1")
	put("c", vec.Insert, "c1")
	if got, want := string(out.cut(nil)[0].Data), "+Ia1 +Ib1 +Ua2 -Db1 +Ic1"; got != want {
		t.Errorf("%q instead of %q", got, want)
	}
}
