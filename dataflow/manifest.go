package dataflow

import (
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

//go:generate go tool msgp -file=manifest.go -o=manifest_gen.go -tests=false -io=false

// ManifestVersion is the version of the manifest's encoding that this build writes. It
// reads all versions up to it.
const ManifestVersion = 1

// Manifest is what a checkpoint holds beside pages and outbox frames: where each source
// stands, how far each output has been numbered, the ledger.
type Manifest struct {
	Version  int    `msg:"v"`
	Pipeline string `msg:"pipeline"`
	SQL      string `msg:"sql"`
	NowMs    int64  `msg:"now"`
	Ended    bool   `msg:"ended"`
	// Pages is the number of pages that the state has, 0 in manifests of older builds.
	Pages   uint32           `msg:"pages"`
	Sources []SourceManifest `msg:"sources"`
	Outputs []OutputManifest `msg:"outputs"`
}

// SourceManifest is where a source stands.
type SourceManifest struct {
	ID        string       `msg:"id"`
	Table     string       `msg:"table"`
	Position  []byte       `msg:"position"`
	ArrivalMs int64        `msg:"arrival"`
	Ended     bool         `msg:"ended"`
	Ledger    SourceLedger `msg:"ledger"`
}

// SourceLedger accounts for what a source delivered: Read = Decoded + Undecodable, each
// counted where it happens. Events are rows before any filter; a message may hold many.
type SourceLedger struct {
	Messages    int64  `msg:"messages"`
	Bytes       int64  `msg:"bytes"`
	Read        int64  `msg:"read"`
	Decoded     int64  `msg:"decoded"`
	Undecodable int64  `msg:"undecodable"`
	Gap         uint64 `msg:"gap"`
}

// OutputManifest is how far an output has been numbered, and what became of its rows.
type OutputManifest struct {
	Name string `msg:"name"`
	// Next is the sequence of the next row, Emitted the number of rows so far.
	Next    uint64 `msg:"next"`
	Emitted int64  `msg:"emitted"`
	// Generation is the newest one claimed at the target; Cursor, DroppedTo, Confirmed,
	// Dropped and Refused are the forwarder's account.
	Generation uint64 `msg:"generation"`
	Cursor     uint64 `msg:"cursor"`
	DroppedTo  uint64 `msg:"dropped_to"`
	Confirmed  uint64 `msg:"confirmed"`
	Dropped    uint64 `msg:"dropped"`
	Refused    uint64 `msg:"refused"`
	// Hold is the first row that is not sent before a later checkpoint, 0 for none; Merged is
	// how many rows went into rows of wider windows, which count for all of them elsewhere.
	Hold   uint64 `msg:"hold"`
	Merged uint64 `msg:"merged"`
}

// DecodeManifest reads a manifest.
func DecodeManifest(b []byte) (*Manifest, error) {
	// A list is given room by the count it begins with, so that what the counts promise has to be there.
	if _, err := msgp.Skip(b); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m := &Manifest{}
	if _, err := m.UnmarshalMsg(b); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if m.Version > ManifestVersion {
		return nil, fmt.Errorf("manifest: version %d was written by a newer edgeflow (this one reads up to %d): use that version, or start anew with --reset-state", m.Version, ManifestVersion)
	}
	return m, nil
}
