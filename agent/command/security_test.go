package command

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a command line and returns its error.
func run(t *testing.T, args ...string) error {
	t.Helper()
	root := rootCommand(nil)
	root.SetArgs(args)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	return root.ExecuteContext(t.Context())
}

// TestSecretsInFlagsAreRefused: the processes of a host are shown with their flags, so a
// secret is named by a reference; the message does not repeat it.
func TestSecretsInFlagsAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "p.sql")
	if err := os.WriteFile(file, []byte("CREATE TABLE s (a INT) WITH ('connector'='datagen');"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", file, "--nats", "nats://me:hunter2@hub"},
		{"run", file, "--nats", "hunter2@hub"},
		{"run", file, "--hub", "tls://hunter2@hub:4222"},
		{"run", file, "--embedded-leaf", "nats-leaf://me:hunter2@hub"},
		{"run", file, "--listen-control-token", "hunter2hunter2hunter2", "--listen", "127.0.0.1:0", "--data", dir},
		{"run", file, "--state-key", strings.Repeat("hunter2", 10), "--listen", "", "--data", dir},
		{"audit", "--token", "hunter2hunter2hunter2"},
		{"query", "CREATE TABLE s (a INT) WITH ('connector'='nats','nats.token'='hunter2'); SELECT * FROM s"},
	} {
		err := run(t, args...)
		if err == nil || !strings.Contains(err.Error(), "${env:NAME}") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", args[:2], err)
		}
		if len(args) > 2 && args[2] == "--nats" && !errors.Is(err, errUsage) {
			t.Errorf("%s is not wrong usage", args)
		}
	}
	t.Setenv("EDGEFLOW_TEST_URL", "nats://me:hunter2@127.0.0.1:1")
	var to string
	if err := (urlFlag{&to}).Set("${env:EDGEFLOW_TEST_URL}"); err != nil || to != "nats://me:hunter2@127.0.0.1:1" || (urlFlag{&to}).String() != "nats://***@127.0.0.1:1" {
		t.Errorf("%q %v", to, err)
	}
	// What is generated carries the script.
	inPlace := filepath.Join(dir, "secret.sql")
	if err := os.WriteFile(inPlace, []byte("CREATE TABLE s (a INT) WITH ('connector'='nats','nats.stream'='S','format'='json','nats.password'='hunter2');"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"generate", inPlace, "-o", filepath.Join(dir, "out")}, {"build", inPlace, "-o", filepath.Join(dir, "bin")}} {
		if err := run(t, args...); err == nil || !strings.Contains(err.Error(), "in place") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", args[0], err)
		}
	}
}
