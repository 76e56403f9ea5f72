package expr

import (
	"math"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func bytesOf(hex string) any { return map[string]any{"$bytes": hex} }

func mapOf(pairs ...any) any {
	out := []any{}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, []any{pairs[i], pairs[i+1]})
	}
	return map[string]any{"$map": out}
}

func list(vals ...any) any { return vals }

func TestStringFunctions(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "UPPER('aéZ')", Expect: "AÉZ", Type: "CHAR(3)"},
		{SQL: "LOWER(CAST('ABC' AS STRING))", Expect: "abc", Type: "STRING"},
		{SQL: "LCASE('ÀB')", Expect: "àb"},
		{SQL: "INITCAP('the qUICK-fox 2ND')", Expect: "The Quick-Fox 2nd"},
		{SQL: "CHAR_LENGTH('in中文😀')", Expect: 5, Type: "INT"},
		{SQL: "OCTET_LENGTH('中')", Expect: 3},
		{SQL: "ASCII('')", Expect: 0},
		{SQL: "ASCII('ö')", Expect: -61},
		{SQL: "CHR(300)", Expect: ",", Type: "STRING"},
		{SQL: "CHR(-1)", Expect: ""},
		{SQL: "SUBSTRING('中文字' FROM -2 FOR 1)", Expect: "文", Type: "VARCHAR(3)"},
		{SQL: "SUBSTRING('abc', 0, 2)", Expect: "ab"},
		{SQL: "SUBSTRING('abc', -4)", Expect: ""},
		{SQL: "SUBSTR('abc', 2, 2147483648)", Expect: nil},
		{SQL: "SUBSTRING('abc', 2, -1)", Expect: nil},
		{SQL: "`LEFT`('äöü', 2)", Expect: "äö"},
		{SQL: "`RIGHT`('äöü', 2)", Expect: "öü"},
		{SQL: "`RIGHT`('abc', -9223372036854775807)", Expect: ""},
		{SQL: "LPAD('äää', 13, '12345')", Expect: "1234512345äää"},
		{SQL: "RPAD('ab', 5, '')", Expect: nil},
		{SQL: "RPAD('hi', 1, '?')", Expect: "h"},
		{SQL: "LPAD('a', 2000000000, 'b')", Error: true},
		{SQL: "REPEAT('ab', 3)", Expect: "ababab"},
		{SQL: "REPEAT('ab', 2147483647)", Error: true},
		{SQL: "CHAR_LENGTH(REPLACE(REPEAT('a', 4000), 'a', REPEAT('b', 4000)))", Expect: 16000000},
		{SQL: "REPLACE(REPEAT('a', 10000), 'a', REPEAT('b', 10000))", Error: true},
		{SQL: "REPLACE(REPEAT('a', 10000), '', REPEAT('b', 10000))", Error: true},
		{SQL: "OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6 FOR 2)", Expect: "xxxxxxxxxst", Type: "VARCHAR(13)"},
		{SQL: "OVERLAY('123456789' PLACING 'abc' FROM 2 FOR -1)", Expect: "1abc"},
		{SQL: "OVERLAY('123456789' PLACING 'abc' FROM 2)", Expect: "1abc56789"},
		{SQL: "OVERLAY('12' PLACING 'a' FROM 1 FOR 9223372036854775807)", Expect: "a"},
		{SQL: "REPLACE('aXbX', 'X', '')", Expect: "ab"},
		{SQL: "REPLACE('ab', '', '-')", Expect: "-a-b-"},
		{SQL: "TRANSLATE('www.apache.org', 'abcworg', '123 ')", Expect: "   .1p13he.", Type: "STRING"},
		{SQL: "TRANSLATE('abc', 'b', CAST(NULL AS STRING))", Expect: "ac"},
		{SQL: "REVERSE('a中😀')", Expect: "😀中a"},
		{SQL: "TRIM(BOTH '开心' FROM '心情开开心心')", Expect: "情"},
		{SQL: "TRIM('  a ')", Expect: "a", Type: "VARCHAR(4)"},
		{SQL: "LTRIM('abcddcba', 'abc')", Expect: "ddcba"},
		{SQL: "RTRIM('abc', CAST(NULL AS STRING))", Expect: nil},
		{SQL: "POSITION('aa' IN 'baa')", Expect: 2},
		{SQL: "LOCATE('aa', 'aaads', 2)", Expect: 2},
		{SQL: "LOCATE('', 'abc')", Expect: 1},
		{SQL: "INSTR('Corporate Floor', 'or', -3, 2)", Expect: 2},
		{SQL: "INSTR('aaa', 'a', 1, 0)", Error: true},
		{SQL: "CONCAT('a', CAST(NULL AS STRING))", Expect: nil, Type: "STRING"},
		{SQL: "CONCAT(x'01', x'02')", Expect: bytesOf("0102"), Type: "BYTES"},
		{SQL: "CONCAT('a', 1)", Error: true},
		{SQL: "CONCAT_WS('~', CAST(NULL AS STRING), 'AA', '', 'CC')", Expect: "AA~~CC"},
		{SQL: "CONCAT_WS(CAST(NULL AS STRING), 'AA')", Expect: nil},
		{SQL: "ELT(2, 'a', 'bc')", Expect: "bc", Type: "VARCHAR(2)"},
		{SQL: "ELT(CAST(-1 AS INT), 'a')", Expect: nil},
		{SQL: "ELT(-9223372036854775807, 'a')", Error: true},
		{SQL: "SPLIT_INDEX('a,b,,c', ',', 3)", Expect: "c"},
		{SQL: "SPLIT_INDEX('a,b', ',', 2)", Expect: nil},
		{SQL: "SPLIT_INDEX('AQIDBA==', 73, 0)", Expect: "AQ"},
		{SQL: "SPLIT(',a,,b', ',')", Expect: list("", "a", "", "b"), Type: "ARRAY<STRING>"},
		{SQL: "STARTSWITH(x'0102', x'01')", Expect: true},
		{SQL: "STARTSWITH('a', x'61')", Error: true},
		{SQL: "IS_DECIMAL('-1.5e3')", Expect: true, Type: "BOOLEAN"},
		{SQL: "IS_DECIMAL('NaN')", Expect: true},
		{SQL: "IS_DECIMAL('inf')", Expect: false},
		{SQL: "IS_DECIMAL('1_0')", Expect: false},
		{SQL: "IS_DECIMAL('f')", Expect: false},
		{SQL: "IS_DECIMAL(CAST(1 AS DOUBLE))", Expect: true},
		{SQL: "IS_DIGIT(12)", Expect: true},
		{SQL: "IS_ALPHA('aé')", Expect: true},
		{SQL: "STR_TO_MAP('k1$$v1|k2$$ v2', '\\|', '\\$\\$')", Expect: mapOf("k1", "v1", "k2", " v2")},
		{SQL: "STR_TO_MAP('a,b=,a=1,,')", Expect: mapOf("a", "1", "b", "")},
		{SQL: "PRINTF('%5d|%-5s|%05.1f|%x|%,d|%%', 42, 'ab', CAST(2.25 AS DOUBLE), 255, 1234567)", Expect: "   42|ab   |002.3|ff|1,234,567|%"},
		{SQL: "PRINTF('%2$s %1$s %<s', 'a', 'b')", Expect: "b a a"},
		{SQL: "PRINTF('%+d %(d % d', 1, -2, 3)", Expect: "+1 (2)  3"},
		{SQL: "PRINTF('%b %S %c %e', TRUE, 'abc', 65, CAST(12345.678 AS DOUBLE))", Expect: "true ABC A 1.234568e+04"},
		{SQL: "PRINTF('%g %g', CAST(0.0001 AS DOUBLE), CAST(123456789.0 AS DOUBLE))", Expect: "0.000100000 1.23457e+08"},
		{SQL: "PRINTF('%d', 'x')", Expect: nil},
		{SQL: "PRINTF('%', 1)", Expect: nil},
	})
}

