package agent

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/connector/secret"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// warnInPlace warns of secrets that a script holds in place.
func warnInPlace(p *plan.Plan, text string) {
	names, _ := secret.InPlace(text)
	for _, n := range names {
		p.Warnings = append(p.Warnings, plan.Warning{Text: fmt.Sprintf("%s holds a secret in place, which everybody sees who sees the script: write ${env:NAME} or ${file:/path} instead", quoted(n))})
	}
}

func quoted(name string) string {
	if strings.Contains(name, " ") {
		return name
	}
	return "option '" + name + "'"
}

// RefuseInPlace refuses a script with secrets in place where its text goes on to others.
func (s Script) RefuseInPlace(what string) error {
	if names, _ := secret.InPlace(s.Text); len(names) > 0 {
		return fmt.Errorf("%s: %s holds a secret in place, and %s: write ${env:NAME} or ${file:/path} instead", s.File, quoted(names[0]), what)
	}
	return nil
}

// ServerURL is the URL that a flag names: as it is, or as a reference, ${env:NAME} or
// ${file:/path}. One with a user, password or token in it has to be a reference, because
// the processes of a host are shown with their flags.
func ServerURL(s string) (string, error) {
	if !secret.IsRef(s) && strings.Contains(s, "@") {
		return "", secret.ErrInPlace
	}
	return secret.Reader{}.Resolve(s)
}

// MaskURLs hides the users, passwords and tokens in the URLs of a text.
func MaskURLs(s string) string { return secret.MaskURLs(s) }
