//go:build !linux

package main

import "time"

// threadTime is 0: this system does not tell a thread's CPU time.
func threadTime() time.Duration { return 0 }

// runDelay is 0: this system does not tell how long a thread waits for a core.
type runDelay struct{}

func openRunDelay() (*runDelay, error) { return &runDelay{}, nil }

func (*runDelay) now() time.Duration { return 0 }

func (*runDelay) close() {}

// pause lets the calling goroutine sleep.
func pause(d time.Duration) { time.Sleep(d) }

// pauseInTurn lets the calling goroutine sleep.
func pauseInTurn(d time.Duration) { time.Sleep(d) }
