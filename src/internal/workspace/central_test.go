//go:build !race

package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// TestOnePlace: what the server's pools delegate, no pool of the fleet file may give, and
// no booking in git may be of.
func TestOnePlace(t *testing.T) {
	const server = "directors: []\nsegments: [{name: v, subnets: []}, {name: w, subnets: []}]\n" +
		"pools: [{name: lab, team: lab, addresses: [10.0.0.200 - 10.0.0.219], except: [10.0.0.210], segment: v}]\n"
	for own, want := range map[string]string{
		"{name: lab, team: x, addresses: [10.9.0.1]}":                             "is defined here and on the server",
		"{name: mine, team: x, addresses: [10.0.0.219 - 10.0.0.230]}":             "delegates addresses of the server's pool `lab`",
		"{name: mine, team: x, addresses: [10.0.0.0/24], segment: v}":             "delegates addresses of the server's pool `lab`",
		"{name: mine, team: x, addresses: [10.0.0.0/24], segment: w}":             "",
		"{name: mine, team: x, addresses: [10.0.0.220 - 10.0.0.230]}":             "",
		"{name: mine, team: x, addresses: [10.0.0.210], segment: v}":              "",
		"{name: mine, team: x, addresses: [10.0.0.209 - 10.0.0.210], segment: v}": "delegates addresses of the server's pool `lab`",
	} {
		dir := t.TempDir()
		file, _ := fleet.Parse(filepath.Join(dir, "ipguard.yml"), []byte("directors: []\npools: ["+own+"]\n"))
		central, _ := fleet.Parse("server", []byte(server))
		var got []string
		for _, found := range twice(file, central) {
			got = append(got, found.Message)
		}
		if text := strings.Join(got, "\n"); want == "" && text != "" || !strings.Contains(text, want) {
			t.Errorf("%s: got %q, want %q", own, text, want)
		}
		if want == "" {
			stray := filepath.Join(dir, "bookings", "lab")
			if err := os.MkdirAll(stray, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(stray, "10.0.0.216.yml"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			if list := twice(file, central); len(list) != 1 || !strings.Contains(list[0].Message, "which is the server's") {
				t.Errorf("%s: a booking in git of the server's pool: %v", own, list)
			}
		}
	}
}
