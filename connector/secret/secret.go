// Package secret is how secrets are named without being written down: ${env:NAME} and
// ${file:/path}, which are read when they are needed. A text with such references may stand
// in a pipeline, in flags and in logs; what they stand for may not.
//
// Secrets that stand in a text all the same are found, and hidden wherever the text is quoted.
//
// It imports dataflow/sql of the project.
package secret

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Reader says how references are read; nil functions are the host's.
type Reader struct {
	// ReadFile reads a whole file.
	ReadFile func(path string) ([]byte, error)
	// LookupEnv reads a variable of the environment.
	LookupEnv func(name string) (string, bool)
}

func (r Reader) file(path string) ([]byte, error) {
	if r.ReadFile != nil {
		return r.ReadFile(path)
	}
	return os.ReadFile(path)
}

func (r Reader) env(name string) (string, bool) {
	if r.LookupEnv != nil {
		return r.LookupEnv(name)
	}
	return os.LookupEnv(name)
}

// IsRef tells whether a text is a reference and nothing else.
func IsRef(s string) bool { return strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") }

// ErrInPlace is returned, wrapped, where only a reference is taken.
var ErrInPlace = errors.New("write ${env:NAME} or ${file:/path} instead of the secret itself: what is written here can be seen by others on this host")

// ErrReference is returned, wrapped, for what looks like a reference and names nothing.
var ErrReference = errors.New("a secret is named ${env:NAME} or ${file:/path}")

// Resolve returns what a reference stands for, without the white space around it; a text
// that is no reference stands for itself. An error names the reference and never a value.
func (r Reader) Resolve(s string) (string, error) {
	if !IsRef(s) {
		return s, nil
	}
	kind, name, _ := strings.Cut(s[2:len(s)-1], ":")
	switch {
	case name == "":
	case kind == "env":
		v, ok := r.env(name)
		if !ok {
			return "", fmt.Errorf("%s: the environment variable is not set, or pipelines may not read it (--allow-env)", s)
		}
		return strings.TrimSpace(v), nil
	case kind == "file":
		b, err := r.file(name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	return "", fmt.Errorf("%s: %w", s, ErrReference)
}

// Must resolves what has to be a reference. It returns "" for "".
func (r Reader) Must(what, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if !IsRef(s) {
		return "", fmt.Errorf("%s: %w", what, ErrInPlace)
	}
	v, err := r.Resolve(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if v == "" {
		return "", fmt.Errorf("%s: %s is empty", what, s)
	}
	return v, nil
}
