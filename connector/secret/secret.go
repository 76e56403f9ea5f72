// Package secret is how secrets are named without being written down: ${env:NAME} and
// ${file:/path}, which are read when they are needed. A text with such references may stand
// in a pipeline, in flags and in logs; what they stand for may not.
//
// It imports nothing of the project.
package secret

import (
	"errors"
	"fmt"
	"os"
	"regexp"
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
	return "", fmt.Errorf("%s: a secret is named ${env:NAME} or ${file:/path}", s)
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

// Mask stands where a secret stood.
const Mask = "***"

var (
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s'"@]*@`)
	// option is a table's option as it is written; a misspelt name counts.
	option = regexp.MustCompile(`(?i)'([^']*(?:pas+w|pwd|passphrase|token|secret|seed|credential|apikey|api-key|private)[^']*)'\s*=\s*'((?:[^']|'')*)`)
	pathy  = regexp.MustCompile(`(?i)(-file|-env|credentials|\.nkey)$`)
)

// MaskURLs hides the user, password or token in the URLs of a text.
func MaskURLs(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	return userinfo.ReplaceAllString(s, "${1}"+Mask+"@")
}

// InPlace returns the options of a script that hold a secret in place, by name, and the
// secrets: values of options that are called password, token and the like and are neither
// references nor the name of a file, and what URLs carry before an @.
func InPlace(script string) (names, secrets []string) {
	for _, m := range option.FindAllStringSubmatch(script, -1) {
		name, value := m[1], strings.ReplaceAll(m[2], "''", "'")
		if value == "" || IsRef(value) || pathy.MatchString(name) {
			continue
		}
		names, secrets = append(names, name), append(secrets, value)
	}
	for _, m := range userinfo.FindAllString(script, -1) {
		_, part, _ := strings.Cut(m, "://")
		if part = strings.TrimSuffix(part, "@"); part == "" || IsRef(part) {
			continue
		}
		names, secrets = append(names, "a URL"), append(secrets, part)
		if _, password, ok := strings.Cut(part, ":"); ok && password != "" {
			secrets = append(secrets, password)
		}
	}
	return names, secrets
}

// Masker hides secrets in texts, such as messages that quote a script.
type Masker struct{ secrets []string }

// NewMasker hides what a script holds in place.
func NewMasker(script string) Masker {
	_, secrets := InPlace(script)
	return Masker{secrets}
}

// Text returns the text without the secrets.
func (m Masker) Text(s string) string {
	for _, x := range m.secrets {
		s = strings.ReplaceAll(s, strings.ReplaceAll(x, "'", "''"), Mask)
		s = strings.ReplaceAll(s, x, Mask)
	}
	return MaskURLs(s)
}

// Error returns an error whose text has no secrets and that unwraps to err; nil for nil.
func (m Masker) Error(err error) error {
	if err == nil {
		return nil
	}
	text := m.Text(err.Error())
	if text == err.Error() {
		return err
	}
	return &masked{text, err}
}

type masked struct {
	text string
	err  error
}

func (e *masked) Error() string { return e.text }
func (e *masked) Unwrap() error { return e.err }
