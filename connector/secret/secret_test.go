package secret

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte(" from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Reader{LookupEnv: func(name string) (string, bool) { return "from the environment\n", name == "SET" }}
	for in, want := range map[string]string{
		"":                     "",
		"itself":               "itself",
		"${env:SET}":           "from the environment",
		"${file:" + path + "}": "from a file",
	} {
		if got, err := r.Resolve(in); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"${env:OTHER}": "not set", "${file:/nowhere/x}": "no such file", "${vault:x}": "${env:NAME}", "${env:}": "${env:NAME}", "${}": "${env:NAME}",
	} {
		if _, err := r.Resolve(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := r.Must("--token", "hunter2"); !errors.Is(err, ErrInPlace) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if v, err := r.Must("--token", ""); v != "" || err != nil {
		t.Error(v, err)
	}
}

func TestInPlaceAndMask(t *testing.T) {
	script := `CREATE TABLE t (a INT) WITH ('nats.password' = 'hunt''er2', 'nats.pasword'='typo1', 'nats.token' =
  'tok3', 'nats.password-file' = '/etc/p', 'nats.token-env' = 'TOK', 'nats.credentials' = '/c.creds',
  'other.password' = '${env:PW}', 'nats.url' = 'nats://me:s3cret@hub:4222,tls://tokonly@hub', 'nats.stream' = 'S');`
	names, secrets := InPlace(script)
	if want := []string{"hunt'er2", "typo1", "tok3", "me:s3cret", "s3cret", "tokonly"}; !slices.Equal(secrets, want) {
		t.Errorf("%q %q", names, secrets)
	}
	m := NewMasker(script)
	out := m.Text(script)
	for _, s := range []string{"hunt", "typo1", "tok3", "s3cret", "tokonly"} {
		if strings.Contains(out, s) {
			t.Errorf("%s is left in %s", s, out)
		}
	}
	for _, s := range []string{"/etc/p", "TOK", "/c.creds", "${env:PW}", "***@hub:4222", "'S'"} {
		if !strings.Contains(out, s) {
			t.Errorf("%s is gone from %s", s, out)
		}
	}
	base := errors.New("cannot log in with s3cret")
	if err := m.Error(base); err.Error() != "cannot log in with ***" || !errors.Is(err, base) {
		t.Error(err)
	}
}
