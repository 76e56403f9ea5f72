// Command licences checks that every module whose code is in the binary comes under a
// licence that the project accepts, judged by the text of the licence and not by its title.
// A module without a licence, or with one that is not known, is an error.
//
//	go run ./.ci/licences ./cmd/edgeflow
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// accepted are the licences that may be in the binary, each with phrases that its text has
// and others that it must not have. Texts are compared in lower case, with single spaces.
var accepted = []struct {
	name      string
	has, lack []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0, january 2004", "grant of patent license"}, nil},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy", `the software is provided "as is"`}, []string{"advertising"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name of", "this list of conditions"}, []string{"all advertising materials"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "this list of conditions"}, []string{"neither the name of", "all advertising materials"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}, nil},
}

// refusedPhrases make a text one of a licence that is not accepted, whatever else it has.
var refusedPhrases = []string{"gnu general public license", "gnu affero", "server side public license", "business source license", "commons clause"}

var fileNames = regexp.MustCompile(`(?i)^(licen[sc]e|copying|unlicense)([.-].*)?$`)

type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

func main() {
	if err := check(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func check(packages []string, w io.Writer) error {
	modules, err := linked(packages)
	if err != nil {
		return err
	}
	if len(modules) == 0 {
		return errors.New("no modules found")
	}
	var bad []error
	for _, m := range modules {
		name, err := licence(m)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s %s: %w", m.Path, m.Version, err))
			continue
		}
		fmt.Fprintf(w, "%-18s %s %s\n", name, m.Path, m.Version)
	}
	return errors.Join(bad...)
}

// linked lists the modules that packages need, those of the project aside.
func linked(packages []string) ([]module, error) {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Module"}, packages...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	seen := map[string]module{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct{ Module *module }
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil { // the standard library
			continue
		}
		m := *p.Module
		if m.Replace != nil {
			m.Dir = m.Replace.Dir
		}
		if !m.Main {
			seen[m.Path] = m
		}
	}
	var all []module
	for _, m := range seen {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// licence finds the licence of a module in the files at its top.
func licence(m module) (string, error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || !fileNames.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		name, err := judge(string(text))
		if err != nil {
			return "", fmt.Errorf("%s: %w", e.Name(), err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "", errors.New("it has no licence")
	}
	return names[0], nil
}

var space = regexp.MustCompile(`[\s*#]+`)

// judge names the licence that a text is.
func judge(text string) (string, error) {
	text = strings.ToLower(space.ReplaceAllString(text, " "))
	for _, p := range refusedPhrases {
		if strings.Contains(text, p) {
			return "", fmt.Errorf("the text speaks of %q", p)
		}
	}
	missing := func(p string) bool { return !strings.Contains(text, p) }
	for _, l := range accepted {
		if !slices.ContainsFunc(l.has, missing) && !slices.ContainsFunc(l.lack, func(p string) bool { return !missing(p) }) {
			return l.name, nil
		}
	}
	return "", errors.New("the text is of no licence that is known and accepted")
}
