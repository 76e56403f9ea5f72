package expr

import "testing"

func TestObjects(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "OBJECT_OF('a.Point', 'x', 1, 'y', 'n')", Expect: "(x=1, y=n)", Type: "STRUCTURED<'a.Point', `x` INT NOT NULL, `y` CHAR(1) NOT NULL>"},
		{SQL: "OBJECT_UPDATE(OBJECT_OF('a.Point', 'x', 1, 'y', 'n'), 'x', 'abc')", Expect: "(x=abc, y=n)", Type: "STRUCTURED<'a.Point', `x` CHAR(3) NOT NULL, `y` CHAR(1) NOT NULL>"},
		{SQL: "OBJECT_UPDATE(OBJECT_OF('a.Point', 'x', 1), 'z', 2)", Error: true},
		{SQL: "OBJECT_OF('a.Point', 'x', 1, 'x', 2)", Error: true},
		{SQL: "OBJECT_OF('a.Point', 'x')", Error: true},
		{SQL: "OBJECT_OF(CAST('a.Point' AS STRING), 'x', 1)", Error: true},
		{SQL: "OBJECT_UPDATE(ROW(1), 'x', 1)", Error: true},
	})
}

// What Flink 2.3 answers, asked on its own cluster.
func TestFlinkAnswers(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "CAST(CAST(123456789 AS FLOAT) AS STRING)", Expect: "1.23456792E8"},
		{SQL: "CAST(CAST(1234567890123456789 AS DOUBLE) AS STRING)", Expect: "1.23456789012345677E18"},
		{SQL: "CAST(COSH(-1) AS STRING)", Expect: "1.543080634815244"},
		{SQL: "CAST(CAST(NULL AS DATE) AS INT)", Error: true},
		{SQL: "0.00000000000000000000000000000000000001", Expect: "0.00000000000000000000000000000000000001", Type: "DECIMAL(38, 38)"},
		{SQL: "CAST(CAST(0.5 AS DOUBLE) AS BOOLEAN)", Expect: true},
		{SQL: "TO_TIMESTAMP('2020-02-30', 'yyyyMMdd')", Expect: "2020-03-01T00:00:00"},
		{SQL: "TO_TIMESTAMP('2017-09-15 00:00:00.12345', 'yyyy-MM-dd HH:mm:ss.SSS')", Expect: "2017-09-15T00:00:00.123"},
		{SQL: "TO_TIMESTAMP('2020-02-03 10:00', 'yyyyMMdd')", Expect: nil},
		{SQL: "TO_TIMESTAMP_LTZ(-1, 9)", Expect: "1969-12-31 23:59:59.999999999", Type: "TIMESTAMP_LTZ(9)"},
		{SQL: "TO_TIMESTAMP_LTZ(1234, 6)", Expect: "1970-01-01 00:00:00.001234", Type: "TIMESTAMP_LTZ(6)"},
		{SQL: "CONVERT_TZ('2018-03-14 11:00:00', 'UTC', 'nowhere')", Expect: "2018-03-14 11:00:00"},
		{SQL: "CAST(TRUNCATE(CAST('0.45' AS FLOAT), 2) AS STRING)", Expect: "0.44"},
		{SQL: "MOD(CAST(1 AS DOUBLE), 2)", Error: true},
	})
}
