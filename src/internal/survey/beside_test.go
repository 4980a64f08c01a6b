package survey_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// Parts of a director, each of which has one address, which differs by where it is told of.
var besideParts = []string{"network default", "network dmz", "addon k", "addon j", "deployment web", "deployment db", "create-env jump", "create-env west", "own machine"}

// The places that tell of a director.
const (
	onServer = iota
	inSnapshot
	inFiles
)

func besideAddress(part string, where int) string {
	i := slices.Index(besideParts, part)
	if part == "network dmz" {
		return fmt.Sprintf("10.0.1.%d", 100+where)
	}
	return fmt.Sprintf("10.0.0.%d", 100+10*i+where)
}

// sourcesOf are a director with these parts in files.
func sourcesOf(t *testing.T, files *source.Files, parts map[string]bool, where int) fleet.Sources {
	t.Helper()
	d := fleet.Sources{Name: "a"}
	for part := range maps.Keys(parts) {
		address := besideAddress(part, where)
		name := fmt.Sprintf("%s-%d.yml", part, where)
		file := fleet.SourceFile{Path: name}
		kind, word, _ := strings.Cut(part, " ")
		switch kind {
		case "network":
			prefix := netip.PrefixFrom(netip.MustParseAddr(address), 24).Masked()
			files.Keep(name, fmt.Appendf(nil, "networks: [{name: %s, type: manual, subnets: [{range: %s, gateway: %s, reserved: [%s - %s, %s - %s]}]}]\n", word, prefix, prefix.Addr().Next(),
				prefix.Addr().Next().Next(), netip.MustParseAddr(address).Prev(), netip.MustParseAddr(address).Next(), netipx.PrefixLastIP(prefix).Prev()))
			d.CloudConfigs = append(d.CloudConfigs, file)
		case "addon":
			files.Keep(name, fmt.Appendf(nil, "addons: [{name: %s, jobs: [{name: keepalived, release: k, properties: {keepalived: {vip: %s}}}]}]\n", word, address))
			d.RuntimeConfigs = append(d.RuntimeConfigs, file)
		case "deployment":
			files.Keep(name, fmt.Appendf(nil, "name: %s\ninstance_groups: [{name: g, instances: 1, jobs: [], networks: [{name: default, static_ips: [%s]}]}]\n", word, address))
			d.Deployments = append(d.Deployments, file)
		case "create-env":
			files.Keep(name, fmt.Appendf(nil, "name: %s\nnetworks: [{name: p, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]\nresource_pools: [{name: vms, network: p}]\n"+
				"instance_groups: [{name: vm, instances: 1, resource_pool: vms, jobs: [], networks: [{name: p, static_ips: [%s]}]}]\ncloud_provider: {}\n", word, address))
			d.CreateEnvs = append(d.CreateEnvs, file)
		default:
			a := netip.MustParseAddr(address)
			d.Addresses = append(d.Addresses, bosh.Block{Range: netipx.IPRangeFrom(a, a)})
		}
	}
	return d
}

