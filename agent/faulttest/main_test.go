package faulttest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edgeflow/edgeflow/agent/command"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

var (
	faults   = flag.Int("faults", 1, "how often a fault that is repeated happens")
	cut      = flag.Duration("cut", 2*time.Second, "how long links are cut or silent")
	frozen   = flag.Duration("frozen", 3*time.Second, "how long processes are stopped")
	slow     = flag.Bool("slow", false, "run the tests of slow links, which take minutes and root")
	patience = flag.Duration("patience", natstest.Patience, "the longest that anything a test waits for may take")
	seed     = flag.Uint64("seed", 1, "seed of moments and losses")
)

// What the environment makes of the test's binary.
const (
	asServer   = "EDGEFLOW_FAULTTEST_SERVER" // a nats-server with the configuration file of that name
	asEdgeflow = "EDGEFLOW_FAULTTEST_EDGEFLOW"
)

func TestMain(m *testing.M) {
	if conf := os.Getenv(asServer); conf != "" {
		if err := serve(conf); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asEdgeflow) != "" {
		os.Exit(command.Main(os.Args[1:]))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// serve is a nats-server until a signal ends it.
func serve(conf string) error {
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		return err
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool, detail ...func() string) {
	t.Helper()
	late := time.Now().Add(*patience)
	for !so() {
		if time.Now().After(late) {
			for _, d := range detail {
				what += "\n" + d()
			}
			t.Fatalf("not within %v: %s", *patience, what)
		}
		pause(20 * time.Millisecond)
	}
}

// pause lets time pass, while a fault lasts or before one looks again.
func pause(d time.Duration) { <-time.After(d) }