func TestRegexFunctions(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "REGEXP('abc', '')", Expect: false, Type: "BOOLEAN"},
		{SQL: "REGEXP('foobar', CAST('(' AS STRING))", Expect: false},
		{SQL: "REGEXP('foobar', '(')", Error: true},
		{SQL: "REGEXP('foobar', '(o)\\1')", Error: true},
		{SQL: "REGEXP_REPLACE('foobar', 'o*', 'X')", Expect: "XfXXbXaXrX"},
		{SQL: "REGEXP_REPLACE('ab', '(a)', '$1$1')", Expect: "$1$1b"},
		{SQL: "REGEXP_REPLACE('foobar', CAST('(?=o)' AS STRING), 'X')", Error: true},
		{SQL: "REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", Expect: "bar", Type: "STRING"},
		{SQL: "REGEXP_EXTRACT('foothebar', 'foo', 1)", Expect: nil},
		{SQL: "REGEXP_EXTRACT('foothebar', 'foo', -1)", Expect: nil},
		{SQL: "REGEXP_EXTRACT_ALL('abcdeabde', 'ab((c)|(.?))de', 2)", Expect: list("c", nil)},
		{SQL: "REGEXP_EXTRACT_ALL('ab', '', 0)", Expect: list("", "", "")},
		{SQL: "REGEXP_COUNT('Helloworld! Hello everyone!', '\\bHello\\b')", Expect: 1},
		{SQL: "REGEXP_COUNT('a', '(?<!b)a')", Error: true},
		{SQL: "REGEXP_INSTR('äb12', '\\d')", Expect: 3},
		{SQL: "REGEXP_SUBSTR('abc123', '(')", Expect: nil},
	})
}

