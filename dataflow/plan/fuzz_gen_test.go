package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// genCatalog has a column of every kind and tables with and without keys, time, updates.
const genCatalog = `
CREATE TABLE t (i INT, l BIGINT, d DECIMAL(10, 2), f DOUBLE, s STRING, b BYTES, o BOOLEAN, dt DATE, tm TIME, ts TIMESTAMP(3),
  tz TIMESTAMP_LTZ(3), a ARRAY<INT>, m MAP<STRING, ROW<x INT, y STRING>>, r ROW<x INT, y ROW<z STRING, w ARRAY<STRING>>>, pt AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'values');
CREATE TABLE u (i INT NOT NULL, l BIGINT, s STRING, ts TIMESTAMP(3), d DECIMAL(38, 10), WATERMARK FOR ts AS ts, PRIMARY KEY (i) NOT ENFORCED)
  WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');
CREATE TABLE c (i INT, s STRING, f FLOAT, o BOOLEAN, k CHAR(3), n TINYINT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
CREATE VIEW v AS SELECT i, s, COUNT(*) AS n, MAX(l) AS l FROM t GROUP BY i, s;
CREATE TABLE k (i INT, s STRING, PRIMARY KEY (i) NOT ENFORCED) WITH ('connector' = 'values');
`

// genScope is what a FROM brings in: columns by kind of value.
type genScope struct{ from, num, str, cond, time, any string }

const genWindowed = "window_start window_end window_time ts"

var genScopes = []genScope{
	{"t", "i l d f r.x a[1]", "s r.y.z m['k'].y", "o", "ts pt tz dt", "b tm a m r"},
	{"u", "i l d", "s", "i>1", "ts", "l"},
	{"c", "i f n", "s k", "o", "CURRENT_TIMESTAMP", "i"},
	{"v", "i n l", "s", "n>1", "CURRENT_TIMESTAMP", "i"},
	{"t JOIN u ON {?}", "t.i u.i t.l u.l f", "t.s u.s", "o t.i=u.i", "t.ts u.ts pt", "a r"},
	{"t LEFT JOIN c ON t.i = c.i AND {?}", "t.i c.i n t.f", "t.s c.s k", "t.o c.o t.i=c.i", "ts pt", "a r"},
	{"u FULL JOIN c ON u.i = c.i AND {?}", "u.i c.i n", "u.s c.s k", "o u.l=c.i", "ts", "k"},
	{"u RIGHT JOIN v ON u.s = v.s", "u.i v.i n u.l", "u.s v.s", "u.l=v.l", "ts", "n"},
	{"t, u", "t.i u.i t.l", "t.s u.s", "t.i=u.i o", "t.ts u.ts", "a"},
	{"t JOIN u ON t.i = u.i AND t.ts BETWEEN u.ts - INTERVAL '1' MINUTE AND u.ts AND {?}", "t.i u.i t.l", "t.s u.s", "t.i=u.i o", "t.ts u.ts", "a"},
	{"t JOIN k FOR SYSTEM_TIME AS OF t.pt ON t.i = k.i AND {?}", "t.i k.i l", "t.s k.s", "o", "ts pt", "a"},
	{"t LEFT JOIN u FOR SYSTEM_TIME AS OF t.ts ON t.i = u.i", "t.i u.i f", "t.s u.s", "o", "t.ts u.ts", "m"},
	{"t CROSS JOIN UNNEST(a) AS e (x)", "i x l", "s", "o", "ts pt", "a"},
	{"t LEFT JOIN UNNEST(m) WITH ORDINALITY AS e (x, y, z) ON TRUE", "i z y.x", "x y.y", "o", "ts pt", "y"},
	{"TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))", "i l d", "s", "o", genWindowed, "r"},
	{"TABLE(HOP(TABLE t, DESCRIPTOR(pt), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))", "i l f", "s", "o", genWindowed, "r"},
	{"TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '{n}' MINUTE))", "i l f", "s", "o", genWindowed, "r"},
	{"TABLE(SESSION(TABLE t PARTITION BY i, DESCRIPTOR(ts), INTERVAL '1' MINUTE))", "i l f", "s", "o", genWindowed, "r"},
	{"(SELECT *, ROW_NUMBER() OVER (PARTITION BY i ORDER BY {o}) AS rn FROM t)", "i l rn", "s", "rn<={n} rn=1", "ts pt", "m"},
	{"(SELECT *, ROW_NUMBER() OVER (PARTITION BY s, i ORDER BY n DESC) AS rn FROM v)", "i l rn n", "s", "rn<={n} rn=1", "CURRENT_DATE", "n"},
	{"(SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY {o}) AS rn FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)))", "i l rn", "s", "rn<={n}", genWindowed, "m"},
	{"t MATCH_RECOGNIZE (PARTITION BY s ORDER BY ts MEASURES LAST({A}) AS x, FIRST(A.s) AS y, AVG(B.i) AS z ONE ROW PER MATCH AFTER MATCH SKIP {k} PATTERN (A B{p} C) WITHIN INTERVAL '1' HOUR DEFINE A AS {A} > 1, C AS C.i > {A})", "x z", "s y", "x=z", "CURRENT_TIMESTAMP", "x"},
	{"(VALUES (1, 'a', TRUE), (2, NULL, FALSE)) AS w (i, s, o)", "i", "s", "o", "CURRENT_DATE", "i"},
	{"({1}) AS q (i)", "i q.i", "CAST(i&AS&STRING)", "i=1", "CURRENT_DATE", "i"},
	{"t, LATERAL (SELECT u.l AS x FROM u WHERE u.i = t.i ORDER BY l DESC LIMIT 2)", "x i l", "s", "o", "ts", "a"},
	{"({1}) AS q (i) JOIN ({1}) AS p (j) ON {?}", "i j", "'x'", "i=j", "CURRENT_DATE", "i"},
}

