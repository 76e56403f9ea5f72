package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sort"
)

// Layout describes the bytes of a space, so that state can be read, migrated and
// inspected by name. It is stored beside the data.
type Layout struct {
	Version int      `json:"version"`
	Hash    uint64   `json:"hash"` // of whatever the owner says the layout depends on
	Columns []Column `json:"columns,omitempty"`
}

// Column is one field of a structure's key or value.
type Column struct {
	Structure string `json:"structure"` // name of the table, panes, ...
	Name      string `json:"name"`
	ID        string `json:"id,omitempty"`   // what the field is, where its name could mean several things
	Type      string `json:"type"`           // SQL type, or the owner's name for it
	Key       bool   `json:"key,omitempty"`  // Offset counts from the key's start, else from the value's
	Offset    int    `json:"offset"`         // bytes
	Size      int    `json:"size"`           // bytes
	Heap      bool   `json:"heap,omitempty"` // the field is a Ref into the structure's heap; 0 is absent
	// Of a field of several 8-byte words: bit i of Refs is set where the word at 8i is a Ref
	// into a heap, and of Floats where it is a float.
	Refs   uint64 `json:"refs,omitempty"`
	Floats uint64 `json:"floats,omitempty"`
}

// LayoutError is returned by Arena.Space when the stored layout is another one.
// The caller may read the old state through Arena.Lookup and migrate it, or drop
// the space.
type LayoutError struct {
	Space          string
	Stored, Wanted Layout
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("state: space %q was stored with layout %d/%016x, and layout %d/%016x is wanted",
		e.Space, e.Stored.Version, e.Stored.Hash, e.Wanted.Version, e.Wanted.Hash)
}

// Space is the namespace of one operator.
type Space struct {
	a      *Arena
	id     string
	layout Layout
	roots  []*rootEntry
	fresh  bool
}

// structure is what all structures have in common.
type structure interface {
	each(fn func(PageID)) // every page, the root last; fn may free it
}

type rootEntry struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Page   PageID `json:"page"`
	handle structure
}

type catalogSpace struct {
	ID     string       `json:"id"`
	Layout Layout       `json:"layout"`
	Roots  []*rootEntry `json:"roots"`
}

type catalogRecord struct {
	Version int            `json:"version"`
	Spaces  []catalogSpace `json:"spaces"`
}

const catalogVersion = 1

// Space binds the space with the given identity, making it when there is none.
// It returns *LayoutError when the space is there with a layout of another
// version or hash.
func (a *Arena) Space(id string, layout Layout) (*Space, error) {
	if s := a.Lookup(id); s != nil {
		if s.layout.Version != layout.Version || s.layout.Hash != layout.Hash {
			return nil, &LayoutError{Space: id, Stored: s.layout, Wanted: layout}
		}
		return s, nil
	}
	s := &Space{a: a, id: id, layout: layout, fresh: true}
	a.spaces = append(a.spaces, s)
	sort.Slice(a.spaces, func(i, j int) bool { return a.spaces[i].id < a.spaces[j].id })
	a.putCatalog()
	return s, nil
}

// Lookup returns the space with the given identity, whatever its layout, or nil.
func (a *Arena) Lookup(id string) *Space {
	for _, s := range a.spaces {
		if s.id == id {
			return s
		}
	}
	return nil
}

// Spaces returns all spaces, by identity.
func (a *Arena) Spaces() []*Space { return append([]*Space(nil), a.spaces...) }

// DropSpace frees every page of a space and reports whether there was one.
func (a *Arena) DropSpace(id string) bool {
	for i, s := range a.spaces {
		if s.id != id {
			continue
		}
		for _, e := range s.roots {
			s.open(e).each(a.release)
		}
		a.spaces = append(a.spaces[:i], a.spaces[i+1:]...)
		a.putCatalog()
		return true
	}
	return false
}

// RenameSpace gives a space another identity, which must be unused.
func (a *Arena) RenameSpace(from, to string) error {
	s := a.Lookup(from)
	if s == nil {
		return fmt.Errorf("state: there is no space %q", from)
	}
	if a.Lookup(to) != nil {
		return fmt.Errorf("state: there is a space %q already", to)
	}
	s.id = to
	sort.Slice(a.spaces, func(i, j int) bool { return a.spaces[i].id < a.spaces[j].id })
	a.putCatalog()
	return nil
}

// ID returns the identity.
func (s *Space) ID() string { return s.id }

// Layout returns the layout stored beside the data.
func (s *Space) Layout() Layout { return s.layout }

// Fresh reports that this process made the space, so there was no state to restore.
func (s *Space) Fresh() bool { return s.fresh }

// SetLayout stores another layout, after a migration.
func (s *Space) SetLayout(l Layout) {
	s.layout = l
	s.a.putCatalog()
}

// Names returns the names of the structures, in the order they were made.
func (s *Space) Names() []string {
	var names []string
	for _, e := range s.roots {
		names = append(names, e.Name)
	}
	return names
}

// Has reports whether there is a structure of the given name.
func (s *Space) Has(name string) bool {
	for _, e := range s.roots {
		if e.Name == name {
			return true
		}
	}
	return false
}

// Drop frees the structure of the given name with all its pages, and reports
// whether there was one. Handles of it must not be used any more.
func (s *Space) Drop(name string) bool {
	for i, e := range s.roots {
		if e.Name == name {
			s.open(e).each(s.a.releasePage)
			s.roots = append(s.roots[:i], s.roots[i+1:]...)
			s.a.putCatalog()
			return true
		}
	}
	return false
}

