package replay

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// A table that names no server brings its own log-in to that of --nats, as it does in a pipeline.
func TestCaptureWithTheTablesLogIn(t *testing.T) {
	s, err := embedded.Start(embedded.Options{Name: "login", StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Username: "me", Password: "pw", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	js := natstest.Connect(t, s.ClientURL(), natsgo.UserInfo("me", "pw"))
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IN", Subjects: []string{"in.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "in.a", []byte(`{"k":"a"}`)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EDGEFLOW_TEST_CAPTURE", "pw")
	script := agent.Script{File: "p.sql", Inside: true, Text: `
CREATE TABLE a (k STRING) WITH ('connector' = 'nats', 'nats.stream' = 'IN', 'nats.user' = 'me', 'nats.password' = '${env:EDGEFLOW_TEST_CAPTURE}', 'format' = 'json');
CREATE TABLE o (k STRING) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT k FROM a;`}
	var out bytes.Buffer
	o := CaptureOptions{Out: filepath.Join(t.TempDir(), "x.capture"), MaxBytes: 1 << 20, NATS: agent.Server{URL: s.ClientURL()}, All: true, Once: true}
	if err := Capture(t.Context(), &out, script, o); err != nil || !strings.Contains(out.String(), "1 messages captured") {
		t.Errorf("%v\n%s", err, &out)
	}
}
