// Package replay keeps recent raw input of a pipeline in a capture, runs a pipeline over one
// without any server, and makes pipeline tests of it.
package replay
