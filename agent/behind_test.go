package agent_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// Rows of a value that is too far behind for the watermark to wait for are told of, by the metrics
// and by the ledger.
func TestRowsTooFarBehindAreToldOf(t *testing.T) {
	b := newBroker(t, embedded.Options{})
	b.stream()
	sql := strings.Replace(passing("p", b.ClientURL(), b.ClientURL(), ", 'edgeflow.watermark.by' = 'usr', 'edgeflow.watermark.max-behind' = '10 s'"),
		"ev (usr STRING, n BIGINT)", "ev (usr STRING, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)", 1)
	sql = strings.Replace(sql, "SELECT usr, n FROM ev;",
		"SELECT usr, COUNT(*) FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY usr, window_start, window_end;", 1)
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen = "127.0.0.1:0" }, sql)
	b.put([]byte(`{"usr":"right","n":1,"ts":"2024-05-01 00:01:00"}`))
	b.put([]byte(`{"usr":"right","n":2,"ts":"2024-05-01 00:02:00"}`))
	b.awaitRows("RES", "res.p", []string{`{"usr":"right","n":1}`}) // the watermark is past the first
	for n := range 3 {
		b.put(fmt.Appendf(nil, `{"usr":"stands","n":%d,"ts":"1970-01-01 00:00:00"}`, n))
	}
	st := h.await("p", "the ledger has them", func(st agent.Status) bool {
		if st.Ledger == nil {
			return false
		}
		for _, o := range st.Ledger.Operators {
			if o.Behind > 0 {
				return o.Behind == 3
			}
		}
		return false
	})
	var audit strings.Builder
	agent.WriteLedger(&audit, st.Ledger)
	contains(t, audit.String(), "of them 3 too far behind for the watermark to wait for: edgeflow.watermark.max-behind")
	r, err := (&http.Client{Timeout: patience}).Get("http://" + h.ControlAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "edgeflow_operator_rows_total{") && strings.Contains(line, `outcome="behind"`) && strings.HasSuffix(line, " 3\n") {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d metrics tell of the three rows:\n%s", found, body)
	}
}
