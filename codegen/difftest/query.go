package difftest

import (
	"fmt"
	"strings"
)

// insert tries to add an INSERT of a random form.
func (g *gen) insert() {
	switch k := g.r.IntN(26); {
	case k < 5:
		g.add("", g.projection())
	case k < 14 && g.time != "":
		g.windowed()
	case k < 16:
		g.grouped()
	case k < 17:
		g.ranked()
	case k < 18:
		g.over()
	case k < 20:
		g.joined()
	case k < 21:
		g.behind()
	default:
		g.shape()
	}
}

// where is a filter, or nothing.
func (g *gen) where(percent int) string {
	if !g.chance(percent) {
		return ""
	}
	c, _ := g.expression('?')
	return " WHERE " + c
}

// list is n expressions under names with a prefix.
func (g *gen) list(prefix string, n int) (names []string, text string) {
	var parts []string
	for i := range n {
		e, _ := g.expression(0)
		names = append(names, fmt.Sprintf("%s%d", prefix, i))
		parts = append(parts, e+" AS "+names[i])
	}
	return names, strings.Join(parts, ", ")
}

// projection is a query of a filter and expressions.
func (g *gen) projection() string {
	_, list := g.list("c", 1+g.r.IntN(6))
	return "SELECT " + list + " FROM " + g.from + g.where(50)
}

// aggregates is a list of n calls.
func (g *gen) aggregates(n int) string {
	var out []string
	for try := 0; len(out) < n && try < 8*n; try++ {
		a := g.aggregate()
		if g.chance(20) {
			c, _ := g.expression('?')
			a += " FILTER (WHERE " + c + ")"
		}
		if _, _, ok := g.schemaOf("", "SELECT "+a+" AS c FROM "+g.from); ok {
			out = append(out, fmt.Sprintf("%s AS a%d", a, len(out)))
		}
	}
	if len(out) == 0 {
		return "COUNT(*) AS a0"
	}
	return strings.Join(out, ", ")
}

func (g *gen) aggregate() string {
	arg := func(kind byte) string {
		if g.chance(60) {
			return g.column(kind)
		}
		e, _ := g.expression(kind)
		return e
	}
	any := func() string { return arg("##$@D?TB"[g.r.IntN(8)]) }
	switch g.r.IntN(16) {
	case 0, 1:
		return "COUNT(*)"
	case 2:
		return "COUNT(" + any() + ")"
	case 3, 4, 5:
		return "SUM(" + arg('#') + ")"
	case 6, 7:
		return "AVG(" + arg('#') + ")"
	case 8:
		return "MIN(" + any() + ")"
	case 9:
		return "MAX(" + any() + ")"
	case 10:
		return "APPROX_PERCENTILE(" + arg('#') + ", 0.9)"
	case 11:
		return g.of("FIRST_VALUE(", "LAST_VALUE(") + any() + ")"
	case 12:
		return g.of("STDDEV_POP(", "VAR_SAMP(", "STDDEV_SAMP(", "VAR_POP(", "SUM0(") + arg('#') + ")"
	case 13:
		return "APPROX_COUNT_DISTINCT(" + any() + ")"
	case 14:
		return g.of("COUNT(DISTINCT ", "LISTAGG(", "COLLECT(", "ARRAY_AGG(", "SUM(DISTINCT ") + any() + ")"
	}
	return g.of("MIN(", "MAX(", "COUNT(", "SUM(") + arg('#') + ")"
}

// keys are up to three columns or expressions of a view.
func (g *gen) keys() []string {
	var out []string
	for range g.r.IntN(4) {
		k := g.column("$$$#?@DTB"[g.r.IntN(9)])
		if strings.HasPrefix(k, "`") && !strings.Contains(strings.Join(out, " "), k) {
			out = append(out, k)
		}
	}
	return out
}

// windowed adds an aggregate over event time windows, of the table or of a view of it.
func (g *gen) windowed() {
	from, views := g.from, ""
	defer func(c map[byte][]string) { g.from, g.columns = from, c }(g.columns)
	if g.chance(50) {
		g.view(&views)
	}
	keys := g.keys()
	window := g.window(keys)
	keys = append(keys, "window_start", "window_end")
	selected := append([]string(nil), keys...)
	for i, k := range keys {
		if k[0] == '`' {
			selected[i] = fmt.Sprintf("%s AS g%d", k, i)
		}
	}
	where := ""
	if from == g.from {
		where = g.where(30)
	}
	g.add(views, "SELECT "+strings.Join(selected, ", ")+", "+g.aggregates(1+g.r.IntN(6))+
		" FROM TABLE("+window+")"+where+" GROUP BY "+g.grouping(keys)+g.of("", "", "", "", " HAVING COUNT(*) > 1", " HAVING COUNT(*) < 3"))
}

// grouping is what rows are grouped by: the keys, or seldom several sets of them.
func (g *gen) grouping(keys []string) string {
	all := strings.Join(keys, ", ")
	if len(keys) == 2 || !g.chance(5) {
		return all
	}
	return "GROUPING SETS ((" + all + "), (window_start, window_end))"
}

// view makes a view of expressions and the event time, and brings it into scope.
func (g *gen) view(views *string) {
	_, list := g.list("v", 1+g.r.IntN(4))
	for i := range g.r.IntN(6) {
		list += fmt.Sprintf(", %s AS w%d", g.column("#$$#?@DTB"[g.r.IntN(9)]), i)
	}
	name := fmt.Sprintf("v%d", g.sinks)
	text := fmt.Sprintf("CREATE VIEW %s AS SELECT et, %s FROM %s%s;\n", name, list, g.from, g.where(50))
	ddl := g.ddl
	g.ddl += text
	g.scope(name)
	g.ddl = ddl
	*views += text
	g.ddl += text
	// The view stays declared even if the query that wants it does not work out.
	*views = ""
}

