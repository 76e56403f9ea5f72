package difftest

import (
	"fmt"
	"strings"
)

// shapes are forms of queries beyond projections and aggregates of one table; each adds an
// INSERT, or none when chance gives nothing that can be planned.
var shapes = []func(*gen){
	(*gen).distinct, (*gen).union, (*gen).semi, (*gen).sorted, (*gen).unnested, (*gen).lagging,
	(*gen).windowRanked, (*gen).windowRanked, (*gen).windowJoined, (*gen).windowJoined, (*gen).cascade, (*gen).cascade, (*gen).temporal, (*gen).pattern,
}

func (g *gen) shape() { shapes[g.r.IntN(len(shapes))](g) }

// pick is up to n columns of kinds, under names of their own, of a table's alias ("" for none).
func (g *gen) pick(alias string, columns map[byte][]string, kinds string, n int) string {
	var out []string
	for i := range n {
		if list := columns[kinds[g.r.IntN(len(kinds))]]; len(list) > 0 {
			out = append(out, fmt.Sprintf("%s%s AS %sc%d", alias, g.of(list...), strings.TrimSuffix(alias, "."), i))
		}
	}
	return strings.Join(out, ", ")
}

// other brings a second table into being, or takes the first one, and tells its columns.
func (g *gen) other() (name string, columns map[byte][]string) {
	name = g.from
	if g.chance(60) && !g.second {
		time := g.time
		g.time = ""
		if t := g.table("u", 2+g.r.IntN(5)); t != "" {
			g.ddl += t
			g.second, g.secondTime = true, g.time != ""
		}
		g.time = time
	}
	if g.second && g.chance(70) {
		name = "u"
	}
	from, mine := g.from, g.columns
	g.scope(name)
	columns = g.columns
	g.from, g.columns = from, mine
	return name, columns
}

// timed tells whether a table has an event time.
func (g *gen) timed(name string) bool {
	if name == "u" {
		return g.secondTime
	}
	return g.time != ""
}

// pair is a column of each table of the same kind, or ok is false.
func (g *gen) pair(theirs map[byte][]string) (mine, their string, ok bool) {
	k := "$#D?"[g.r.IntN(4)]
	if len(g.columns[k]) == 0 || len(theirs[k]) == 0 {
		return "", "", false
	}
	return g.of(g.columns[k]...), g.of(theirs[k]...), true
}

func (g *gen) distinct() {
	_, list := g.list("c", 1+g.r.IntN(2))
	g.add("", "SELECT DISTINCT "+list+" FROM "+g.from+g.where(40))
}

// union adds what two queries give together, or an aggregate of it.
func (g *gen) union() {
	kinds := "#$?@D"
	var one, two []string
	for i := range 1 + g.r.IntN(3) {
		k := kinds[g.r.IntN(len(kinds))]
		a, _ := g.expression(k)
		one, two = append(one, fmt.Sprintf("%s AS c%d", a, i)), append(two, g.column(k))
	}
	q := fmt.Sprintf("SELECT %s FROM %s%s UNION ALL SELECT %s FROM %s%s", strings.Join(one, ", "), g.from, g.where(50), strings.Join(two, ", "), g.from, g.where(50))
	if g.chance(60) {
		q = "SELECT c0, COUNT(*) AS n" + g.of("", ", MAX(c0) AS m") + " FROM (" + q + ") GROUP BY c0"
	}
	g.add("", q)
}

// semi adds a semi or anti join.
func (g *gen) semi() {
	other, theirs := g.other()
	mine, their, ok := g.pair(theirs)
	list := g.pick("x.", g.columns, "#$?@DTB", 3)
	if !ok || list == "" {
		return
	}
	how := g.of("EXISTS (SELECT 1 FROM %[1]s y WHERE x.%[2]s = y.%[3]s)", "NOT EXISTS (SELECT 1 FROM %[1]s y WHERE x.%[2]s = y.%[3]s)", "x.%[2]s IN (SELECT %[3]s FROM %[1]s)")
	g.add("", fmt.Sprintf("SELECT %s FROM %s x WHERE ", list, g.from)+fmt.Sprintf(how, other, mine, their))
}

func (g *gen) sorted() {
	if g.time != "" {
		_, list := g.list("c", 1+g.r.IntN(3))
		g.add("", "SELECT et, "+list+" FROM "+g.from+g.where(40)+" ORDER BY et")
	}
}

func (g *gen) unnested() {
	if len(g.columns['E']) == 0 {
		return
	}
	_, list := g.list("c", 1+g.r.IntN(2))
	g.add("", fmt.Sprintf("SELECT %s, e.v AS v FROM %s %sJOIN UNNEST(%s) AS e(v)%s", list, g.from, g.of("CROSS ", "LEFT "), g.of(g.columns['E']...), g.of("", " ON TRUE")))
}

