package embedded_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/certs"
	"github.com/edgeflow/edgeflow/connector/certs/certstest"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

const patience = natstest.Patience

func TestPortsBeyondTheHostNeedUsers(t *testing.T) {
	users := []embedded.User{{Name: "u", Password: "p", Publish: []string{"a"}}}
	for _, c := range []struct {
		o    embedded.Options
		want string
	}{
		{embedded.Options{Listen: "127.0.0.1:0", MQTTListen: "localhost:0"}, ""},
		{embedded.Options{Listen: "0.0.0.0:0"}, "--embedded-users"},
		{embedded.Options{Listen: ":0"}, "--embedded-insecure"},
		{embedded.Options{MQTTListen: "192.0.2.1:1883"}, "--embedded-mqtt"},
		{embedded.Options{LeafListen: "[::]:0"}, "leaf listener"},
		{embedded.Options{Listen: "0.0.0.0:0", TLS: &tls.Config{}}, "--embedded-client-ca"},
		{embedded.Options{Listen: "0.0.0.0:0", TLS: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}}, ""},
		{embedded.Options{Listen: "0.0.0.0:0", Users: users}, ""},
		{embedded.Options{Listen: "0.0.0.0:0", Open: true}, ""},
		{embedded.Options{Users: []embedded.User{{Name: "u", Publish: []string{"a"}}}}, "password"},
		{embedded.Options{Users: []embedded.User{{Name: "u", Password: "hunter2"}}}, "may do nothing"},
		{embedded.Options{Users: append(users, users...)}, "twice"},
		{embedded.Options{Users: users, Token: "t"}, "users, or"},
		{embedded.Options{Users: []embedded.User{{Name: "edgeflow-inside-x", Password: "p", Publish: []string{"a"}}}}, "name of its own"},
	} {
		c.o.StoreDir = t.TempDir()
		err := c.o.Validate()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestUsersDoWhatTheyMay(t *testing.T) {
	s := start(t, embedded.Options{Listen: "127.0.0.1:0", MQTTListen: "127.0.0.1:0", Users: []embedded.User{
		{Name: "device", Password: "secret", Publish: []string{"sensors.>"}, Subscribe: []string{"commands.>"}},
	}})
	inside, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	js, err := inside.JetStream(nats.MaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"sensors.>"}}); err != nil {
		t.Fatalf("this process may do everything: %v", err)
	}
	for _, o := range [][]nats.Option{nil, {nats.UserInfo("device", "wrong")}, {nats.UserInfo("nobody", "secret")}, {nats.Token("secret")}} {
		if nc, err := nats.Connect(s.ClientURL(), append(o, nats.Timeout(patience))...); err == nil {
			nc.Close()
			t.Errorf("%d options let in", len(o))
		}
	}
	user, password := s.InsideUser()
	if nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, password), nats.Timeout(patience)); err == nil {
		nc.Close()
		t.Error("the user inside comes in from outside")
	}
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("device", "secret"), nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{"sensors.a", "other.a", "$JS.API.STREAM.DELETE.S", "$SYS.REQ.SERVER.PING"} {
		if err := nc.Publish(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nc.SubscribeSync(">"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(patience)
	for nc.LastError() == nil && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	stored(t, js, 1)
}

// stored waits until the stream S has n messages: a server stores a message after it has read it.
func stored(t *testing.T, js nats.JetStreamContext, n uint64) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		info, err := js.StreamInfo("S")
		if err == nil && info.State.Msgs == n {
			return
		}
		if err != nil || info.State.Msgs > n || time.Now().After(until) {
			t.Fatalf("the stream has %+v, %v", info, err)
		}
	}
}

func mqttClient(addr, user, password string) error {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("d1").SetUsername(user).SetPassword(password).SetConnectTimeout(patience).SetAutoReconnect(false)
	c := mqtt.NewClient(o)
	t := c.Connect()
	if !t.WaitTimeout(patience) || t.Error() != nil {
		return errors.Join(errors.New("connect"), t.Error())
	}
	defer c.Disconnect(0)
	for _, topic := range []string{"sensors/1/temp", "other/1"} {
		if t := c.Publish(topic, 1, false, "21"); !t.WaitTimeout(patience) {
			return errors.New("no acknowledgement")
		}
	}
	return nil
}

func TestMQTTDevicesLogIn(t *testing.T) {
	s := start(t, embedded.Options{MQTTListen: "127.0.0.1:0", Users: []embedded.User{{Name: "device", Password: "secret", Publish: []string{"sensors.>"}}}})
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream(nats.MaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"sensors.>", "other.>"}}); err != nil {
		t.Fatal(err)
	}
	for _, who := range [][2]string{{"", ""}, {"device", "wrong"}, {"nobody", "secret"}} {
		if err := mqttClient(s.MQTTAddr(), who[0], who[1]); err == nil {
			t.Errorf("%q is let in", who)
		}
	}
	_ = mqttClient(s.MQTTAddr(), "device", "secret") // a publish that is not allowed ends the connection or is dropped
	stored(t, js, 1)
}

func TestCertificatesOfPortsAreReadAnew(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, "server")
	f, err := certs.Load(certs.Options{Cert: cert, Key: key, CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, embedded.Options{Listen: "127.0.0.1:0", TLS: f.Server(true)})
	mine, mineKey := ca.Issue(t, "me")
	connect := func(o ...nats.Option) (int64, error) {
		nc, err := nats.Connect(s.ClientURL(), append(o, nats.RootCAs(ca.File), nats.Timeout(patience))...)
		if err != nil {
			return 0, err
		}
		defer nc.Close()
		st, err := nc.TLSConnectionState()
		if err != nil {
			return 0, err
		}
		return st.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	if _, err := connect(); err == nil {
		t.Error("a client without a certificate is let in")
	}
	first, err := connect(nats.ClientCert(mine, mineKey))
	if err != nil {
		t.Fatal(err)
	}
	ca.Issue(t, "server")
	f.Reload()
	if second, err := connect(nats.ClientCert(mine, mineKey)); err != nil || second == first {
		t.Errorf("serial numbers %d and %d, %v", first, second, err)
	}
}

// TestLeafWithoutTLSIsRefused joins a hub that offers no TLS.
func TestLeafWithoutTLSIsRefused(t *testing.T) {
	hub := start(t, embedded.Options{Name: "hub", Domain: "hub", LeafListen: "127.0.0.1:0"})
	plain := start(t, embedded.Options{Name: "plain", Domain: "plain", Leaf: &embedded.LeafOptions{URLs: []string{hub.LeafURL()}}})
	until := time.Now().Add(patience)
	for !plain.LeafConnected() && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	if !plain.LeafConnected() {
		t.Fatal("it does not connect in the clear either")
	}
	plain.Shutdown()
	for hub.LeafConnected() && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	var log lines
	edge := start(t, embedded.Options{Name: "edge", Domain: "edge", Logger: log.logger(), Leaf: &embedded.LeafOptions{URLs: []string{hub.LeafURL()}, RequireTLS: true}})
	for !log.contain("TLS") && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	if edge.LeafConnected() || !log.contain("TLS") {
		t.Errorf("connected %v, the log says %s", edge.LeafConnected(), log.text())
	}
}
