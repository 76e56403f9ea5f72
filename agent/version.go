package agent

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/edgeflow/edgeflow/dataflow"
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

// Version prints the version of the program and of what it persists.
func Version(w io.Writer) error {
	_, err := fmt.Fprintf(w, "edgeflow %s\n%s %s/%s\nmanifest version %d, page format %d\n",
		VersionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH, dataflow.ManifestVersion, state.RootsFormat)
	return err
}
