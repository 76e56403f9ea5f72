package agent

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// BuildVersion is set by the linker (-X) in releases; otherwise the module's version and
// revision are printed.
var BuildVersion = ""

// VersionText is the version in one word.
func VersionText() string {
	if BuildVersion != "" {
		return BuildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && v == "devel" {
			v += "+" + s.Value[:12]
		}
	}
	return v
}

// Version prints the version of the program and of what it persists, and, with its
// generated parts, the pipelines inside it.
func Version(w io.Writer, inside []Script) error {
	_, err := fmt.Fprintf(w, "edgeflow %s\n%s %s/%s\nmanifest version %d, page format %d\n",
		VersionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH, dataflow.ManifestVersion, state.RootsFormat)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, s := range inside {
		p, err := s.Plan()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "pipeline %s (%s)\n", p.Config.Name, s.File)
		heads, why := p.Heads()
		for _, src := range p.Sources {
			text := "interpreted: " + why[src.Base().Ordinal]
			if h := plan.HeadOf(heads, src); h != nil {
				text = speed(h.Fingerprint)
				named[h.Fingerprint] = true
			}
			fmt.Fprintf(w, "  head of %s: %s\n", src.Table.Name, text)
		}
		for _, n := range p.Nodes {
			if c, ok := n.(*plan.Calc); ok && fused.Known(plan.CalcFingerprint(c)) {
				named[plan.CalcFingerprint(c)] = true
				fmt.Fprintf(w, "  %s: %s\n", c.Base().ID, speed(plan.CalcFingerprint(c)))
			}
		}
	}
	for _, f := range fused.Fingerprints() {
		if !named[f] {
			fmt.Fprintf(w, "fragment %s\n", f)
		}
	}
	return nil
}

// speed tells whether a part of a plan runs generated code.
func speed(fingerprint string) string {
	if fused.Known(fingerprint) {
		return "generated " + fingerprint
	}
	return "interpreted " + fingerprint
}
