package natshub_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/vec"
	forward "github.com/edgeflow/edgeflow/sync"
)

// A row whose subject the stream does not take stays, and the error names it and what to do; once
// that is done the row goes.
func TestSubjectThatTheStreamDoesNotTake(t *testing.T) {
	w := start(t)
	store := &outbox{}
	store.add(0, 5)
	var b forward.FrameBuilder
	b.Append([]byte(`{"row":5}`), []byte("elsewhere.rows"), vec.Insert, 0)
	store.frames = append(store.frames, forward.Frame{Output: "out", First: 6, Last: 6, Rows: 1, Data: b.Seal(6)})
	store.last = 6
	store.add(6, 3)
	fw := w.forwarder(store, w.hub())
	now := time.Now()
	for range 20 {
		wait, err := fw.Step(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(wait)
	}
	st := fw.Statuses(now)[0]
	var refused *forward.RefusedError
	if !errors.As(st.Err, &refused) || st.Dropped != 0 {
		t.Fatalf("%+v", st)
	}
	for _, word := range []string{"row 6", `"elsewhere.rows"`, "stream HUB takes hub.>", "nats stream edit HUB --subjects 'hub.>,elsewhere.rows'"} {
		if !strings.Contains(st.Err.Error(), word) {
			t.Errorf("without %s: %v", word, st.Err)
		}
	}
	// The legacy API of nats.go does not know all of a stream's settings, and would take some away.
	answer, err := w.nc.Request("$JS.API.STREAM.INFO.HUB", nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Config map[string]any }
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		t.Fatal(err)
	}
	info.Config["subjects"] = []string{"hub.>", "elsewhere.*"}
	edit, err := json.Marshal(info.Config)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err = w.nc.Request("$JS.API.STREAM.UPDATE.HUB", edit, time.Minute); err != nil || strings.Contains(string(answer.Data), `"error"`) {
		t.Fatalf("%v, %s", err, answer.Data)
	}
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	if st := fw.Statuses(now)[0]; st.Confirmed != 9 || st.Err != nil {
		t.Errorf("%+v", st)
	}
}
