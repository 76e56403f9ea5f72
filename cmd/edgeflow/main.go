// Command edgeflow runs streaming SQL over NATS JetStream. Everything lives in the agent
// and its command package, so that other programs can be an edgeflow too.
package main

import (
	"os"

	"github.com/edgeflow/edgeflow/agent/command"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
