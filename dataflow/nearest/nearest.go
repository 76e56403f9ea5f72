// Package nearest finds the name that was meant, for the hints of error messages. It
// imports the standard library alone.
package nearest

import "strings"

// Name returns the candidate closest to name, ignoring case, or "" when none
// is close: at most a third of the longer name may differ. Of equals the first
// wins. The distance is Damerau-Levenshtein's, restricted to edits that do not
// overlap (optimal string alignment).
func Name(name string, candidates []string) string {
	const lengthMax = 128 // longer names are not typing mistakes
	a := []rune(strings.ToLower(name))
	if len(a) == 0 || len(a) > lengthMax {
		return ""
	}
	best, bestDistance := "", 1<<30
	for _, c := range candidates {
		b := []rune(strings.ToLower(c))
		if len(b) == 0 || len(b) > lengthMax {
			continue
		}
		limit := max(len(a), len(b)) / 3
		if limit == 0 && max(len(a), len(b)) > 1 {
			limit = 1
		}
		if d := distance(a, b); d <= limit && d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func distance(a, b []rune) int {
	before := make([]int, len(b)+1)
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
