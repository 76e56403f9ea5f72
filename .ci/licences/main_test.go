package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this ... THE SOFTWARE IS PROVIDED \"AS IS\""
	const bsd = "Redistribution and use in source and binary forms ... this list of conditions"
	for text, want := range map[string]string{
		mit:                                   "MIT",
		strings.ReplaceAll(mit, " ", "\n * "): "MIT",
		bsd:                                   "BSD-2-Clause",
		bsd + " Neither the name of":          "BSD-3-Clause",
		bsd + " All advertising materials mentioning": "",
		mit + " Commons Clause":                       "",
		"GNU GENERAL PUBLIC LICENSE":                  "",
		"all rights reserved":                         "",
		"":                                            "",
	} {
		got, err := judge(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestModules(t *testing.T) {
	dir := t.TempDir()
	if _, err := licence(module{Dir: dir}); err == nil {
		t.Error("a module without a licence passes")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE.txt"), []byte("mine alone"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := licence(module{Dir: dir}); err == nil {
		t.Error("an unknown licence passes")
	}
	var out strings.Builder
	if err := check([]string{"../../cmd/edgeflow"}, &out); err != nil {
		t.Error(err)
	}
	for _, m := range []string{"github.com/nats-io/nats-server/v2", "go.etcd.io/bbolt"} {
		if !strings.Contains(out.String(), m) {
			t.Errorf("%s is not among\n%s", m, &out)
		}
	}
}