// bind returns the handle of the structure of the given name and kind, making it
// when there is none.
func (s *Space) bind(name, kind string, make func() (structure, PageID)) structure {
	for _, e := range s.roots {
		if e.Name != name {
			continue
		}
		if e.Kind != kind {
			panic(fmt.Sprintf("state: %q in space %q is stored as %s and opened as %s", name, s.id, e.Kind, kind))
		}
		return s.open(e)
	}
	h, root := make()
	s.roots = append(s.roots, &rootEntry{Name: name, Kind: kind, Page: root, handle: h})
	s.a.putCatalog()
	return h
}

// open returns the handle of a structure.
func (s *Space) open(e *rootEntry) structure {
	if e.handle == nil {
		switch e.Kind {
		case "table":
			e.handle = openTable(s.a, e.Page)
		case "panes":
			e.handle = openPanes(s.a, e.Page)
		case "heap":
			e.handle = &rootedHeap{root: e.Page, Heap: openHeap(s.a, makeRef(e.Page, 0))}
		case "ordered":
			e.handle = openOrdered(s.a, e.Page)
		case "scalars":
			e.handle = openScalars(s.a, e.Page)
		default:
			panic(fmt.Sprintf("state: space %q holds a structure of kind %q", s.id, e.Kind))
		}
	}
	return e.handle
}

// mustFit panics when a stored shape is not the one asked for: the layout's hash
// has to cover it, so this is a mistake of the operator.
func (s *Space) mustFit(name string, stored, wanted any) {
	if stored != wanted {
		panic(fmt.Sprintf("state: %q in space %q is stored as %+v and opened as %+v", name, s.id, stored, wanted))
	}
}

// Table returns the hash table of the given name. It panics when the table is
// stored with another shape, which the layout's hash must cover.
func (s *Space) Table(name string, spec TableSpec) *Table {
	if err := spec.validate(s.a.pageSize); err != nil {
		panic(err.Error())
	}
	t := s.bind(name, "table", func() (structure, PageID) {
		t := createTable(s.a, spec)
		return t, t.root
	}).(*Table)
	s.mustFit(name, t.spec, spec)
	return t
}

// Panes returns the panes of the given name.
func (s *Space) Panes(name string, spec TableSpec) *Panes {
	if err := spec.validate(s.a.pageSize); err != nil {
		panic(err.Error())
	}
	p := s.bind(name, "panes", func() (structure, PageID) {
		p := createPanes(s.a, spec)
		return p, p.root
	}).(*Panes)
	s.mustFit(name, p.spec, spec)
	return p
}

// Ordered returns the ordered table of the given name.
func (s *Space) Ordered(name string, spec OrderedSpec) *Ordered {
	o := s.bind(name, "ordered", func() (structure, PageID) {
		o := createOrdered(s.a, spec)
		return o, o.root
	}).(*Ordered)
	s.mustFit(name, o.spec, spec)
	return o
}

// Heap returns the heap of the given name.
func (s *Space) Heap(name string) *Heap {
	return s.bind(name, "heap", func() (structure, PageID) {
		p := s.a.alloc(kindHeap)
		return &rootedHeap{root: p, Heap: openHeap(s.a, makeRef(p, 0))}, p
	}).(*rootedHeap).Heap
}

// Scalars returns the block of size bytes of the given name; size is at most a
// page less 16 bytes.
func (s *Space) Scalars(name string, size int) *Scalars {
	if size < 0 || size > s.a.pageSize-scalarsData {
		panic(fmt.Sprintf("state: scalars %q of %d bytes", name, size))
	}
	c := s.bind(name, "scalars", func() (structure, PageID) {
		c := createScalars(s.a, size)
		return c, c.root
	}).(*Scalars)
	s.mustFit(name, c.size, size)
	return c
}

// rootedHeap is a heap with a root page of its own.
type rootedHeap struct {
	*Heap
	root PageID
}

func (h *rootedHeap) each(fn func(PageID)) {
	h.Heap.each(fn)
	fn(h.root)
}

// putCatalog stores the names of spaces and structures.
func (a *Arena) putCatalog() {
	rec := catalogRecord{Version: catalogVersion}
	for _, s := range a.spaces {
		rec.Spaces = append(rec.Spaces, catalogSpace{ID: s.id, Layout: s.layout, Roots: s.roots})
	}
	b, err := json.Marshal(rec)
	if err != nil {
		panic(err) // plain records always marshal
	}
	old := PageID(binary.LittleEndian.Uint32(a.read(0)[20:]))
	first := writeChain(a, b)
	binary.LittleEndian.PutUint32(a.write(0)[20:], uint32(first))
	if old != 0 {
		eachChain(a, old, a.releasePage)
	}
}

// loadCatalog reads the names of spaces and structures after a restore.
func (a *Arena) loadCatalog() error {
	pg := a.read(0)
	if pg[0] != kindSuper || binary.LittleEndian.Uint64(pg[8:]) != superMagic {
		return fmt.Errorf("state: page 0 is not the first page of an arena")
	}
	if n := int(binary.LittleEndian.Uint32(pg[16:])); n != a.pageSize {
		return fmt.Errorf("state: pages are of %d bytes and the arena was opened with %d", n, a.pageSize)
	}
	a.spaces = nil
	first := PageID(binary.LittleEndian.Uint32(pg[20:]))
	if first == 0 {
		return nil
	}
	var rec catalogRecord
	if err := json.Unmarshal(readChain(a, first), &rec); err != nil {
		return fmt.Errorf("state: the catalog of spaces cannot be read: %w", err)
	}
	if rec.Version > catalogVersion {
		return fmt.Errorf("state: the catalog has version %d and this program reads up to %d", rec.Version, catalogVersion)
	}
	for _, c := range rec.Spaces {
		a.spaces = append(a.spaces, &Space{a: a, id: c.ID, layout: c.Layout, roots: c.Roots})
	}
	return nil
}
