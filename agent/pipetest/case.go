package pipetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// Case is one document of a test file: a pipeline with its input and expectations, or a
// list of expressions.
type Case struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Origin      string            `yaml:"origin"`
	SQL         string            `yaml:"sql"`
	File        string            `yaml:"file"`
	Set         map[string]string `yaml:"set"`
	Input       []Step            `yaml:"input"`
	End         string            `yaml:"end"`
	Expect      []Expect          `yaml:"expect"`
	Expressions []Expression      `yaml:"expressions"`
	// Path is the file the case came from, Index its position there.
	Path  string `yaml:"-"`
	Index int    `yaml:"-"`
}

// Step is one thing that happens to the pipeline: rows of a table, a checkpoint, the
// passing of arrival time, or an explicit watermark of a source.
type Step struct {
	Table       string            `yaml:"table"`
	Rows        []any             `yaml:"rows"`
	Checkpoint  string            `yaml:"checkpoint"`
	ArriveAfter string            `yaml:"arrive_after"`
	Watermark   map[string]string `yaml:"watermark"`
}

// Expect is what a sink holds at the end, or that the pipeline is refused or fails.
type Expect struct {
	Table     string `yaml:"table"`
	Changelog *[]any `yaml:"changelog"`
	Final     *[]any `yaml:"final"`
	Error     any    `yaml:"error"`
}

// Expression is a SQL expression and the value it yields.
type Expression struct {
	SQL    string `yaml:"sql"`
	Expect any    `yaml:"expect"`
	As     string `yaml:"as"`
	Type   string `yaml:"type"`
	TZ     string `yaml:"tz"`
	Error  any    `yaml:"error"`
}

// wantsError reports what an error field asks for: any error (text ""), or one that
// contains the text.
func wantsError(v any) (text string, wanted bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case bool:
		return "", v
	case string:
		return v, true
	default:
		return fmt.Sprint(v), true
	}
}

// Find lists the test files that the paths name: files as they are, folders searched for
// *_test.yaml.
func Find(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			out = append(out, p)
			continue
		}
		err = filepath.WalkDir(p, func(f string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(f, "_test.yaml") {
				out = append(out, f)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no *_test.yaml file under %s", strings.Join(paths, ", "))
	}
	return out, nil
}

// Load reads the cases of one file.
func Load(path string) ([]*Case, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.DisallowUnknownField())
	var out []*Case
	for i := 0; ; i++ {
		c := &Case{Path: path, Index: i}
		if err := dec.Decode(c); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", path, i+1, err)
		}
		if c.Name == "" && c.SQL == "" && c.File == "" && len(c.Expressions) == 0 {
			continue
		}
		if c.File != "" {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(path), c.File))
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, c.Name, err)
			}
			c.SQL = string(text)
		}
		out = append(out, c)
	}
}
