package golden

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
)

// Messages and fields beyond a limit go the same way beside generated code as without it,
// in the midst of those that it takes.
func TestLimitsAsInterpreted(t *testing.T) {
	for _, name := range []string{"qoe_tumble_json", "qoe_filter_msgpack", "qoe_example"} {
		p := load(t, name)
		logs := map[string][]dataflow.Message{}
		for table, event := range workloads[name] {
			log := record(event)
			var sizes []int
			for i := range log {
				if i%97 == 5 {
					long := strings.Repeat("x", 300)
					log[i].Data = fmt.Appendf(nil, `{"cdn":"%[1]s","customer":"%[1]s","session_id":"%[1]s"}`, long)
					if strings.HasSuffix(name, "msgpack") {
						log[i].Data = fmt.Appendf([]byte("\x83"), "\xa3cdn\xda\x01\x2c%[1]s\xa8customer\xda\x01\x2c%[1]s\xaasession_id\xda\x01\x2c%[1]s", long)
					}
				}
				sizes = append(sizes, len(log[i].Data))
			}
			slices.Sort(sizes)
			p.Config.FieldBytesMax = min(int64(sizes[len(sizes)*3/4]), 299)
			p.Config.MessageBytesMax = int64(sizes[len(sizes)-10])
			logs[table] = log
		}
		parts := []part{{}, {}, {restore: true}, {}}
		plain := []part{{interpret: true}, {interpret: true}, {interpret: true, restore: true}, {interpret: true}}
		want, got := run(t, p, logs, false, plain), run(t, p, logs, false, parts)
		if !strings.Contains(want.rows, "edgeflow.field.max-bytes") || !strings.Contains(want.rows, "edgeflow.message.max-bytes") || got.taken == 0 {
			t.Errorf("%s: fields beyond the limit: %v, messages: %v, %d events taken by generated code", name,
				strings.Contains(want.rows, "edgeflow.field.max-bytes"), strings.Contains(want.rows, "edgeflow.message.max-bytes"), got.taken)
		}
		differ(t, name+": rows", want.rows, got.rows)
		for i := range want.dumps {
			differ(t, fmt.Sprint(name, ": state and accounts at barrier ", i), want.dumps[i], got.dumps[i])
		}
	}
}

// A nested value that is larger in memory than a field may be, in a message that is small, goes
// the same way beside generated code as without it.
func TestNestedLimitsAsInterpreted(t *testing.T) {
	const members = 300
	for name, c := range map[string]struct{ small, large string }{
		"decode_json":    {`{"id":%d,"tags":["a"]}`, `{"id":%d,"tags":[` + strings.Repeat(`"",`, members-1) + `""]}`},
		"decode_msgpack": {"\x82\xa2id%c\xa4tags\x91\xa1a", "\x82\xa2id%c\xa4tags\xdc\x01\x2c" + strings.Repeat("\xa0", members)},
	} {
		p := load(t, name)
		p.Config.FieldBytesMax = 2 << 10
		var log []dataflow.Message
		for i := range 100 {
			data := fmt.Sprintf(c.small, i)
			if i%7 == 3 {
				data += fmt.Sprintf(c.large, i) + fmt.Sprintf(c.small, i)
			}
			log = append(log, dataflow.Message{Data: []byte(data), ArrivalMs: startMs + int64(i)})
		}
		logs := map[string][]dataflow.Message{"events": log}
		want, got := run(t, p, logs, false, []part{{interpret: true}, {interpret: true}}), run(t, p, logs, false, []part{{}, {}})
		if n := strings.Count(want.rows, "edgeflow.field.max-bytes"); n != 14 || got.taken == 0 {
			t.Errorf("%s: %d values beyond the limit, %d events taken by generated code", name, n, got.taken)
		}
		differ(t, name+": rows", want.rows, got.rows)
		for i := range want.dumps {
			differ(t, fmt.Sprint(name, ": state and accounts at barrier ", i), want.dumps[i], got.dumps[i])
		}
	}
}
