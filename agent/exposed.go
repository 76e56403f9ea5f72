package agent

import (
	"os"
	"runtime"
	"strings"
)

// warnExposed warns of files with secrets that every user of the host can read.
func (a *Agent) warnExposed() {
	if runtime.GOOS == "windows" {
		return // the mode of a file says nothing there
	}
	o := &a.opt
	for _, name := range []string{
		o.StateKey, o.Access.ReadToken, o.Access.ControlToken, o.Access.Key, o.Embedded.Key, o.Embedded.Users,
		o.Embedded.Leaf.Credentials, o.Embedded.Leaf.NKey, o.Embedded.Leaf.Key,
		o.NATS.Credentials, o.NATS.NKey, o.NATS.Key, o.Hub.Credentials, o.Hub.NKey, o.Hub.Key,
	} {
		if ref, ok := strings.CutPrefix(name, "${file:"); ok {
			name = strings.TrimSuffix(ref, "}")
		}
		info, err := os.Stat(name)
		if name != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
			a.log.Warn("everybody on this host can read a file with a secret: chmod o-r", "file", name)
		}
	}
}