func TestEncodings(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "MD5('')", Expect: "d41d8cd98f00b204e9800998ecf8427e", Type: "CHAR(32)"},
		{SQL: "SHA2('test', 256)", Expect: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Type: "VARCHAR(128)"},
		{SQL: "SHA2('test', 255)", Error: true},
		{SQL: "SHA256(x'74657374')", Expect: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{SQL: "HASH_CODE('abc')", Expect: 96354, Type: "INT"},
		{SQL: "HASH_CODE('polygenelubricants')", Expect: -2147483648},
		{SQL: "HASH_CODE('😀')", Expect: 1772899},
		{SQL: "HASH_CODE(TRUE)", Expect: 1231},
		{SQL: "HEX(-1)", Expect: "FFFFFFFFFFFFFFFF"},
		{SQL: "HEX('ö')", Expect: "C3B6"},
		{SQL: "UNHEX('466C')", Expect: bytesOf("466c"), Type: "BYTES"},
		{SQL: "UNHEX('f0a')", Expect: bytesOf("000a")},
		{SQL: "UNHEX('zz')", Expect: nil},
		{SQL: "TO_BASE64('hi')", Expect: "aGk="},
		{SQL: "FROM_BASE64('aGk')", Expect: "hi"},
		{SQL: "FROM_BASE64('*')", Error: true},
		{SQL: "ENCODE('ä😀', 'UTF-16')", Expect: bytesOf("feff00e4d83dde00"), Type: "BYTES"},
		{SQL: "ENCODE('ä', 'us-ascii')", Expect: bytesOf("3f")},
		{SQL: "ENCODE('ä', 'EBCDIC')", Error: true},
		{SQL: "DECODE(x'3dd800de', 'UTF-16LE')", Expect: "😀"},
		{SQL: "DECODE(x'e4ff', 'ISO-8859-1')", Expect: "äÿ"},
		{SQL: "DECODE(x'd8', 'UTF-16BE')", Expect: "\uFFFD"},
		{SQL: "MAKE_VALID_UTF8(x'e28261c0af')", Expect: "\uFFFDa\uFFFD\uFFFD"},
		{SQL: "URL_ENCODE('a b/ä*')", Expect: "a+b%2F%C3%A4*", Type: "STRING"},
		{SQL: "URL_DECODE('a+b%2F%zz')", Expect: nil},
		{SQL: "PARSE_URL('http://u@h:80/p?k=1&kk=2#r', 'QUERY', 'kk')", Expect: "2"},
		{SQL: "PARSE_URL('http://h:x/p', 'HOST')", Expect: nil},
		{SQL: "PARSE_URL('http://[::1]:80/p', 'HOST')", Expect: "[::1]"},
		{SQL: "PARSE_URL('HTTPS://h?q', 'PATH')", Expect: ""},
		{SQL: "INET_ATON('127.1')", Expect: 2130706433},
		{SQL: "INET_ATON('1.2.3.4.5')", Expect: nil},
		{SQL: "INET_NTOA(4294967295)", Expect: "255.255.255.255"},
	})
}

