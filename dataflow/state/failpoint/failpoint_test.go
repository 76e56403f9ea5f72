package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestPointsFailWhenTheyAreSet(t *testing.T) {
	defer Enable("")
	if err := Enable("a=error:2, b=errors:2,c=panic"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ a, b bool }{{false, false}, {true, true}, {false, true}} {
		if a, b := Hit("a"), Hit("b"); errors.Is(a, ErrInjected) != want.a || errors.Is(b, ErrInjected) != want.b {
			t.Fatalf("hit %d: %v, %v", i+1, a, b)
		}
	}
	if Hits("a") != 3 || Hit("d") != nil {
		t.Fatal(Hits("a"))
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		Hit("c")
	}()
	if err := Enable(""); err != nil || Hit("b") != nil {
		t.Fatal("still on")
	}
}

func TestBadListsAreRefused(t *testing.T) {
	for _, list := range []string{"a", "a=", "a=explode", "a=kill:0", "a=kill:x"} {
		if err := Enable(list); err == nil {
			t.Errorf("%q: no error", list)
		}
	}
}

func TestKillEndsTheProcess(t *testing.T) {
	if os.Getenv(Env) != "" {
		if err := EnableFromEnv(); err != nil {
			t.Fatal(err)
		}
		Hit("here")
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestKillEndsTheProcess")
	cmd.Env = append(os.Environ(), Env+"=here=kill")
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.Success() {
		t.Fatalf("the process lives on: %v", err)
	}
}
