package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// Rows choose their subjects by their data: one with a subject that no server takes, or that would
// be a cursor, is a dead letter, and does not hold up those behind it.
func TestRowWithSubjectThatIsNone(t *testing.T) {
	b := newBroker(t, embedded.Options{})
	b.stream()
	bad := []string{"res.p q", "res..p", "res.*", "RES.cursor.p.test.res", "$JS.API.STREAM.DELETE.EV", "res." + strings.Repeat("x", 5000)}
	for _, s := range append([]string{"res.p"}, bad...) {
		b.put(fmt.Appendf(nil, `{"usr":%q,"n":1}`, s))
	}
	b.put([]byte(`{"usr":"res.p","n":2}`))
	sql := passing("p", b.ClientURL(), b.ClientURL(), "")
	sql = strings.Replace(sql, "res (usr STRING,", "res (usr STRING METADATA FROM 'subject',", 1)
	dir := t.TempDir()
	newHost(t, dir, nil, sql)
	b.awaitRows("RES", "res.p", []string{`{"n":1}`, `{"n":2}`})
	var got []string
	until(t, "the others are dead letters", func() bool { got = letters(t, dir, "p"); return len(got) == len(bad) }, func() string { return fmt.Sprint(got) })
	for _, l := range got {
		contains(t, l, `"reason":"the row's subject`)
	}
}
