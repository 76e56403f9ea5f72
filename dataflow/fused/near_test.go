package fused

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/format"
)

// Short texts as words are their bytes and zeros, whatever stands behind them.
func TestShortTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 17 {
		for range 50 {
			b := make([]byte, 40)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			s := b[5 : 5+n]
			if !Short(s) || Short(b[5:5+n:5+max(n, 15)]) != (n == 16) {
				t.Fatal(n)
			}
			low, high := make([]byte, 8), make([]byte, 8)
			copy(low, s)
			if n > 8 {
				copy(high[16-n:], s[8:])
			}
			if got := Low(s); got != binary.LittleEndian.Uint64(low) {
				t.Errorf("the low word of %x is %x", s, got)
			}
			if got := High(s); got != binary.LittleEndian.Uint64(high) {
				t.Errorf("the high word of %x is %x", s, got)
			}
			ascii := true
			for i := range s {
				if r.IntN(20) > 0 {
					s[i] &= 0x7f
				}
				ascii = ascii && s[i] < 0x80
			}
			if ASCII(b[5:21], uint(n)) != ascii {
				t.Errorf("%x is ASCII: %v", s, !ascii)
			}
			for _, room := range []int{0, 8, 64} {
				key := append(make([]byte, 0, room), "key"...)
				if got, want := KeyText(key, s), append(append([]byte("key"), byte(n)), s...); !bytes.Equal(got, want) {
					t.Errorf("with %d bytes of room the key is %x, not %x", room, got, want)
				}
			}
		}
	}
	long := bytes.Repeat([]byte("x"), 300)
	if got, want := KeyText(nil, long), append(binary.AppendUvarint(nil, 300), long...); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
}

// Sizes of values by their first byte are those that the decoder finds.
func TestMsgpackSizes(t *testing.T) {
	for c, n := range MsgpackSizes {
		b := append([]byte{byte(c)}, make([]byte, 40)...)
		if n != 0 && format.SkipMsgpack(b, 0) != int(n) {
			t.Errorf("a value that begins with %#x has %d bytes, not %d", c, format.SkipMsgpack(b, 0), n)
		}
		if n > 1 && (MsgpackSkip(b[:n-1], 0) != -1 || MsgpackSkip(b[:n], 0) != int(n)) {
			t.Errorf("%#x: %d %d", c, MsgpackSkip(b[:n-1], 0), MsgpackSkip(b[:n], 0))
		}
	}
}
