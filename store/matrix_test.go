package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

var damages = flag.Int("damages", 8, "how often each region of a state file is damaged")

// contents is all that a state file tells.
type contents struct {
	restored state.Restored
	pages    map[state.PageID]string
	frames   []string
}

func (c *contents) equal(d *contents) bool {
	return c != nil && c.restored.Epoch == d.restored.Epoch && c.restored.Generation == d.restored.Generation && c.restored.Roots == d.restored.Roots &&
		bytes.Equal(c.restored.Manifest, d.restored.Manifest) && slices.Equal(c.restored.Outboxes, d.restored.Outboxes) &&
		maps.Equal(c.pages, d.pages) && slices.Equal(c.frames, d.frames)
}

// readAll reads a state file as a start of the program does, and then its outboxes; after
// that it commits, as the program would go on.
func readAll(path string, o store.Options) (*contents, error) {
	s, err := store.Open(path, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r, err := s.Load()
	if err != nil {
		return nil, err
	}
	c := &contents{restored: *r, pages: map[state.PageID]string{}}
	if err := s.Pages(func(p state.PageID, img []byte) error { c.pages[p] = string(img); return nil }); err != nil {
		return nil, err
	}
	// The program compares its manifest with the number of pages.
	if want := fmt.Sprintf(" %d pages", len(c.pages)); r.Manifest != nil && !strings.HasSuffix(string(r.Manifest), want) {
		return nil, s.Damaged(fmt.Errorf("there are %s", want))
	}
	for _, b := range r.Outboxes {
		// The program compares its manifest with the ends of the outboxes.
		if want := fmt.Sprintf(" %s %d,", b.Output, b.Last); !strings.Contains(string(r.Manifest), want) {
			return nil, s.Damaged(fmt.Errorf("outbox %q ends with %d", b.Output, b.Last))
		}
		err := s.OutboxScan(b.Output, 0, func(f state.OutboxFrame) (bool, error) {
			c.frames = append(c.frames, fmt.Sprintf("%s %d-%d %d %d %x", f.Output, f.First, f.Last, f.Rows, f.Created, f.Data))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if _, err := s.Commit(&state.Commit{Epoch: r.Epoch + 1, Manifest: r.Manifest}); err != nil {
		return nil, err
	}
	return c, s.Check()
}

// rich makes a state file whose parts are all there: branches, outboxes that are full, half
// sent and empty, free pages. It returns the file as the last commit left it, and what that
// one and the one before hold.
func rich(t *testing.T, o store.Options) (file []byte, now, before *contents) {
	t.Helper()
	d := newDisk(t, o)
	s := d.Open(t)
	a, tab := newTable(t, s)
	seq := map[string]uint64{}
	for e := state.Epoch(1); e <= 9; e++ {
		if e == 9 {
			before = copyAndRead(t, d)
		}
		for i := range uint64(3000) {
			if i%uint64(e) == 0 {
				set(tab, i*7919, uint64(e)*i)
			}
		}
		c := &state.Commit{Epoch: e, Generation: 3, Manifest: fmt.Appendf(nil, "epoch %d:", e)}
		for _, out := range []string{"sent", "half", "full"} {
			for range 3 {
				seq[out]++
				data := make([]byte, 300+int(seq[out])*37)
				binary.LittleEndian.PutUint64(data, seq[out]*0x9e3779b97f4a7c15)
				c.Append = append(c.Append, state.OutboxFrame{Output: out, First: seq[out], Last: seq[out], Rows: 1, Created: int64(e), Data: data})
			}
			c.Manifest = fmt.Appendf(c.Manifest, " %s %d,", out, seq[out])
		}
		c.Trim = []state.OutboxTrim{{Output: "sent", UpTo: seq["sent"]}, {Output: "half", UpTo: seq["half"] / 2}}
		c.Delta = a.Barrier(e)
		c.Manifest = fmt.Appendf(c.Manifest, " %d pages", a.InUse())
		if _, err := s.Commit(c); err != nil {
			t.Fatal(err)
		}
		c.Delta.Done()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = copyAndRead(t, d)
	file, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	return file, now, before
}

// copyAndRead reads a copy, since reading goes on to commit.
func copyAndRead(t *testing.T, d *disk) *contents {
	t.Helper()
	b, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readAll(path, d.opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The outcomes of damage.
const (
	unharmed = "goes on"
	oneBack  = "goes on one commit back"
	setAside = "refused, set aside"
)

// causes are the words by which the message names what is damaged: of each value that the
// store reads, whatever bit of it changed.
var causes = map[string]string{
	"format":          "format %d: checksum does not match",
	"format-sum":      "format 3: checksum does not match",
	"manifest":        "manifest: checksum does not match",
	"sealed":          "the mark of an encrypted file: checksum does not match",
	"page":            "page %d of epoch %d: checksum does not match",
	"outbox counters": "outbox %q: counters: checksum does not match",
	"outbox frame":    "outbox %q",
}

// outcome reads a damaged file and tells what came of it; anything but the outcomes above is
// an error, and so is a cause that is not named as it should be.
func outcome(t *testing.T, file []byte, cause string, o store.Options, now, before *contents) (string, error) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readAll(path, o)
	var aside *store.DamagedError
	switch {
	case cause != "" && !errors.As(err, &aside):
		return "", fmt.Errorf("a value is not what was written, and the end is %w", err)
	case cause != "" && !named(cause, aside.Err.Error()):
		return "", fmt.Errorf("it is not said that %s, but %w", cause, aside.Err)
	case err == nil && c.equal(now):
		return unharmed, nil
	case err == nil && c.equal(before):
		return oneBack, nil
	case err == nil:
		return "", fmt.Errorf("other contents: epoch %d, %d pages, %d frames, %+v", c.restored.Epoch, len(c.pages), len(c.frames), c.restored.Outboxes)
	case errors.As(err, &aside):
		kept, readErr := os.ReadFile(aside.MovedTo)
		if text := err.Error(); readErr != nil || !strings.Contains(text, path) || !strings.Contains(text, "--reset-state") || aside.Err == nil {
			return "", fmt.Errorf("unclear, or nothing is kept: %w", err)
		}
		if len(kept) == 0 && len(file) > 0 {
			return "", fmt.Errorf("what is kept is empty: %w", err)
		}
		if _, err := readAll(path, o); !errors.As(err, &aside) {
			return "", fmt.Errorf("the next start begins: %w", err)
		}
		return setAside, nil
	}
	return "", fmt.Errorf("unclear: %w", err)
}

// named tells whether a message begins with the words of a cause, any numbers and names among
// them.
func named(cause, message string) bool {
	re := strings.NewReplacer("%d", "[0-9]+", "%q", `".*"`).Replace(cause)
	return regexp.MustCompile("^" + re).MatchString(message)
}

// TestDamageMatrix damages every region of a state file, in the clear and encrypted, by bits
// and by bytes at many places, and cuts it at many lengths. Either nothing that counts was
// hit, or the start is refused by a message that names the file, what is wrong with it and
// what to do; never is something else read, and nothing panics. Damage is never taken for a
// newer program's file or for another key.
func TestDamageMatrix(t *testing.T) {
	keys, err := store.ParseKeys(strings.Repeat("5a", store.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]store.Options{"in the clear": {}, "encrypted": {Keys: keys, Scope: "p"}} {
		t.Run(name, func(t *testing.T) {
			o.NoSync = true
			file, now, before := rich(t, o)
			r, err := regionsOf(file)
			if err != nil {
				t.Fatal(err)
			}
			table := map[string]map[string]int{}
			try := func(region, how, cause string, bad []byte) {
				got, err := outcome(t, bad, cause, o, now, before)
				if err != nil {
					t.Errorf("%s, %s: %v", region, how, err)
					got = "WRONG"
				}
				if table[region] == nil {
					table[region] = map[string]int{}
				}
				table[region][got]++
			}
			rnd := rand.New(rand.NewPCG(11, 0))
			for _, region := range slices.Sorted(maps.Keys(r.spans)) {
				for i := range *damages {
					at := pick(rnd, r.spans[region])
					bad := slices.Clone(file)
					how, cause := fmt.Sprintf("bit at %d", at), causes[region]
					bad[at] ^= 1 << rnd.IntN(8)
					if i%4 == 3 {
						how, cause = fmt.Sprintf("8 bytes at %d", at), "" // of other regions, too
						for j := range min(8, len(bad)-at) {
							bad[at+j] = byte(rnd.Uint32())
						}
					}
					try(region, how, cause, bad)
				}
			}
			for range 4 * *damages {
				n := rnd.IntN(int(r.pages) * pageSize)
				try("cut inside", fmt.Sprint("cut to ", n), "", slices.Clone(file[:n]))
				n = int(r.pages)*pageSize + rnd.IntN(len(file)-int(r.pages)*pageSize+1)
				try("cut behind the last page", fmt.Sprint("cut to ", n), "", slices.Clone(file[:n]))
			}
			t.Log(matrixText(table))
		})
	}
}

// pick is a place in spans, each byte as likely as any.
func pick(rnd *rand.Rand, spans []span) int {
	total := 0
	for _, s := range spans {
		total += s.end - s.start
	}
	n := rnd.IntN(total)
	for _, s := range spans {
		if n < s.end-s.start {
			return s.start + n
		}
		n -= s.end - s.start
	}
	panic("unreachable")
}

func matrixText(table map[string]map[string]int) string {
	var b strings.Builder
	outcomes := []string{unharmed, oneBack, setAside, "WRONG"}
	fmt.Fprintf(&b, "\n%-28s", "region")
	for _, o := range outcomes {
		fmt.Fprintf(&b, " %24s", o)
	}
	for _, region := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(&b, "\n%-28s", region)
		for _, o := range outcomes {
			fmt.Fprintf(&b, " %24d", table[region][o])
		}
	}
	return b.String()
}
