package crashtest

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The recorder is strace: what a process asks of the kernel for its files, with all data,
// in the order in which it asks.

// recorded are the calls that change files, or make changes last.
const recorded = "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"

// needRecorder skips a test where processes cannot be recorded.
func needRecorder(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if out, err := exec.Command(path, "-f", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	return path
}

// call is one call of the kernel.
type call struct {
	name string
	args []string // strings are decoded, file descriptors are the paths they stand for
	ok   bool     // it came back without an error
	ret  string
}

// readCalls gives the calls of a recording to fn in the order of their ends; those that
// never came back come last, with ok unset.
func readCalls(r io.Reader, fn func(call) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	begun := map[string]string{} // by thread, what strace wrote of an unfinished call
	for {
		line, err := in.ReadString('\n')
		if err != nil && !(errors.Is(err, io.EOF) && line == "") {
			if !errors.Is(err, io.EOF) {
				return err
			}
		}
		if line == "" {
			break
		}
		thread, text, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		text = strings.TrimLeft(text, " ")
		switch {
		case text == "" || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++"):
			continue
		case strings.HasSuffix(text, "<unfinished ...>"):
			begun[thread] = strings.TrimSuffix(text, "<unfinished ...>")
			continue
		case strings.HasPrefix(text, "<..."):
			_, rest, ok := strings.Cut(text, "resumed>")
			if !ok || begun[thread] == "" {
				return fmt.Errorf("strace: %.100s without a beginning", text)
			}
			text = begun[thread] + rest
			delete(begun, thread)
		}
		c, err := parseCall(text)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	for _, text := range begun {
		c, err := parseCall(strings.TrimRight(text, ", ") + ") = ?")
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// parseCall reads name(args) = result.
func parseCall(text string) (c call, err error) {
	name, rest, ok := strings.Cut(text, "(")
	if !ok {
		return c, fmt.Errorf("strace: no call: %.100s", text)
	}
	c.name = name
	for {
		rest = strings.TrimLeft(rest, ", ")
		var arg string
		switch {
		case strings.HasPrefix(rest, ")"):
			c.ret = strings.TrimSpace(strings.TrimPrefix(strings.TrimLeft(rest[1:], " "), "="))
			c.ok = c.ret != "" && c.ret[0] >= '0' && c.ret[0] <= '9'
			return c, nil
		case strings.HasPrefix(rest, `"`):
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return c, fmt.Errorf("strace: a string without end: %.100s", text)
			}
			if arg, err = unescape(rest[1 : 1+end]); err != nil {
				return c, err
			}
			if rest = rest[end+2:]; strings.HasPrefix(rest, "...") {
				return c, fmt.Errorf("strace: a string is cut short: %.100s", text)
			}
		case strings.HasPrefix(rest, "["):
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return c, fmt.Errorf("strace: a list without end: %.100s", text)
			}
			arg, rest = rest[:end+1], rest[end+1:]
		default:
			end := strings.IndexAny(rest, ",)<")
			if end < 0 {
				return c, fmt.Errorf("strace: no end: %.100s", text)
			}
			if arg = rest[:end]; rest[end] != '<' {
				rest = rest[end:]
				break
			}
			close := strings.IndexByte(rest[end:], '>')
			if close < 0 {
				return c, fmt.Errorf("strace: no path: %.100s", text)
			}
			if arg, err = unescape(rest[end+1 : end+close]); err != nil {
				return c, err
			}
			rest = strings.TrimPrefix(rest[end+close+1:], "(deleted)")
		}
		c.args = append(c.args, arg)
	}
}

// unescape decodes \x escapes; what is not escaped stays.
func unescape(s string) (string, error) {
	if len(s)%4 == 0 && strings.HasPrefix(s, `\x`) {
		digits := make([]byte, 0, len(s)/2)
		for i := 0; i < len(s); i += 4 {
			digits = append(digits, s[i+2], s[i+3])
		}
		b, err := hex.DecodeString(string(digits))
		if err == nil {
			return string(b), nil
		}
	}
	if strings.Contains(s, `\`) {
		return "", fmt.Errorf("strace: string %.60s", s)
	}
	return s, nil
}

// number reads an argument.
func (c call) number(i int) (int64, error) {
	if i >= len(c.args) {
		return 0, fmt.Errorf("strace: %s has %d arguments", c.name, len(c.args))
	}
	return strconv.ParseInt(strings.TrimSpace(c.args[i]), 0, 64)
}
