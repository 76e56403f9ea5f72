package expr

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	s := argString
	Register(
		rowDef{name: "PARSE_URL", sig: "PARSE_URL(url, part [, key])", doc: "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO; with QUERY the value of a key of it.", category: "string",
			args: []argSpec{s("url"), s("part"), s("key")}, min: 2, result: always(types.TString), row: parseURLRow}.fn(),
		rowDef{name: "URL_ENCODE", sig: "URL_ENCODE(s)", doc: "s in the form of application/x-www-form-urlencoded.", category: "string",
			args: []argSpec{s("s")}, result: always(types.TString), kernel: bytesKernel(appendURLEncoded)}.fn(),
		rowDef{name: "URL_DECODE", sig: "URL_DECODE(s)", doc: "What s means in the form of application/x-www-form-urlencoded, NULL when it is not.", category: "string",
			args: []argSpec{s("s")}, result: always(types.TString), row: urlDecodeRow}.fn(),
		rowDef{name: "INET_ATON", sig: "INET_ATON(s)", doc: "The number of an IPv4 address; a short form fills its last part. NULL when s is none.", category: "network",
			args: []argSpec{s("s")}, result: always(types.TBigInt), row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
				return inetAton(args[0].B), nil
			}}.fn(),
		rowDef{name: "INET_NTOA", sig: "INET_NTOA(n)", doc: "The IPv4 address of a number, NULL when there is none.", category: "network",
			args: []argSpec{argInt("n")}, result: always(types.TString), row: inetNtoaRow}.fn(),
	)
}

// urlParts are the parts of a URL as java.net.URL cuts them; nil parts are absent.
type urlParts struct {
	protocol, authority, userInfo, host, path, query, ref []byte
}

// javaProtocols are those that java.net.URL knows by itself.
var javaProtocols = []string{"http", "https", "ftp", "file", "jar", "mailto"}

// parseURL cuts a URL; ok is false for what java.net.URL refuses.
func parseURL(s []byte) (u urlParts, ok bool) {
	s = bytes.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if len(s) >= 4 && strings.EqualFold(string(s[:4]), "url:") {
		s = s[4:]
	}
	colon := bytes.IndexByte(s, ':')
	if colon < 0 || bytes.IndexByte(s[:colon], '/') >= 0 {
		return u, false
	}
	u.protocol = bytes.ToLower(s[:colon])
	known := false
	for _, p := range javaProtocols {
		known = known || p == string(u.protocol)
	}
	if !known {
		return u, false
	}
	rest := s[colon+1:]
	if at := bytes.IndexByte(rest, '#'); at >= 0 {
		rest, u.ref = rest[:at], present(rest[at+1:])
	}
	if at := bytes.IndexByte(rest, '?'); at >= 0 {
		rest, u.query = rest[:at], present(rest[at+1:])
	}
	if bytes.HasPrefix(rest, []byte("//")) {
		rest = rest[2:]
		end := bytes.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		u.authority = present(rest[:end])
		rest = rest[end:]
		if ok := u.cutAuthority(); !ok {
			return u, false
		}
	}
	u.path = present(rest)
	return u, true
}

// present is b, not nil even when it is empty.
func present(b []byte) []byte { return b[:len(b):len(b)] }

// cutAuthority finds user and host, and checks the port.
func (u *urlParts) cutAuthority() bool {
	host := u.authority
	if at := bytes.IndexByte(host, '@'); at >= 0 {
		if at != bytes.LastIndexByte(host, '@') {
			return true
		}
		u.userInfo, host = present(host[:at]), host[at+1:]
	}
	port := []byte(nil)
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 0 || end+1 < len(host) && host[end+1] != ':' {
			return false
		}
		if end+1 < len(host) {
			port = host[end+2:]
		}
		host = host[:end+1]
	} else if at := bytes.IndexByte(host, ':'); at >= 0 {
		host, port = host[:at], host[at+1:]
	}
	u.host = present(host)
	if len(port) == 0 {
		return true
	}
	n, err := strconv.Atoi(string(port))
	return err == nil && n >= 0
}

func textOrNull(b []byte) vec.Datum {
	if b == nil {
		return vec.NullDatum
	}
	return vec.BytesDatum(b)
}

func parseURLRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	part := string(args[1].B)
	if len(args) == 3 && part != "QUERY" {
		return vec.NullDatum, nil
	}
	u, ok := parseURL(args[0].B)
	if !ok {
		return vec.NullDatum, nil
	}
	switch part {
	case "HOST":
		return textOrNull(u.host), nil
	case "PATH":
		return textOrNull(u.path), nil
	case "REF":
		return textOrNull(u.ref), nil
	case "PROTOCOL":
		return textOrNull(u.protocol), nil
	case "AUTHORITY":
		return textOrNull(u.authority), nil
	case "USERINFO":
		return textOrNull(u.userInfo), nil
	case "FILE":
		b := append(c.Buf[:0], u.path...)
		if u.query != nil {
			b = append(append(b, '?'), u.query...)
		}
		return done(c, b)
	case "QUERY":
		if len(args) == 3 {
			return textOrNull(queryValue(u.query, args[2].B)), nil
		}
		return textOrNull(u.query), nil
	}
	return vec.NullDatum, nil
}

// queryValue is the value of the first pair key=value of a query, or nil.
func queryValue(query, key []byte) []byte {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		if len(pair) > len(key) && pair[len(key)] == '=' && bytes.HasPrefix(pair, key) {
			return present(pair[len(key)+1:])
		}
	}
	return nil
}

func appendURLEncoded(dst, s []byte) []byte {
	for _, c := range s {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '*' || c == '_':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func urlDecodeRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, b := args[0].B, c.Buf[:0]
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] != '%':
			b = append(b, s[i])
		case i+2 < len(s) && isHexDigit(s[i+1]) && isHexDigit(s[i+2]):
			x, _ := strconv.ParseUint(string(s[i+1:i+3]), 16, 8)
			b = append(b, byte(x))
			i += 2
		default:
			return vec.NullDatum, nil
		}
	}
	if !utf8.Valid(b) {
		n := len(b)
		b = appendValidUTF8(b, b[:n:n])
		c.Buf = b
		return vec.BytesDatum(b[n:]), nil
	}
	return done(c, b)
}

// inetAton reads one to four decimal parts of 0 to 255; the last of fewer than four
// stands at the end of the address.
func inetAton(s []byte) vec.Datum {
	parts := bytes.Split(s, []byte("."))
	if len(parts) > 4 {
		return vec.NullDatum
	}
	addr := int64(0)
	for i, p := range parts {
		if len(p) == 0 {
			return vec.NullDatum
		}
		n := int64(0)
		for _, c := range p {
			if n = n*10 + int64(c-'0'); c < '0' || c > '9' || n > 255 {
				return vec.NullDatum
			}
		}
		shift := 8 * (3 - i)
		if i == len(parts)-1 {
			shift = 0
		}
		addr |= n << shift
	}
	return vec.IntDatum(addr)
}

func inetNtoaRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	n := args[0].I
	if n < 0 || n > 0xFFFFFFFF {
		return vec.NullDatum, nil
	}
	b := c.Buf[:0]
	for shift := 24; shift >= 0; shift -= 8 {
		b = strconv.AppendInt(b, n>>shift&0xFF, 10)
		if shift > 0 {
			b = append(b, '.')
		}
	}
	return done(c, b)
}
