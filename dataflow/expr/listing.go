package expr

import (
	"slices"
	"strings"
)

// Entry describes a function for `edgeflow functions`.
type Entry struct {
	Category, Name, Signature, Doc string
	// Also holds the other names of the function.
	Also []string
}

// syntax lists what looks like a function and is bound by the planner: its operands are
// not evaluated like arguments, or it belongs to a clause.
var syntax = []Entry{
	{"conditional", "CASE", "CASE [x] WHEN a THEN value ... [ELSE value] END", "The value of the first branch that applies, NULL when none does.", nil},
	{"conversion", "CAST", "CAST(x AS type)", "The value in another type; what does not convert is an error.", nil},
	{"conversion", "TRY_CAST", "TRY_CAST(x AS type)", "The value in another type, NULL when it does not convert.", nil},
	{"logic", "AND", "a AND b", "TRUE when both are; FALSE when one is, whatever the other.", nil},
	{"logic", "OR", "a OR b", "TRUE when one is, whatever the other; FALSE when both are.", nil},
	{"comparison", "EXISTS", "EXISTS (query)", "Whether a query yields a row; in a WHERE clause.", nil},
	{"over window", "ROW_NUMBER", "ROW_NUMBER() OVER (...)", "The place of a row in its partition, each its own.", nil},
	{"over window", "RANK", "RANK() OVER (...)", "The place of a row, equal rows sharing one, with gaps behind them.", nil},
	{"over window", "DENSE_RANK", "DENSE_RANK() OVER (...)", "The place of a row, equal rows sharing one, without gaps.", nil},
	{"over window", "LAG", "LAG(value [, n [, default]]) OVER (...)", "The value in the nth row before.", nil},
	{"grouping", "GROUPING", "GROUPING(column)", "1 where a column is aggregated away by the grouping set, otherwise 0.", nil},
	{"grouping", "GROUPING_ID", "GROUPING_ID(column, ...)", "The bits of GROUPING of the columns as a number.", nil},
	{"grouping", "GROUP_ID", "GROUP_ID()", "The number of the grouping set among equal ones.", nil},
	{"window table", "TUMBLE", "TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), size [, offset]))", "Windows of a size, one behind the other.", nil},
	{"window table", "HOP", "TABLE(HOP(TABLE t, DESCRIPTOR(time), slide, size [, offset]))", "Windows of a size that begin at every slide.", nil},
	{"window table", "CUMULATE", "TABLE(CUMULATE(TABLE t, DESCRIPTOR(time), step, size [, offset]))", "Windows that grow by a step up to a size.", nil},
	{"window table", "SESSION", "TABLE(SESSION(TABLE t [PARTITION BY key], DESCRIPTOR(time), gap))", "Windows that end with a gap in time.", nil},
	{"group window", "TUMBLE_START", "GROUP BY TUMBLE(time, size)", "A window in GROUP BY, with TUMBLE_START, TUMBLE_END, TUMBLE_ROWTIME and TUMBLE_PROCTIME of it.", []string{"TUMBLE_END", "TUMBLE_ROWTIME", "TUMBLE_PROCTIME"}},
	{"group window", "HOP_START", "GROUP BY HOP(time, slide, size)", "As TUMBLE, with HOP_START, HOP_END, HOP_ROWTIME and HOP_PROCTIME.", []string{"HOP_END", "HOP_ROWTIME", "HOP_PROCTIME"}},
	{"group window", "SESSION_START", "GROUP BY SESSION(time, gap)", "As TUMBLE, with SESSION_START, SESSION_END, SESSION_ROWTIME and SESSION_PROCTIME.", []string{"SESSION_END", "SESSION_ROWTIME", "SESSION_PROCTIME"}},
	{"match recognize", "FIRST", "FIRST(variable.column [, n])", "The column of the first row of a variable, or the nth behind it.", nil},
	{"match recognize", "LAST", "LAST(variable.column [, n])", "The column of the last row of a variable, or the nth before it.", nil},
	{"match recognize", "PREV", "PREV(variable.column [, n])", "The column of the row before.", nil},
	{"match recognize", "MATCH_ROWTIME", "MATCH_ROWTIME()", "The event time of the match.", nil},
	{"match recognize", "MATCH_PROCTIME", "MATCH_PROCTIME()", "The processing time of the match.", nil},
}

// notOffered are functions of Flink that are refused, with what to do instead.
var notOffered = map[string]string{
	"BITMAP_BUILD_AGG":             "collect with ARRAY_AGG and use BITMAP_BUILD",
	"BITMAP_BUILD_CARDINALITY_AGG": "use COUNT(DISTINCT value)",
	"BITMAP_AND_AGG":               "", "BITMAP_AND_CARDINALITY_AGG": "", "BITMAP_OR_AGG": "", "BITMAP_OR_CARDINALITY_AGG": "",
	"BITMAP_XOR_AGG": "", "BITMAP_XOR_CARDINALITY_AGG": "",
	"SOURCE_WATERMARK":       "declare the watermark with an expression over the time column",
	"STREAMRECORD_TIMESTAMP": "declare a metadata column for the time of a message",
	"LEAD":                   "the rows behind a row are not known yet; LAG from the later row says the same",
	"NTILE":                  "it needs all rows of a partition", "CUME_DIST": "it needs all rows of a partition", "PERCENT_RANK": "it needs all rows of a partition",
	"CLASSIFIER": "", "MATCH_NUMBER": "", "NEXT": "",
	"ML_PREDICT": "no models run here", "ML_EVALUATE": "no models run here", "VECTOR_SEARCH": "no vector index is here",
	"TO_CHANGELOG": "", "FROM_CHANGELOG": "", "UUID_V4": "UUID() gives a version 4 UUID as a string", "UUID_V7": "UUID() gives a version 4 UUID as a string",
}

// NotOffered tells a function of Flink that edgeflow does not have, with what to do
// instead, or "".
func NotOffered(name string) (instead string, known bool) {
	instead, known = notOffered[strings.ToUpper(name)]
	return instead, known
}

// Listing describes every function, aggregate and form of the language, by category and
// name.
func Listing() []Entry {
	list := slices.Clone(syntax)
	also := map[string][]string{}
	for a, name := range aliases {
		also[name] = append(also[name], a)
	}
	for a, name := range aggAliases {
		also[name] = append(also[name], a)
	}
	for _, f := range Funcs() {
		list = append(list, Entry{f.Category, f.Name, f.Signature, f.Doc, also[f.Name]})
	}
	for _, a := range Aggs() {
		list = append(list, Entry{"aggregate", a.Name, a.Signature, a.Doc, also[a.Name]})
	}
	for _, e := range list {
		slices.Sort(e.Also)
	}
	slices.SortStableFunc(list, func(a, b Entry) int {
		if c := strings.Compare(a.Category, b.Category); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
