package agent_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// planted are secrets by the option that carries each.
type planted map[string]string

// new makes a secret that nothing else contains.
func (p planted) new(option string) string {
	s := fmt.Sprintf("PLANTED%02dsecret%02d", len(p)+10, 99-len(p))
	p[option] = s
	return s
}

// none reports every secret that a text holds.
func (p planted) none(t *testing.T, where, text string) {
	t.Helper()
	for option, s := range p {
		if at := strings.Index(text, s); at >= 0 {
			t.Errorf("%s tells the secret of %s: ...%s...", where, option, text[max(0, at-80):min(len(text), at+80)])
		}
	}
}

// TestSecretsAreNowhere plants a secret in every option that can carry one, in pipelines that
// work and in pipelines that fail, and looks for them in everything that comes out: the log at
// debug level, the plan, lint, errors, status, metrics, the state file, a savepoint, the
// folder of data, and the command line of the process.
func TestSecretsAreNowhere(t *testing.T) {
	p := planted{}
	// A broker that knows the password.
	password := p.new("nats.password")
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Options{StoreDir: filepath.Join(t.TempDir(), "js"), Listen: "127.0.0.1:0", Username: "me", Password: password, LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	addr := strings.TrimPrefix(srv.ClientURL(), "nats://")
	t.Setenv("EDGEFLOW_TEST_PASSWORD", password)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	p["nats.nkey"] = string(seed)
	pw, _ := secretFile(t, password)
	tok, tokRef := secretFile(t, p.new("nats.token-file"))
	nk, _ := secretFile(t, string(seed))
	junk, _ := secretFile(t, "-----BEGIN NATS USER JWT-----\n"+p.new("nats.credentials")+"\n------END NATS USER JWT------\n")
	t.Setenv("EDGEFLOW_TEST_TOKEN", p.new("nats.token-env"))
	logins := []string{
		`'nats.user'='me','nats.password'='` + password + `'`,
		`'nats.user'='me','nats.password-file'='` + pw + `'`,
		`'nats.user'='me','nats.password-env'='EDGEFLOW_TEST_PASSWORD'`,
		`'nats.user'='me','nats.password'='${env:EDGEFLOW_TEST_PASSWORD}'`,
		`'nats.user'='me','nats.password'='` + p.new("a wrong nats.password") + `'`,
		`'nats.token'='` + p.new("nats.token") + `'`,
		`'nats.token'='` + tokRef + `'`,
		`'nats.token-file'='` + tok + `'`,
		`'nats.token-env'='EDGEFLOW_TEST_TOKEN'`,
		`'nats.nkey'='` + nk + `'`,
		`'nats.nkey'='` + junk + `'`,
		`'nats.credentials'='` + junk + `'`,
		`'nats.tls.cert'='` + junk + `','nats.tls.key'='` + junk + `'`,
		`'nats.tls.ca'='` + junk + `'`,
	}
	urls := []string{"nats://" + addr, "nats://me:" + p.new("the password of a URL") + "@" + addr, "nats://" + p.new("the token of a URL") + "@" + addr, "nats://me:" + password + "@" + addr, "${env:EDGEFLOW_TEST_URL}"}
	t.Setenv("EDGEFLOW_TEST_URL", urls[3])
	const template = `SET 'pipeline.name'='p%[1]d'; SET 'execution.checkpointing.interval'='20 ms'; SET 'execution.checkpointing.min-pause'='1 ms';
CREATE TABLE s (n BIGINT) WITH ('connector'='nats','nats.url'='%[2]s','nats.stream'='S','nats.subject'='s','nats.stream.create'='true','format'='json'%[3]s);
CREATE TABLE o (n BIGINT) WITH ('connector'='nats','nats.url'='%[2]s','nats.stream'='O','nats.subject'='o','nats.stream.create'='true','format'='json'%[3]s);
INSERT INTO o SELECT n FROM s`
	var scripts []string
	for _, l := range logins {
		scripts = append(scripts, fmt.Sprintf(template, len(scripts), urls[0], ","+l))
	}
	for _, u := range urls[1:] {
		scripts = append(scripts, fmt.Sprintf(template, len(scripts), u, ""))
	}
	_, control := secretFile(t, p.new("--listen-control-token"))
	p["--state-key"] = strings.Repeat("5e", 32)
	_, stateKey := secretFile(t, p["--state-key"])

	var out strings.Builder
	note := func(err error) {
		if err != nil {
			fmt.Fprintln(&out, err)
		}
	}
	for i, s := range scripts {
		sc := agent.Script{File: fmt.Sprintf("p%d.sql", i), Text: s}
		note(agent.Lint(&out, []agent.Script{sc}))
		note(agent.Plan(&out, sc, agent.PlanOptions{}))
		// Messages quote the line of an error; everything stands on one line here.
		line := strings.ReplaceAll(s, "\n", " ")
		for _, broken := range []string{line + " FROM", strings.Replace(line, "SELECT n", "SELECT m", 1), strings.Replace(line, "'format'='json'", "'format'='jsn'", 1), strings.Replace(line, "nats.stream.create", "nats.stream.creat", 1)} {
			_, err := agent.Script{File: "broken.sql", Text: broken}.Plan()
			if err == nil {
				t.Fatalf("%s is right", broken)
			}
			note(err)
		}
		note(sc.RefuseInPlace("test"))
	}
	for _, state := range []string{"", stateKey} {
		data := filepath.Join(dir, fmt.Sprint(len(state)))
		h := newHost(t, data, func(o *agent.Options) {
			o.Listen, o.StateKey, o.Access.ControlToken = "127.0.0.1:0", state, control
			o.NATS = agent.Server{URL: urls[1], Credentials: junk}
		}, scripts...)
		h.await("p0", "the right password lets in", inState(agent.Running))
		// Every pipeline that cannot log in has said so.
		for i := range scripts {
			h.await(fmt.Sprintf("p%d", i), "it runs or fails", func(st agent.Status) bool { return st.State == agent.Running || st.Error != "" })
		}
		ctx := agent.AsCaller(context.Background(), agent.Caller{Token: control})
		note(agent.Savepoint(ctx, &out, agent.SavepointOptions{Server: "http://" + h.ControlAddr(), Pipeline: "p0"}))
		note(agent.Audit(ctx, &out, agent.AuditOptions{Server: "http://" + h.ControlAddr()}))
		for _, path := range []string{"/metrics", "/pipelines", "/healthz"} {
			_, body := ask(t, &http.Client{}, "GET", "http://"+h.ControlAddr()+path, bearer(p["--listen-control-token"]))
			out.WriteString(body)
		}
		h.stop()
		note(agent.InspectState(&out, data, agent.StateOptions{StateKey: state, Dump: true, Outbox: true}))
		p.none(t, "the log", h.log.String())
		for option, s := range p {
			if files := found(t, data, s); len(files) > 0 {
				t.Errorf("the secret of %s is in %v", option, files)
			}
		}
	}
	p.none(t, "what is printed", out.String())
	if cmdline, err := os.ReadFile("/proc/self/cmdline"); err == nil {
		p.none(t, "the command line", string(cmdline))
	}
	contains(t, out.String(), "holds a secret in place", "savepoint", "***")
}
