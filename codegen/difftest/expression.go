package difftest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// genTemplates are forms of expressions by the kind of their value: numbers (#), strings
// ($), conditions (?), timestamps (@), dates (D), times of day (T), bytes (B) and others (E).
// A kind in braces is an expression of it, {^} a column of the same kind, {c} a column of any
// kind, {e} an expression of any kind, {n} a small number, {i} an integer, {u} a unit of time,
// {p} a pattern of LIKE, {N} a numeric type, {A} any type.
var genTemplates = map[byte][]string{
	'#': {"{^}", "{^}", "{^}", "{^}", "{n}", "{l}", "{#} + {#}", "{#} - {#}", "{#} * {#}", "{#} / {#}", "{i} % {i}", "MOD({i}, {n})", "-{#}", "ABS({#})",
		"CHAR_LENGTH({$})", "CAST({#} AS {N})", "CAST({#} AS {N})", "TRY_CAST({$} AS {N})", "CAST({$} AS INT)", "EXTRACT({u} FROM {@})", "YEAR({@})", "CASE WHEN {?} THEN {#} ELSE {#} END",
		"CASE {i} WHEN {n} THEN {#} WHEN {n} THEN {#} END", "COALESCE({#}, {#})", "FLOOR({#})", "CEIL({#})", "ROUND({#}, {n})", "TRUNCATE({#}, {n})", "SIGN({#})", "POWER({#}, {n})",
		"SQRT({#})", "LN({#})", "GREATEST({#}, {#})", "LEAST({#}, {#})", "NULLIF({#}, {#})", "IF({?}, {#}, {#})", "IFNULL({#}, {n})", "TIMESTAMPDIFF({u}, {@}, {@})",
		"POSITION('a' IN {$})", "INSTR({$}, 'b')", "LOCATE('a', {$}, {n})", "ASCII({$})", "EXTRACT(DAY FROM {D})", "EXTRACT(HOUR FROM {T})", "CAST({?} AS INT)", "OCTET_LENGTH({$})", "CARDINALITY({E})"},
	'$': {"{^}", "{^}", "{^}", "{^}", "'a'", "'x y'", "{$} || {$}", "UPPER({$})", "LOWER({$})", "SUBSTRING({$} FROM {n})", "SUBSTRING({$} FROM {n} FOR {n})", "CAST({e} AS STRING)", "CAST({c} AS STRING)",
		"CAST({$} AS {S})", "COALESCE({$}, {$})", "CASE WHEN {?} THEN {$} ELSE {$} END", "TRIM({$})", "REPLACE({$}, 'a', 'bb')", "CONCAT({$}, {$}, {$})", "CONCAT_WS('-', {$}, {$})", "DATE_FORMAT({@}, 'yyyy-MM-dd HH:mm')",
		"SPLIT_INDEX({$}, 'a', {n})", "LPAD({$}, 5, '*')", "REGEXP_REPLACE({$}, '[ab]+', 'z')", "REGEXP_EXTRACT({$}, '(a)(b)?', {n})", "MD5({$})", "REVERSE({$})", "INITCAP({$})", "NULLIF({$}, 'a')", "LEFT({$}, {n})",
		"JSON_VALUE({$}, '$.a')", "HEX({$})", "REPEAT({$}, {n})", "IF({?}, {$}, 'no')"},
	'?': {"{^}", "{^}", "{#} = {#}", "{#} <> {#}", "{#} < {#}", "{#} >= {#}", "{$} = {$}", "{$} <> {$}", "{$} < {$}", "{$} = 'a'", "{@} < {@}", "{@} >= {@}", "{D} = {D}", "{T} > {T}", "{B} = {B}", "{?} AND {?}", "{?} OR {?}", "NOT {?}",
		"{c} IS NULL", "{c} IS NOT NULL", "{e} IS NOT NULL", "{?} IS TRUE", "{?} IS NOT FALSE", "{?} IS UNKNOWN", "{$} LIKE {p}", "{$} NOT LIKE {p}", "{$} IN ('a', 'b', 'abc')", "{i} IN (1, 2, 3, -1)", "{i} NOT IN (0, 5)",
		"{#} BETWEEN {#} AND {#}", "{#} BETWEEN {n} AND 100", "{^} = {^}", "{c} IS NOT DISTINCT FROM {c}", "{#} IS DISTINCT FROM {#}", "{$} SIMILAR TO 'a(b|c)*'", "REGEXP({$}, '^a.*')", "STARTSWITH({$}, 'a')", "CASE WHEN {?} THEN {?} ELSE {?} END", "COALESCE({?}, TRUE)"},
	'@': {"{^}", "{^}", "{^}", "{^}", "TIMESTAMP '2024-01-01 00:00:10.123'", "{@} + INTERVAL '1' DAY", "{@} - INTERVAL '90' SECOND", "{@} + INTERVAL '1' MONTH", "FLOOR({@} TO {u})", "CEIL({@} TO {u})", "CAST({@} AS TIMESTAMP({n}))",
		"CAST({@} AS TIMESTAMP_LTZ(3))", "TO_TIMESTAMP({$})", "TIMESTAMPADD({u}, {i}, {@})", "CASE WHEN {?} THEN {@} ELSE {@} END", "COALESCE({@}, {@})", "CAST({D} AS TIMESTAMP(3))", "TO_TIMESTAMP_LTZ({i}, 3)"},
	'D': {"{^}", "{^}", "DATE '2024-02-29'", "CAST({@} AS DATE)", "{D} + INTERVAL '3' DAY", "TO_DATE({$})"},
	'T': {"{^}", "{^}", "TIME '10:20:30'", "CAST({@} AS TIME)", "{T} + INTERVAL '3' MINUTE"},
	'B': {"{^}", "{^}", "X'00ff'", "ENCODE({$}, 'UTF-8')", "CAST({$} AS BYTES)"},
	'E': {"{^}", "{^}", "ROW({e}, {e})", "ARRAY[{#}, {#}]", "MAP[{$}, {e}]", "SPLIT({$}, 'a')"},
}

