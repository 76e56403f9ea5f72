package difftest

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Case is a difference that was found, with all that is needed to see it again.
type Case struct {
	Pipeline
	// Input is the seed of the logs before they were cut down, Schedule that of the barriers.
	Input, Schedule uint64
	Logs            map[string]Log
	Difference      *Difference
}

// Check compares again.
func (c *Case) Check() (Counts, *Difference, error) {
	p, err := Build(c.SQL)
	if err != nil {
		return Counts{}, nil, err
	}
	return Compare(p, c.Logs, c.Schedule)
}

// Keep writes the case to a file of a folder.
func (c *Case) Keep(dir, name string) error {
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), text, 0o644)
}

// LoadCase reads what Keep wrote.
func LoadCase(file string) (*Case, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Case{}
	return c, json.Unmarshal(text, c)
}

// minimise takes messages out of the logs as long as there is a difference.
func minimise(c *Case, p *plan.Plan) *Case {
	tries := 0
	differs := func(logs map[string]Log) bool {
		tries++
		_, d, err := Compare(p, logs, c.Schedule)
		if err != nil || d == nil {
			return false
		}
		c.Difference = d
		return true
	}
	for name := range c.Logs {
		for size := len(c.Logs[name]) / 2; size > 0 && tries < 400; size /= 2 {
			for at := 0; at < len(c.Logs[name]) && tries < 400; {
				log := c.Logs[name]
				less := append(append(Log(nil), log[:at]...), log[min(at+size, len(log)):]...)
				if logs := replaced(c.Logs, name, less); differs(logs) {
					c.Logs = logs
				} else {
					at += size
				}
			}
		}
	}
	return c
}

func replaced(logs map[string]Log, name string, log Log) map[string]Log {
	out := map[string]Log{}
	for n, l := range logs {
		out[n] = l
	}
	out[name] = log
	return out
}
