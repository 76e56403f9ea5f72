package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
)

// publisher publishes messages to JetStream and counts their acknowledgements. Unlike a
// client library it makes no garbage, so that no collection of its own delays what it
// publishes, and it hands the messages that are due to the connection in one write.
type publisher struct {
	conn net.Conn
	buf  []byte // messages that are not written yet
	sent int

	mu    sync.Mutex
	acked int
	err   error
	// changed tells that acked or err has.
	changed *sync.Cond
}

// publishWindow is how many messages may wait for their acknowledgement.
const publishWindow = 16384

// ackSubject is where the server acknowledges to; the connection is the only one that asks.
const ackSubject = "_INBOX.bench.publisher"

// dialPublisher connects to a server at nats://HOST:PORT.
func dialPublisher(url string) (*publisher, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn}
	p.changed = sync.NewCond(&p.mu)
	in := bufio.NewReaderSize(conn, 256<<10)
	if line, err := in.ReadSlice('\n'); err != nil || !bytes.HasPrefix(line, []byte("INFO ")) {
		return nil, errors.Join(fmt.Errorf("no NATS server at %s: %q", url, line), err, conn.Close())
	}
	hello := `CONNECT {"verbose":false,"name":"bench","lang":"go","version":"1","protocol":1}` + "\r\nSUB " + ackSubject + " 1\r\n"
	if _, err := conn.Write([]byte(hello)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go p.acks(in)
	return p, nil
}

// acks takes in what the server sends.
func (p *publisher) acks(in *bufio.Reader) {
	acked := 0
	for {
		err := p.frame(in, &acked)
		if acked > 0 && (err != nil || in.Buffered() == 0) {
			p.mu.Lock()
			p.acked += acked
			p.mu.Unlock()
			p.changed.Signal()
			acked = 0
		}
		if err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
			p.changed.Signal()
			return
		}
	}
}

// frame takes in one frame of the protocol.
func (p *publisher) frame(in *bufio.Reader, acked *int) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(line, []byte("MSG ")):
		size, err := strconv.Atoi(string(bytes.TrimSpace(line[bytes.LastIndexByte(line, ' '):])))
		if err != nil {
			return fmt.Errorf("the server sends %q", line)
		}
		body, err := in.Peek(size + 2)
		if err != nil {
			return err
		}
		if bytes.Contains(body, []byte(`"error"`)) || !bytes.Contains(body, []byte(`"seq"`)) {
			return fmt.Errorf("the server refuses a message: %s", body)
		}
		*acked++
		_, err = in.Discard(size + 2)
		return err
	case bytes.HasPrefix(line, []byte("PING")):
		_, err := p.conn.Write([]byte("PONG\r\n"))
		return err
	case bytes.HasPrefix(line, []byte("-ERR")):
		return fmt.Errorf("the server says %s", line)
	}
	return nil
}

// add makes a message part of the next write.
func (p *publisher) add(subject string, data []byte) {
	p.buf = append(p.buf, "PUB "...)
	p.buf = append(append(p.buf, subject...), " "+ackSubject+" "...)
	p.buf = append(strconv.AppendInt(p.buf, int64(len(data)), 10), "\r\n"...)
	p.buf = append(append(p.buf, data...), "\r\n"...)
	p.sent++
}

// full tells that a write is due whatever comes next.
func (p *publisher) full() bool { return len(p.buf) >= 64<<10 }

// flush writes what was added, and waits until at most so many messages wait for their
// acknowledgement.
func (p *publisher) flush(waiting int) error {
	if len(p.buf) > 0 {
		_, err := p.conn.Write(p.buf)
		p.buf = p.buf[:0]
		if err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && p.sent-p.acked > waiting {
		p.changed.Wait()
	}
	return p.err
}
