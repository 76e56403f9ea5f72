package secret

import (
	"strings"
	"testing"
)

// However a secret is written, it is found and hidden: in the text, in each line of it, and in what
// the text says once it is read.
func TestWaysToWriteASecret(t *testing.T) {
	for _, c := range []struct {
		text string
		read []string // what the program reads, beside the text
	}{
		{text: `'nats.url'='PLANTED1:PLANTED2@h:4222'`, read: []string{"PLANTED1:PLANTED2@h:4222", "PLANTED2"}},
		{text: `'nats.url' = 'PLANTED1@h'`},
		{text: `'nats.url'='h1:4222, me:PLANTED1@h2'`},
		{text: `'nats.url'='nats://me:PLANTED1@PLANTED2@h:4222'`, read: []string{"nats://me:PLANTED1@PLANTED2@h:4222", "PLANTED1@PLANTED2"}},
		{text: `'nats.url'='nats://me:PLANTED1/PLANTED2@h'`, read: []string{"PLANTED1/PLANTED2"}},
		{text: `'nats.url'='nats://me:PLANTED1,PLANTED2@h'`, read: []string{"nats://me:PLANTED1", "PLANTED2@h"}},
		{text: `'nats.url'='me:PLANTED1''PLANTED2@h'`, read: []string{"PLANTED1'PLANTED2"}},
		{text: `'nats.password' /* x */ = 'PLANTED1'`},
		{text: "'nats.password' -- 'x'\n = // 'y'\n 'PLANTED1'"},
		{text: "'nats.password' = 'PLANTED1'\n  'PLANTED2'", read: []string{"PLANTED1PLANTED2"}},
		{text: `U&'nats.\0070assword' = U&'PLANTED\0031'`, read: []string{"PLANTED1"}},
		{text: `'nats.password' = _utf8'PLANTED1'`},
		{text: `'nats.password' = 'PLANTED1''PLANTED2''s'`, read: []string{"PLANTED1'PLANTED2's"}},
		{text: `-- 'nats.password' = 'PLANTED1'`},
		{text: "SELECT 'it's'; 'nats.password' /**/ = 'PLANTED1', 'x' = 'y"},
		{text: "'nats.password' = 'PLANTED1,\n 'nats.stream' = 'S'"},
		{text: "'nats.password' = 'PLANTED1\n);\nSELECT 1"},
		{text: `the server nats://me:PLANTED1@PLANTED2@h`},
	} {
		m := NewMasker(c.text)
		for _, text := range append(append(c.read, c.text), strings.Split(c.text, "\n")...) {
			if got := m.Text(text); strings.Contains(got, "PLANTED") {
				t.Errorf("%s\nshows %q", c.text, got)
			}
		}
		if names, _ := InPlace(c.text); len(names) != 1 {
			t.Errorf("%s\nholds secrets of %q", c.text, names)
		}
	}
	for _, text := range []string{
		`'nats.url' = 'nats://h1:4222,h2:4222,[::1]:4222,[::1],h3/x'`, `'nats.url' = '${env:URL}'`,
		`'nats.password-file' = '/x', 'nats.credentials' = '/y'`, "'path' = '/a@b'", "'nats.password' = '${file:/x}'",
	} {
		if names, secrets := InPlace(text); len(names) > 0 {
			t.Errorf("%s: secrets of %q: %q", text, names, secrets)
		}
	}
}
