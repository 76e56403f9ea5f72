package nats

// nearest returns the known name with the smallest edit distance to s, or "" when all are
// far.
func nearest(s string, known []string) string {
	best, bestAt := max(2, len(s)/3)+1, ""
	for _, k := range known {
		if d := distance(s, k); d < best {
			best, bestAt = d, k
		}
	}
	return bestAt
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			d := diag
			if a[i-1] != b[j-1] {
				d++
			}
			diag = row[j]
			row[j] = min(d, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
