//go:build !race

package serve_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestGuess: lint begins with what the server said last. Whatever changed on the server
// meanwhile, it says what a lint says that has nothing to begin with.
func TestGuess(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	random := rand.New(rand.NewPCG(7, 7))
	plan := companyPlan
	said := map[string]int{}
	changes := []func(){
		func() {},
		func() {
			address := fmt.Sprintf("10.8.52.%d", []int{191, 200, 181}[random.IntN(3)])
			promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", address))
			promo.run("push")
		},
		func() { promo.run("book", "promo", "--for", fmt.Sprintf("promo/web-%d/web", random.IntN(3))) },
		func() {
			if plan = companyPlan; random.IntN(2) == 0 {
				plan += "external: [{owner: lb, addresses: [10.8.52.200]}]\n"
			}
			west.write("server/ipguard.yml", plan)
		},
	}
	rounds := 16
	if sharedtest.Short() {
		rounds = 8
	}
	for round := range rounds {
		changes[random.IntN(len(changes))]()
		args := [][]string{{"lint"}, {"lint", "web-manifest.yml"}, {"lint", "--director", "dr-west", "director-env.yml"}}[random.IntN(3)]
		code, warm := west.run(args...)
		kept := filepath.Join(west.folder, "dr-west", "home", ".cache")
		if err := os.Rename(kept, kept+"-kept"); err != nil {
			t.Fatal(err)
		}
		coldCode, cold := west.run(args...)
		if code != coldCode || warm != cold {
			t.Fatalf("round %d: ipguard %s: exit code %d\n%s\nand with nothing kept %d\n%s", round, strings.Join(args, " "), code, warm, coldCode, cold)
		}
		if err := os.RemoveAll(kept); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(kept+"-kept", kept); err != nil {
			t.Fatal(err)
		}
		said[fmt.Sprint(code, slices.Contains(strings.Fields(warm), "lb"))]++
	}
	if len(said) < 2 {
		t.Errorf("lint always says the same: %v", said)
	}
}
