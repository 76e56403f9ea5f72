package main

import (
	"fmt"

	"github.com/edgeflow/edgeflow/bench/qoe"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"

	// The generated heads of the video-quality queries.
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_filter_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_filter_msgpack"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_tumble_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/qoe_tumble_msgpack"
)

// requireGenerated is an error when a head of the script has no generated code in this
// binary: then what is measured as generated would be interpreted.
func requireGenerated(script string) error {
	s, err := sql.Parse("bench.sql", script)
	if err != nil {
		return err
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		return err
	}
	heads, why := p.Heads()
	for source, reason := range why {
		return fmt.Errorf("source %d of the query cannot be generated: %s", source, reason)
	}
	for _, h := range heads {
		if _, ok := fused.New(h.Fingerprint); !ok {
			return fmt.Errorf("no generated code for the head of %s, %s: generate codegen/golden anew", h.Source.Table.Name, h.Fingerprint)
		}
	}
	return nil
}

// sourceFormat are the options of the format in which beacons are read.
func sourceFormat(encoding string) string {
	if encoding == "json" {
		return "'format'='json','json.timestamp-format.standard'='ISO-8601'"
	}
	return "'format'='" + encoding + "'"
}

// checkGenerated checks that every query has generated code for every encoding.
func checkGenerated() error {
	for _, encoding := range []string{"json", "msgpack"} {
		for _, query := range []string{"filter", "tumble"} {
			if err := requireGenerated(qoe.Script(query, "'connector'='values',"+sourceFormat(encoding), "'connector'='values'")); err != nil {
				return fmt.Errorf("%s of %s: %w", query, encoding, err)
			}
		}
	}
	return nil
}
