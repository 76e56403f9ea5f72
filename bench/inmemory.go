package main

import (
	"github.com/edgeflow/edgeflow/bench/byhand"
	"github.com/edgeflow/edgeflow/bench/memory"
	"github.com/edgeflow/edgeflow/bench/qoe"
)

// memoryJob is a query over a log that the program makes for itself before it is measured.
type memoryJob struct {
	Query   string  `json:"query"`
	Log     qoe.Log `json:"log"`
	Profile string  `json:"profile"`
	// Interpret leaves generated code aside.
	Interpret bool `json:"interpret"`
}

// engineMemoryProgram runs the query in an engine alone: decoding, operators, rows taken
// from the sink; no server, no disk, no checkpoints.
func engineMemoryProgram(j memoryJob) (f figures, err error) {
	messages := j.Log.Messages()
	m := newMeter()
	check := &qoe.Checker{Query: j.Query}
	e, err := memory.New(memory.Options{
		Script: qoe.Script(j.Query, "'connector'='values',"+sourceFormat(j.Log.Encoding), "'connector'='values'"),
		Source: &memory.Source{Messages: messages}, Sink: check, Interpret: j.Interpret,
	})
	if err != nil {
		return f, err
	}
	if err := m.begin(j.Profile); err != nil {
		return f, err
	}
	if err := memory.All(e); err != nil {
		return f, err
	}
	f = m.end()
	f.Result = check.Result
	qoe.Account(&f.Result, e.Ledger())
	return f, nil
}

// handMemoryProgram computes the query by hand.
func handMemoryProgram(j memoryJob) (f figures, err error) {
	messages := j.Log.Messages()
	m := newMeter()
	run := byhand.New(j.Query, j.Log.Encoding)
	if err := m.begin(j.Profile); err != nil {
		return f, err
	}
	for i := range messages {
		if err := run.Message(messages[i].Data, messages[i].ArrivalMs); err != nil {
			return f, err
		}
	}
	result := run.End()
	f = m.end()
	f.Result = result
	return f, nil
}
