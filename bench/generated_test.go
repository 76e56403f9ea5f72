package main

import "testing"

func TestQueriesHaveGeneratedCode(t *testing.T) {
	if err := checkGenerated(); err != nil {
		t.Fatal(err)
	}
}
