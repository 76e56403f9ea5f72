package sim

// found is a seed that found something, and what.
type found struct {
	seed  uint64
	found string
}

// cases are the seeds that found a fault of the product, or of the simulator that hid one.
// They run first in every sweep.
var cases = []found{
	{182, "after a gap that was passed over, a restart before the next message found the gap again and skipped what had come since"},
	{108, "the ledger of a commit that gave rows up by policy did not balance"},
	{662, "the forwarder stopped for good at a hole that a commit under way, which gave rows up, made before it heard of it"},
	{610, "a cursor that is lost while rows are on their way sends rows again that the hub has"},
}

// Cases lists the seeds that found something once.
func Cases() (all []uint64) {
	for _, c := range cases {
		all = append(all, c.seed)
	}
	return all
}
