package agent_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/certs/certstest"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// What a pipeline lacks at a start and has again later is waited for, with the reason in its
// status: files of references, a key in the middle of its rotation, a port of the embedded server.
func TestWhatIsAwayIsWaitedFor(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 3)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(file(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := certstest.New(t).Issue(t, "me")
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	port, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	put("url-empty", nil)
	put("url-half", []byte("nats://"))
	put("key", nil)
	put("mount", nil) // where a folder will be
	url := func() []byte { return []byte(edge.ClientURL() + "\n") }
	source := func(url string) string { return passing("p", url, edge.ClientURL(), "") }
	tls := passing("p", edge.ClientURL(), "nats://127.0.0.1:1', 'nats.tls.cert'='"+cert+"', 'nats.tls.key'='"+file("key"), "")
	for name, c := range map[string]struct {
		sql, want string
		mend      func(*agent.Options)
		back      func()
	}{
		"no URL":        {source("${file:" + file("url") + "}"), "no such file", nil, func() { put("url", url()) }},
		"an empty URL":  {source("${file:" + file("url-empty") + "}"), "is empty", nil, func() { put("url-empty", url()) }},
		"half a URL":    {source("${file:" + file("url-half") + "}"), "no host", nil, func() { put("url-half", url()) }},
		"an empty key":  {tls, "'nats.tls.key'", nil, func() { put("key", pem) }},
		"a busy port":   {embeddedOnly, "address already in use", func(o *agent.Options) { o.Embedded.MQTTListen = port.Addr().String() }, func() { port.Close() }},
		"no user file":  {embeddedOnly, "--embedded-users", func(o *agent.Options) { o.Embedded.Users = file("users") }, func() { put("users", []byte("users: [{name: a, password: x, publish: [b]}]")) }},
		"a folder away": {folderOnly(file("mount/out")), "mount", func(o *agent.Options) { o.AllowPaths = []string{dir} }, func() { _ = os.Remove(file("mount")) }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, t.TempDir(), func(o *agent.Options) {
				o.Instance = strings.ReplaceAll(name, " ", "-") // they share a hub
				if c.mend != nil {
					c.mend(o)
				}
			}, c.sql)
			st := h.await("p", "it is missed", func(st agent.Status) bool { return st.State == agent.Restarting || st.State == agent.Failed })
			if st.State != agent.Restarting {
				t.Fatalf("it is given up: %s", st.Error)
			}
			contains(t, st.Error, c.want)
			c.back()
			h.await("p", "it runs", inState(agent.Running))
		})
	}
}

const embeddedOnly = `SET 'pipeline.name' = 'p';
CREATE TABLE s (n BIGINT) WITH ('connector'='nats','nats.stream'='EV','nats.subject'='ev.>','nats.stream.create'='true','format'='json');
CREATE TABLE o (n BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT n FROM s`

func folderOnly(path string) string {
	return `SET 'pipeline.name' = 'p';
CREATE TABLE s (n INT) WITH ('connector'='datagen','rows-per-second'='1');
CREATE TABLE o (n INT) WITH ('connector'='filesystem','format'='json','path'='` + path + `');
INSERT INTO o SELECT n FROM s`
}

// What only a person can mend ends the pipeline at once.
func TestReferencesThatNameNothingAreNotTriedAgain(t *testing.T) {
	h := newHost(t, t.TempDir(), nil, passing("p", "${vault:x}", "nats://127.0.0.1:1", ""))
	st := h.await("p", "it fails", func(st agent.Status) bool { return st.State == agent.Failed || st.Restarts > 0 })
	if st.State != agent.Failed {
		t.Errorf("it is tried again: %s", st.Error)
	}
	contains(t, st.Error, "'nats.url'", "${vault:x}", "${env:NAME}")
}
