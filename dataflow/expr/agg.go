package expr

import (
	"fmt"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// AggCall is an aggregate resolved against its arguments. Args and Filter are expressions
// over the input of the aggregation; an AggSet takes only columns and literals, so a plan
// computes anything else in a projection below.
type AggCall struct {
	Func *AggFunc
	// Args have the types that the aggregate takes: NewAgg inserted the conversions.
	Args     []Node
	Distinct bool
	// Filter is a BOOLEAN; rows for which it is not TRUE are left out. It may be nil.
	Filter Node
	// T is the type of the result.
	T types.Type
	// ID names the call in layouts of state, by what it means rather than by the columns
	// that it happens to read; empty is its text.
	ID string
}

// label is the name of the call in layouts, which are stored as text: what is no UTF-8 in a
// literal would come back as something else.
func (c *AggCall) label() string {
	name := c.ID
	if name == "" {
		name = c.String()
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// AggOptions are the clauses around an aggregate's arguments.
type AggOptions struct {
	Distinct bool
	// IgnoreNulls passes over NULL arguments, for an aggregate that would take them.
	IgnoreNulls bool
	Filter      Node
}

// AggFunc is an aggregate function of the catalogue.
type AggFunc struct {
	// Name is the SQL name in capitals.
	Name string
	// Signature and Doc are printed by `edgeflow functions`.
	Signature, Doc string
	// Retractable tells that the aggregate can take a row back.
	Retractable bool

	minArgs, maxArgs int
	// values is how many of the first arguments are values; those behind are parameters.
	values int
	// ignoring is the aggregate that passes over the NULLs which this one takes, if it does.
	ignoring *AggFunc
	// ignoreDistinct marks aggregates on which DISTINCT changes nothing.
	ignoreDistinct bool
	// resolve checks the arguments, with conversions inserted, and gives the result's type.
	resolve func(args []Node) (types.Type, error)
	// compile makes the aggregate for resolved arguments.
	compile func(c *AggCall, o aggCompile) (aggImpl, error)
}

var (
	aggCatalogue = map[string]*AggFunc{}
	aggAliases   = map[string]string{
		"$SUM0": "SUM0", "STDDEV": "STDDEV_SAMP", "VARIANCE": "VAR_SAMP", "ANY_VALUE": "FIRST_VALUE",
	}
)

func registerAggs(fs ...*AggFunc) {
	for _, f := range fs {
		if aggCatalogue[f.Name] != nil {
			panic("expr: aggregate registered twice: " + f.Name)
		}
		aggCatalogue[f.Name] = f
	}
}

// LookupAgg finds an aggregate by its SQL name, in any case, or is nil.
func LookupAgg(name string) *AggFunc {
	name = strings.ToUpper(name)
	if f := aggCatalogue[name]; f != nil {
		return f
	}
	return aggCatalogue[aggAliases[name]]
}

// Aggs lists the aggregates by name.
func Aggs() []*AggFunc {
	out := make([]*AggFunc, 0, len(aggCatalogue))
	for _, f := range aggCatalogue {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// AggNames lists every name and alias, for suggestions.
func AggNames() []string {
	var out []string
	for n := range aggCatalogue {
		out = append(out, n)
	}
	for n := range aggAliases {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// NewAgg resolves an aggregate by name. COUNT(*) has no arguments. The clauses of the JSON
// aggregates are trailing Symbol literals: NULL, ABSENT. Its errors say what is wrong
// without a position.
func NewAgg(name string, args []Node, o AggOptions) (*AggCall, error) {
	f := LookupAgg(name)
	if f == nil {
		return nil, fmt.Errorf("no aggregate function %s", strings.ToUpper(name))
	}
	if o.IgnoreNulls {
		if f = f.ignoring; f == nil {
			return nil, fmt.Errorf("%s takes no IGNORE NULLS", strings.ToUpper(name))
		}
	}
	if len(args) < f.minArgs || len(args) > f.maxArgs {
		return nil, fmt.Errorf("%s takes %s, not %d arguments", f.Name, f.Signature, len(args))
	}
	if o.Filter != nil && o.Filter.Type().Kind != types.Boolean {
		return nil, fmt.Errorf("FILTER of %s needs a BOOLEAN, not %s", f.Name, o.Filter.Type())
	}
	if o.Distinct && len(args) == 0 {
		return nil, fmt.Errorf("%s(DISTINCT) needs an argument", f.Name)
	}
	c := &AggCall{Func: f, Args: append([]Node(nil), args...), Distinct: o.Distinct && !f.ignoreDistinct, Filter: o.Filter}
	t, err := f.resolve(c.Args)
	if err != nil {
		return nil, err
	}
	c.T = t.Plain()
	return c, nil
}

// String prints the call as SQL.
func (c *AggCall) String() string {
	var b strings.Builder
	b.WriteString(c.Func.Name)
	b.WriteByte('(')
	if c.Distinct {
		b.WriteString("DISTINCT ")
	}
	for i, a := range c.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.String())
	}
	if len(c.Args) == 0 {
		b.WriteByte('*')
	}
	b.WriteByte(')')
	if c.Filter != nil {
		b.WriteString(" FILTER (WHERE " + c.Filter.String() + ")")
	}
	return b.String()
}
