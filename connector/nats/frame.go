package nats

import (
	"bytes"
	"errors"
	"fmt"
)

// kinds of protocol frames a server sends.
const (
	frameMsg  = 'M'
	framePing = 'P'
	framePong = 'O'
	frameInfo = 'I'
	frameErr  = 'E'
	frameOK   = '+'
)

// controlLineMax bounds a line of the protocol; INFO lines of large clusters are the
// longest.
const controlLineMax = 1 << 20

var errProtocol = errors.New("the server broke the NATS protocol")

// frame is one protocol frame; its slices refer to the buffer it was parsed from.
type frame struct {
	kind                 byte
	sid                  uint64
	subject, reply       []byte
	header, data, detail []byte
}

// parseFrame reads one frame from the beginning of buf into f and returns its length. 0
// without an error means that more bytes are needed, need in all if that is known.
func parseFrame(buf []byte, f *frame) (n, need int, err error) {
	nl := bytes.IndexByte(buf, '\n')
	if nl < 0 {
		if len(buf) > controlLineMax {
			return 0, 0, fmt.Errorf("%w: a line longer than %d bytes", errProtocol, controlLineMax)
		}
		return 0, 0, nil
	}
	line := buf[:nl]
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	n = nl + 1
	if len(line) == 0 {
		return 0, 0, fmt.Errorf("%w: an empty line", errProtocol)
	}
	f.header, f.data, f.reply, f.detail = nil, nil, nil, nil
	switch line[0] {
	case 'M', 'm':
		if len(line) > 4 && line[3] == ' ' {
			return parseMsg(buf, line[4:], n, false, f)
		}
	case 'H', 'h':
		if len(line) > 5 && line[4] == ' ' {
			return parseMsg(buf, line[5:], n, true, f)
		}
	case 'P', 'p':
		if len(line) == 4 && (line[1]|0x20) == 'i' {
			f.kind = framePing
			return n, 0, nil
		}
		if len(line) == 4 && (line[1]|0x20) == 'o' {
			f.kind = framePong
			return n, 0, nil
		}
	case 'I', 'i':
		if len(line) > 5 {
			f.kind, f.detail = frameInfo, line[5:]
			return n, 0, nil
		}
	case '-':
		if len(line) > 5 {
			f.kind, f.detail = frameErr, bytes.Trim(line[5:], "' ")
			return n, 0, nil
		}
	case '+':
		f.kind = frameOK
		return n, 0, nil
	}
	return 0, 0, fmt.Errorf("%w: line %q", errProtocol, line[:min(len(line), 64)])
}

// parseMsg reads the arguments "subject sid [reply] [headerBytes] bytes" and takes the
// payload that follows at offset n of buf.
func parseMsg(buf, args []byte, n int, withHeader bool, f *frame) (int, int, error) {
	var tok [5][]byte
	k, start := 0, -1
	for i := 0; i <= len(args); i++ {
		if i < len(args) && args[i] != ' ' && args[i] != '\t' {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			if k == len(tok) {
				return 0, 0, fmt.Errorf("%w: MSG with too many arguments", errProtocol)
			}
			tok[k] = args[start:i]
			k, start = k+1, -1
		}
	}
	min := 3
	if withHeader {
		min = 4
	}
	if k != min && k != min+1 {
		return 0, 0, fmt.Errorf("%w: MSG with %d arguments", errProtocol, k)
	}
	f.kind, f.subject = frameMsg, tok[0]
	var ok bool
	if f.sid, ok = parseUint(tok[1]); !ok {
		return 0, 0, fmt.Errorf("%w: MSG subscription id %q", errProtocol, tok[1])
	}
	if k == min+1 {
		f.reply = tok[2]
	}
	size, ok := parseUint(tok[k-1])
	if !ok || size > 1<<30 {
		return 0, 0, fmt.Errorf("%w: MSG size %q", errProtocol, tok[k-1])
	}
	var hdr uint64
	if withHeader {
		if hdr, ok = parseUint(tok[k-2]); !ok || hdr > size {
			return 0, 0, fmt.Errorf("%w: HMSG header size %q", errProtocol, tok[k-2])
		}
	}
	end := n + int(size)
	if len(buf) < end+2 {
		return 0, end + 2, nil
	}
	if buf[end] != '\r' || buf[end+1] != '\n' {
		return 0, 0, fmt.Errorf("%w: a payload without its end", errProtocol)
	}
	if hdr > 0 {
		f.header = buf[n : n+int(hdr) : n+int(hdr)]
	}
	f.data = buf[n+int(hdr) : end : end]
	return end + 2, 0, nil
}

// status is the inline status of a control message, such as "100 Idle Heartbeat".
type status struct {
	code int
	text string
	// left is Nats-Pending-Messages: how much of a request stays unserved; -1 when absent.
	left int
	// lastStream and lastConsumer are a heartbeat's view of what was delivered.
	lastStream, lastConsumer uint64
	hasLast                  bool
	// stalled is where the server waits for an answer to its flow control; nil when it
	// does not.
	stalled []byte
}

// parseStatus reads a header block that carries a status; ok is false for a message.
func parseStatus(h []byte) (s status, ok bool) {
	const version = "NATS/1.0"
	if len(h) < len(version)+4 || string(h[:len(version)]) != version || h[len(version)] != ' ' {
		return s, false
	}
	line, rest, _ := bytes.Cut(h[len(version)+1:], []byte("\r\n"))
	code, text, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	c, good := parseUint(code)
	if !good || c > 999 {
		return s, false
	}
	s = status{code: int(c), text: string(text), left: -1}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		k, v, has := bytes.Cut(line, []byte(":"))
		if !has {
			continue
		}
		if string(k) == "Nats-Consumer-Stalled" {
			s.stalled = bytes.TrimSpace(v)
			continue
		}
		n, good := parseUint(bytes.TrimSpace(v))
		if !good {
			continue
		}
		switch string(k) {
		case "Nats-Pending-Messages":
			s.left = int(min(n, 1<<30))
		case "Nats-Last-Consumer":
			s.lastConsumer, s.hasLast = n, true
		case "Nats-Last-Stream":
			s.lastStream = n
		}
	}
	return s, true
}