func TestCollectionFunctions(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "ARRAY_APPEND(ARRAY[1, 2], NULL)", Expect: list(1, 2, nil), Type: "ARRAY<INT>"},
		{SQL: "ARRAY_APPEND(ARRAY['a'], 1)", Error: true},
		{SQL: "ARRAY_PREPEND(CAST(ARRAY[1] AS ARRAY<BIGINT>), 5)", Expect: list(5, 1)},
		{SQL: "ARRAY_CONTAINS(ARRAY[1, NULL], NULL)", Expect: true},
		{SQL: "ARRAY_POSITION(ARRAY[3, 4, 4], 4)", Expect: 2, Type: "INT"},
		{SQL: "ARRAY_REMOVE(ARRAY[MAP[1, 'a', 2, 'b'], MAP[3, 'c']], MAP[2, 'b', 1, 'a'])", Expect: list(mapOf(3, "c"))},
		{SQL: "ARRAY_DISTINCT(ARRAY[NULL, 1, 2, 1, NULL])", Expect: list(nil, 1, 2)},
		{SQL: "ARRAY_DISTINCT(ARRAY[ARRAY[1], ARRAY[1], ARRAY[2]])", Expect: list(list(1), list(2))},
		{SQL: "ARRAY_SLICE(ARRAY[1, 2, 3], -2, 9)", Expect: list(2, 3)},
		{SQL: "ARRAY_SLICE(ARRAY[1, 2, 3], 3, 2)", Expect: list()},
		{SQL: "ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", Expect: list(1, 2, 3)},
		{SQL: "ARRAY_UNION(ARRAY[1], CAST(ARRAY[2] AS ARRAY<BIGINT>))", Expect: list(1, 2), Type: "ARRAY<BIGINT>"},
		{SQL: "ARRAY_UNION(ARRAY[1], ARRAY[TRUE])", Error: true},
		{SQL: "ARRAY_EXCEPT(ARRAY[1, 2, 3, 2], ARRAY[2])", Expect: list(1, 3)},
		{SQL: "ARRAY_INTERSECT(ARRAY[1, 1, NULL], ARRAY[NULL, 1])", Expect: list(1, nil)},
		{SQL: "ARRAY_CONCAT(ARRAY['a'], ARRAY['bc'])", Expect: list("a", "bc")},
		{SQL: "ARRAY_MAX(ARRAY['a', NULL, 'bc'])", Expect: "bc"},
		{SQL: "ARRAY_MAX(CAST(ARRAY[1, 'NaN', 2] AS ARRAY<DOUBLE>))", Error: true},
		{SQL: "ARRAY_MIN(ARRAY[TRUE])", Error: true},
		{SQL: "ARRAY_SORT(ARRAY[2, NULL, 1], FALSE)", Expect: list(2, 1, nil)},
		{SQL: "ARRAY_SORT(ARRAY[2, NULL, 1], FALSE, TRUE)", Expect: list(nil, 2, 1)},
		{SQL: "ARRAY_JOIN(ARRAY['a', NULL], '+', '?')", Expect: "a+?"},
		{SQL: "ELEMENT(ARRAY[7])", Expect: 7, Type: "INT"},
		{SQL: "ELEMENT(ARRAY[7, 8])", Error: true},
		{SQL: "CARDINALITY(MAP['a', 1])", Expect: 1},
		{SQL: "MAP_UNION(MAP['a', 1, 'b', 2], MAP['b', 3])", Expect: mapOf("a", 1, "b", 3)},
		{SQL: "MAP_FROM_ARRAYS(ARRAY[1, 1], ARRAY['x', 'y'])", Expect: mapOf(1, "y")},
		{SQL: "MAP_FROM_ARRAYS(ARRAY[1], ARRAY['x', 'y'])", Error: true},
		{SQL: "MAP_ENTRIES(MAP['k', 1])", Expect: list(list("k", 1))},
	})
}

