package natshub_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// killRows is how many rows a killed process forwards; each batch carries about 1000.
const killRows = 12_000

// childURL is the environment variable that makes the test binary a forwarder.
const childURL = "EDGEFLOW_TEST_HUB"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child forwards an outbox from which nothing was deleted yet, until it is killed or done.
func child(url string) error {
	if err := failpoint.EnableFromEnv(); err != nil {
		return err
	}
	nc, err := nats.Connect(url, nats.Timeout(natstest.Patience))
	if err != nil {
		return err
	}
	defer nc.Close()
	store := &outbox{}
	for i := 0; i < killRows; i += 500 {
		store.add(i, 500)
	}
	fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: []forward.OutputOptions{{
		Name: "out", Hub: natshub.New(fixed{nc}, natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true}),
		Subject: "hub.results", CursorSubject: cursorSubject}}}, nil)
	if err != nil {
		return err
	}
	for !fw.Drained() {
		if _, err := fw.Step(context.Background(), fw.Clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

func TestKilledAtEachPoint(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	var err error
	if w.srv, err = embedded.Start(embedded.Options{StoreDir: w.dir, Listen: "127.0.0.1:0", LazySync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.srv.Shutdown)
	if w.nc, err = w.srv.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.nc.Close)
	if w.js, err = w.nc.JetStream(nats.MaxWait(natstest.Patience)); err != nil {
		t.Fatal(err)
	}
	run := func(points string) (killed bool) {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childURL+"="+w.srv.ClientURL(), failpoint.Env+"="+points)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return false
		}
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return true
		}
		t.Fatalf("%s: %v\n%s", points, err, out)
		return false
	}
	for _, point := range []string{"forward.before-publish", "forward.after-publish", "forward.after-ack", "forward.before-delete"} {
		for hit := 1; hit <= 3; hit++ {
			if !run(fmt.Sprintf("%s=kill:%d", point, hit)) && hit == 1 {
				t.Fatalf("%s: the process was not killed", point)
			}
		}
	}
	for run("") {
	}
	w.expect(killRows)
}
