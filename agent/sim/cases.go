package sim

// found is a seed that found something, and what.
type found struct {
	seed uint64
	what string
}

// cases are seeds that find a fault of the product when its repair is taken out. What a seed
// means changes with what is drawn: who changes the draws takes the repairs out again, one at
// a time, and looks for new seeds with `go run ./bench sim`.
var cases = []found{
	{53, "the ledger of a commit that gave rows up by policy did not balance"},
	{123, "after a gap that was passed over, a restart before the next message found the gap again and skipped what had come since"},
	{179, "the forwarder stopped for good at a hole in the outbox, made by a commit that gave rows up before it heard of it"},
	{109, "rows that were sent by a start which ended before it noted that were counted as given up"},
	{99788, "a claim over rows that were held back and given up was taken for another copy's, when its answer was lost"},
	{21, "a commit that was written and could not be synced was taken for not written, and its deletions were lost"},
	{5980, "an output whose hub had failed was never tried again, when the rows before its hold were given up: it stayed away, and its hold with it"},
}