func TestJSONFunctions(t *testing.T) {
	const doc = `'{"a": {"b": [1, {"c": "x"}]}, "n": null, "e": 1e3, "t": true, "big": 1e400}'`
	runCases(t, []sqlCase{
		{SQL: "JSON_VALUE(" + doc + ", '$.a.b[1].c')", Expect: "x", Type: "STRING"},
		{SQL: "JSON_VALUE(" + doc + ", 'lax $.a' DEFAULT 'd' ON EMPTY)", Expect: "d"},
		{SQL: "JSON_VALUE(" + doc + ", 'strict $.a' DEFAULT 'd' ON ERROR)", Expect: "d"},
		{SQL: "JSON_VALUE(" + doc + ", 'strict $.n' ERROR ON ERROR)", Error: true},
		{SQL: "JSON_VALUE(" + doc + ", 'lax $.n' ERROR ON EMPTY)", Error: true},
		{SQL: "JSON_VALUE(" + doc + ", '$.e')", Expect: "1E+3"},
		{SQL: "JSON_VALUE(" + doc + ", '$.e' RETURNING INT)", Expect: 1000, Type: "INT"},
		{SQL: "JSON_VALUE('{\"a\":-12.7e0}', '$.a' RETURNING BIGINT)", Expect: -12},
		{SQL: "JSON_VALUE('{\"a\":1e300}', '$.a' RETURNING BIGINT)", Expect: nil},
		{SQL: "JSON_VALUE('{\"a\":\"1\"}', '$.a' RETURNING BOOLEAN)", Expect: true},
		{SQL: "JSON_VALUE(" + doc + ", '$.t' RETURNING INT DEFAULT 5 ON ERROR)", Expect: 5},
		{SQL: "JSON_VALUE(" + doc + ", '$.big' RETURNING DOUBLE)", Expect: nil},
		{SQL: "JSON_VALUE('not json', '$.a' ERROR ON ERROR)", Error: true},
		{SQL: "JSON_VALUE('not json', 'lax $.a' ERROR ON ERROR)", Expect: nil},
		{SQL: "JSON_VALUE('{}', '$.a[?(@.b]')", Error: true},
		{SQL: "JSON_VALUE('{\"a\":1}', '$.a' RETURNING DATE)", Error: true},
		{SQL: "JSON_EXISTS(" + doc + ", '$.a.b[*].c')", Expect: true, Type: "BOOLEAN"},
		{SQL: "JSON_EXISTS(" + doc + ", 'strict $.x' UNKNOWN ON ERROR)", Expect: nil},
		{SQL: "JSON_EXISTS(" + doc + ", 'strict $.x' ERROR ON ERROR)", Error: true},
		{SQL: "JSON_QUERY(" + doc + ", '$.a')", Expect: `{"b":[1,{"c":"x"}]}`},
		{SQL: "JSON_QUERY(" + doc + ", '$..c')", Expect: `["x"]`},
		{SQL: "JSON_QUERY(" + doc + ", '$.a' RETURNING ARRAY<STRING> ERROR ON ERROR)", Error: true},
		{SQL: "JSON_QUERY(" + doc + ", 'lax $.e' EMPTY OBJECT ON EMPTY)", Expect: `{}`},
		{SQL: "JSON_QUERY(" + doc + ", '$.a' RETURNING INT)", Error: true},
		{SQL: "'{} x' IS JSON OBJECT", Expect: true, Type: "BOOLEAN"},
		{SQL: "'[1,]' IS NOT JSON", Expect: true},
		{SQL: "JSON_STRING(ROW(CAST(1.50 AS DECIMAL(3, 2)), CAST('x' AS STRING)))", Expect: `{"EXPR$0":1.50,"EXPR$1":"x"}`},
		{SQL: "JSON_STRING(TIMESTAMP '2024-01-02 03:04:00.120')", Expect: `"2024-01-02T03:04:00.12"`, Type: "STRING"},
		{SQL: "JSON_STRING(DATE '2024-01-02')", Error: true},
		{SQL: "JSON_STRING(MAP[1, 2])", Error: true},
		{SQL: "JSON_OBJECT(KEY 'b' VALUE 1, KEY 'a' VALUE JSON_ARRAY(TRUE, NULL NULL ON NULL))", Expect: `{"a":[true,null],"b":1}`, Type: "STRING"},
		{SQL: "JSON_ARRAY('a\"', CAST(NULL AS INT))", Expect: `["a\""]`},
		{SQL: "JSON(' {\"b\" : 1, \"a\":2} ')", Expect: `{"a":2,"b":1}`},
		{SQL: "JSON_QUOTE('≠/😀')", Expect: `"\u2260\/\ud83d\ude00"`},
		{SQL: "JSON_UNQUOTE('\"\\ud83d\\ude00\"')", Expect: "😀"},
		{SQL: "JSON_UNQUOTE('\"a\\x\"')", Expect: `"a\x"`},
		{SQL: "JSON_LENGTH(" + doc + ", '$.a.b')", Expect: 2, Type: "INT"},
		{SQL: "JSON_LENGTH('x')", Expect: nil},
		{SQL: "JSON_TYPE(" + doc + ", '$.n')", Expect: "null"},
		{SQL: "JSON_STRING(PARSE_JSON('{\"a\": 1}'))", Expect: `{"a":1}`},
		{SQL: "PARSE_JSON('{\"a\":1,\"a\":2}')", Error: true},
		{SQL: "JSON_STRING(TRY_PARSE_JSON('1e400'))", Expect: nil},
	})
}

