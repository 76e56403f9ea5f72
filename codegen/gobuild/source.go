package gobuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// module is edgeflow's module path.
const module = "github.com/edgeflow/edgeflow"

// MinGo is the oldest Go that compiles edgeflow; go.mod says the same.
const MinGo = "1.26.0"

// goPlaces are the folders of Go installations that are looked into when PATH has none.
func goPlaces() []string {
	if runtime.GOOS == "windows" {
		return []string{os.Getenv("GOROOT"), `C:\Program Files\Go`}
	}
	home, _ := os.UserHomeDir()
	return []string{os.Getenv("GOROOT"), "/usr/local/go", "/usr/lib/go", "/opt/homebrew/opt/go/libexec", filepath.Join(home, "sdk", "go")}
}

// findGo finds the Go command, in PATH or one of the places.
func findGo(places []string) (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return filepath.Abs(path)
	}
	var looked []string
	for _, dir := range places {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, "bin", "go")
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		looked = append(looked, path)
	}
	return "", fmt.Errorf("no Go toolchain found, in PATH or as %s: `edgeflow build` needs Go %s or later on this host (https://go.dev/dl/); the binary that it makes needs none",
		strings.Join(looked, ", "), MinGo)
}

// checkGo refuses a Go that is too old. One that fetches the toolchain that go.mod names is
// as new as that.
func (b *builder) checkGo() error {
	out, err := b.run(nil, "env", "GOVERSION")
	if err != nil {
		return err
	}
	if v := strings.TrimSpace(out); version.Compare(v, "go"+MinGo) < 0 {
		return fmt.Errorf("%s is %s: `edgeflow build` needs Go %s or later on this host (https://go.dev/dl/)", b.goCmd, v, MinGo)
	}
	return nil
}

// source is where edgeflow's own sources are. version is for people; module is that of the
// module, "" for a checkout.
type source struct{ dir, version, module string }

// noVersion stands for that of a checkout.
const noVersion = "v0.0.0"

// findSource finds edgeflow's sources: the folder that is named, a checkout around the
// working directory, or what this program was built from, which for an installed one is in
// the module cache.
func (b *builder) findSource(named string) (source, error) {
	if named != "" {
		dir, err := filepath.Abs(named)
		if err != nil {
			return source{}, err
		}
		if !isCheckout(dir) {
			return source{}, fmt.Errorf("--source: %s is no checkout of %s", dir, module)
		}
		return source{dir: dir, version: b.revision(dir)}, nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return source{}, err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if isCheckout(dir) {
			return source{dir: dir, version: b.revision(dir)}, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return b.ownSource(wd)
}

// ownSource finds what this program was built from.
func (b *builder) ownSource(wd string) (source, error) {
	m := ownModule()
	if m != nil && m.Replace != nil {
		switch r := m.Replace; {
		case filepath.IsAbs(r.Path) && isCheckout(r.Path):
			return source{dir: r.Path, version: b.revision(r.Path)}, nil
		case r.Path == "./edgeflow": // the work of Build, which keeps the version
		default:
			m = r
		}
	}
	if m == nil || m.Version == "" || m.Version == "(devel)" || m.Version == noVersion || strings.Contains(m.Version, "+dirty") {
		return source{}, fmt.Errorf("the sources of edgeflow are not known: there is no checkout around %s, and this program was built from one, not installed by its version; "+
			"name a checkout with --source, or install edgeflow with go install %s/cmd/edgeflow@VERSION", wd, module)
	}
	out, err := b.run([]string{"GOFLAGS=-mod=mod"}, "mod", "download", "-json", m.Path+"@"+m.Version)
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal([]byte(out), &found); err == nil {
		err = jsonErr
	}
	if found.Error != "" {
		err = errors.New(found.Error)
	}
	if err != nil {
		return source{}, fmt.Errorf("the sources of %s %s, of which this program was built, are not to be had: %w; name a checkout with --source", m.Path, m.Version, err)
	}
	return source{found.Dir, m.Version, m.Version}, nil
}

// ownModule is edgeflow's module in this program: its main one, or a dependency.
func ownModule() *debug.Module {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	if info.Main.Path == module {
		return &info.Main
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m
		}
	}
	return nil
}

func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "module" {
			return strings.Trim(f[1], `"`) == module
		}
	}
	return false
}

// revision is the version to print of a checkout.
func (b *builder) revision(dir string) string {
	out, err := exec.CommandContext(b.ctx, "git", "-C", dir, "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "devel"
	}
	return "devel+" + strings.TrimSpace(string(out))
}
