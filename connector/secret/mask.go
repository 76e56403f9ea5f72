package secret

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// Mask stands where a secret stood.
const Mask = "***"

var (
	// userinfo goes to the last @ of a URL's authority: a password may have one.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s'"]*@`)
	// secretive is in the name of an option that holds a secret, a misspelt one included, or
	// the URL of a server.
	secretive = regexp.MustCompile(`(?i)pas+w|pwd|passphrase|token|secret|seed|credential|apikey|api-key|private|url`)
	// loose is such an option in a text whose tokens cannot be told apart, or in a comment.
	loose = regexp.MustCompile(`'([^']*(?:` + secretive.String() + `)[^']*)'` + blank + `=` + blank + `'((?:[^']|'')*)`)
	pathy = regexp.MustCompile(`(?i)(-file|-env|credentials|\.nkey)$`)
	urls  = regexp.MustCompile(`(?i)url`)
)

// blank is what may stand between tokens.
const blank = `(?:\s|--[^\n]*|//[^\n]*|/\*(?s:.*?)\*/)*`

// MaskURLs hides the user, password or token in the URLs of a text.
func MaskURLs(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	return userinfo.ReplaceAllString(s, "${1}"+Mask+"@")
}

// found are the secrets of a text.
type found struct {
	names, secrets []string
}

// add notes secrets of an option, each once.
func (f *found) add(name string, secrets ...string) {
	for _, s := range secrets {
		if s == "" || IsRef(s) || slices.Contains(f.secrets, s) {
			continue
		}
		f.secrets = append(f.secrets, s)
		if !slices.Contains(f.names, name) {
			f.names = append(f.names, name)
		}
	}
}

// option notes what an option holds; pieces are the parts in which messages may quote it.
func (f *found) option(name, value string, pieces []string) {
	switch {
	case IsRef(value) || !secretive.MatchString(name) || pathy.MatchString(name):
	case urls.MatchString(name):
		f.urls(name, value)
	default:
		f.add(name, value)
		for _, p := range pieces {
			f.add(name, strings.ReplaceAll(p, "''", "'"))
		}
	}
}

// urls notes what stands before the host in a list of URLs, with or without a scheme. A comma in
// a password looks like the end of a URL, whose port is no number then.
func (f *found) urls(name, list string) {
	for u := range strings.SplitSeq(list, ",") {
		_, rest, ok := strings.Cut(u, "://")
		if !ok {
			rest = strings.TrimSpace(u)
		}
		login := ""
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			login = rest[:at]
		} else if host, _, _ := strings.Cut(rest, "/"); !strings.HasSuffix(host, "]") {
			if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") != "" {
				login = rest
			}
		}
		if _, password, _ := strings.Cut(login, ":"); !IsRef(login) {
			f.add(name, login, password)
		}
	}
}

// InPlace returns the options of a script that hold a secret in place, by name, and the
// secrets: values of options that are called password, token and the like and are neither
// references nor the name of a file, and what URLs carry before an @. A script that does not
// parse is searched, too.
func InPlace(script string) (names, secrets []string) {
	var f found
	for _, o := range sql.WrittenOptions(script) {
		f.option(o.Key, o.Value, o.Pieces)
	}
	for _, m := range loose.FindAllStringSubmatch(script, -1) {
		// A quote that is missing makes the lines behind a part of the value.
		line, _, _ := strings.Cut(m[2], "\n")
		f.option(m[1], strings.ReplaceAll(m[2], "''", "'"), []string{strings.TrimSpace(line)})
	}
	for _, m := range userinfo.FindAllString(script, -1) {
		f.urls("a URL", m)
	}
	return f.names, f.secrets
}

// Masker hides secrets in texts, such as messages that quote a script.
type Masker struct{ secrets []string }

// NewMasker hides what a script holds in place.
func NewMasker(script string) Masker {
	_, secrets := InPlace(script)
	slices.SortStableFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be a part of another
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
