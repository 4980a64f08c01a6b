//go:build !race

package spelling

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	keys := []string{"name", "cloud_configs", "deployments", "create_env", "director_ips"}
	for word, want := range map[string]string{
		"cloud_config":          "cloud_configs",
		"Cloud_Configs":         "cloud_configs",
		"cloud-configs":         "cloud_configs",
		"deployment":            "deployments",
		"deploymetns":           "deployments",
		"create-env":            "create_env",
		"createenv":             "create_env",
		"directorips":           "director_ips",
		"nmae":                  "name",
		"names":                 "name",
		"game":                  "name",
		"gamer":                 "",
		"networks":              "",
		"":                      "",
		"name":                  "", // the word itself is no correction of it
		strings.Repeat("n", 65): "",
	} {
		got, ok := Nearest(word, keys)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", word, got, ok, want)
		}
	}
	if got, _ := Nearest("ab", []string{"ax", "ay"}); got != "ax" {
		t.Errorf("of equally near words the first one, not %q", got)
	}
}

// TestDistanceAgainstSearch compares the table with the definition: the first
// letters either agree, or one of the four changes is made.
func TestDistanceAgainstSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() []rune {
		w := make([]rune, random.IntN(6))
		for i := range w {
			w[i] = []rune("abä")[random.IntN(3)]
		}
		return w
	}
	for range 3000 {
		a, b := word(), word()
		if got, want := distance(a, b), searched(a, b); got != want {
			t.Fatalf("%s to %s: %d, want %d", string(a), string(b), got, want)
		}
	}
}

func searched(a, b []rune) int {
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	change := 1
	if a[0] == b[0] {
		change = 0
	}
	best := min(1+searched(a[1:], b), 1+searched(a, b[1:]), change+searched(a[1:], b[1:]))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		best = min(best, 1+searched(a[2:], b[2:]))
	}
	return best
}
