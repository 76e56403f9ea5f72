//go:build !linux

package faulttest

import (
	"net"
	"os"
	"testing"
)

// netns is a network namespace, of which only the test's own is to be had here.
type netns struct{ tun *os.File }

func (n *netns) do(f func() error) error                        { return f() }
func (n *netns) Dial(network, address string) (net.Conn, error) { return net.Dial(network, address) }
func (n *netns) dial(address string) (net.Conn, error)          { return net.Dial("tcp", address) }

func newNetns(t *testing.T, _, _ string) *netns {
	t.Skip("network namespaces are of Linux")
	return nil
}
