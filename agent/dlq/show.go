package dlq

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/edgeflow/edgeflow/agent"
)

// ShowOptions configure Show.
type ShowOptions struct {
	Options
	// Last is how many letters are shown, the newest of each pipeline's output; 0 is all.
	Last int
	// Raw writes the events' bytes alone.
	Raw bool
}

// Show prints letters: what is wrong, where the event came from, its bytes and its columns.
func Show(ctx context.Context, w io.Writer, o ShowOptions) error {
	p, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	var last []*Entry // a ring
	seen := 0
	err = o.entries(ctx, p, func(e *Entry) error {
		seen++
		switch {
		case o.Last == 0:
			return o.print(w, e)
		case len(last) < o.Last:
			last = append(last, e)
		default:
			last[(seen-1)%o.Last] = e
		}
		return nil
	})
	if err != nil {
		return err
	}
	if seen == 0 {
		return fmt.Errorf("no letter in %s is as asked for; `edgeflow dlq list` shows what there is", p.name())
	}
	if o.Last > 0 && seen > o.Last {
		at := seen % o.Last
		last = slices.Concat(last[at:], last[:at])
	}
	for _, e := range last {
		if err := o.print(w, e); err != nil {
			return err
		}
	}
	return nil
}

func (o *ShowOptions) print(w io.Writer, e *Entry) error {
	switch {
	case o.Raw:
		_, err := w.Write(e.Raw())
		return err
	case o.JSON:
		return json.NewEncoder(w).Encode(e)
	}
	_, err := io.WriteString(w, e.text())
	return err
}

// text is the letter for people.
func (e *Entry) text() string {
	var b strings.Builder
	what := e.Kind
	if e.Class != "" && e.Class != e.Kind {
		what += ", " + e.Class
	}
	fmt.Fprintf(&b, "%s  %s  pipeline %s", e.ID, what, e.Pipeline)
	if e.Instance != "" {
		fmt.Fprintf(&b, " of %s", e.Instance)
	}
	if e.Replayed {
		b.WriteString("  (replayed)")
	}
	if e.Replay != "" {
		fmt.Fprintf(&b, "  (a replay of %s)", e.Replay)
	}
	fmt.Fprintf(&b, "\n  reason    %s\n", e.Reason)
	if e.Operator != "" {
		fmt.Fprintf(&b, "  operator  %s\n", e.Operator)
	}
	fmt.Fprintf(&b, "  arrived   %s\n", instant(e.arrived()))
	if e.Source != "" {
		fmt.Fprintf(&b, "  source    %s", e.Source)
		if e.Log != "" {
			fmt.Fprintf(&b, ", %s", e.Log)
		}
		fmt.Fprintf(&b, " message %d, row %d at byte %d", e.Sequence, e.Row, e.Offset)
		if e.Subject != "" {
			fmt.Fprintf(&b, ", subject %s", e.Subject)
		}
		b.WriteByte('\n')
	}
	if raw := e.Raw(); raw != nil {
		fmt.Fprintf(&b, "  event     %d bytes\n", len(raw))
		b.WriteString(indent(rawText(raw)))
	}
	if e.Head != "" {
		fmt.Fprintf(&b, "  head      of %d bytes that are not kept\n", e.Size)
		b.WriteString(indent(e.Head))
	}
	names := make([]string, 0, len(e.Columns))
	for name := range e.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		title := "columns"
		if i > 0 {
			title = ""
		}
		value := "NULL"
		if v := e.Columns[name]; v != nil {
			value = *v
		}
		fmt.Fprintf(&b, "  %-8s  %s = %s\n", title, name, value)
	}
	b.WriteByte('\n')
	return agent.Printable(b.String())
}

// shownMax bounds how much of an event's bytes is shown to people.
const shownMax = 4096

// rawText shows bytes: text as it is, msgpack as JSON, anything else as a dump.
func rawText(raw []byte) string {
	note := ""
	if len(raw) > shownMax {
		note = fmt.Sprintf("... %d bytes more (--raw writes all)\n", len(raw)-shownMax)
	}
	cut := raw[:min(len(raw), shownMax)]
	if utf8.Valid(raw) {
		return string(cut) + "\n" + note
	}
	var decoded bytes.Buffer
	if rest, err := msgp.UnmarshalAsJSON(&decoded, raw); err == nil && len(rest) == 0 && decoded.Len() <= shownMax {
		return "as msgpack: " + decoded.String() + "\n" + hex.Dump(cut[:min(len(cut), 256)])
	}
	return hex.Dump(cut) + note
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n    ") + "\n"
}
