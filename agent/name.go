package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

// token makes a name usable as one token of a NATS subject and as a file name. Several names may
// have the same.
func token(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			b[i] = '-'
		}
	}
	return string(b)
}

// distinct is token with a hash of the name where a byte of it was replaced, which tells it from
// others.
func distinct(s string) string {
	t := token(s)
	if t == s {
		return t
	}
	sum := sha256.Sum256([]byte(s))
	return t + "-" + hex.EncodeToString(sum[:4])
}

// pipelineName is the name of a pipeline in paths and subjects: the distinct one, unless its state is
// below a data folder under the plain token, as builds without hashes named it.
func pipelineName(data, name string, keys *store.Keys) string {
	path := func(name string) string { return filepath.Join(data, "pipelines", name, stateFile) }
	own, plain := distinct(name), token(name)
	if own == plain || exists(path(own)) || !exists(path(plain)) {
		return own
	}
	if owner, err := stateOwner(path(plain), keys); err == nil && owner != name {
		return own
	}
	return plain // when the state cannot be read the start says why
}

// stateOwner is the pipeline whose state a file has; empty before the first checkpoint.
func stateOwner(file string, keys *store.Keys) (string, error) {
	st, err := store.Open(file, store.Options{Keys: keys})
	if err != nil {
		return "", err
	}
	defer st.Close()
	restored, err := st.Load()
	if err != nil || restored.Manifest == nil {
		return "", err
	}
	m, err := dataflow.DecodeManifest(restored.Manifest)
	if err != nil {
		return "", err
	}
	return m.Pipeline, nil
}

// ownState refuses the state of another pipeline.
func (p *Pipeline) ownState(m *dataflow.Manifest) error {
	if name := p.plan.Config.Name; m.Pipeline != name {
		return &configError{fmt.Errorf("the state in %s is that of pipeline '%s', and this is '%s': take the savepoint or data folder of this pipeline, or its right 'pipeline.name'; --reset-state sets the state aside",
			p.dir, m.Pipeline, name)}
	}
	return nil
}