// window is a window table function; sessions are those of each value of the keys.
func (g *gen) window(keys []string) string {
	time := "et"
	if g.proc != "" && g.from == "t" && g.chance(15) {
		time = g.proc
	}
	head := fmt.Sprintf("(TABLE %s, DESCRIPTOR(%s), ", g.from, time)
	switch g.r.IntN(7) {
	case 0:
		return "HOP" + head + g.of("INTERVAL '5' SECOND, INTERVAL '20' SECOND", "INTERVAL '1' MINUTE, INTERVAL '5' MINUTE", "INTERVAL '2' SECOND, INTERVAL '10' SECOND") + ")"
	case 1:
		return "CUMULATE" + head + g.of("INTERVAL '10' SECOND, INTERVAL '1' MINUTE", "INTERVAL '1' MINUTE, INTERVAL '1' HOUR") + ")"
	}
	if g.chance(18) {
		part := ""
		if len(keys) > 0 {
			part = " PARTITION BY " + strings.Join(keys, ", ")
		}
		return fmt.Sprintf("SESSION(TABLE %s%s, DESCRIPTOR(%s), %s)", g.from, part, time, g.of("INTERVAL '1' SECOND", "INTERVAL '5' SECOND", "INTERVAL '0.05' SECOND"))
	}
	return "TUMBLE" + head + g.of("INTERVAL '1' SECOND", "INTERVAL '10' SECOND", "INTERVAL '1' MINUTE", "INTERVAL '1' HOUR", "INTERVAL '1' MINUTE, INTERVAL '7' SECOND", "INTERVAL '1' DAY") + ")"
}

// grouped adds an aggregate without windows.
func (g *gen) grouped() {
	keys := g.keys()
	q := "SELECT "
	for i, k := range keys {
		q += fmt.Sprintf("%s AS g%d, ", k, i)
	}
	q += g.aggregates(1+g.r.IntN(4)) + " FROM " + g.from + g.where(40)
	if len(keys) > 0 {
		q += " GROUP BY " + strings.Join(keys, ", ")
	}
	g.add("", q)
}

// order is what rows are ranked by.
func (g *gen) order() string {
	if g.time != "" && g.chance(50) {
		return "et" + g.of("", " DESC")
	}
	return g.column("##$D"[g.r.IntN(4)]) + g.of("", " DESC")
}

// ranked adds a Top-N or a deduplication.
func (g *gen) ranked() {
	keys := g.keys()
	if len(keys) == 0 {
		keys = []string{g.column('$')}
	}
	_, list := g.list("c", 1+g.r.IntN(3))
	g.add("", fmt.Sprintf("SELECT %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS rn FROM %s%s) WHERE rn <= %d",
		list, strings.Join(keys, ", "), g.order(), g.from, g.where(30), 1+g.r.IntN(3)))
}

// over adds an OVER aggregate.
func (g *gen) over() {
	if g.time == "" {
		return
	}
	keys := g.keys()
	part := ""
	if len(keys) > 0 {
		part = "PARTITION BY " + strings.Join(keys, ", ") + " "
	}
	g.add("", fmt.Sprintf("SELECT %s, SUM(%s) OVER w AS s, COUNT(*) OVER w AS n FROM %s%s WINDOW w AS (%sORDER BY et %s)", g.column('$')+" AS c0", g.column('#'), g.from, g.where(30), part,
		g.of("RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW", "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")))
}

// joined adds a join of the table with itself, or with a second one.
func (g *gen) joined() {
	other, theirs := g.other()
	mine, their, ok := g.pair(theirs)
	if !ok {
		return
	}
	var list []string
	for i := range 1 + g.r.IntN(4) {
		kind := "#$?@DTB"[g.r.IntN(7)]
		if len(g.columns[kind]) > 0 && len(theirs[kind]) > 0 {
			list = append(list, fmt.Sprintf("%s AS c%d", g.of("x."+g.of(g.columns[kind]...), "y."+g.of(theirs[kind]...)), i))
		}
	}
	if len(list) == 0 {
		return
	}
	q := fmt.Sprintf("SELECT %s FROM %s AS x %sJOIN %s AS y ON x.%s = y.%s", strings.Join(list, ", "), g.from, g.of("", "", "LEFT ", "RIGHT ", "FULL "), other, mine, their)
	if g.timed(g.from) && g.timed(other) && g.chance(60) {
		q += g.of(" AND x.et BETWEEN y.et - INTERVAL '5' SECOND AND y.et", " AND x.et BETWEEN y.et AND y.et + INTERVAL '1' SECOND", " AND x.et BETWEEN y.et - INTERVAL '2' SECOND AND y.et + INTERVAL '2' SECOND")
	}
	g.add("", q)
}

// behind adds an aggregate whose result is computed on.
func (g *gen) behind() {
	k := g.column("$#D?"[g.r.IntN(4)])
	inner := fmt.Sprintf("SELECT %s AS k, COUNT(*) AS n, SUM(%s) AS s, MAX(%s) AS m FROM %s%s GROUP BY %s", k, g.column('#'), g.column('$'), g.from, g.where(30), k)
	ddl, from, columns := g.ddl, g.from, g.columns
	defer func() { g.from, g.columns = from, columns }()
	view := fmt.Sprintf("CREATE VIEW b%d AS %s;\n", g.sinks, inner)
	if _, _, ok := g.schemaOf("", inner); !ok {
		return
	}
	g.ddl += view
	g.scope(fmt.Sprintf("b%d", g.sinks))
	if !g.add("", "SELECT * FROM ("+g.projection()+")") {
		g.ddl = ddl
	}
}