// TestBeside has a director of which a server has some parts, a checkout others, and perhaps
// a snapshot in the checkout others still, of that director or of files, made before or
// after. What counts is what files say, and of what they do not say nothing is hidden but
// what the director itself, asked later, does not have any more.
func TestBeside(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	vip, err := bosh.ParsePattern("keepalived.vip")
	if err != nil {
		t.Fatal(err)
	}
	keep := snapshot.Keep{VIPProperties: []bosh.Pattern{vip}}
	some := func(of []string, most int) map[string]bool {
		parts := map[string]bool{}
		for _, part := range of {
			if rng.IntN(most) > 0 {
				parts[part] = true
			}
		}
		return parts
	}
	told := besideParts[:6] // what a director tells itself
	hidden := 0
	for round := range 100 {
		files := source.NewFiles(strings.NewReader(""))
		loader := interpolate.NewLoader(files, nil)
		dir := t.TempDir()
		save := func(name string, parts map[string]bool, where int, uuid string, at time.Time) *fleet.SnapshotFile {
			s, err := survey.Promised(sourcesOf(t, files, parts, where), loader, files, keep, nil, at)
			if err != nil {
				t.Fatal(err)
			}
			s.Director.UUID = uuid
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, s.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			return &fleet.SnapshotFile{Path: path, Pushed: where == onServer}
		}
		uuids := [][2]string{{"", ""}, {"u", ""}, {"u", "u"}, {"", "u"}, {"u", "u"}}[rng.IntN(5)] // of the server's, and of the snapshot here
		here := rng.IntN(2) == 0
		server, mine, own := some(besideParts, 5), some(told, 3), some(besideParts, 2)
		server["network default"], mine["network default"] = true, true // no manifest is without its network
		later := rng.IntN(2) == 0                                       // the snapshot of the checkout is
		at := now.Add(-time.Hour)
		if later {
			at = now.Add(-time.Minute)
		}
		d := sourcesOf(t, files, own, inFiles)
		d.Pushed = save("pushed.json", server, onServer, uuids[0], now.Add(-10*time.Minute))
		if here {
			d.Snapshot = save("own.json", mine, inSnapshot, uuids[1], at)
		}
		deployments := func(parts map[string]bool) (names []string) {
			for _, part := range besideParts {
				if parts[part] && strings.HasPrefix(part, "deployment") {
					names = append(names, part)
				}
			}
			return names
		}
		mineToo := deployments(own)
		if here {
			mineToo = append(mineToo, deployments(mine)...)
		}
		theirs := deployments(server)
		known := here && uuids[0] != "" && uuids[0] == uuids[1]
		if !known && len(theirs) > 0 && len(mineToo) > 0 && !slices.ContainsFunc(theirs, func(name string) bool { return slices.Contains(mineToo, name) }) {
			continue // a namesake
		}

		// The oracle: what is claimed, and what must not be.
		must, mustNot := map[string]string{}, map[string]string{}
		for _, part := range besideParts {
			isTold := slices.Contains(told, part)
			ofServer, ofMine := server[part], here && mine[part]
			if known && later && isTold {
				ofServer = false
			}
			if known && !later {
				ofMine = false
			}
			if own[part] {
				must[besideAddress(part, inFiles)] = part + " of files"
				if !here && !strings.HasPrefix(part, "network") {
					mustNot[besideAddress(part, onServer)] = part + " of the server, which files have"
				}
				continue
			}
			if ofServer && !(part == "own machine" && own[part]) {
				must[besideAddress(part, onServer)] = part + " of the server"
			}
			allAddons := own["addon k"] || own["addon j"] // a file without a name stands for those of the snapshot here
			if ofMine && !(allAddons && strings.HasPrefix(part, "addon")) {
				must[besideAddress(part, inSnapshot)] = part + " of the snapshot"
			}
			if server[part] && !ofServer && strings.HasPrefix(part, "deployment") {
				mustNot[besideAddress(part, onServer)] = part + " of the server, which the director does not have any more"
			}
		}
		f := survey.Fleet{File: &fleet.File{}, VIPs: bosh.Patterns{Find: keep.VIPProperties}, Directors: []fleet.Sources{d}, Snapshots: survey.Snapshots{Files: files, Now: now, Wanted: keep}, Shared: survey.Shared{VIPs: bosh.Patterns{Find: keep.VIPProperties}}}
		s := survey.Read(f, loader)
		claimed := map[string]bool{}
		for i := range s.Facts.Plan.Claims {
			c := &s.Facts.Plan.Claims[i]
			if c.Kind.InUse() || c.Kind.Pool() {
				claimed[c.Range.From().String()] = true
			}
		}
		state := fmt.Sprintf("seed %d, round %d: UUIDs %q, snapshot here %t (later %t)\nserver: %v\nsnapshot: %v\nfiles: %v", seed, round, uuids, here, later, server, mine, own)
		maybe := map[string]bool{} // of networks that neither files nor the director have
		for _, spot := range s.Facts.Plan.BlindSpots {
			for i := range spot.May {
				maybe[spot.May[i].Range.From().String()] = true
			}
		}
		for address, part := range must {
			if !claimed[address] && !maybe[address] {
				t.Errorf("%s\n%s, the %s, is hidden", state, address, part)
			}
		}
		for address, part := range mustNot {
			hidden++
			if claimed[address] {
				t.Errorf("%s\n%s, the %s, counts", state, address, part)
			}
		}
		for _, failure := range slices.Concat(s.Failures, s.Unread) {
			t.Errorf("%s\n%s", state, failure.Message)
		}
		if t.Failed() {
			return
		}
	}
	if hidden < 30 {
		t.Errorf("files stand in place of too little: %d", hidden)
	}
}

// TestPromisedTwins: two machines of create-env that have one name are both told.
func TestPromisedTwins(t *testing.T) {
	files := source.NewFiles(strings.NewReader(""))
	one := sourcesOf(t, files, map[string]bool{"create-env jump": true}, inFiles)
	other := sourcesOf(t, files, map[string]bool{"create-env jump": true}, onServer)
	one.CreateEnvs = append(one.CreateEnvs, other.CreateEnvs...)
	s, err := survey.Promised(one, interpolate.NewLoader(files, nil), files, snapshot.Keep{}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []int{inFiles, onServer} {
		if address := besideAddress("create-env jump", where); !strings.Contains(string(s.Encode()), address) {
			t.Errorf("%s is not told", address)
		}
	}
}