// genKinds are templates by the kind of value: number, string, condition, time, any. {^}
// stands for a column of the kind.
var genKinds = map[byte][]string{
	'#': {"{^}", "{^}", "{^}", "1", "0", "{^}", "-7", "NULL", "1.5", "{#} + {#}", "{#} * {#}", "{#} / {#}", "CAST({$} AS INT)", "ABS({#})", "CHAR_LENGTH({$})", "EXTRACT(DAY FROM {@})",
		"CASE WHEN {?} THEN {#} ELSE {#} END", "COALESCE({#}, {#})", "(SELECT MAX(u.l) FROM u WHERE u.i = {#})", "MOD({#}, {#})", "-{#}", "{a}", "9223372036854775807", "{w}",
		"(SELECT COUNT(*) FROM k WHERE {?})", "({1})", "TRY_CAST({e} AS BIGINT)"},
	'$': {"{^}", "{^}", "{^}", "'x'", "{^}", "''", "NULL", "CAST({e} AS STRING)", "UPPER({$})", "{$} || {$}", "SUBSTRING({$} FROM {n})", "DATE_FORMAT({@}, 'yyyy-MM')", "COALESCE({$}, {$})",
		"JSON_VALUE({$}, '$.a')", "TRIM(BOTH {$} FROM {$})", "SPLIT_INDEX({$}, ',', {n})", "CASE {#} WHEN {#} THEN {$} END", "REGEXP_REPLACE({$}, 'a|b', {$})", "MAX({$})", "LISTAGG({$})"},
	'?': {"{^}", "{#} = {#}", "{#} < {#}", "{$} = {$}", "{^}", "TRUE", "{?} AND {?}", "{?} OR {?}", "NOT {?}", "{e} IS NULL", "{$} LIKE {$}", "{#} IN ({#}, {#})", "{#} IN ({1})", "EXISTS ({q})", "{#} NOT IN ({1})",
		"{#} BETWEEN {#} AND {#}", "EXISTS (SELECT 1 FROM u WHERE u.i = {#} AND u.l > {#})", "{#} = ANY ({1})", "{#} > ALL ({1})", "{@} < {@}", "{e} IS NOT DISTINCT FROM {e}",
		"{?} IS NOT TRUE", "{#} > (SELECT MAX(l) FROM u WHERE u.s = {$})", "NOT EXISTS (SELECT 1 FROM k WHERE k.i = {#} AND {?})"},
	'@': {"{^}", "{^}", "{^}", "CURRENT_TIMESTAMP", "{^}", "TIMESTAMP '2020-01-01 00:00:00.123'", "{@} + INTERVAL '1' DAY", "TO_TIMESTAMP({$})", "FLOOR({@} TO HOUR)", "CAST({@} AS TIMESTAMP(3))",
		"TIMESTAMPADD(HOUR, {#}, {@})", "MAX({@})", "PROCTIME()"},
	'e': {"{^}", "{#}", "{$}", "{?}", "{@}", "{l}", "CAST({e} AS {T})", "TRY_CAST({e} AS {T})", "{f}", "{f}", "{f}", "ROW({e}, {e})", "ARRAY[{#}, {#}]", "MAP[{$}, {e}]", "CASE WHEN {?} THEN {#} ELSE {#} END",
		"JSON_OBJECT('k' VALUE {e})", "({@}, {@}) OVERLAPS ({@}, {@})", "OVERLAY({$} PLACING {$} FROM {n})", "{a}", "{w}", "{e}[{#}]", "{e} = {e}"},
}

