package dlq

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/edgeflow/edgeflow/agent"
)

// Group counts the letters of a pipeline that are alike.
type Group struct {
	Pipeline string `json:"pipeline"`
	Instance string `json:"instance,omitempty"`
	Kind     string `json:"kind"`
	Class    string `json:"class,omitempty"`
	Source   string `json:"source,omitempty"`
	// Reason is the reason without an event's own numbers.
	Reason   string `json:"reason"`
	Letters  int64  `json:"letters"`
	Replayed int64  `json:"replayed"`
	// Oldest and Newest are the arrivals of their events.
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// groupsMax bounds the groups of a listing: reasons may differ without end.
const groupsMax = 10_000

// List prints how many letters there are, by pipeline, kind and reason.
func List(ctx context.Context, w io.Writer, o Options) error {
	p, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	groups, err := o.groups(ctx, p)
	if err != nil {
		return err
	}
	if o.JSON {
		e := json.NewEncoder(w)
		for _, g := range groups {
			if err := e.Encode(g); err != nil {
				return err
			}
		}
		return nil
	}
	if len(groups) == 0 {
		fmt.Fprintf(w, "no letters in %s\n", p.name())
	} else if err := printGroups(w, groups); err != nil {
		return err
	}
	removed, err := p.removed(&o.Filter)
	for _, line := range removed {
		fmt.Fprintln(w, agent.Cell(line))
	}
	return err
}

func (o *Options) groups(ctx context.Context, p place) ([]*Group, error) {
	type key struct{ pipeline, instance, kind, class, source, reason string }
	all := map[key]*Group{}
	err := o.entries(ctx, p, func(e *Entry) error {
		k := key{e.Pipeline, e.Instance, e.Kind, e.Class, e.Source, e.sort()}
		if all[k] == nil && len(all) >= groupsMax {
			k.reason = "(others)"
		}
		g := all[k]
		if g == nil {
			g = &Group{Pipeline: k.pipeline, Instance: k.instance, Kind: k.kind, Class: k.class, Source: k.source, Reason: k.reason, Oldest: e.arrived(), Newest: e.arrived()}
			all[k] = g
		}
		g.Letters++
		if e.Replayed {
			g.Replayed++
		}
		if at := e.arrived(); at.Before(g.Oldest) {
			g.Oldest = at
		} else if at.After(g.Newest) {
			g.Newest = at
		}
		return nil
	})
	out := make([]*Group, 0, len(all))
	for _, g := range all {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Instance, b.Instance), cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)),
			cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Reason, b.Reason))
	})
	return out, err
}

func printGroups(w io.Writer, groups []*Group) error {
	instances := slices.ContainsFunc(groups, func(g *Group) bool { return g.Instance != "" })
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	instance := func(s string) string {
		if !instances {
			return ""
		}
		return s + "\t"
	}
	fmt.Fprintf(tw, "pipeline\t%skind\tclass\tsource\tletters\treplayed\toldest\tnewest\treason\n", instance("instance"))
	var letters, replayed int64
	for _, g := range groups {
		fmt.Fprintf(tw, "%s\t%s%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", agent.Cell(g.Pipeline), instance(agent.Cell(g.Instance)), agent.Cell(g.Kind), agent.Cell(g.Class), agent.Cell(g.Source),
			g.Letters, g.Replayed, instant(g.Oldest), instant(g.Newest), agent.Cell(g.Reason))
		letters, replayed = letters+g.Letters, replayed+g.Replayed
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d letters, %d replayed\n", letters, replayed)
	return err
}
