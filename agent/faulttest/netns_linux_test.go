package faulttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// netns is a network namespace; nil is that of the test. It lasts as long as somebody has it
// open, or runs in it.
type netns struct {
	fd  int
	tun *os.File
}

// inside runs f on a thread that is in a namespace and comes back from it.
func inside(enter func() error, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // a thread that does not come back ends with the goroutine
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- err
			return
		}
		defer unix.Close(home)
		if err = enter(); err == nil {
			err = f()
			if unix.Setns(home, unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
		}
		done <- err
	}()
	return <-done
}

// do runs f in the namespace; processes that f starts stay there.
func (n *netns) do(f func() error) error {
	if n == nil {
		return f()
	}
	return inside(func() error { return unix.Setns(n.fd, unix.CLONE_NEWNET) }, f)
}

// Dial implements nats.CustomDialer.
func (n *netns) Dial(network, address string) (c net.Conn, err error) {
	if n == nil {
		return net.Dial(network, address)
	}
	err = n.do(func() error {
		a, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return err
		}
		c, err = net.DialTCP(network, nil, a) // one address: no other thread dials
		return err
	})
	return c, err
}

func (n *netns) dial(address string) (net.Conn, error) { return n.Dial("tcp", address) }

// newNetns makes a namespace whose TUN device leads from one address to another.
func newNetns(t *testing.T, local, peer string) *netns {
	t.Helper()
	n := &netns{fd: -1}
	err := inside(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
		if n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq("link0")
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			unix.Close(fd)
			return err
		}
		n.tun = os.NewFile(uintptr(fd), "link0")
		for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", local, "peer", peer, "dev", "link0"}, {"link", "set", "link0", "mtu", "1400", "up"}} {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %v: %w: %s", args, err, out)
			}
		}
		return nil
	})
	if err != nil {
		t.Skipf("no network namespace with a TUN device: %v", err)
	}
	t.Cleanup(func() {
		n.tun.Close()
		unix.Close(n.fd)
	})
	return n
}
