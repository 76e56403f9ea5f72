//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the engine into a process group of its own: a Ctrl-C at the terminal is the
// demo's, which then drains the engine.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
