// Package gobuild compiles edgeflow with pipelines inside: a static binary for any target,
// made by the Go toolchain of the host it runs on.
//
// The binary is built from a temporary module with a main of a few lines, the generated
// packages, and the pipelines' SQL as a literal. edgeflow itself comes from a source
// checkout or from the module cache, through a replacement, with the very dependencies of
// its own go.mod and go.sum: nothing is resolved anew, and nothing is downloaded that the
// module cache holds.
package gobuild
