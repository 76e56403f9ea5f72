//go:build !linux

package main

import "time"

// threadTime is 0: this system does not tell a thread's CPU time.
func threadTime() time.Duration { return 0 }

// pause lets the calling goroutine sleep.
func pause(d time.Duration) { time.Sleep(d) }
