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