// A document of 40 kB in which every `a` holds the ones below it would make 36 MB.
func TestJSONQueryBoundsItsResult(t *testing.T) {
	doc := "'" + strings.Repeat(`{"a":`, 900) + `"` + strings.Repeat("x", 40_000) + `"` + strings.Repeat("}", 900) + "'"
	runCases(t, []sqlCase{
		{SQL: "JSON_QUERY(" + doc + ", '$..a')", Expect: nil},
		{SQL: "JSON_QUERY(" + doc + ", '$..a' EMPTY ARRAY ON ERROR)", Expect: "[]"},
		{SQL: "JSON_QUERY(" + doc + ", '$..a' ERROR ON ERROR)", Error: true},
		{SQL: "JSON_QUERY(" + doc + ", '$..a' RETURNING ARRAY<STRING> ERROR ON ERROR)", Error: true},
		{SQL: "JSON_EXISTS(" + doc + ", '$..a..a' UNKNOWN ON ERROR)", Expect: nil},
		{SQL: "JSON_EXISTS(" + doc + ", '$..a')", Expect: true},
	})
}

func TestJSONStringOfTimestamps(t *testing.T) {
	d := vec.IntDatum(644333862001000)
	for want, typ := range map[string]types.Type{
		`"1990-06-02T13:37:42.001Z"`: types.TimestampLTZOf(3), `"1990-06-02T13:37:42.001"`: types.TimestampOf(3),
	} {
		got, err := AppendJSON(nil, d, typ, testEnv)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v", typ, got, err)
		}
	}
	if got := string(appendISO(nil, vec.IntDatum(1722335040256000), true)); got != "2024-07-30T10:24:00.256" {
		t.Error(got)
	}
	if got := string(appendISO(nil, vec.Datum{I: -1, Hi: 1}, true)); got != "1969-12-31T23:59:59.999999001" {
		t.Error(got)
	}
}

