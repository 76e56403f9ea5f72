package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/connector/nats"
)

// roots are the folders that a pipeline's SQL may name paths in: those of the options, the
// data folder, the working directory and the folder of the pipeline's file; nil where the options confine nothing.
// Files that the host's own flags name are read wherever they lie.
func (o *Options) roots(script string) (*confine.Roots, error) {
	if o.AllowPaths == nil {
		return nil, nil
	}
	dirs := append([]string{o.DataDir}, o.AllowPaths...)
	beside := []string{"."}
	if script != "" {
		beside = append(beside, filepath.Dir(script))
	}
	for _, d := range beside {
		dir, err := filepath.Abs(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		if dir != filepath.Dir(dir) { // the top of a service's or container's tree does not open all of it
			dirs = append(dirs, dir)
		}
	}
	r, err := confine.New(dirs...)
	if err != nil {
		return nil, fmt.Errorf("--allow-path: %w", err)
	}
	for _, s := range []Server{o.NATS, o.Hub} {
		r = r.With(s.Credentials, s.NKey, s.CA, s.Cert, s.Key)
	}
	return r, nil
}

// Confine makes a connection that the SQL of a script's file describes read its files and
// variables as a pipeline of a host with these options does.
func (o *Options) Confine(script string, c *nats.ConnOptions) error {
	r, err := o.roots(script)
	if err == nil {
		o.confine(r, c)
	}
	return err
}

// confine makes a connection read its files below the pipeline's roots, and of the environment
// what pipelines may.
func (o *Options) confine(r *confine.Roots, c *nats.ConnOptions) {
	if allowed := o.AllowEnv; len(allowed) > 0 {
		c.LookupEnv = func(name string) (string, bool) {
			if !slices.Contains(allowed, name) {
				return "", false
			}
			return os.LookupEnv(name)
		}
	}
	if r != nil {
		c.ReadFile = r.ReadFile
	}
}
