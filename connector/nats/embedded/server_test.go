package embedded_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	s, err := embedded.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func TestStreamSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Options{StoreDir: dir})
	if s.ReadyIn() <= 0 || s.ClientURL() != "" || s.MQTTAddr() != "" || s.LeafURL() != "" {
		t.Fatalf("ready in %v, listens at %q %q %q", s.ReadyIn(), s.ClientURL(), s.MQTTAddr(), s.LeafURL())
	}
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, _ := nc.JetStream(nats.MaxWait(patience))
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish("s.a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	s.Shutdown()
	s.Shutdown()
	s = start(t, embedded.Options{StoreDir: dir})
	nc, err = s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ = nc.JetStream(nats.MaxWait(patience))
	if m, err := js.GetMsg("S", 1); err != nil || string(m.Data) != "x" {
		t.Fatalf("%v, %v", m, err)
	}
}

func TestLimitsAreExplicit(t *testing.T) {
	s := start(t, embedded.Options{MaxStoreBytes: 1 << 20})
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := nc.JetStream(nats.MaxWait(patience))
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxBytes: 1 << 30}); err == nil {
		t.Fatal("a stream larger than the store's limit is made")
	}
}

func TestWrongOptions(t *testing.T) {
	dir := t.TempDir()
	notADir := filepath.Join(dir, "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		o    embedded.Options
		want string
	}{
		{embedded.Options{}, "StoreDir is empty"},
		{embedded.Options{StoreDir: notADir}, "store directory"},
		{embedded.Options{StoreDir: dir, MaxStoreBytes: -1}, "must not be negative"},
		{embedded.Options{StoreDir: dir, Listen: "nowhere"}, "Listen: \"nowhere\" is not host:port"},
		{embedded.Options{StoreDir: dir, MQTTListen: "127.0.0.1:x"}, "MQTTListen"},
		{embedded.Options{StoreDir: dir, Leaf: &embedded.LeafOptions{}}, "Leaf.URLs is empty"},
		{embedded.Options{StoreDir: dir, Leaf: &embedded.LeafOptions{URLs: []string{"nats-leaf://h:7422"}}}, "a JetStream domain of its own"},
		{embedded.Options{StoreDir: dir, Token: "a", Username: "b"}, "not both"},
	}
	for _, c := range cases {
		s, err := embedded.Start(c.o)
		if err == nil {
			s.Shutdown()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s, err := embedded.Start(embedded.Options{StoreDir: t.TempDir(), Listen: l.Addr().String(), ReadyTimeout: time.Second}); err == nil || !strings.Contains(err.Error(), "in use") {
		if err == nil {
			s.Shutdown()
		}
		t.Errorf("a taken port: %v", err)
	}
}

func TestLeafReachesHub(t *testing.T) {
	hub := start(t, embedded.Options{Name: "hub", Domain: "hub", LeafListen: "127.0.0.1:0"})
	edge := start(t, embedded.Options{Name: "edge", Domain: "edge", Leaf: &embedded.LeafOptions{URLs: []string{hub.LeafURL()}}})
	nc, err := edge.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	until := time.Now().Add(patience)
	for {
		js, err := nc.JetStream(nats.Domain("hub"), nats.MaxWait(2*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = js.AddStream(&nats.StreamConfig{Name: "H", Subjects: []string{"h.>"}}); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the hub is not reached: %v", err)
		}
	}
	if !edge.LeafConnected() || !hub.LeafConnected() {
		t.Fatal("no leaf connection")
	}
}

func TestMQTTDevice(t *testing.T) {
	s := start(t, embedded.Options{MQTTListen: "127.0.0.1:0"})
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("dev.1.temp")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.MQTTAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// CONNECT, protocol level 4, clean session, client id "d1".
	if _, err := c.Write([]byte{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 2, 'd', '1'}); err != nil {
		t.Fatal(err)
	}
	ack := make([]byte, 4)
	if _, err := io.ReadFull(c, ack); err != nil || !bytes.Equal(ack, []byte{0x20, 2, 0, 0}) {
		t.Fatalf("CONNACK %v, %v", ack, err)
	}
	topic := "dev/1/temp"
	p := append([]byte{0x30, byte(2 + len(topic) + 2), 0, byte(len(topic))}, topic+"21"...)
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(patience)
	if err != nil || string(m.Data) != "21" {
		t.Fatalf("%v, %v", m, err)
	}
}