func TestErrorsSayWhatIsWanted(t *testing.T) {
	for sql, want := range map[string]string{
		"UPPER(1)":                     "argument 1 (s) of UPPER must be a character string, not INT NOT NULL",
		"LPAD('a', 'b', 'c')":          "argument 2 (length) of LPAD must be an integer",
		"REPLACE('a')":                 "REPLACE does not take 1 arguments; it is called as REPLACE(s, old, new)",
		"REGEXP('a', '(?=b)')":         "look-ahead",
		"JSON_VALUE('{}', '$.')":       "JSON path",
		"ARRAY_CONTAINS(ARRAY[1], '')": "element",
		"ENCODE('a', 'x')":             "unknown character set",
	} {
		if _, err := parseSQLTest(sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
}

var ownCategories = map[string]bool{"string": true, "hash": true, "json": true, "collection": true, "network": true}

func TestFunctionsAreDocumented(t *testing.T) {
	for _, f := range Funcs() {
		if ownCategories[f.Category] && (!strings.HasSuffix(f.Doc, ".") || f.Signature == "") {
			t.Errorf("%s: signature %q, doc %q", f.Name, f.Signature, f.Doc)
		}
	}
}

// TestNoInputPanics calls every function with all lists of sample arguments that it
// takes, and checks that what it says of NULL holds.
func TestNoInputPanics(t *testing.T) {
	lit := func(d vec.Datum, t types.Type) Node { return NewLit(d, t) }
	ints := vec.AppendArray(nil, types.TInt, []vec.Datum{vec.IntDatum(3), vec.NullDatum, vec.IntDatum(-1)})
	strs := vec.AppendArray(nil, types.TString, []vec.Datum{vec.StringDatum("a"), vec.NullDatum})
	m := vec.AppendMap(nil, types.TString, types.TString, []vec.Datum{vec.StringDatum("k")}, []vec.Datum{vec.NullDatum})
	samples := []Node{
		NewString(""), NewString("a,ä😀%d($.a"), lit(vec.BytesDatum([]byte("\xff\"{[\\u1")), types.TString), NewNull(types.TString),
		lit(vec.IntDatum(math.MaxInt64), types.TBigInt), lit(vec.IntDatum(math.MinInt64), types.TBigInt), NewInt(2), NewInt(-1),
		lit(vec.BytesDatum([]byte{0xd8, 0x3d, 0xff}), types.TBytes), NewBool(true), NewFloat(math.NaN()),
		lit(vec.BytesDatum(ints), types.ArrayOf(types.TInt)), lit(vec.BytesDatum(strs), types.ArrayOf(types.TString)),
		lit(vec.BytesDatum(m), types.MapOf(types.TString, types.TString)), NewNull(types.TNull),
	}
	short := []Node{samples[1], samples[3], samples[4], samples[7], samples[11], samples[9]}
	for _, f := range Funcs() {
		if !ownCategories[f.Category] {
			continue
		}
		tryCall(t, f, nil)
		for _, a := range samples {
			tryCall(t, f, []Node{a})
			for _, b := range samples {
				tryCall(t, f, []Node{a, b})
			}
		}
		for _, a := range short {
			for _, b := range short {
				for _, c := range short {
					tryCall(t, f, []Node{a, b, c})
				}
			}
		}
	}
}

func tryCall(t *testing.T, f *Func, args []Node) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s%v: panic %v", f.Name, args, r)
		}
	}()
	n, err := NewCall(f.Name, args...)
	if err != nil {
		return
	}
	d, err := evalNode(n)
	if err == nil && d.Null && n.Type().NotNull {
		t.Errorf("%s is NULL, of type %s", n, n.Type())
	}
}
