package main

// wrongReadings are equivalents with one thing read otherwise, and events of which the two
// readings give different rows.
var wrongReadings = []struct {
	name, query, right, wrong, rate string
	events                          int64
}{
	{"AVG of a BIGINT rounds", "q4", "sum(final) // count(*)", "round(avg(final))", "500", 20_000},
	{"AVG of a BIGINT rounds, q17", "q17", "sum(price) // count(*)", "round(avg(price))", "500", 20_000},
	{"a bid is in four hops", "q5", "range(5)", "range(4)", "500", 20_000},
	{"10 PRECEDING are 10 rows", "q6", "10 PRECEDING", "9 PRECEDING", "500", 20_000},
	{"BETWEEN excludes a window's start", "q7", "BETWEEN w.ends - INTERVAL 10 SECOND AND w.ends", "> w.ends - INTERVAL 10 SECOND AND b.\"dateTime\" <= w.ends", "1", 20_000},
	{"a gap of exactly the gap parts", "q11", "> INTERVAL 10 SECOND, false", ">= INTERVAL 10 SECOND, false", "1", 20_000},
	{"the first of equal times is kept", "q18", "n DESC) = 1", "n) = 1", "100000", 20_000},
	{"the last of equal prices ranks higher", "q19", "price DESC, n)", "price DESC, n DESC)", "500", 50_000},
}