var (
	genTypes = []string{"INT", "BIGINT", "STRING", "DECIMAL(10, 2)", "DOUBLE", "BOOLEAN", "DATE", "TIME", "TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", "BYTES", "CHAR(3)",
		"ARRAY<INT>", "MAP<STRING, INT>", "ROW<x INT, y STRING>", "TINYINT", "DECIMAL(38, 18)", "MULTISET<INT>", "INTERVAL DAY", "TIMESTAMP(9)", "VARCHAR(2)"}
	genLiterals = []string{"1", "NULL", "'x'", "TRUE", "1.5", "0", "1e3", "-7", "9223372036854775807", "99999999999999999999999999999999999999", "''", "'[{\"a\":1}]'", "'%Y'",
		"DATE '2020-02-29'", "TIMESTAMP '2020-01-01 00:00:00.123456789'", "TIME '10:11:12'", "INTERVAL '1' DAY", "INTERVAL '1' MONTH", "INTERVAL '5' SECOND", "X'00ff'",
		"ARRAY[1, NULL]", "MAP['a', 1]", "ROW(1, 'x')", "CURRENT_TIMESTAMP", "PROCTIME()", "CURRENT_DATE", "RAND()", "UUID()", "'yyyy-MM-dd'", "'a|b'", "2147483648"}
	genAggs    = callable(expr.AggNames())
	genScalars = callable(expr.FuncNames())
)

// callable are the names that are called as functions.
func callable(names []string) []string {
	operators := []string{"AND", "OR", "NOT", "BETWEEN", "LIKE", "IN", "IS", "CASE", "CAST"}
	return slices.DeleteFunc(names, func(n string) bool {
		return slices.Contains(operators, n) || strings.ContainsFunc(n, func(r rune) bool { return r != '_' && (r < '0' || r > '9' && r < 'A' || r > 'Z') })
	})
}

// generator makes a query over genCatalog; every choice is a byte, and past the end of the
// bytes every choice is the first, which ends all recursion.
type generator struct {
	data  []byte
	b     strings.Builder
	depth int
	scope genScope
}

func generate(data []byte) string {
	g := &generator{data: data}
	g.query()
	return g.b.String()
}

func (g *generator) pick(n int) int {
	if len(g.data) == 0 || g.depth > 12 || g.b.Len() > 6000 {
		return 0
	}
	v := int(g.data[0])
	g.data = g.data[1:]
	if n > 256 && len(g.data) > 0 {
		v |= int(g.data[0]) << 8
		g.data = g.data[1:]
	}
	return v % n
}

func (g *generator) of(options ...string) string { return options[g.pick(len(options))] }

func (g *generator) put(s string) { g.b.WriteString(s) }

// write puts a template in which {e} {#} {$} {?} {@} stand for expressions by kind, {q} and
// {1} for a query of any columns and of one, and the others for smaller things.
func (g *generator) write(template string) {
	g.depth++
	defer func() { g.depth-- }()
	for {
		before, rest, ok := strings.Cut(template, "{")
		g.put(before)
		if !ok {
			return
		}
		switch c := rest[0]; c {
		case 'e', '#', '$', '?', '@':
			g.expr(c)
		case 'q':
			g.query()
		case '1':
			g.one()
		case 'n':
			g.put(fmt.Sprint(g.pick(12)))
		case 'a':
			g.aggregate()
		case 'w':
			g.over()
		case 'l':
			g.put(g.of(genLiterals...))
		case 'f':
			g.call(genScalars)
		case 'T':
			g.put(g.of(genTypes...))
		case 'A':
			g.put(g.of("A.i", "FIRST(A.i)", "LAST(B.i, 1)", "SUM(A.i)", "COUNT(A.i)", "A.l", "CHAR_LENGTH(A.s)", "B.i"))
		case 'k':
			g.put(g.of("PAST LAST ROW", "TO NEXT ROW", "TO LAST B", "TO FIRST C"))
		case 'p':
			g.put(g.of("*", "+", "?", "*?", "{2}", "{1,3}", "{,2}?", ""))
		case 'o':
			g.put(g.of("ts", "pt", "l DESC", "i", "ts DESC", "s NULLS LAST, l", "1"))
		}
		template = rest[strings.IndexByte(rest, '}')+1:]
	}
}

// column puts a column of a kind.
func (g *generator) column(kind byte) {
	s := g.scope
	list := map[byte]string{'#': s.num, '$': s.str, '?': s.cond, '@': s.time, 'e': s.any}[kind]
	name := strings.ReplaceAll(g.of(strings.Fields(list)...), "&", " ")
	g.write(name)
}

func (g *generator) expr(kind byte) {
	list := genKinds[kind]
	if g.depth > 6 {
		list = list[:min(6, len(list))]
	}
	t := list[g.pick(len(list))]
	paren := strings.Contains(t, " ") && g.depth > 1
	if paren {
		g.put("(")
	}
	if t == "{^}" {
		g.column(kind)
	} else {
		g.write(t)
	}
	if paren {
		g.put(")")
	}
}

