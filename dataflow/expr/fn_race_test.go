//go:build race

package expr

// underRace tells that the race detector is on, which allocates by itself.
const underRace = true
