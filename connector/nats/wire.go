package nats

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// serverInfo is the part of a server's greeting that matters here.
type serverInfo struct {
	Version     string `json:"version"`
	MaxPayload  int64  `json:"max_payload"`
	TLSRequired bool   `json:"tls_required"`
	Nonce       string `json:"nonce"`
	JetStream   bool   `json:"jetstream"`
}

type connectInfo struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required"`
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	Protocol     int    `json:"protocol"`
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"`
	User         string `json:"user,omitempty"`
	Pass         string `json:"pass,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	JWT          string `json:"jwt,omitempty"`
	NKey         string `json:"nkey,omitempty"`
	Sig          string `json:"sig,omitempty"`
}

// wire is one connection to a server. Reading belongs to one goroutine at a time; writing
// is safe from several.
type wire struct {
	conn   net.Conn
	info   serverInfo
	server string

	// buf[r:w] is what was read and not yet parsed, during the handshake and requests.
	buf  []byte
	r, w int

	wmu  sync.Mutex
	wbuf []byte
}

// dialWire tries the servers in order and returns the first connection that is ready.
func dialWire(ctx context.Context, o *ConnOptions) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout*time.Duration(max(1, len(o.URLs))))
	defer cancel()
	if o.InProcess != nil {
		conn, err := o.InProcess.InProcessConn()
		if err != nil {
			return nil, fmt.Errorf("embedded server: %w", err)
		}
		return greet(ctx, conn, o, nil)
	}
	var errs []error
	for _, s := range o.URLs {
		u, err := parseURL(s)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: o.DialTimeout}
		conn, err := d.DialContext(ctx, "tcp", u.Host)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w, err := greet(ctx, conn, o, u)
		if err == nil {
			return w, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", u.Host, err))
	}
	return nil, errors.Join(errs...)
}

// greet does the handshake on conn, which it closes when it fails.
func greet(ctx context.Context, conn net.Conn, o *ConnOptions, u *url.URL) (_ *wire, err error) {
	w := &wire{conn: conn, server: o.Server(), buf: make([]byte, 64<<10)}
	defer func() {
		if err != nil {
			w.conn.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(o.DialTimeout))
	tc, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	secure := func() error {
		if tc == nil {
			tc = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if tc.ServerName == "" && u != nil {
			tc.ServerName = u.Hostname()
		}
		t := tls.Client(conn, tc)
		if err := t.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		w.conn = t
		return nil
	}
	if o.TLSFirst {
		if err := secure(); err != nil {
			return nil, err
		}
	}
	var f frame
	if err := w.next(&f); err != nil {
		return nil, fmt.Errorf("no greeting: %w", err)
	}
	if f.kind != frameInfo {
		return nil, fmt.Errorf("%w: no greeting; is this a NATS server?", errProtocol)
	}
	if err := json.Unmarshal(f.detail, &w.info); err != nil {
		return nil, fmt.Errorf("%w: greeting: %v", errProtocol, err)
	}
	wantTLS := w.info.TLSRequired || o.TLSCA != "" || o.TLSCert != "" || (u != nil && u.Scheme == "tls")
	if wantTLS && !o.TLSFirst && o.InProcess == nil {
		if w.r != w.w {
			return nil, fmt.Errorf("%w: bytes before the TLS handshake", errProtocol)
		}
		if err := secure(); err != nil {
			return nil, err
		}
	}
	if err := w.login(o, u, wantTLS); err != nil {
		return nil, err
	}
	_ = w.conn.SetDeadline(time.Time{})
	return w, nil
}

// login sends CONNECT and waits until the server has accepted it.
func (w *wire) login(o *ConnOptions, u *url.URL, secured bool) error {
	id, err := o.identify(u)
	if err != nil {
		return err
	}
	c := connectInfo{TLSRequired: secured, Name: o.Name, Lang: "go", Version: "1", Protocol: 1, Headers: true, NoResponders: true,
		User: id.user, Pass: id.pass, Token: id.token, JWT: id.jwt, NKey: id.nkey}
	if id.sign != nil {
		if w.info.Nonce == "" {
			return fmt.Errorf("%w: the server does not ask for nkeys: check 'nats.credentials' or 'nats.nkey'", ErrAuthorization)
		}
		sig, err := id.sign([]byte(w.info.Nonce))
		if err != nil {
			return err
		}
		c.Sig = base64.RawURLEncoding.EncodeToString(sig)
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := w.send("CONNECT ", string(b), "\r\nPING\r\n"); err != nil {
		return err
	}
	var f frame
	for {
		if err := w.next(&f); err != nil {
			return fmt.Errorf("log in: %w", err)
		}
		switch f.kind {
		case framePong:
			return nil
		case frameErr:
			return serverError(f.detail)
		case framePing:
			if err := w.send("PONG\r\n"); err != nil {
				return err
			}
		}
	}
}

// serverError gives an -ERR of the server its type.
func serverError(detail []byte) error {
	s := string(detail)
	l := strings.ToLower(s)
	if strings.Contains(l, "authorization") || strings.Contains(l, "authentication") || strings.Contains(l, "permissions") {
		return fmt.Errorf("%w: %s", ErrAuthorization, s)
	}
	return fmt.Errorf("the server says: %s", s)
}

// next reads one frame; its slices are valid until the next call.
func (w *wire) next(f *frame) error {
	for {
		if w.r < w.w {
			n, need, err := parseFrame(w.buf[w.r:w.w], f)
			if err != nil {
				return err
			}
			if n > 0 {
				w.r += n
				return nil
			}
			if need > len(w.buf) {
				w.buf = append(make([]byte, 0, need), w.buf[w.r:w.w]...)[:need]
				w.r, w.w = 0, w.w-w.r
			}
		}
		if w.r > 0 {
			w.w = copy(w.buf, w.buf[w.r:w.w])
			w.r = 0
		}
		if w.w == len(w.buf) {
			w.buf = append(w.buf, make([]byte, len(w.buf))...)
		}
		n, err := w.conn.Read(w.buf[w.w:])
		w.w += n
		if err != nil && n == 0 {
			if errors.Is(err, io.EOF) {
				return errGone
			}
			return err
		}
	}
}

// send writes the parts as one piece.
func (w *wire) send(parts ...string) error {
	w.wmu.Lock()
	defer w.wmu.Unlock()
	w.wbuf = w.wbuf[:0]
	for _, p := range parts {
		w.wbuf = append(w.wbuf, p...)
	}
	_, err := w.conn.Write(w.wbuf)
	return err
}

// publish sends a message with a reply subject.
func (w *wire) publish(subject, reply, payload string) error {
	return w.send("PUB ", subject, " ", reply, " ", strconv.Itoa(len(payload)), "\r\n", payload, "\r\n")
}

func (w *wire) subscribe(subject string, sid uint64) error {
	return w.send("SUB ", subject, " ", strconv.FormatUint(sid, 10), "\r\n")
}

func (w *wire) close() { _ = w.conn.Close() }
