package dlq

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// asked answers yes, after something happened meanwhile.
type asked struct {
	meanwhile func()
	answer    *strings.Reader
}

func (a *asked) Read(b []byte) (int, error) {
	if a.meanwhile != nil {
		a.meanwhile()
		a.meanwhile = nil
	}
	return a.answer.Read(b)
}

// Only what was announced is sent, whatever becomes a letter while the question waits, and what has
// gone meanwhile is told.
func TestOnlyWhatWasAnnouncedIsSent(t *testing.T) {
	r := newRig(t)
	r.run("file")
	dead := filepath.Join(r.data, "pipelines", "p", "dead-letters")
	o := r.options("file")
	o.In = &asked{answer: strings.NewReader("y\n"), meanwhile: func() {
		late, err := filepath.Glob(filepath.Join(r.data, "pipelines", "p", "late", "part-*"))
		if err != nil || len(late) != 1 {
			t.Fatal(late, err)
		}
		if err := os.Remove(late[0]); err != nil {
			t.Fatal(err)
		}
		more := `{"kind":"dead","reason":"r","source":"a","log":"IN","subject":"in.more","sequence":90,"arrival_ms":5,"event":"more"}
{"kind":"dead","reason":"r","source":"a","log":"OTHER","subject":"other","sequence":91,"arrival_ms":5,"event":"other"}
`
		if err := os.WriteFile(filepath.Join(dead, "part-dead-letters-8ed8a3-000000000900-000000000901.json"), []byte(more), 0o600); err != nil {
			t.Fatal(err)
		}
	}}
	out := r.replay(ReplayOptions{Options: o})
	if got := r.tail(6); len(got) != 4 || strings.Contains(strings.Join(got, " "), "in.more") {
		t.Errorf("sent %q", got)
	}
	for _, want := range []string{"4 events sent", "2 letters stay: that came meanwhile", "1 events were not sent: their letters are no longer there"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// A replay with --again that was interrupted goes on where it ended, and once it has ended the next
// one sends all once more.
func TestAgainGoesOn(t *testing.T) {
	for _, target := range []string{"file", "edge"} {
		t.Run(target, func(t *testing.T) {
			r := newRig(t)
			r.run(target)
			again := ReplayOptions{Options: r.options(target), Yes: true, Again: true}
			r.replay(ReplayOptions{Options: r.options(target), Yes: true}) // 7 to 11
			limit := func(n int64) {
				s, err := r.js.Stream(t.Context(), "IN")
				if err != nil {
					t.Fatal(err)
				}
				c := s.CachedInfo().Config
				c.MaxMsgs, c.Discard = n, jetstream.DiscardNew
				if _, err := r.js.UpdateStream(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			limit(13)
			var out bytes.Buffer
			if err := Replay(t.Context(), &out, again); err == nil || !strings.Contains(err.Error(), "goes on where this one ended") || len(r.tail(11)) != 2 {
				t.Fatalf("%v\n%s\nsent %q", err, &out, r.tail(11))
			}
			limit(-1)
			if got := r.replay(again); !strings.Contains(got, "2 letters stay: sent by the replay with --again before this one") {
				t.Errorf("%s", got)
			}
			got := r.tail(11)
			events := map[string]bool{}
			for _, m := range got {
				events[m] = true
			}
			if len(got) != 5 || len(events) != 5 {
				t.Errorf("the interrupted replay and the next one sent %q", got)
			}
			r.replay(again)
			if n := len(r.tail(16)); n != 5 {
				t.Errorf("the replay after those sent %d events", n)
			}
		})
	}
}

// A run with --again that died before it could mark is completed by its message IDs.
func TestAgainAfterAKill(t *testing.T) {
	r := newRig(t)
	r.run("file")
	again := ReplayOptions{Options: r.options("file"), Yes: true, Again: true}
	r.replay(again) // 7 to 11
	path := filepath.Join(r.data, marksFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begun, _, _ := bytes.Cut(b, []byte("\n"))
	if err := os.WriteFile(path, append(begun, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := r.replay(again); !strings.Contains(out, "it has sent 5 events") || !strings.Contains(out, "no events to send") || len(r.tail(6)) != 5 {
		t.Errorf("%s\nsent %q", out, r.tail(6))
	}
	if r.replay(again); len(r.tail(6)) != 10 {
		t.Errorf("sent %q", r.tail(6))
	}
}

// A replay that did not end into a stream that is gone keeps no other replay back, and stays in
// doubt.
func TestAStreamThatIsGone(t *testing.T) {
	r := newRig(t)
	r.run("file")
	f, err := openFiles(r.data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.mark(t.Context(), mark{Begin: &begin{Stream: "GONE", Last: 3}}); err != nil {
		t.Fatal(err)
	}
	out := r.replay(ReplayOptions{Options: r.options("file"), Yes: true})
	if !strings.Contains(out, "stream GONE did not end, and what it has sent is not known") || len(r.tail(6)) != 5 {
		t.Errorf("%s\nsent %q", out, r.tail(6))
	}
	if m, err := readMarks(t.Context(), f); err != nil || len(m.open) != 1 || m.open["GONE"] != 3 {
		t.Errorf("%v, in doubt %v", err, m.open)
	}
}

// Two replays of a data folder do not run at once, and names of devices cannot steer a terminal.
func TestReplayBesideAnother(t *testing.T) {
	r := newRig(t)
	r.publish("in.\x1b[31mred", "nonsense")
	r.run("file")
	var second error
	o := r.options("file")
	o.In = &asked{answer: strings.NewReader("y\n"), meanwhile: func() {
		second = Replay(context.Background(), &bytes.Buffer{}, ReplayOptions{Options: r.options("file"), Yes: true})
	}}
	out := r.replay(ReplayOptions{Options: o})
	if second == nil || !strings.Contains(second.Error(), "another `edgeflow dlq replay`") || len(r.tail(7)) != 6 {
		t.Errorf("%v\nsent %q", second, r.tail(7))
	}
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "[31mred") {
		t.Errorf("%q", out)
	}
}
