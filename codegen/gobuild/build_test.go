package gobuild

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		text, path string
		want       Target
	}{
		{"linux/arm64", "bin-linux-arm64", Target{"linux", "arm64", ""}},
		{"linux/arm/7", "bin-linux-arm-7", Target{"linux", "arm", "7"}},
		{"windows/amd64", "bin-windows-amd64.exe", Target{"windows", "amd64", ""}},
	} {
		got, err := ParseTarget(c.text)
		if err != nil || got != c.want || got.String() != c.text || got.path("bin", true) != c.path {
			t.Errorf("%s: %+v, %v, %s", c.text, got, err, got.path("bin", true))
		}
	}
	if got := (Target{"linux", "arm", "7"}).env(); strings.Join(got, " ") != "GOOS=linux GOARCH=arm GOARM=7" {
		t.Error(got)
	}
	for _, s := range []string{"", "linux", "linux/", "/arm", "linux/arm/", "linux/wasm/1", "a/b/c/d"} {
		if _, err := ParseTarget(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findGo([]string{"", "/nowhere/go"})
	if err == nil {
		t.Fatal("found a Go")
	}
	for _, w := range []string{"no Go toolchain found", filepath.Join("/nowhere/go", "bin", "go"), "Go " + MinGo + " or later", "needs none"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in %v", w, err)
		}
	}
}

func TestOldGo(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "go")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho go1.20.1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := &builder{ctx: context.Background(), goCmd: old, dir: dir}
	err := b.checkGo()
	if err == nil || !strings.Contains(err.Error(), "is go1.20.1: `edgeflow build` needs Go "+MinGo) {
		t.Fatal(err)
	}
}

func TestMinGoIsThatOfTheModule(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\ngo "+MinGo+"\n") {
		t.Errorf("go.mod names another Go than %s", MinGo)
	}
	if !isCheckout("../..") || isCheckout(".") {
		t.Error("the checkout is not told apart")
	}
}

func TestNamedSourceMustBeOne(t *testing.T) {
	dir := t.TempDir()
	b := &builder{ctx: context.Background()}
	if _, err := b.findSource(dir); err == nil || !strings.Contains(err.Error(), "is no checkout of "+module) {
		t.Error(err)
	}
	t.Chdir(dir)
	_, err := b.findSource("")
	if err == nil || !strings.Contains(err.Error(), "name a checkout with --source, or install edgeflow with go install "+module) {
		t.Error(err)
	}
}
