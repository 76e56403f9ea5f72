package main

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/edgeflow/edgeflow"

// goTool runs the Go command in a folder, with the module cache alone.
func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles edgeflow")
	}
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "PWD="+dir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Dir(to), filepath.Base(to), string(b))
}

// A module of a user's own keeps its generated package up to date with go generate, and its
// main is an edgeflow.
func TestGoGenerateInAModuleOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles edgeflow")
	}
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	copyFile(t, filepath.Join(root, "go.mod"), filepath.Join(dir, "go.mod"))
	copyFile(t, filepath.Join(root, "go.sum"), filepath.Join(dir, "go.sum"))
	goTool(t, dir, "mod", "edit", "-module=example.com/mine", "-require="+modulePath+"@v0.0.0", "-replace="+modulePath+"="+root)
	write(t, dir, "pipeline/clicks.sql", clicks(""))
	write(t, dir, "pipeline/generate.go", "package pipeline\n\n//go:generate go run "+modulePath+"/cmd/edgeflow generate clicks.sql -o .\n")
	write(t, dir, "main.go", `package main

import (
	"os"

	"`+modulePath+`/agent/command"

	_ "example.com/mine/pipeline"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
`)
	goTool(t, dir, "generate", "./...")
	contains(t, read(t, dir, "pipeline/head_clicks.go"), "\npackage pipeline\n")
	goTool(t, dir, "vet", "./pipeline")
	goTool(t, dir, "build", "-o", "mine", ".")
	p := binary(t, dir, "mine", "version")
	if code := p.code(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &p.err)
	}
	contains(t, p.out.String(), "\nfragment ")
	write(t, dir, "in/a.json", firstClicks+laterClicks)
	p = binary(t, dir, "mine", "run", "pipeline/clicks.sql", "--listen", "")
	if code := p.code(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &p.err)
	}
	want := []string{"2024-01-01 00:00:00,ann,4", "2024-01-01 00:00:00,bob,42", "2024-01-01 00:00:10,ann,50"}
	if got := sorted(lines(t, filepath.Join(dir, "out"))); !slices.Equal(got, want) {
		t.Errorf("out:\n%s", strings.Join(got, "\n"))
	}
}

// release puts the checkout as a version of the module into a folder that serves as a proxy.
func release(t *testing.T, proxy, version string) {
	t.Helper()
	dir := filepath.Join(proxy, modulePath, "@v")
	write(t, dir, "list", version+"\n")
	write(t, dir, version+".info", `{"Version":"`+version+`","Time":"2024-01-01T00:00:00Z"}`)
	copyFile(t, "../../go.mod", filepath.Join(dir, version+".mod"))
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	add := func(path string) error {
		b, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			return err
		}
		w, err := z.Create(modulePath + "@" + version + "/" + filepath.ToSlash(path))
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	for _, top := range []string{"go.mod", "go.sum", "agent", "cmd", "codegen", "connector", "dataflow", "examples", "store", "sync"} {
		err := filepath.WalkDir(filepath.Join("../..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !d.Type().IsRegular() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			rel, err := filepath.Rel("../..", path)
			if err != nil {
				return err
			}
			return add(rel)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// An edgeflow that was installed by its version builds from the module cache, without a
// checkout and without the network; so does what it has built.
func TestInstalledEdgeflowBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles edgeflow")
	}
	dir := t.TempDir()
	cache := strings.TrimSpace(goTool(t, dir, "env", "GOMODCACHE"))
	release(t, filepath.Join(dir, "proxy"), "v0.9.0")
	file := func(path string) string { return "file://" + filepath.ToSlash(path) }
	t.Setenv("GOMODCACHE", filepath.Join(dir, "cache"))
	t.Setenv("GOPROXY", file(filepath.Join(dir, "proxy"))+","+file(filepath.Join(cache, "cache", "download")))
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOFLAGS", "-mod=mod -modcacherw")
	t.Setenv("GOBIN", filepath.Join(dir, "bin"))
	goTool(t, dir, "install", "-trimpath", modulePath+"/cmd/edgeflow@v0.9.0")

	t.Setenv("GOPROXY", "off")
	write(t, dir, "clicks.sql", clicks(""))
	for _, c := range [][]string{{"bin/edgeflow", "one"}, {"one", "two"}} {
		p := binary(t, dir, c[0], "build", "clicks.sql", "-o", c[1])
		if code := p.codeWithin(3 * patience); code != 0 {
			t.Fatalf("%s build: exit code %d\n%s", c[0], code, &p.err)
		}
		p = binary(t, dir, c[1], "version")
		p.code()
		contains(t, p.out.String(), "edgeflow v0.9.0\n", "pipeline clicks (clicks.sql)\n  head of clicks: generated ")
	}
}
