//go:build !race

package survey_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ignore"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// TestAllowThatCures pastes, on random fleets of which a part is hidden, the entries of
// allow that the hints print: no failure is left of which one was printed, in one round.
func TestAllowThatCures(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(18, 1))}
	cured, several := 0, 0
	for range scale(t) / 2 {
		b := r.blind(t, r.fleet(t), nil)
		s := b.read(r.IntN(len(b.files)+1)-1, true)
		nobody := func(*lint.Finding) bool { return false }
		doubts, _ := s.Facts.Doubts(nobody)
		var pasted ignore.Exceptions
		hidden := 0
		for _, d := range doubts {
			if d.Allow == lint.HiddenAddressID {
				hidden++
				pasted.Allowances = append(pasted.Allowances, pastedFrom(t, b.directors, d.Trouble())...)
			}
		}
		if hidden == 0 {
			continue
		}
		left, _ := s.Facts.Doubts(ignore.Accepting(pasted, time.Now()))
		for _, d := range left {
			if d.Allow == lint.HiddenAddressID {
				t.Fatalf("%s: with %+v there still is %+v", b, pasted.Allowances, d.Trouble())
			}
		}
		cured += hidden
		for _, a := range pasted.Allowances {
			several += min(1, len(a.Ranges)-1)
		}
	}
	if cured < 20 || several < 10 {
		t.Errorf("only %d failures were cured, %d by several ranges", cured, several)
	}
}

// pastedFrom is the entry that a hint prints, read in a fleet file.
func pastedFrom(t *testing.T, directors []string, f trouble.Trouble) []ignore.Allowance {
	t.Helper()
	_, line, _ := strings.Cut(f.Hint, "where you know better, ")
	line, _, _ = strings.Cut(line, " in the fleet file")
	files := source.NewFiles(strings.NewReader(""))
	text := "directors:\n"
	for _, name := range directors {
		text += "- {name: " + name + ", snapshot: " + name + ".json}\n"
	}
	files.Keep("ipguard.yml", []byte(text+strings.ReplaceAll(line, "YYYY-MM-DD", "2999-12-31")+"\n"))
	file, errs := fleet.Load(files, "ipguard.yml")
	if len(errs) > 0 {
		t.Fatalf("%q: %v", f.Hint, errs[0])
	}
	return workspace.Allowances(file)
}
