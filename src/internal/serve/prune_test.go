//go:build !race

package serve_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestPrune: a server that takes old pushes away at random times says just what one says
// that keeps all: histories, conflicts, the plan and its ETag. And little is kept.
func TestPrune(t *testing.T) {
	type told struct {
		history            []string
		conflicts          string
		who, lint, version string
	}
	pushesOf := 30
	if sharedtest.Short() {
		pushesOf = 14
	}
	var all [2][]told
	for pruned := range all {
		promo, west := twoTeams(t)
		database, err := serve.Open(t.Context(), filepath.Join(promo.folder, "server", "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer database.Close()
		random, pauses := rand.New(rand.NewPCG(3, 3)), rand.New(rand.NewPCG(4, 4))
		west.run("push")
		address := 0
		for range pushesOf {
			promo.clock.pass(time.Duration(1+random.IntN(60)) * time.Hour)
			address = (address + 1 + random.IntN(2)) % 3
			promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", fmt.Sprintf("10.8.52.%d", []int{191, 180, 181}[address])))
			code, out := promo.run("push")
			if random.IntN(12) == 0 {
				west.run("push")
			}
			if pruned == 1 && pauses.IntN(3) == 0 {
				if err := promo.program.Prune(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if code > 1 {
				t.Fatal(out)
			}
			var conflicts string
			var list conflictList
			west.get(t, "/api/v1/conflicts", &list)
			conflicts = fmt.Sprint(len(list.Conflicts))
			list = conflictList{}
			west.get(t, "/api/v1/conflicts?ended=true&limit=1000", &list)
			for _, c := range list.Conflicts {
				conflicts += fmt.Sprint(c.ID, c.Since.Sub(promo.clock.Now()), c.Seen.Sub(promo.clock.Now()), c.Ended.Sub(promo.clock.Now()), "; ")
			}
			_, who := west.run("who", "10.8.52.191", "--format", "json")
			_, lint := west.run("lint", "web-manifest.yml", "--format", "json")
			_, version := promo.run("push")
			all[pruned] = append(all[pruned], told{append(west.held(t, "10.8.52.191"), west.held(t, "10.8.52.180")...), conflicts, who, lint, version})
		}
		if pruned == 1 {
			if err := promo.program.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var kept int
		if err := database.SQL().QueryRow("select count(*) from push where director = 'promo'").Scan(&kept); err != nil {
			t.Fatal(err)
		}
		if most := []int{pushesOf, 10}[pruned]; kept > most || pruned == 0 && kept < pushesOf {
			t.Errorf("%d versions are kept, with pruning: %t", kept, pruned == 1)
		}
	}
	for i, want := range all[0] {
		got := all[1][i]
		if !slices.Equal(got.history, want.history) || got.conflicts != want.conflicts || normal(got.who) != normal(want.who) || normal(got.lint) != normal(want.lint) || normal(got.version) != normal(want.version) {
			t.Fatalf("after push %d: got\n%+v\nand from a server that keeps all\n%+v", i, got, want)
		}
	}
}

// normal is a text without the port of the server that it names.
func normal(text string) string { return port.ReplaceAllString(text, "127.0.0.1") }

var port = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