func (g *gen) lagging() {
	if g.time == "" {
		return
	}
	call := g.of("LAG(%s, 1)", "LAG(%s, 2)", "FIRST_VALUE(%s)", "LAST_VALUE(%s)", "MAX(%s)", "COUNT(%s)")
	g.add("", fmt.Sprintf("SELECT %s AS c0, "+call+" OVER (PARTITION BY %s ORDER BY et%s) AS l FROM %s%s", g.column('$'), g.column("#$D@"[g.r.IntN(4)]), g.column('$'), g.of("", " ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"), g.from, g.where(30)))
}

// windowRanked adds a Top-N or a deduplication in windows.
func (g *gen) windowRanked() {
	if g.time == "" {
		return
	}
	part := append([]string{"window_start", "window_end"}, g.keys()...)
	list := g.pick("", g.columns, "#$?@DTB", 3)
	if list == "" {
		return
	}
	g.add("", fmt.Sprintf("SELECT window_start, %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS rn FROM TABLE(%s)) WHERE rn <= %d",
		list, strings.Join(part, ", "), g.order(), g.window(nil), 1+g.r.IntN(3)))
}

// windowJoined adds a join of equal windows.
func (g *gen) windowJoined() {
	other, theirs := g.other()
	mine, their, ok := g.pair(theirs)
	list, more := g.pick("x.", g.columns, "#$?@DTB", 2), g.pick("y.", theirs, "#$?@DTB", 2)
	if !ok || list == "" || more == "" || !g.timed(g.from) || !g.timed(other) {
		return
	}
	window := g.of("TUMBLE(TABLE %s, DESCRIPTOR(et), INTERVAL '10' SECOND)", "HOP(TABLE %s, DESCRIPTOR(et), INTERVAL '5' SECOND, INTERVAL '15' SECOND)", "TUMBLE(TABLE %s, DESCRIPTOR(et), INTERVAL '1' SECOND)")
	g.add("", fmt.Sprintf("SELECT x.window_start AS ws, %s, %s FROM (SELECT * FROM TABLE("+window+")%s) x %sJOIN (SELECT * FROM TABLE("+window+")) y ON x.window_start = y.window_start AND x.window_end = y.window_end AND x.%s = y.%s",
		list, more, g.from, g.where(30), g.of("", "LEFT ", "RIGHT ", "FULL "), other, mine, their))
}

// cascade adds an aggregate over windows of an aggregate over smaller ones.
func (g *gen) cascade() {
	if g.time == "" {
		return
	}
	k := g.column("$#D?"[g.r.IntN(4)])
	name := fmt.Sprintf("s%d", g.sinks)
	view := fmt.Sprintf("CREATE VIEW %s AS SELECT %s AS k, window_time AS rt, COUNT(*) AS n, SUM(%s) AS s, MAX(%s) AS m FROM TABLE(TUMBLE(TABLE %s, DESCRIPTOR(et), INTERVAL '2' SECOND)) GROUP BY %s, window_start, window_end, window_time;\n",
		name, k, g.column('#'), g.column('$'), g.from, k)
	by := g.of("k, ", "")
	g.add(view, fmt.Sprintf("SELECT %swindow_end, SUM(n) AS n, MAX(m) AS m, AVG(s) AS a FROM TABLE(TUMBLE(TABLE %s, DESCRIPTOR(rt), INTERVAL '%d' SECOND)) GROUP BY %swindow_start, window_end", by, name, 10+10*g.r.IntN(3), by))
}

// temporal adds a join with the version of a table at a time.
func (g *gen) temporal() {
	other, theirs := g.other()
	mine, their, ok := g.pair(theirs)
	list, more := g.pick("x.", g.columns, "#$?@DTB", 2), g.pick("y.", theirs, "#$?@DTB", 2)
	if !ok || list == "" || more == "" || !g.timed(g.from) || !g.timed(other) {
		return
	}
	name := fmt.Sprintf("ver%d", g.sinks)
	view := fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY et DESC) AS rn FROM %s) WHERE rn = 1;\n", name, their, other)
	g.add(view, fmt.Sprintf("SELECT %s, %s FROM %s AS x %sJOIN %s FOR SYSTEM_TIME AS OF x.et AS y ON x.%s = y.%s", list, more, g.from, g.of("", "LEFT "), name, mine, their))
}

// pattern adds a MATCH_RECOGNIZE.
func (g *gen) pattern() {
	if g.time == "" {
		return
	}
	n, s := g.column('#'), g.column('$')
	g.add("", fmt.Sprintf("SELECT * FROM %s MATCH_RECOGNIZE (PARTITION BY %s ORDER BY et MEASURES FIRST(A.%s) AS f, LAST(B.%s) AS l, COUNT(A.%s) AS n ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (%s) DEFINE A AS A.%s, B AS B.%s)",
		g.from, s, n, n, n, g.of("A B", "A{1,3} B", "A+ B"), n+" > 2", n+" <= 2"))
}
