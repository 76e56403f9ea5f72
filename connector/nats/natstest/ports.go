// Package natstest has what the tests of several packages need around their servers.
package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// Ports finds n ports of the loopback that nobody listens at, for servers that are told where to
// listen, or that end and begin again at the same place. They are none of those that the host gives
// to who asks for any port, and to connections: one of those may be somebody else's by the time that
// a server listens.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	const first = 10_000
	given := 32_768
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(b), &given)
	}
	if given < first+1000 {
		t.Skipf("the host gives away the ports from %d on", given)
	}
	ports := make([]int, 0, n)
	for range 1000 {
		if len(ports) == n {
			return ports
		}
		port := first + rand.IntN(given-first)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer l.Close() // until all are found
			ports = append(ports, port)
		}
	}
	t.Fatalf("only %d ports of %d are found", len(ports), n)
	return nil
}
