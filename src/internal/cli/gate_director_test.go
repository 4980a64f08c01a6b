package cli

import (
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// TestGateAsksWhoItIs: an alias proves nothing, the UUID of a snapshot does, and the
// director is asked once, for nothing else.
func TestGateAsksWhoItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	directors := twoDirectors()
	urls := doubles(t, directors...)
	liveFleet(t, urls, "")
	if code, _, stderr := runMain(t, "collect"); code != ExitOK {
		t.Fatalf("collect: exit %d: %s", code, stderr)
	}
	writeFile(t, "bosh-config", []byte("environments:\n- {alias: lab, url: '"+urls[1]+"'}\n"))
	writeFile(t, "other-config", []byte("environments:\n- {alias: lab, url: 'https://127.0.0.1:1'}\n"))
	fleet := func(target string) string {
		return "directors:\n- {name: promo, snapshot: snapshots/promo.json, environment: '" + urls[0] + "'}\n" +
			"- {name: dr-west, snapshot: snapshots/dr-west.json, environment: " + target + "}\n"
	}
	for name, c := range map[string]struct {
		environment, config, fleet string
		certificate                bool
		want                       string
		requests                   int
	}{
		"an alias there":             {"lab", "bosh-config", "lab", true, "dr-west", 1},
		"a URL here":                 {urls[1], "bosh-config", "lab", true, "dr-west", 1},
		"a URL there":                {"lab", "bosh-config", "'" + urls[1] + "'", true, "dr-west", 0},
		"another one":                {urls[0], "bosh-config", "lab", true, "promo", 0},
		"nobody there":               {"lab", "other-config", "lab", true, "it gave none: dial tcp 127.0.0.1:1: connect: connection refused", 0},
		"its certificate is unknown": {"lab", "bosh-config", "lab", false, "it gave none: ", 0},
	} {
		writeFile(t, "ipguard.yml", []byte(fleet(c.fleet)))
		streams := Streams{Stdin: strings.NewReader(""), Environ: []string{}}
		before := len(directors[1].Requests())
		g := &gateRun{streams: streams, change: &gate.Change{Kind: gate.Deployment, Environment: c.environment, ConfigPath: c.config}}
		if c.certificate {
			g.change.CACert = "ca.pem"
		}
		g.fleet = workspace.Open("ipguard.yml", streams.reading(source.NewFiles(streams.Stdin), workspace.Mode{}))
		got, refusal, err := g.directorOf()
		if err != nil {
			t.Fatal(err)
		}
		if refusal != nil {
			got = refusal.Message
		}
		if got != c.want && (refusal == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		requests := directors[1].Requests()[before:]
		if len(requests) != c.requests || c.requests == 1 && requests[0] != "GET /info" {
			t.Errorf("%s: the director was asked %q", name, requests)
		}
	}
}
