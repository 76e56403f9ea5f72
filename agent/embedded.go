package agent

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/secret"
)

// usersFile is the file that Embedded.Users names:
//
//	users:
//	  - name: devices
//	    password: ${file:/etc/edgeflow/devices.password}
//	    publish: [sensors.>]
//	    subscribe: [commands.>, _INBOX.>]
type usersFile struct {
	Users []struct {
		Name      string   `yaml:"name"`
		Password  string   `yaml:"password"`
		Publish   []string `yaml:"publish"`
		Subscribe []string `yaml:"subscribe"`
	} `yaml:"users"`
}

// readUsers reads the users of the embedded server. No error repeats a password.
func readUsers(path string) ([]embedded.User, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, away(fmt.Errorf("--embedded-users: %w", err))
	}
	var f usersFile
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		at := ""
		var y yaml.Error
		if errors.As(err, &y) && y.GetToken() != nil {
			at = fmt.Sprintf(", line %d", y.GetToken().Position.Line)
		}
		return nil, fmt.Errorf("--embedded-users: %s%s: not a list of users with name, password, publish and subscribe", path, at)
	}
	if len(f.Users) == 0 {
		return nil, fmt.Errorf("--embedded-users: %s names no users", path)
	}
	var out []embedded.User
	for _, u := range f.Users {
		password, err := secret.Reader{}.Resolve(u.Password)
		if err != nil {
			return nil, away(fmt.Errorf("--embedded-users: %s: user %q: %w", path, u.Name, err))
		}
		out = append(out, embedded.User{Name: u.Name, Password: password, Publish: u.Publish, Subscribe: u.Subscribe})
	}
	return out, nil
}

// embeddedOptions are those of the embedded server, and the certificates of its ports, if they have
// any.
func (a *Agent) embeddedOptions() (o embedded.Options, ports *certs.Files, err error) {
	e := a.opt.Embedded
	o = embedded.Options{
		Name: "edgeflow-" + a.opt.Instance, StoreDir: filepath.Join(a.opt.DataDir, "jetstream"), Domain: e.Domain,
		Listen: e.Listen, MQTTListen: e.MQTTListen, MaxStoreBytes: e.MaxStoreBytes, LazySync: e.Lazy, Open: e.Open, Logger: a.log,
	}
	o.StoreKey, o.OldStoreKey = streamKeys(a.keys)
	if e.Users != "" {
		if o.Users, err = readUsers(e.Users); err != nil {
			return o, nil, err
		}
	}
	switch {
	case e.Cert != "" || e.Key != "":
		if ports, err = a.certificates("--embedded-cert", e.Cert, e.Key, e.ClientCA); err != nil {
			return o, nil, err
		}
		o.TLS = ports.Server(true)
	case e.ClientCA != "":
		return o, nil, errors.New("--embedded-client-ca needs --embedded-cert and --embedded-key: clients show certificates under TLS only")
	}
	if e.LeafURL != "" {
		if o.Leaf, err = a.leafOptions(); err != nil {
			return o, nil, err
		}
	}
	a.warnOpen(&o)
	return o, ports, nil
}

// certificates reads those that flags name.
func (a *Agent) certificates(flags, cert, key, ca string) (*certs.Files, error) {
	f, err := certs.Load(certs.Options{Cert: cert, Key: key, CA: ca, Now: a.clock.Now, Logger: a.log})
	if err == nil {
		return f, nil
	}
	err = fmt.Errorf("%s: %w", flags, err)
	if (cert == "") != (key == "") {
		return nil, err
	}
	return nil, away(err)
}

// warnOpen says plainly what ports beyond this host lack.
func (a *Agent) warnOpen(o *embedded.Options) {
	for _, addr := range []string{o.Listen, o.MQTTListen} {
		switch {
		case addr == "" || loopback(addr):
		case o.Open && len(o.Users) == 0:
			a.log.Warn("the embedded server's port is open to everybody who reaches it (--embedded-insecure)", "address", addr)
		case o.TLS == nil:
			a.log.Warn("passwords of the embedded server's users go over the network in the clear: --embedded-cert and --embedded-key encrypt them", "address", addr)
		}
	}
}

// leafOptions say how the hub is reached that the embedded server joins.
func (a *Agent) leafOptions() (*embedded.LeafOptions, error) {
	e := a.opt.Embedded
	u, err := url.Parse(e.LeafURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("--embedded-leaf: not a URL such as tls://hub.example:7422")
	}
	mode, _ := nats.ParseTLSMode(e.Leaf.TLS) // the options are checked
	l := &embedded.LeafOptions{URLs: []string{e.LeafURL}, Credentials: e.Leaf.Credentials, NKey: e.Leaf.NKey}
	l.RequireTLS = mode == nats.TLSAlways || mode == nats.TLSBeyondHost && !loopbackHost(u.Hostname())
	if strings.EqualFold(u.Scheme, "ws") && l.RequireTLS {
		return nil, errors.New("--embedded-leaf: ws:// goes over the network in the clear: use wss://, or --embedded-leaf-tls off where the network is trusted")
	}
	if e.Leaf.CA != "" || e.Leaf.Cert != "" || e.Leaf.Key != "" || e.Leaf.ServerName != "" || l.RequireTLS {
		f, err := a.certificates("--embedded-leaf-cert, --embedded-leaf-ca", e.Leaf.Cert, e.Leaf.Key, e.Leaf.CA)
		if err != nil {
			return nil, err
		}
		l.TLS = f.Client(e.Leaf.ServerName)
	}
	return l, nil
}
