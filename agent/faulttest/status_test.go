package faulttest

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/edgeflow/edgeflow/agent"
)

var controlLine = regexp.MustCompile(`metrics=(http://127\.0\.0\.1:\d+)/metrics`)

// confirmed is how many rows of a table the target had confirmed at the newest checkpoint; 0 when
// the process, which runs with a control address, does not answer.
func (p *process) confirmed(table string) int64 {
	m := controlLine.FindStringSubmatch(p.log())
	if m == nil {
		return 0
	}
	resp, err := http.Get(m[1] + "/pipelines/p")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var st agent.Status
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil || st.Ledger == nil {
		return 0
	}
	for _, o := range st.Ledger.Outputs {
		if o.Name == table {
			return o.Confirmed
		}
	}
	return 0
}
