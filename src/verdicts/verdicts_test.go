//go:build !race

package main

import (
	"path/filepath"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestAgreement holds the command line against the recorded verdicts.
func TestAgreement(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(sharedtest.Dir(t, "director-verdicts"), "*", "verdict.json"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var total tally
	for _, path := range folders {
		if err := total.add(filepath.Dir(path)); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if !total.enough(98) {
		t.Error("too little agreement")
	}
	t.Logf("\n%s", total)
}
