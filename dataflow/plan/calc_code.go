package plan

import (
	"fmt"
	"hash/fnv"
)

// calcVersion is the version of what code for Calcs is made of; it is part of fingerprints.
const calcVersion = 1

// CalcFingerprint tells Calcs apart that need other code: the columns that they get, and
// what they compute of them.
func CalcFingerprint(n *Calc) string {
	f := fnv.New128a()
	fmt.Fprintf(f, "calc v%d\n", calcVersion)
	for _, t := range n.Base().Inputs[0].Base().Schema.Types() {
		fmt.Fprintf(f, "%s\n", t)
	}
	fmt.Fprintf(f, "%s\n", headText(n))
	return fmt.Sprintf("%x", f.Sum(nil))
}
