package command

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edgeflow/edgeflow/agent"
)

// accessFlags say who may use the control address.
func accessFlags(f *pflag.FlagSet, a *agent.Access) {
	f.StringVar(&a.ReadToken, "listen-read-token", "", "token for metrics and status at --listen, as ${file:/path} or ${env:NAME}")
	f.StringVar(&a.ControlToken, "listen-control-token", "", "token for savepoints and drains too, as ${file:/path} or ${env:NAME}")
	f.StringVar(&a.Cert, "listen-cert", "", "certificate of --listen, which makes it TLS; read anew when it changes")
	f.StringVar(&a.Key, "listen-key", "", "key of --listen-cert")
	f.StringVar(&a.ClientCA, "listen-client-ca", "", "CA of client certificates that may read at --listen")
	f.StringArrayVar(&a.ControlClients, "listen-control-client", nil, "name in a client certificate that may control, too")
	f.BoolVar(&a.Open, "listen-insecure", false, "let everybody who reaches --listen read and control")
}

// embeddedFlags say who may use the embedded server's ports, and how it reaches its hub.
func embeddedFlags(f *pflag.FlagSet, e *agent.Embedded) {
	f.StringVar(&e.Users, "embedded-users", "", "YAML file of the users of the embedded server's ports, with their passwords and subjects")
	f.StringVar(&e.Cert, "embedded-cert", "", "certificate of the embedded server's ports, which makes them TLS; read anew when it changes")
	f.StringVar(&e.Key, "embedded-key", "", "key of --embedded-cert")
	f.StringVar(&e.ClientCA, "embedded-client-ca", "", "CA of the certificates that clients of the embedded server have to show")
	f.BoolVar(&e.Open, "embedded-insecure", false, "let everybody who reaches the embedded server's ports use it")
	f.StringVar(&e.Leaf.Credentials, "embedded-leaf-credentials", "", "credentials file for --embedded-leaf")
	f.StringVar(&e.Leaf.NKey, "embedded-leaf-nkey", "", "nkey seed file for --embedded-leaf")
	f.StringVar(&e.Leaf.CA, "embedded-leaf-ca", "", "CA certificates for --embedded-leaf")
	f.StringVar(&e.Leaf.Cert, "embedded-leaf-cert", "", "client certificate for --embedded-leaf")
	f.StringVar(&e.Leaf.Key, "embedded-leaf-key", "", "key of --embedded-leaf-cert")
	f.StringVar(&e.Leaf.ServerName, "embedded-leaf-server-name", "", "name in the certificate of --embedded-leaf (default: that of its URL)")
	f.StringVar(&e.Leaf.TLS, "embedded-leaf-tls", "", "required or off (default: required unless --embedded-leaf is on this host)")
}

// urlFlag is the URL of a server. One with a password or token in it is named by a
// reference, ${env:NAME} or ${file:/path}: the processes of a host are shown with their flags.
type urlFlag struct{ to *string }

func (u urlFlag) String() string {
	if u.to == nil {
		return ""
	}
	return agent.MaskURLs(*u.to)
}

func (u urlFlag) Type() string { return "url" }

func (u urlFlag) Set(s string) (err error) {
	*u.to, err = agent.ServerURL(s)
	return err
}

// withoutValue leaves the value out of an error about a flag that may carry a secret.
func withoutValue(err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) && bad.GetFlag().Value.Type() == (urlFlag{}).Type() {
		return fmt.Errorf("--%s: %w", bad.GetFlag().Name, bad.Unwrap())
	}
	return err
}

// keyFlag names the keys of encrypted state.
func keyFlag(f *pflag.FlagSet, ref *string) {
	f.StringVar(ref, "state-key", "", "keys of encrypted state as ${file:/path} or ${env:NAME}, one a line: the first encrypts, all decrypt")
}

// callerFlags are those of commands that ask a running edgeflow. The command's context
// carries them.
func callerFlags(c *cobra.Command, server *string) {
	var who agent.Caller
	f := c.Flags()
	f.StringVar(server, "server", "http://127.0.0.1:9464", "control address of the running edgeflow")
	f.StringVar(&who.Token, "token", "", "token for it, as ${file:/path} or ${env:NAME} (default: ${env:EDGEFLOW_TOKEN} where set)")
	f.StringVar(&who.CA, "server-ca", "", "CA certificates that its certificate is verified with")
	f.StringVar(&who.Cert, "client-cert", "", "our certificate for it")
	f.StringVar(&who.Key, "client-key", "", "key of --client-cert")
	c.PreRun = func(c *cobra.Command, _ []string) { c.SetContext(agent.AsCaller(c.Context(), who)) }
}

// reloads sends when the process gets SIGHUP, which never ends it, whatever there is to read anew
// and however late it comes.
func reloads(o *agent.Options) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	o.Reload = hup
}

// allowPathFlag declares folders besides those that are allowed without it. Without any, SQL
// is confined to the latter.
func allowPathFlag(f *pflag.FlagSet, paths *[]string, besides string) {
	f.StringArrayVar(paths, "allow-path", []string{}, "folder that paths in SQL may lie in, besides "+besides+"; may be repeated")
}

// allowEnvFlag declares variables of the environment.
func allowEnvFlag(f *pflag.FlagSet, names *[]string) {
	f.StringArrayVar(names, "allow-env", nil, "environment variable that SQL may name as a secret; may be repeated (default: all)")
}
