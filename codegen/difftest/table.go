package difftest

import (
	"fmt"
	"strings"
)

// scalarTypes are the types of columns, the likelier ones several times.
var scalarTypes = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INT", "BIGINT", "BIGINT", "BIGINT", "FLOAT", "DOUBLE", "DOUBLE",
	"DECIMAL(5, 2)", "DECIMAL(18, 0)", "DECIMAL(10, 4)", "DECIMAL(38, 10)", "DECIMAL(19, 3)", "DECIMAL(18, 18)",
	"STRING", "STRING", "STRING", "STRING", "VARCHAR(3)", "CHAR(4)", "BYTES", "VARBINARY(4)", "DATE", "TIME(0)", "TIME(3)",
	"TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(0)", "TIMESTAMP(9)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)", "TIMESTAMP_LTZ(9)",
}

// columnNames are the names of columns; the index of the column is put behind most.
var columnNames = []string{"a", "id", "customer", "value", "some_long_name_of_a_column", "x", "eventTime", "näme", "a b"}

func (g *gen) columnName(i int) string {
	n := g.of(columnNames...)
	if g.chance(1) {
		n = "k\"q" // its key is written with an escape, which generated code leaves to the interpreter
	}
	if g.chance(70) || i > 0 {
		n += fmt.Sprint(i)
	}
	return n
}

func (g *gen) columnType(format string, depth int) string {
	null := func() string { return g.of("", "", " NOT NULL") }
	if depth < 2 && g.chance(8) && (format != "csv" || depth == 0) {
		switch g.r.IntN(4) {
		case 0:
			if format == "csv" {
				return "ARRAY<" + g.of("INT", "STRING", "DOUBLE") + ">" + null()
			}
			return "MAP<STRING, " + g.columnType(format, 2) + ">" + null()
		case 1:
			return "ARRAY<" + g.columnType(format, 2) + ">" + null()
		}
		var fields []string
		for i := range 1 + g.r.IntN(4) {
			t := g.columnType(format, depth+1)
			if format == "csv" {
				t = g.of("INT", "STRING", "DOUBLE", "BIGINT NOT NULL")
			}
			fields = append(fields, fmt.Sprintf("f%d %s", i, t))
		}
		return "ROW<" + strings.Join(fields, ", ") + ">" + null()
	}
	return g.of(scalarTypes...) + null()
}

// table declares a table of n columns or more, or is "" when it is none.
func (g *gen) table(name string, n int) string {
	format := g.of("json", "json", "msgpack", "msgpack", "csv")
	var cols []string
	for i := range n {
		cols = append(cols, fmt.Sprintf("`%s` %s", g.columnName(i), g.columnType(format, 0)))
	}
	switch g.r.IntN(8) {
	case 0: // none
	case 1:
		cols = append(cols, "epoch BIGINT"+g.of("", " NOT NULL"), "et AS TO_TIMESTAMP_LTZ("+g.of("epoch", "epoch + 500")+", 3)")
		g.time = "et"
	case 2:
		cols = append(cols, "moment TIMESTAMP(6)"+g.of("", " NOT NULL"), "et AS CAST(moment AS TIMESTAMP(3))")
		g.time = "et"
	case 3:
		cols = append(cols, "moment STRING"+g.of("", " NOT NULL"), "et AS TO_TIMESTAMP(moment)")
		g.time = "et"
	default:
		cols = append(cols, "et "+g.of("TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", "TIMESTAMP(0)", "TIMESTAMP(3)")+g.of("", " NOT NULL"))
		g.time = "et"
	}
	g.r.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
	if name == "t" && g.chance(20) {
		g.proc = "p"
		cols = append(cols, "p AS PROCTIME()")
	}
	if g.time != "" {
		cols = append(cols, "WATERMARK FOR et AS "+g.of("et", "et - INTERVAL '5' SECOND", "et - INTERVAL '0.1' SECOND", "et - INTERVAL '1' MINUTE",
			"et + INTERVAL '59' SECOND", "et + INTERVAL '59' MINUTE"))
	}
	options := []string{"'connector' = 'log'", "'format' = '" + format + "'"}
	options = append(options, g.formatOptions(format)...)
	if g.time != "" && g.chance(25) {
		options = append(options, "'scan.watermark.emit.strategy' = 'on-event'")
	}
	text := fmt.Sprintf("CREATE TABLE %s (\n  %s\n) WITH (%s);\n", name, strings.Join(cols, ",\n  "), strings.Join(options, ", "))
	if _, err := Build(g.ddl + text); err != nil {
		return ""
	}
	return text
}

func (g *gen) formatOptions(format string) (out []string) {
	opt := func(percent int, key string, values ...string) bool {
		if !g.chance(percent) {
			return false
		}
		out = append(out, fmt.Sprintf("'%s.%s' = '%s'", format, key, g.of(values...)))
		return true
	}
	ignores := opt(20, "ignore-parse-errors", "true")
	if format == "csv" {
		opt(25, "field-delimiter", ";", "|", "\\t")
		if !opt(15, "disable-quote-character", "true") {
			opt(15, "quote-character", "''")
		}
		opt(15, "allow-comments", "true")
		opt(15, "escape-character", "\\")
		opt(25, "null-literal", "NULL", "n/a", "")
		opt(15, "header", "true")
		return out
	}
	if !ignores {
		opt(15, "fail-on-missing-field", "true")
	}
	if format == "json" {
		opt(60, "timestamp-format.standard", "ISO-8601", "ISO-8601-WITH-OFFSET", "SQL")
	}
	return out
}
