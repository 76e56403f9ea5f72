//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Ctrl-C at the terminal goes to the demo's whole process group; the demo then drains its
// engine and compares totals.
func TestInterruptedDemoDrainsAndVerifies(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out output
	cmd := exec.Command(self, "demo", "--rate", "500")
	cmd.Env = append(os.Environ(), asMain+"=1")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	interrupt := time.NewTicker(20 * time.Millisecond)
	defer interrupt.Stop()
	for limit := time.After(patience); ; {
		select {
		case <-limit:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Fatalf("the demo did not end:\n%s", out.String())
		case err := <-ended:
			if err != nil || !strings.Contains(out.String(), "\nEQUAL") {
				t.Fatalf("%v\n%s", err, out.String())
			}
			return
		case <-interrupt.C:
			if strings.Count(out.String(), "epoch") >= 2 {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
				interrupt.Stop()
			}
		}
	}
}
