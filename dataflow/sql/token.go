package sql

// tokenKind is the lexical class of a token.
type tokenKind uint8

const (
	tokenEOF       tokenKind = iota
	tokenWord                // an identifier or keyword without quotes
	tokenQuoted              // `identifier`
	tokenNumber              // 1, 1.5, 1e3
	tokenString              // 'x', _UTF16'x', U&'x'
	tokenBinary              // x'0a'
	tokenOp                  // punctuation and operators
	tokenHintBegin           // /*+
	tokenHintEnd             // the */ of a hint
	tokenError               // text that is no token; text is the message
)

// token is one lexical unit.
type token struct {
	Span
	kind    tokenKind
	text    string // the word, name, number or operator, or the decoded string
	word    string // for tokenWord: text in capitals
	charset string // for tokenString
	unicode bool   // for tokenString: U&'...', escapes not yet decoded
	hint    string // for tokenError
}

// reserved holds the words that end a clause or begin an operator wherever a
// name could stand, so that they are names only in backticks (or behind a dot).
// It is shorter than Flink's list: a word that no position of the grammar needs
// may be used as a name.
var reserved = wordSet("ALL", "AND", "ANY", "AS", "BETWEEN", "CASE", "CAST", "CREATE", "CROSS",
	"CUBE", "DEFAULT", "DISTINCT", "DROP", "ELSE", "END", "ESCAPE", "EXCEPT", "EXISTS", "FALSE", "FETCH", "FOR",
	"FROM", "FULL", "GROUP", "HAVING", "IN", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "JOIN",
	"LATERAL", "LEFT", "LIKE", "LIMIT", "MATCH_RECOGNIZE", "MINUS", "NATURAL", "NOT", "NULL", "OFFSET",
	"ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "QUALIFY", "RIGHT", "ROLLUP", "SELECT", "SIMILAR", "SOME",
	"TABLE", "TABLESAMPLE", "THEN", "TRUE", "TRY_CAST", "UESCAPE", "UNION", "UNNEST", "USING", "VALUES",
	"WHEN", "WHERE", "WINDOW", "WITH", "WITHIN")

// niladic holds the functions that are called without parentheses.
var niladic = wordSet("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME",
	"LOCALTIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER")

// callable holds the reserved words that are functions in front of a parenthesis.
var callable = wordSet("LEFT", "RIGHT", "INSERT", "OFFSET", "MINUS")

// clauseWords are offered as corrections of a word that stands where a clause
// or a statement's end was expected.
var clauseWords = []string{"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION",
	"INTERSECT", "EXCEPT", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "USING", "VALUES", "SELECT",
	"WINDOW", "QUALIFY", "BETWEEN", "LIKE", "PARTITIONED", "COMMENT", "WITH", "MATCH_RECOGNIZE"}

// units maps the words for time units and fields to their canonical name.
var units = func() map[string]Unit {
	m := map[string]Unit{"SQL_TSI_FRAC_SECOND": "NANOSECOND", "CENTURIES": "CENTURY"}
	for _, u := range []Unit{"NANOSECOND", "MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY",
		"WEEK", "MONTH", "QUARTER", "YEAR", "DECADE", "MILLENNIUM"} {
		m[string(u)] = u
		m[string(u)+"S"] = u
		m["SQL_TSI_"+string(u)] = u
	}
	for _, u := range []Unit{"CENTURY", "DOW", "DOY", "ISODOW", "ISOYEAR", "EPOCH"} {
		m[string(u)] = u
	}
	return m
}()

func wordSet(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
