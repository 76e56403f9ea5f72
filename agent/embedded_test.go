package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/certs/certstest"
)

const users = `users:
  - name: devices
    password: ${env:EDGEFLOW_TEST_DEVICES}
    publish: [ev.>]
`

// TestPipelinesAndDevicesShareThePort runs a pipeline over the embedded server, whose port
// asks for users: the pipeline reads and writes as the process's own user, a device writes as
// the one in the file.
func TestPipelinesAndDevicesShareThePort(t *testing.T) {
	t.Setenv("EDGEFLOW_TEST_DEVICES", "hunter2")
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "server")
	h := newHost(t, t.TempDir(), func(o *agent.Options) {
		o.Embedded = agent.Embedded{Listen: "127.0.0.1:0", Users: file, Cert: cert, Key: key}
	}, `SET 'pipeline.name' = 'shared'; SET 'execution.checkpointing.interval' = '20 ms'; SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE s (n BIGINT) WITH ('connector'='nats','nats.stream'='EV','nats.subject'='ev.>','nats.stream.create'='true','format'='json');
CREATE TABLE o (n BIGINT) WITH ('connector'='nats','nats.stream'='OUT','nats.subject'='out','nats.stream.create'='true','format'='json');
INSERT INTO o SELECT n FROM s`)
	h.await("shared", "it runs", inState(agent.Running))
	e, err := h.Embedded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(e.ClientURL(), "tls://", "nats://", 1)
	if nc, err := nats.Connect(url, nats.RootCAs(ca.File), nats.Timeout(patience)); err == nil {
		nc.Close()
		t.Error("somebody without a name is let in")
	}
	device, err := nats.Connect(url, nats.RootCAs(ca.File), nats.UserInfo("devices", "hunter2"), nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for range 3 {
		if err := device.Publish("ev.a", []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := device.Publish("out", []byte(`{"n":666}`)); err != nil {
		t.Fatal(err)
	}
	if err := device.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	st := h.await("shared", "the rows are confirmed", func(st agent.Status) bool {
		i := slices.IndexFunc(st.Outputs, func(o agent.OutputStatus) bool { return o.Name == "o" })
		return i >= 0 && st.Events == 3 && st.Outputs[i].Confirmed == 3
	})
	if st.Restarts > 0 {
		t.Errorf("%d restarts", st.Restarts)
	}
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error("the log tells the password")
	}
}

func TestUsersFilesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"": "names no users",
		"users:\n  - name: a\n    pasword: hunter2\n": "line 3",
		"users: hunter2": "not a list of users",
		"users:\n  - name: a\n    password: ${env:EDGEFLOW_TEST_NOT_SET}\n    publish: [a]\n": "not set",
		"users:\n  - name: a\n    password: hunter2\n":                                        "may do nothing",
	} {
		file := filepath.Join(t.TempDir(), "users.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Embedded.Users = file })
		if _, err := h.Embedded(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct {
		e    agent.Embedded
		want string
	}{
		{agent.Embedded{Listen: "0.0.0.0:0"}, "--embedded-users"},
		{agent.Embedded{ClientCA: "ca.pem"}, "--embedded-cert"},
		{agent.Embedded{Cert: "none.pem", Key: "none.key"}, "no such file"},
		{agent.Embedded{Domain: "d", LeafURL: "ws://hub.example:443"}, "--embedded-leaf-tls off"},
		{agent.Embedded{Domain: "d", LeafURL: "hub"}, "--embedded-leaf"},
	} {
		h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Embedded = c.e })
		if _, err := h.Embedded(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.e, err)
		}
	}
}
