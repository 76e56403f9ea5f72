package state

import (
	"errors"
	"fmt"
)

// ErrIncomplete is returned, wrapped, by Restore for a snapshot that lacks pages: the store
// is damaged where no checksum covers it.
var ErrIncomplete = errors.New("state: the snapshot is not complete")

// ErrNewer is returned, wrapped, by Restore for a snapshot of a later version of the program.
var ErrNewer = errors.New("state: the snapshot is of a later version of the program")

// Restore fills the arena with the pages of a snapshot; what it held before is
// gone. pages calls its argument once for each page, in any order, with an image
// that is valid during the call (Store.Pages has this shape). Handles made before
// are not valid any more; the roots of all spaces come back.
func (a *Arena) Restore(roots Roots, pages func(func(PageID, []byte) error) error) error {
	if roots.Format > RootsFormat {
		return fmt.Errorf("%w: its page format is %d, and this one reads up to %d", ErrNewer, roots.Format, RootsFormat)
	}
	if int(roots.PageSize) != a.pageSize {
		return fmt.Errorf("state: the snapshot has pages of %d bytes and the arena has %d", roots.PageSize, a.pageSize)
	}
	a.reset()
	a.extend(int(roots.PageCount))
	seen := make(bitmap, 0).grow(int(roots.PageCount))
	err := pages(func(p PageID, image []byte) error {
		switch {
		case uint32(p) >= roots.PageCount:
			return fmt.Errorf("state: page %d of a snapshot with %d pages", p, roots.PageCount)
		case len(image) != a.pageSize:
			return fmt.Errorf("state: page %d has %d bytes instead of %d", p, len(image), a.pageSize)
		case seen.has(uint32(p)):
			return fmt.Errorf("state: page %d comes twice in the snapshot", p)
		}
		seen.set(uint32(p))
		if a.limited && p != 0 && a.images() >= a.opt.MemoryMax {
			return nil
		}
		copy(a.addFrame(p), image)
		return nil
	})
	if err != nil {
		return err
	}
	if !seen.has(0) {
		return fmt.Errorf("state: the snapshot has no page 0")
	}
	if n := seen.count(); roots.InUse > 0 && n != int(roots.InUse) {
		return fmt.Errorf("%w: it has %d pages of %d", ErrIncomplete, n, roots.InUse)
	}
	for p := range a.pages {
		if !seen.has(uint32(p)) {
			a.free.set(uint32(p))
			a.nfree++
		}
	}
	return a.catalog()
}

// catalog loads the catalog of spaces, and takes a panic over a damaged page for an error.
func (a *Arena) catalog() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("state: the catalog of spaces cannot be walked: %v", p)
		}
	}()
	return a.loadCatalog()
}
