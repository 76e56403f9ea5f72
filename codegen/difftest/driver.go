package difftest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/codegen"
)

// Options say what a Round does.
type Options struct {
	// Seed is that of the first pipeline; the next ones follow. Pipelines is their number.
	Seed      uint64
	Pipelines int
	// Inputs is how many groups of logs each pipeline runs over, Events how many events a log
	// has about, InputSeed the seed of the first group.
	Inputs, Events int
	InputSeed      uint64
	// Module is the folder of this module's go.mod, Dir one for files that can be thrown away.
	Module, Dir string
}

// Result is what became of a pipeline.
type Result struct {
	Seed uint64
	Counts
	// Tame are the counts over logs of plain valid events: what generated code is for.
	Tame Counts
	// Allocations are those of generated code and of the interpreter over 1,000 plain events.
	Allocations, Interpreted float64
	// Case is set where there is a difference.
	Case *Case `json:",omitempty"`
	// Err is why nothing could be compared.
	Err string `json:",omitempty"`
}

// Report is what a Round found.
type Report struct {
	// Made is the number of pipelines, Fragments that of heads generated, Fallbacks the
	// reasons for the others, with how often.
	Made, Fragments int
	Fallbacks       map[string]int
	Results         []Result
}

// Round makes pipelines, generates code for them, builds a program of it and runs that.
func Round(ctx context.Context, o Options) (*Report, error) {
	job := Job{Inputs: o.Inputs, Events: o.Events, Seed: o.InputSeed}
	for i := range o.Pipelines {
		p, err := NewPipeline(o.Seed + uint64(i))
		if err != nil {
			return nil, err
		}
		job.Pipelines = append(job.Pipelines, *p)
	}
	return perform(ctx, o, job)
}

// Replay compares cases again, in their order; of Options it needs Module and Dir.
func Replay(ctx context.Context, o Options, cases []*Case) (*Report, error) {
	job := Job{Cases: cases}
	for _, c := range cases {
		job.Pipelines = append(job.Pipelines, c.Pipeline)
	}
	return perform(ctx, o, job)
}

// perform generates code for the pipelines of a job and runs those for which there is any.
func perform(ctx context.Context, o Options, job Job) (*Report, error) {
	rep := &Report{Made: len(job.Pipelines), Fallbacks: map[string]int{}}
	overlay := map[string]string{}
	taken := map[string]bool{}
	var imports []string
	at := map[string]Pipeline{}
	var mine []Pipeline
	for i, p := range job.Pipelines {
		pkg, err := generate(&p, i)
		if err != nil {
			return nil, err
		}
		for _, f := range pkg.Fallbacks {
			rep.Fallbacks[f.Reason]++
		}
		rep.Fragments += len(pkg.Fragments)
		if len(pkg.Fragments) == 0 {
			continue
		}
		mine = append(mine, p)
		if known(pkg, taken) {
			continue
		}
		name := fmt.Sprintf("p%d", i)
		imports, at[name] = append(imports, name), p
		for file, text := range pkg.Files {
			if err := put(overlay, o, filepath.Join(name, file), text); err != nil {
				return nil, err
			}
		}
	}
	job.Pipelines = mine
	var broken []Result
	for len(imports) > 0 {
		if err := put(overlay, o, "main.go", program(imports)); err != nil {
			return nil, err
		}
		bin, err := build(ctx, o, overlay)
		if err == nil {
			rep.Results, err = execute(ctx, bin, job)
			rep.Results = append(rep.Results, broken...)
			return rep, err
		}
		n := len(imports)
		imports = slices.DeleteFunc(imports, func(name string) bool {
			if !strings.Contains(err.Error(), folder+"/"+name+"\n") {
				return false
			}
			p := at[name]
			broken = append(broken, Result{Seed: p.Seed, Err: fmt.Sprintf("%s\n%v", p.SQL, err)})
			job.Pipelines = slices.DeleteFunc(job.Pipelines, func(q Pipeline) bool { return q.Seed == p.Seed })
			return true
		})
		if len(imports) == n {
			return nil, err
		}
	}
	rep.Results = broken
	return rep, nil
}

func generate(p *Pipeline, i int) (pkg *codegen.Package, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("pipeline %d: generating panics: %v\n%s", p.Seed, e, p.SQL)
		}
	}()
	compiled, err := Build(p.SQL)
	if err != nil {
		return nil, err
	}
	pkg, err = codegen.Generate(compiled, codegen.Options{Package: fmt.Sprintf("p%d", i), Source: p.SQL})
	if err != nil {
		return nil, fmt.Errorf("pipeline %d: %w\n%s", p.Seed, err, p.SQL)
	}
	return pkg, nil
}

// known tells whether all fragments are there already.
func known(pkg *codegen.Package, taken map[string]bool) bool {
	all := true
	for _, f := range pkg.Fragments {
		all = all && taken[f.Fingerprint]
		taken[f.Fingerprint] = true
	}
	return all
}

// folder is where the module seems to have the program: it is there in the overlay only.
const folder = "codegen/difftest/internal/round"

func put(overlay map[string]string, o Options, name string, text []byte) error {
	file := filepath.Join(o.Dir, "src", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	overlay[filepath.Join(o.Module, filepath.FromSlash(folder), name)] = file
	return os.WriteFile(file, text, 0o644)
}

func program(imports []string) []byte {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"github.com/edgeflow/edgeflow/codegen/difftest\"\n\n")
	for _, name := range imports {
		fmt.Fprintf(&b, "\t_ \"github.com/edgeflow/edgeflow/%s/%s\"\n", folder, name)
	}
	b.WriteString(")\n\nfunc main() { difftest.Main() }\n")
	return []byte(b.String())
}

func build(ctx context.Context, o Options, overlay map[string]string) (bin string, err error) {
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	file := filepath.Join(o.Dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return "", err
	}
	bin = filepath.Join(o.Dir, "round")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", file, "-o", bin, "./"+folder)
	cmd.Dir = o.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the generated code does not build: %w\n%s", err, out)
	}
	return bin, nil
}

// execute runs a built program; each line that it prints is a Result.
func execute(ctx context.Context, bin string, job Job) ([]Result, error) {
	in, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, bin)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	failed := cmd.Run()
	var results []Result
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return results, err
		}
		results = append(results, r)
	}
	if failed != nil {
		return results, fmt.Errorf("behind result %d of pipelines %d and up: %w\n%s", len(results), job.Pipelines[0].Seed, failed, stderr.Bytes())
	}
	return results, nil
}
