// Package failpoint makes a process die, fail or panic at a named step, so that
// tests can crash it exactly there. It costs one atomic load when it is off.
//
// The environment variable EDGEFLOW_FAILPOINTS holds a list of NAME=ACTION[:N],
// separated by commas. N is the hit at which the action happens, 1 when absent.
// Actions: kill (the process kills itself), error (Hit returns an error), panic.
// errors happens at the N-th hit and at all later ones.
//
// Names in use, in the order of a process's life: restore.opened, restore.page,
// restore.loaded, restore.before-positions, restore.after-positions,
// forward.before-claim, forward.after-claim, checkpoint.before-barrier,
// checkpoint.after-barrier, checkpoint.page-write, checkpoint.transaction,
// checkpoint.trim, step.stage, checkpoint.before-commit, checkpoint.after-commit,
// checkpoint.sweep, checkpoint.before-told, forward.before-publish,
// forward.after-publish, forward.after-ack, forward.before-delete,
// compact.before-rename, compact.after-rename, savepoint.before-sync,
// savepoint.before-rename, savepoint.after-rename, restore.savepoint. A package
// may add its own.
package failpoint

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Env is the name of the environment variable.
const Env = "EDGEFLOW_FAILPOINTS"

// ErrInjected is what Hit returns, wrapped, at a point set to fail.
var ErrInjected = errors.New("injected failure")

type point struct {
	action string
	at     int64
	hits   atomic.Int64
}

var points atomic.Pointer[map[string]*point]

// Hit passes the named point. It returns nil unless the point is set to fail now.
func Hit(name string) error {
	m := points.Load()
	if m == nil {
		return nil
	}
	p := (*m)[name]
	if p == nil {
		return nil
	}
	n := p.hits.Add(1)
	if n != p.at && (n < p.at || p.action != "errors") {
		return nil
	}
	switch p.action {
	case "kill":
		kill()
	case "panic":
		panic("failpoint " + name)
	}
	return fmt.Errorf("failpoint %s: %w", name, ErrInjected)
}

// kill ends the process as SIGKILL does: nothing is flushed and nothing deferred runs.
func kill() {
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Kill() == nil {
		select {}
	}
	os.Exit(137)
}

// Enable sets the points of a list, in place of those set before; an empty list
// turns all off.
func Enable(list string) error {
	m := map[string]*point{}
	for _, item := range strings.Split(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, rest, ok := strings.Cut(item, "=")
		action, count, counted := strings.Cut(rest, ":")
		n := int64(1)
		if counted {
			var err error
			if n, err = strconv.ParseInt(count, 10, 64); err != nil || n < 1 {
				return fmt.Errorf("failpoint %q: %q is not a number of hits", item, count)
			}
		}
		switch action {
		case "kill", "error", "errors", "panic":
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("failpoint %q: want NAME=kill|error|errors|panic[:N]", item)
		}
		m[name] = &point{action: action, at: n}
	}
	if len(m) == 0 {
		points.Store(nil)
		return nil
	}
	points.Store(&m)
	return nil
}

// EnableFromEnv sets the points of the environment variable, if there is one.
func EnableFromEnv() error {
	list, ok := os.LookupEnv(Env)
	if !ok {
		return nil
	}
	return Enable(list)
}

// Hits returns how often the named point was passed since it was set.
func Hits(name string) int64 {
	if m := points.Load(); m != nil && (*m)[name] != nil {
		return (*m)[name].hits.Load()
	}
	return 0
}
