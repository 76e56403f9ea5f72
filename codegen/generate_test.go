package codegen

import (
	"bytes"
	"strings"
	"testing"
)

const twoSources = `
CREATE TABLE orders (id BIGINT, name STRING, at TIMESTAMP(3), WATERMARK FOR at AS at) WITH ('connector' = 'nats', 'format' = 'json');
CREATE TABLE rates (id BIGINT, x DOUBLE) WITH ('connector' = 'nats', 'format' = 'raw');
CREATE TABLE big (id BIGINT, n BIGINT, names BIGINT, bare BIGINT) WITH ('connector' = 'nats', 'format' = 'json');
CREATE TABLE copies (id BIGINT, x DOUBLE) WITH ('connector' = 'nats', 'format' = 'json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO big SELECT id, COUNT(*), COUNT(DISTINCT name), COUNT(1) FROM orders GROUP BY id, TUMBLE(at, INTERVAL '1' SECOND);
INSERT INTO big SELECT id, COUNT(*), COUNT(name), COUNT(1) FROM orders GROUP BY id, TUMBLE(at, INTERVAL '2' SECOND);
INSERT INTO copies SELECT id, x FROM rates;
END;`

// The same plan gives the same files; what cannot be generated is named with its reason.
func TestGenerate(t *testing.T) {
	first, err := Generate(compile(t, "two.sql", twoSources), Options{Package: "two", Source: twoSources})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Generate(compile(t, "two.sql", twoSources), Options{Package: "two", Source: twoSources})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Files) != len(again.Files) {
		t.Fatalf("%d files, then %d", len(first.Files), len(again.Files))
	}
	for name, src := range first.Files {
		if !bytes.Equal(src, again.Files[name]) {
			t.Errorf("%s is not the same twice", name)
		}
	}
	if len(first.Fragments) != 1 || first.Fragments[0].Kind != "head" || first.Fragments[0].Source != "orders" {
		t.Fatalf("%+v", first.Fragments)
	}
	if len(first.Fallbacks) != 1 || first.Fallbacks[0].Source != "rates" || !strings.Contains(first.Fallbacks[0].Reason, "format 'raw'") {
		t.Errorf("%+v", first.Fallbacks)
	}
	// A window whose aggregates need a tree is the interpreter's; rows are handed to it.
	src := string(first.Files[first.Fragments[0].File])
	for _, want := range []string{".Add()", ".Hold(k)", "r.n1++"} {
		if !strings.Contains(src, want) {
			t.Errorf("no %s in\n%s", want, src)
		}
	}
	if _, err := Generate(compile(t, "two.sql", twoSources), Options{Package: "no package"}); err == nil || !strings.Contains(err.Error(), `"no package" is no name`) {
		t.Errorf("error %v", err)
	}
}
