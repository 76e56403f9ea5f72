package state

import "fmt"

// StoredTable returns the hash table of the given name, whatever its shape; nil when there
// is none.
func (s *Space) StoredTable(name string) *Table {
	t, _ := s.stored(name).(*Table)
	return t
}

// StoredPanes returns the panes of the given name, whatever their shape; nil when there
// are none.
func (s *Space) StoredPanes(name string) *Panes {
	p, _ := s.stored(name).(*Panes)
	return p
}

func (s *Space) stored(name string) structure {
	for _, e := range s.roots {
		if e.Name == name {
			return s.open(e)
		}
	}
	return nil
}

// Replace drops the structure of the given name and gives its name to another one.
func (s *Space) Replace(name, by string) error {
	if !s.Has(by) {
		return fmt.Errorf("state: there is no %q in space %q", by, s.id)
	}
	s.Drop(name)
	for _, e := range s.roots {
		if e.Name == by {
			e.Name = name
		}
	}
	s.a.putCatalog()
	return nil
}

// Spec returns the shape of the tables.
func (s *Panes) Spec() TableSpec { return s.spec }
