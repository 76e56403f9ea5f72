package pipetest

import "regexp"

// scalarSkips are the expressions that are not expected to pass, with the reason. Any
// other that fails, and a skipped one that passes, is an error.
var scalarSkips = []struct {
	sql    *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`\b(ROW<|AS ROW\()CAST\(`), "the expression is no SQL: a value stands in a row type where the name of a field belongs"},
	{regexp.MustCompile(`^SIN\(2\.5\)$`), "Java's sine is the second nearest DOUBLE here; sines are rounded to the nearest"},
	{regexp.MustCompile(`^CAST\('123' AS DECIMAL\(2, 0\)\)$`), "a text with too many digits is an error, as in Flink 2.3; NULL is what a number gives"},
}

// scalarSkip is the reason to skip an expression, or "".
func scalarSkip(sql string) string {
	for _, s := range scalarSkips {
		if s.sql.MatchString(sql) {
			return s.reason
		}
	}
	return ""
}
