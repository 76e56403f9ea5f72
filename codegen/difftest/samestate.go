package difftest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// stateDiffers finds the first lines in which two dumps show another state. Where a value
// lies in a heap, and which number a group has among those of its operator, follow from how
// operators and panes took turns, which batches decide, and so does the number of a row in
// an operator of several inputs where the plan branches: so references may differ, one for
// one, group numbers and the keys that begin with them may, and the numbers behind a key
// where the plan branches. Sums and counts are never taken for references.
func stateDiffers(got, want string, branched bool) (g1, w1 string, differs bool) {
	m := refMap{there: map[uint64]uint64{}, back: map[uint64]uint64{}, branched: branched}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		g1, w1 = firstLine(got, want)
		return g1, w1, true
	}
	tree := false
	for i := range g {
		switch {
		case strings.HasPrefix(g[i], "space "):
			m.grouped, tree = false, false
		case strings.HasPrefix(g[i], "  ") && !strings.HasPrefix(g[i], "   "):
			tree = strings.HasPrefix(g[i], "  ordered ")
		}
		m.grouped = m.grouped || strings.Contains(g[i], groupID)
		if tree && m.grouped && strings.HasPrefix(g[i], "    key=") && strings.HasPrefix(w[i], "    key=") {
			continue
		}
		if !m.line(g[i], w[i]) {
			return fmt.Sprintf("line %d: %s", i, g[i]), fmt.Sprintf("line %d: %s", i, w[i]), true
		}
	}
	return "", "", false
}

const groupID = " group id="

// refMap pairs the references of two dumps.
type refMap struct {
	there, back map[uint64]uint64
	branched    bool
	grouped     bool // the space in hand numbers its groups
}

// parts are the hexadecimal values of a line.
var parts = regexp.MustCompile(`=([0-9a-f]{16,})( |$)`)

func (m *refMap) line(g, w string) bool {
	if g == w {
		return true
	}
	a, b := parts.FindAllStringSubmatchIndex(g, -1), parts.FindAllStringSubmatchIndex(w, -1)
	if len(a) != len(b) {
		return false
	}
	endG, endW := 0, 0
	for i := range a {
		name := g[endG:a[i][2]]
		if name != w[endW:b[i][2]] || !m.value(name, g[a[i][2]:a[i][3]], w[b[i][2]:b[i][3]]) {
			return false
		}
		endG, endW = a[i][3], b[i][3]
	}
	return g[endG:] == w[endW:]
}

func (m *refMap) value(name, g, w string) bool {
	if g == w || strings.HasSuffix(name, groupID) {
		return true
	}
	a, err1 := hex.DecodeString(g)
	b, err2 := hex.DecodeString(w)
	if err1 != nil || err2 != nil || len(a) != len(b) {
		return false
	}
	name = strings.TrimSpace(name)
	if m.branched && name == "key=" && len(a) > 8 && string(a[:len(a)-8]) == string(b[:len(b)-8]) {
		return true
	}
	for _, plain := range []string{"SUM(", "COUNT(", "AVG(", "STDDEV", "VAR_", "$SUM0", "SUM0", "rows="} {
		if strings.HasPrefix(name, plain) {
			return false
		}
	}
	for at := 0; at+8 <= len(a); at += 8 {
		x, y := binary.LittleEndian.Uint64(a[at:]), binary.LittleEndian.Uint64(b[at:])
		if x != y && !m.reference(x, y) {
			return false
		}
	}
	tail := len(a) &^ 7
	return string(a[tail:]) == string(b[tail:])
}

// reference tells whether two words can be references to the same value: the place in a
// page, 16 bits, below the page.
func (m *refMap) reference(g, w uint64) bool {
	const pages = 1 << 14
	if g>>16 == 0 || w>>16 == 0 || g>>16 > pages || w>>16 > pages {
		return false
	}
	x, ok1 := m.there[g]
	y, ok2 := m.back[w]
	if !ok1 && !ok2 {
		m.there[g], m.back[w] = w, g
		return true
	}
	return ok1 && ok2 && x == w && y == g
}
