package crashtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The variants of the program are built of the same sources with small changes. In each,
// bbolt's own writes and syncs are failpoints. In small, moreover, a small state goes through
// what otherwise takes a large one: commits of several transactions, sweeps, compactions, steps
// whose output is stored before they end.
const (
	stepped = "stepped"
	small   = "small"
)

// change replaces old, which a file must have exactly once, by new.
type change struct{ file, old, new string }

// changesOfProject are those of each variant, and changesOfBolt of all.
var changesOfProject = map[string][]change{stepped: {
	{"store/store.go", "fileStep = 4 << 20", "fileStep = 32 << 10"},
}, small: {
	{"store/options.go", "o.TxBytesMax = 64 << 20", "o.TxBytesMax = 16 << 10"},
	{"store/options.go", "o.CompactMinBytes = 16 << 20", "o.CompactMinBytes = 64 << 10"},
	{"store/store.go", "fileStep = 4 << 20", "fileStep = 32 << 10"},
	{"store/compact.go", "free > file/10*7", "free > file/10*3"},
	{"store/commit.go", "sweepStep = 20_000", "sweepStep = 10"},
	{"dataflow/output.go", "const frameBytesMax = 512 << 10", "const frameBytesMax = 1 << 10"},
	{"agent/runner.go", "OutputMemoryMax: 2 * r.cfg.OutputMemoryMax", "OutputMemoryMax: 4 << 10"},
}}

var changesOfBolt = []change{
	{"tx.go", "if _, err := tx.db.ops.writeAt(buf, offset); err != nil {",
		"Step(\"file.write-page\")\n\t\t\tif _, err := tx.db.ops.writeAt(buf, offset); err != nil {"},
	{"tx.go", "// gofail: var beforeSyncDataPages struct{}\n\t\tif err := fdatasync(tx.db); err != nil {",
		"if err := stepSync(tx.db, \"pages\"); err != nil {"},
	{"tx.go", "if _, err := tx.db.ops.writeAt(buf, int64(p.Id())*int64(tx.db.pageSize)); err != nil {",
		"Step(\"file.write-meta\")\n\tif _, err := tx.db.ops.writeAt(buf, int64(p.Id())*int64(tx.db.pageSize)); err != nil {"},
	{"tx.go", "// gofail: var beforeSyncMetaPage struct{}\n\t\tif err := fdatasync(tx.db); err != nil {",
		"if err := stepSync(tx.db, \"meta\"); err != nil {"},
	{"db.go", "if err := db.file.Truncate(int64(sz)); err != nil {",
		"Step(\"file.grow\")\n\t\t\tif err := db.file.Truncate(int64(sz)); err != nil {"},
}

const (
	boltSteps = `package bbolt

// Step is called before and after what is done to the file.
var Step = func(string) {}

func stepSync(db *DB, what string) error {
	Step("file.sync-" + what)
	err := fdatasync(db)
	Step("file.synced-" + what)
	return err
}
`
	storeSteps = `package store

import (
	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

func init() { bolt.Step = func(name string) { _ = failpoint.Hit(name) } }
`
)

// variants builds each variant once and returns its path.
var variants = map[string]func() (string, error){
	stepped: sync.OnceValues(func() (string, error) { return build(stepped) }),
	small:   sync.OnceValues(func() (string, error) { return build(small) }),
}

// build builds a variant. The project's files are overlaid; bbolt is a changed copy, which a
// go.mod beside the project's names.
func build(variant string) (string, error) {
	dir := filepath.Join(filepath.Dir(binary), variant)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	bolt, err := listed("list", "-f", "{{.Dir}}", "go.etcd.io/bbolt")
	if err != nil {
		return "", err
	}
	mod, err := listed("env", "GOMOD")
	if err != nil {
		return "", err
	}
	root := filepath.Dir(mod)
	copied := filepath.Join(dir, "bbolt")
	overlay := map[string]string{}
	write := func(original, text string) error {
		name := filepath.Join(dir, fmt.Sprintf("overlay-%d.go", len(overlay)))
		overlay[original] = name
		return os.WriteFile(name, []byte(text), 0o600)
	}
	file, out := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "edgeflow")
	for _, step := range []func() error{
		func() error { return os.CopyFS(copied, os.DirFS(bolt)) },
		func() error {
			return patched(bolt, changesOfBolt, func(file, text string) error {
				name := filepath.Join(copied, filepath.Base(file))
				return errors.Join(os.Remove(name), os.WriteFile(name, []byte(text), 0o600))
			})
		},
		func() error { return os.WriteFile(filepath.Join(copied, "steps.go"), []byte(boltSteps), 0o600) },
		func() error { return patched(root, changesOfProject[variant], write) },
		func() error { return write(filepath.Join(root, "store", "steps.go"), storeSteps) },
		func() error {
			list, err := json.Marshal(map[string]any{"Replace": overlay})
			return errors.Join(err, os.WriteFile(file, list, 0o600))
		},
		func() error { return modfile(mod, filepath.Join(dir, "variant"), copied) },
		func() error {
			text, err := exec.Command("go", "build", "-overlay", file, "-modfile", filepath.Join(dir, "variant.mod"), "-o", out,
				"github.com/edgeflow/edgeflow/cmd/edgeflow").CombinedOutput()
			if err != nil {
				return fmt.Errorf("the variant does not build: %w\n%s", err, text)
			}
			return nil
		},
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return out, nil
}

// patched gives the files of a folder with changes to put.
func patched(folder string, changes []change, put func(file, text string) error) error {
	texts := map[string]string{}
	for _, c := range changes {
		path := filepath.Join(folder, c.file)
		if texts[path] == "" {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts[path] = string(b)
		}
		if n := strings.Count(texts[path], c.old); n != 1 {
			return fmt.Errorf("%s has %q %d times instead of once: the variant has to be made otherwise", path, c.old, n)
		}
		texts[path] = strings.Replace(texts[path], c.old, c.new, 1)
	}
	for path, text := range texts {
		if err := put(path, text); err != nil {
			return err
		}
	}
	return nil
}

// modfile writes name.mod and name.sum, which are the project's but for bbolt.
func modfile(mod, name, bolt string) error {
	b, err := os.ReadFile(mod)
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(strings.TrimSuffix(mod, ".mod") + ".sum")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(name+".mod", append(b, "\nreplace go.etcd.io/bbolt => "+bolt+"\n"...), 0o600),
		os.WriteFile(name+".sum", sum, 0o600))
}

// listed is what the go command prints.
func listed(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return "", fmt.Errorf("go %v: %w", args, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// program is the path of the program, or of one of its variants.
func program(t testing.TB, variant string) string {
	t.Helper()
	if variant == "" {
		return binary
	}
	path, err := variants[variant]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
