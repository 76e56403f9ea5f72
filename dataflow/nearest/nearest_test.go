package nearest

import "testing"

func TestName(t *testing.T) {
	candidates := []string{"window_start", "window_end", "price", "bidder", "id"}
	for name, want := range map[string]string{
		"windw_start": "window_start", "window_edn": "window_end", "PRICE": "price", "prcie": "price",
		"biddr": "bidder", "quantity": "", "": "", "di": "id", "zz": "", "x": "",
	} {
		if got := Name(name, candidates); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	if got := distance([]rune("ca"), []rune("abc")); got != 3 {
		t.Errorf("distance ca-abc = %d: edits must not overlap", got)
	}
	if got := distance([]rune("abcd"), []rune("acbd")); got != 1 {
		t.Errorf("a swap of neighbours counts %d", got)
	}
}
