package gobuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/codegen"
)

// Pipeline is a pipeline to put inside.
type Pipeline struct {
	// Name is the name of its package, unique among the pipelines; File is what messages
	// call its SQL.
	Name, File, SQL string
	Code            *codegen.Package
}

// Options say what Build makes.
type Options struct {
	Pipelines []Pipeline
	// Out is the binary. With several targets each has its target behind the name.
	Out string
	// Targets are what to build for; none is the host.
	Targets []Target
	// Source is a checkout of edgeflow; empty to find one (see findSource).
	Source string
	// Log takes a line for each binary.
	Log io.Writer
}

// Target is a platform, as GOOS and GOARCH name it, with its variant (GOARM, GOAMD64).
type Target struct {
	OS, Arch, Variant string
}

// ParseTarget reads "os/arch" or "os/arch/variant", such as linux/arm/7.
func ParseTarget(s string) (Target, error) {
	f := strings.Split(s, "/")
	if len(f) == 2 && f[0] != "" && f[1] != "" {
		return Target{OS: f[0], Arch: f[1]}, nil
	}
	if len(f) == 3 && f[0] != "" && variants[f[1]] != "" && f[2] != "" {
		return Target{f[0], f[1], f[2]}, nil
	}
	return Target{}, fmt.Errorf("%q is no target: write OS/ARCH, such as linux/arm64, or linux/arm/7 and linux/amd64/v3 for a variant", s)
}

// variants are the variables that choose one, by architecture.
var variants = map[string]string{"arm": "GOARM", "amd64": "GOAMD64", "arm64": "GOARM64", "386": "GO386",
	"mips": "GOMIPS", "mipsle": "GOMIPS", "mips64": "GOMIPS64", "mips64le": "GOMIPS64", "ppc64le": "GOPPC64", "riscv64": "GORISCV64"}

// String is the target as it is written.
func (t Target) String() string { return strings.TrimSuffix(t.OS+"/"+t.Arch+"/"+t.Variant, "/") }

func (t Target) host() bool { return t.OS == runtime.GOOS && t.Arch == runtime.GOARCH }

func (t Target) env() []string {
	env := []string{"GOOS=" + t.OS, "GOARCH=" + t.Arch}
	if t.Variant != "" {
		env = append(env, variants[t.Arch]+"="+t.Variant)
	}
	return env
}

// path is where the target's binary goes.
func (t Target) path(out string, several bool) string {
	if several {
		out += "-" + strings.ReplaceAll(t.String(), "/", "-")
	}
	if t.OS == "windows" && !strings.HasSuffix(out, ".exe") {
		out += ".exe"
	}
	return out
}

// Build compiles a binary for each target. Its errors say what is missing and where it was
// looked for.
func Build(ctx context.Context, o Options) error {
	goCmd, err := findGo(goPlaces())
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "edgeflow-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &builder{ctx: ctx, goCmd: goCmd, dir: dir}
	src, err := b.findSource(o.Source)
	if err != nil {
		return err
	}
	if err := b.module(src); err != nil {
		return err
	}
	if err := b.packages(o.Pipelines); err != nil {
		return err
	}
	targets := o.Targets
	if len(targets) == 0 {
		targets = []Target{{OS: runtime.GOOS, Arch: runtime.GOARCH}}
	}
	for _, t := range targets {
		out, err := filepath.Abs(t.path(o.Out, len(targets) > 1))
		if err != nil {
			return err
		}
		if err := b.build(t, out, src.version); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if err := b.verify(t, out, o.Pipelines, src); err != nil {
			return err
		}
		info, err := os.Stat(out)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Log, "%s: %s, %.1f MB\n", t.path(o.Out, len(targets) > 1), t, float64(info.Size())/1e6)
	}
	return nil
}

// builder works in a temporary module.
type builder struct {
	ctx        context.Context
	goCmd, dir string
}

// run runs the Go command in the temporary module and returns what it prints.
func (b *builder) run(env []string, args ...string) (string, error) {
	c := exec.CommandContext(b.ctx, b.goCmd, args...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), "GO111MODULE=on", "GOWORK=off", "CGO_ENABLED=0", "PWD="+b.dir)
	c.Env = append(c.Env, env...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		if b.ctx.Err() != nil {
			return "", b.ctx.Err()
		}
		return string(out), fmt.Errorf("%s %s: %w\n%s", b.goCmd, args[0], err, strings.TrimRight(stderr.String(), "\n"))
	}
	return string(out), nil
}

// module writes go.mod and go.sum.
func (b *builder) module(src source) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(src.dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	// By a link, the binary tells nothing of this host's folders.
	target := "./edgeflow"
	if err := os.Symlink(src.dir, filepath.Join(b.dir, "edgeflow")); err != nil {
		target = src.dir
	}
	version := src.module
	if version == "" {
		version = noVersion
	}
	if _, err := b.run(nil, "mod", "edit", "-module=pipeline", "-require="+module+"@"+version, "-replace="+module+"="+target); err != nil {
		return err
	}
	return b.checkGo()
}

// packages writes main and the generated packages.
func (b *builder) packages(pipelines []Pipeline) error {
	var m strings.Builder
	m.WriteString("// Command pipeline is an edgeflow with pipelines inside.\npackage main\n\nimport (\n\t\"os\"\n\n")
	fmt.Fprintf(&m, "\t%q\n\t%q\n\n", module+"/agent", module+"/agent/command")
	for _, p := range pipelines {
		if len(p.Code.Fragments) == 0 {
			continue
		}
		if err := p.Code.Write(filepath.Join(b.dir, p.Name)); err != nil {
			return err
		}
		fmt.Fprintf(&m, "\t_ %q\n", "pipeline/"+p.Name)
	}
	m.WriteString(")\n\nfunc main() {\n\tos.Exit(command.Main(os.Args[1:]")
	for _, p := range pipelines {
		fmt.Fprintf(&m, ",\n\t\tagent.Script{File: %s, Text: %s}", strconv.Quote(p.File), strconv.Quote(p.SQL))
	}
	m.WriteString("))\n}\n")
	return os.WriteFile(filepath.Join(b.dir, "main.go"), []byte(m.String()), 0o600)
}

// build compiles for a target.
func (b *builder) build(t Target, out, version string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	flags := "-s -w -X " + module + "/agent.BuildVersion=" + version
	_, err := b.run(t.env(), "build", "-mod=mod", "-trimpath", "-ldflags", flags, "-o", out, ".")
	return err
}

// verify asks a binary for this host whether it runs what was generated: a checkout of
// another version than the generator's computes other fingerprints.
func (b *builder) verify(t Target, out string, pipelines []Pipeline, src source) error {
	if !t.host() {
		return nil
	}
	text, err := exec.CommandContext(b.ctx, out, "version").Output()
	if err != nil {
		return fmt.Errorf("%s version: %w", out, err)
	}
	for _, p := range pipelines {
		for _, f := range p.Code.Fragments {
			if !strings.Contains(string(text), "generated "+f.Fingerprint) {
				return errors.Join(os.Remove(out), fmt.Errorf("edgeflow at %s is of another version than this one, and would not use the generated code: "+
					"name the checkout of this one with --source, or run `edgeflow build` of that one (go run ./cmd/edgeflow build ...)", src.dir))
			}
		}
	}
	return nil
}
