package dataflow

import (
	"errors"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Migrated is an operator that has taken over the state of another query.
type Migrated struct {
	// ID is the operator's identity.
	ID string
	op.Migration
}

// Migrations lists the operators whose state was migrated at the start.
func (e *Engine) Migrations() []Migrated { return e.migrated }

// Migration tells what would become of state that is stored for the operator of the given
// identity: same is set when it is taken over as it is; the error says why it cannot be.
func (e *Engine) Migration(id string, stored state.Layout) (m op.Migration, same bool, err error) {
	for _, v := range e.vertices {
		if v.node.Base().ID != id {
			continue
		}
		if o, ok := v.op.(op.Migrating); ok {
			return o.Migration(stored)
		}
		if s := e.arena.Lookup(id); s != nil && s.Layout().Hash == stored.Hash {
			return m, true, nil
		}
	}
	return m, false, errors.New("the operator takes over no state but its own")
}
