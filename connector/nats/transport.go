package nats

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// transport is a source's connection. It keeps itself alive and connects anew by itself,
// and tells its keeper so; what was listened to before then must be listened to anew.
type transport interface {
	// listen begins to deliver what comes for subject, as that of the given incarnation, in
	// place of what it delivered before. Messages go to the intake, which knows subject,
	// place in the stream, time, header and payload of each; batches are what one read of
	// the connection yields.
	listen(subject string, incarnation uint64) error
	// request asks and waits for the answer.
	request(ctx context.Context, subject string, payload []byte) ([]byte, error)
	// publish sends a message, with a subject for replies or none. It must not be called from where messages are delivered.
	publish(subject, reply, payload string) error
	// maxPayload is what the server allows in a message, bytes.
	maxPayload() int64
	// up tells whether the connection is there; closed, that it will not come back; why, what
	// the newest attempt at one came to, nil when that is not known.
	up() bool
	closed() bool
	why() error
	// renew gives up a connection that seems dead for another.
	renew()
	close()
}

// events is who hears of what happens to a transport, from any goroutine.
type events interface {
	// fail tells that the connection is lost, or that the server refuses something; a set-up
	// under way ends.
	fail(error)
	// ended tells that what was delivered has come to an end. When the server pushes that
	// may be before it has answered the set-up.
	ended(error)
	// attempt tells why an attempt to connect anew failed.
	attempt(error)
	// connected tells that there is a connection again.
	connected()
	// wake tells that there is something to do.
	wake()
}

var errDown = errors.New("the connection is down")

// errGone is an end of the connection from the other side.
var errGone = errors.New("the server closed the connection")

// client is a connection of nats.go: handshake, log-in, keep-alive and reconnection are
// its work. It is what both transports share.
type client struct {
	nc *nats.Conn
}

// dial connects once; the error names every server that was tried.
func dial(ctx context.Context, o *SourceOptions, in *intake, ev events) (transport, error) {
	opts, err := o.clientOptions()
	if err != nil {
		return nil, err
	}
	d := &dialer{ctx: ctx, o: &o.ConnOptions, wire: o.Reader == WireReader, in: in}
	opts = append(opts,
		nats.SetCustomDialer(d), nats.SkipHostLookup(), nats.DontRandomize(), nats.CustomReconnectDelay(delays(o.BackoffMax)),
		nats.MaxPingsOutstanding(math.MaxInt), // boundConn tells when a connection is dead
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { ev.fail(cause(err, errGone)) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { ev.attempt(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { ev.connected() }),
		nats.ClosedHandler(func(nc *nats.Conn) { ev.fail(cause(nc.LastError(), errGone)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) && !tidying(err) || errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
				ev.fail(cause(err, nil))
			}
		}),
		nats.LameDuckModeHandler(func(nc *nats.Conn) {
			if len(nc.Servers()) > 1 {
				_ = nc.ForceReconnect() // to another, before this one closes the connection
			}
		}))
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(d))
	}
	nc, err := nats.Connect(strings.Join(o.URLs, ","), opts...)
	if err != nil {
		return nil, d.explain(err)
	}
	if d.wire {
		return &wireTransport{client{nc}, d}, nil
	}
	return &clientTransport{client: client{nc}, in: in}, nil
}

// backoffMin is the wait before the first attempt to begin anew.
const backoffMin = 50 * time.Millisecond

// delays makes the waits between rounds of attempts to reconnect: twice as long each time,
// up to most, and never quite the same for two agents.
func delays(most time.Duration) func(int) time.Duration {
	return func(attempts int) time.Duration {
		d := min(backoffMin<<min(attempts-1, 20), most)
		return d - rand.N(d/4+1)
	}
}

func (c *client) request(ctx context.Context, subject string, payload []byte) ([]byte, error) {
	m, err := c.nc.RequestWithContext(ctx, subject, payload)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNoJetStream
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errNoAnswer
	case err != nil:
		return nil, err
	}
	return m.Data, nil
}

func (c *client) publish(subject, reply, payload string) error {
	if reply == "" {
		return c.nc.Publish(subject, []byte(payload))
	}
	return c.nc.PublishRequest(subject, reply, []byte(payload))
}

func (c *client) maxPayload() int64 { return c.nc.MaxPayload() }
func (c *client) up() bool          { return c.nc.IsConnected() }
func (c *client) closed() bool      { return c.nc.IsClosed() }
func (c *client) why() error        { return cause(c.nc.LastError(), nil) }
func (c *client) renew()            { _ = c.nc.ForceReconnect() }
func (c *client) close()            { c.nc.Close() }

// dialer opens connections for nats.go. For the wire reader each is a wireConn, which also
// does the TLS handshake, so that frames can be read above it.
type dialer struct {
	ctx  context.Context // its end closes connections
	o    *ConnOptions
	wire bool
	in   *intake

	mu      sync.Mutex
	current *wireConn
	name    string  // last host name that TLS was done with
	errs    []error // of attempts since the newest connection
}

// SkipTLSHandshake tells nats.go that connections are secured here.
func (d *dialer) SkipTLSHandshake() bool { return d.wire }

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	nd := net.Dialer{Timeout: d.o.DialTimeout}
	conn, err := nd.DialContext(d.ctx, network, address)
	if err != nil {
		d.note(err)
		return nil, err
	}
	if !d.wire {
		return d.bind(conn), nil
	}
	c := d.wrap(conn)
	c.host, _, _ = net.SplitHostPort(address)
	if d.o.TLSFirst {
		if err := c.secure(); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// InProcessConn implements nats.InProcessConnProvider.
func (d *dialer) InProcessConn() (net.Conn, error) {
	conn, err := d.o.InProcess.InProcessConn()
	if err != nil {
		err = fmt.Errorf("embedded server: %w", err)
		d.note(err)
		return nil, err
	}
	if d.wire {
		return d.wrap(conn), nil
	}
	return d.bind(conn), nil
}

func (d *dialer) wrap(conn net.Conn) *wireConn {
	c := &wireConn{d: d, raw: d.bind(conn)}
	c.conn = c.raw
	d.mu.Lock()
	d.current = c
	d.mu.Unlock()
	return c
}

// note keeps why an attempt failed, for explain.
func (d *dialer) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.errs) < 16 {
		d.errs = append(d.errs, err)
	}
}

// explain says why none of the servers could be reached.
func (d *dialer) explain(err error) error {
	d.mu.Lock()
	errs := d.errs
	d.mu.Unlock()
	if len(errs) > 0 && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, errs[len(errs)-1])) {
		return errors.Join(errs...)
	}
	if errors.Is(err, nats.ErrNoInfoReceived) {
		return fmt.Errorf("%w: no greeting; is this a NATS server?", errProtocol)
	}
	return cause(err, err)
}