// call puts a function of a catalogue with up to five arguments.
func (g *generator) call(names []string) {
	g.depth++
	defer func() { g.depth-- }()
	g.put(names[g.pick(len(names))] + "(")
	for i := range g.pick(6) {
		if i > 0 {
			g.put(", ")
		}
		g.expr("e#$?@"[g.pick(5)])
	}
	g.put(")")
}

func (g *generator) aggregate() {
	g.depth++
	defer func() { g.depth-- }()
	g.write(g.of("COUNT(*)", "SUM({#})", "MAX({$})", "COUNT(DISTINCT {e})", "AVG(DISTINCT {#}) FILTER (WHERE {?})", "LAST_VALUE({e})", "LISTAGG({$}, ',')", "COLLECT({e})", "GROUPING({e})", "MIN({@})", "COUNT(*) FILTER (WHERE {?})"))
	if g.pick(6) == 1 {
		g.put(" + ")
		g.call(genAggs)
	}
}

func (g *generator) over() {
	g.write(g.of("ROW_NUMBER()", "SUM({#})", "COUNT(*)", "LAG({e}, {n})", "RANK()", "LEAD({e})", "FIRST_VALUE({e})", "MAX({$})", "NTILE({n})"))
	g.put(" OVER (PARTITION BY ")
	g.column('#')
	g.write(" ORDER BY {o}")
	g.write(g.of("", " ROWS BETWEEN {n} PRECEDING AND CURRENT ROW", " RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW", " ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN CURRENT ROW AND {n} FOLLOWING"))
	g.put(")")
}

// one puts a query of one column.
func (g *generator) one() {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 8 {
		g.put("SELECT i FROM u")
		return
	}
	g.body(1)
}

func (g *generator) query() {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 8 {
		g.put("SELECT i FROM t")
		return
	}
	n := 1 + g.pick(3)
	if g.depth == 1 && g.pick(6) == 1 {
		g.write("WITH e AS ({1}) ")
	}
	g.body(n)
	if g.pick(8) == 1 {
		g.put(g.of(" UNION ALL ", " UNION ", " INTERSECT ", " EXCEPT ALL "))
		g.body(n)
	}
	if g.depth == 1 {
		g.write(g.of("", "", "", "", " ORDER BY 1", " LIMIT {n}", " ORDER BY 1 LIMIT {n} OFFSET {n}"))
	}
}

// body puts a SELECT of n columns. A grouped one selects its keys and aggregates.
func (g *generator) body(n int) {
	outer := g.scope
	defer func() { g.scope = outer }()
	own := genScopes[g.pick(len(genScopes))]
	if g.depth > 4 && strings.Contains(own.from, "{1}") {
		own = genScopes[0]
	}
	g.scope = own
	if outer.from != "" && g.pick(4) == 1 {
		g.scope.num += " " + outer.num
	}
	if g.pick(3) == 1 {
		g.grouped(own, n)
		return
	}
	g.put(g.of("SELECT ", "SELECT ", "SELECT ", "SELECT DISTINCT "))
	for i := range n {
		if i > 0 {
			g.put(", ")
		}
		g.expr("##$@?e"[g.pick(6)])
		g.put(fmt.Sprintf(" AS c%d", i))
	}
	g.write(" FROM " + own.from)
	g.write(g.of("", "", " WHERE {?}", " WHERE {?} AND {?}"))
}

func (g *generator) grouped(own genScope, n int) {
	key := g.of(strings.Fields(own.num + " " + own.str + " window_start,window_end window_start,window_end,window_time")...)
	if !strings.Contains(own.time, "window_start") && strings.HasPrefix(key, "window") {
		key = strings.Fields(own.num)[0]
	}
	first, _, _ := strings.Cut(key, ",")
	g.put("SELECT " + first + " AS c0")
	for i := 1; i < n; i++ {
		g.put(", ")
		g.aggregate()
		g.put(fmt.Sprintf(" AS c%d", i))
	}
	g.write(" FROM " + own.from)
	g.write(g.of("", "", " WHERE {?}"))
	other := strings.Fields(own.str)[0]
	other = strings.ReplaceAll(other, "&", " ")
	g.put(g.of(" GROUP BY "+key, " GROUP BY "+key, " GROUP BY "+key+", "+other, " GROUP BY ROLLUP ("+first+", "+other+")", " GROUP BY GROUPING SETS (("+first+"), ())", " GROUP BY "+key+", TUMBLE(ts, INTERVAL '1' HOUR)"))
	g.scope = genScope{own.from, first, "MAX(" + other + ")", "COUNT(*)>1", "MAX(CURRENT_TIMESTAMP)", first}
	g.write(g.of("", "", "", " HAVING {?}"))
}
