package nats

import "strings"

// covers tells whether every subject that b matches is matched by a; both may have
// wildcards.
func covers(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i, t := range as {
		if t == ">" {
			return len(bs) > i
		}
		if i >= len(bs) || bs[i] == ">" {
			return false
		}
		if t != "*" && t != bs[i] {
			return false
		}
	}
	return len(as) == len(bs)
}
