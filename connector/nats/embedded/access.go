package embedded

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// User is who may connect to a listener, and to what. MQTT devices log in with name and
// password, too; the topic sensors/1/temp is the subject sensors.1.temp.
type User struct {
	Name, Password string
	// Publish and Subscribe are the subjects that the user may use, wildcards included.
	// Nothing else is allowed, JetStream's API least of all.
	Publish, Subscribe []string
}

// guarded tells whether clients have to say who they are.
func (o *Options) guarded() bool {
	certificate := o.TLS != nil && o.TLS.ClientAuth == tls.RequireAndVerifyClientCert
	return len(o.Users) > 0 || o.Username != "" || o.Token != "" || certificate
}

// validateAccess refuses listeners that are open to others than this host, and users that
// are none.
func (o *Options) validateAccess() error {
	for _, l := range []struct{ flag, addr string }{{"--embedded-listen", o.Listen}, {"the leaf listener", o.LeafListen}, {"--embedded-mqtt", o.MQTTListen}} {
		if l.addr == "" || o.guarded() || o.Open {
			continue
		}
		if host, _, err := splitAddr(l.addr); err == nil && !loopback(host) {
			return fmt.Errorf("embedded nats-server: %s %s: others than this host reach the address, and anybody could write and read every stream; "+
				"name users with --embedded-users FILE, or have clients show certificates (--embedded-cert, --embedded-key and --embedded-client-ca), "+
				"or say --embedded-insecure to open it to everybody", l.flag, l.addr)
		}
	}
	if len(o.Users) > 0 && (o.Username != "" || o.Token != "") {
		return errors.New("embedded nats-server: give users, or one user name with password, or a token")
	}
	seen := map[string]bool{}
	for _, u := range o.Users {
		switch {
		case u.Name == "" || u.Password == "" || strings.HasPrefix(u.Name, insidePrefix):
			return fmt.Errorf("embedded nats-server: user %q needs a name of its own and a password", u.Name)
		case seen[u.Name]:
			return fmt.Errorf("embedded nats-server: user %q is there twice", u.Name)
		case len(u.Publish)+len(u.Subscribe) == 0:
			return fmt.Errorf("embedded nats-server: user %q may do nothing: list the subjects under publish and subscribe", u.Name)
		}
		seen[u.Name] = true
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// connectionInProcess is the server's word for connections that no listener accepted.
const connectionInProcess = "IN_PROCESS"

const insidePrefix = "edgeflow-inside-"

// insideUser is who this process is. Where users are named it has a name and a password
// that nobody knows.
func insideUser(o *Options) User {
	if len(o.Users) == 0 {
		return User{Name: o.Username, Password: o.Password}
	}
	return User{Name: insidePrefix + rand.Text(), Password: rand.Text()}
}

// serverUsers gives the server's form of users. The one inside may do everything, over
// connections within the process alone.
func serverUsers(users []User, inside User) []*server.User {
	out := []*server.User{{Username: inside.Name, Password: inside.Password, AllowedConnectionTypes: map[string]struct{}{connectionInProcess: {}}}}
	for _, u := range users {
		out = append(out, &server.User{Username: u.Name, Password: u.Password, Permissions: &server.Permissions{
			Publish: subjects(u.Publish), Subscribe: subjects(u.Subscribe),
		}})
	}
	return out
}

// subjects allows a list of subjects, or none at all.
func subjects(list []string) *server.SubjectPermission {
	if len(list) == 0 {
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	return &server.SubjectPermission{Allow: list}
}

// InsideUser is who this process is to the server; both are empty where nobody is asked.
func (s *Server) InsideUser() (user, password string) { return s.inside.Name, s.inside.Password }
