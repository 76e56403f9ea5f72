// Package golden holds packages generated from pipelines, one a folder: pipeline.sql and
// what codegen makes of it. They are compiled and run by tests, and show what a change of
// the generator changes.
package golden

//go:generate go test github.com/edgeflow/edgeflow/codegen -run TestGolden -update