var (
	genUnits    = []string{"SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"}
	genPatterns = []string{"'a%'", "'%a'", "'%ab%'", "'a_c'", "'abc'", "'%'", "'_'", "'a%c'", "'%b_%'"}
	genNumeric  = []string{"TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10, 2)", "DECIMAL(38, 18)", "DECIMAL(4, 4)"}
	genStrings  = []string{"VARCHAR(2)", "CHAR(3)", "STRING"}
	genLiterals = []string{"0", "7", "2147483647", "-9223372036854775807", "1.5", "0.001", "1e3", "123456789.987654321", "CAST(NULL AS INT)"}
	genFuncs    = callable(expr.FuncNames())
)

// callable are the names that are called as functions.
func callable(names []string) []string {
	operators := []string{"AND", "OR", "NOT", "BETWEEN", "LIKE", "IN", "IS", "CASE", "CAST", "RAND", "RAND_INTEGER", "UUID"}
	return slices.DeleteFunc(names, func(n string) bool {
		return slices.Contains(operators, n) || strings.ContainsFunc(n, func(r rune) bool { return r != '_' && (r < '0' || r > '9' && r < 'A' || r > 'Z') })
	})
}

// write puts a template together.
func (g *gen) write(template string, kind byte) string {
	g.depth++
	defer func() { g.depth-- }()
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString(g.part(rest[0], kind))
		template = rest[2:]
	}
}

func (g *gen) part(c, kind byte) string {
	switch c {
	case '^':
		return g.column(kind)
	case 'c':
		return g.column("#$?@DTBE#$#$"[g.r.IntN(12)])
	case 'e':
		return g.value("#$?@DTBE#$#$"[g.r.IntN(12)])
	case 'n':
		return fmt.Sprint(g.r.IntN(6))
	case 'i':
		return g.of(g.column('#'), fmt.Sprint(g.r.IntN(9)-3), "CAST("+g.column('#')+" AS INT)")
	case 'l':
		return g.of(genLiterals...)
	case 'u':
		return g.of(genUnits...)
	case 'p':
		return g.of(genPatterns...)
	case 'N':
		return g.of(genNumeric...)
	case 'S':
		return g.of(genStrings...)
	}
	return g.value(c)
}

// column is a column of a kind, or a literal where there is none.
func (g *gen) column(kind byte) string {
	if list := g.columns[kind]; len(list) > 0 {
		return g.of(list...)
	}
	return map[byte]string{'#': "42", '$': "'abc'", '?': "TRUE", '@': "TIMESTAMP '2024-01-01 00:00:00'", 'D': "DATE '2024-01-01'",
		'T': "TIME '00:00:01'", 'B': "X'61'", 'E': "ARRAY[1]"}[kind]
}

// value is an expression of a kind, of which nothing has been checked yet.
func (g *gen) value(kind byte) string {
	g.budget--
	list := genTemplates[kind]
	if g.depth > 4 || g.budget < 0 {
		list = list[:2]
	}
	s := g.write(list[g.r.IntN(len(list))], kind)
	if strings.Contains(s, " ") && g.depth > 0 {
		return "(" + s + ")"
	}
	return s
}

// call is a function of the catalogue with up to four arguments.
func (g *gen) call() string {
	var args []string
	for range g.r.IntN(4) + 1 {
		args = append(args, g.value("#$$?@E#$"[g.r.IntN(8)]))
	}
	return g.of(genFuncs...) + "(" + strings.Join(args, ", ") + ")"
}

// expression is one of a kind that can be planned, with its type; 0 is any kind, and a
// column when chance gives no other.
func (g *gen) expression(kind byte) (string, types.Type) {
	for range 8 {
		k := kind
		if k == 0 {
			k = "#$?@DTBE#$#$@"[g.r.IntN(13)]
		}
		g.budget = 2 + g.r.IntN(10)
		s := g.value(k)
		if kind == 0 && g.chance(12) {
			s = g.call()
		}
		if schema, _, ok := g.schemaOf("", "SELECT "+s+" AS c FROM "+g.from); ok && (kind == 0 || kindOf(schema[0].Type) == kind) {
			return s, schema[0].Type
		}
	}
	if kind == 0 {
		kind = '#'
	}
	s := g.column(kind)
	schema, _, _ := g.schemaOf("", "SELECT "+s+" AS c FROM "+g.from)
	if schema == nil {
		return s, types.TInt
	}
	return s, schema[0].Type
}
