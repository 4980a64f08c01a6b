//go:build !race

package pushes_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// untold are the parts that no director tells of itself.
var untold = []string{"create-env jump", "create-env west", "the machine of the director itself"}

// beside are those that no director has: a team's fleet file says them.
var beside = []string{
	"10.7.0.1 of external lb", "10.7.0.4-10.7.0.5 of external lb", "10.7.0.1 of external front",
	"10.7.0.9 of booking lb/x", "10.7.0.9 of booking lb/y", "10.7.0.10 of booking lb/x until 2026-12-24T00:00:00Z",
	"what vip_properties.add finds by gate/fro", ignored,
}

const ignored = "what vip_properties.ignore hides by keepalived.vip"

// everyPart are parts of the kinds that a snapshot has.
var everyPart = slices.Concat([]string{"deployment web", "deployment db", "network default of the cloud-config", "network dmz of the cloud-config", "runtime-config vips"}, untold, beside)

func patternOf(t *testing.T, text string) bosh.Pattern {
	t.Helper()
	p, err := bosh.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// since is when everything was booked, and the first push.
var since = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

// snapshotOf has these parts, and a word that makes it differ from others.
func snapshotOf(t *testing.T, parts map[string]bool, uuid, word string, now time.Time) []byte {
	t.Helper()
	document := func(format string, args ...any) source.Value {
		doc, err := source.Parse("x.yml", fmt.Appendf(nil, format, args...))
		if err != nil {
			t.Fatal(err)
		}
		return doc.Root()
	}
	vip := patternOf(t, "keepalived.vip")
	keep := snapshot.Keep{VIPProperties: []bosh.Pattern{vip}}
	s := snapshot.Snapshot{Settings: snapshot.Settings{VIPs: &snapshot.VIPProperties{}}, Head: snapshot.Head{Collected: now, Director: snapshot.Identity{Name: "a", UUID: uuid, Version: word}, Kept: keep.Kept()}}
	if !parts[ignored] { // what the others find is a part that an ignore takes away
		s.Settings.VIPs.Ignore = []bosh.Pattern{vip}
	}
	var networks []string
	for part := range maps.Keys(parts) {
		kind, name, _ := strings.Cut(part, " ")
		switch kind {
		case "deployment":
			content := keep.Manifest(document("name: %s\ninstance_groups: [{name: g, instances: 1, networks: [{name: default}]}]\n", name))
			s.Deployments = append(s.Deployments, snapshot.Deployment{Name: name, Manifest: content})
		case "network":
			networks = append(networks, fmt.Sprintf("{name: %s, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}", strings.Fields(name)[0]))
		case "runtime-config":
			content := keep.RuntimeConfig(document("addons: [{name: k, jobs: [{name: keepalived, release: k, properties: {keepalived: {vip: 10.0.0.9}}}]}]\n"))
			if content.Empty() {
				t.Fatal("nothing is kept of the runtime-config")
			}
			s.RuntimeConfigs = append(s.RuntimeConfigs, snapshot.Config{ID: "1", Name: name, Latest: true, Content: content})
		case "create-env":
			s.CreateEnvs = append(s.CreateEnvs, keep.CreateEnv(document("name: %s\nnetworks: [{name: default, type: manual, subnets: [{range: 10.0.0.0/24, static: [10.0.0.7]}]}]\n"+
				"resource_pools: [{name: vms, network: default}]\ninstance_groups: [{name: bosh, instances: 1, resource_pool: vms, networks: [{name: default, static_ips: [10.0.0.7]}]}]\ncloud_provider: {}\n", name)))
		case "what":
			if name == "vip_properties.add finds by gate/fro" {
				s.Settings.VIPs.Add = append(s.Settings.VIPs.Add, patternOf(t, "gate/fro"))
			}
		case "10.7.0.9", "10.7.0.10":
			whose := strings.Fields(name)
			b := snapshot.Booking{Pool: "p", Owner: whose[2], Range: netip.MustParsePrefix(kind + "/32"), Since: since}
			if len(whose) > 3 {
				b.Until = since.AddDate(0, 0, 27)
			}
			s.Settings.Bookings = append(s.Settings.Bookings, b)
		case "10.7.0.1", "10.7.0.4-10.7.0.5":
			r, err := netipx.ParseIPRange(kind)
			if err != nil {
				r = netipx.IPRangeFrom(netip.MustParseAddr(kind), netip.MustParseAddr(kind))
			}
			e, _ := snapshot.NewExternal(strings.Fields(name)[2], "", []bosh.Block{{Range: r}})
			s.Settings.External = append(s.Settings.External, e)
		default:
			at := netip.MustParseAddr("10.0.0.5")
			s.Settings.Own = []snapshot.Address{{Text: at.String(), Block: bosh.Block{Range: netipx.IPRangeFrom(at, at)}}}
		}
	}
	for i, network := range networks { // whichever config they are in
		s.CloudConfigs = append(s.CloudConfigs, snapshot.Config{ID: fmt.Sprint(i), Name: fmt.Sprint("of ", word, i), Latest: true, Content: keep.CloudConfig(document("networks: [%s]\n", network))})
	}
	return s.Encode()
}

// TestNoPartIsLost pushes random parts of a director by several, of files and as the
// director said: what another one pushed goes only with --replaces, or where the director
// says itself that it has it no more; all goes only with --replaces. What is refused lacks
// something, and what has gone is told, neither more nor less.
func TestNoPartIsLost(t *testing.T) {
	for _, uuid := range []string{"", "of a"} {
		t.Run("uuid "+uuid, func(t *testing.T) { tryParts(t, uuid) })
	}
}

func tryParts(t *testing.T, uuid string) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	now := since
	store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	before, last := map[string]bool{}, ""
	refused, went := 0, 0
	for i := range 100 {
		now = now.Add(time.Minute)
		by, replaces := []string{"one", "two"}[rng.IntN(2)], rng.IntN(4) == 0
		parts := map[string]bool{}
		for _, part := range everyPart {
			if rng.IntN(8) > 0 {
				parts[part] = true
			}
		}
		if rng.IntN(20) == 0 {
			clear(parts)
		}
		var lost, lostUntold []string
		all := false // of the director itself
		for part := range before {
			all = all || !slices.Contains(beside, part)
		}
		for part := range before {
			all = all && (slices.Contains(beside, part) || !parts[part])
			if !parts[part] {
				lost = append(lost, part)
				if uuid == "" || slices.Contains(untold, part) || slices.Contains(beside, part) {
					lostUntold = append(lostUntold, part)
				}
			}
		}
		p, _, err := store.Tell(t.Context(), "a", snapshotOf(t, parts, uuid, fmt.Sprint(i), now), pushes.Pusher{Name: by, Replaces: replaces})
		if is := (*pushes.RefusedError)(nil); errors.As(err, &is) {
			if len(lostUntold) == 0 || replaces || by == last && !all {
				t.Fatalf("seed %d: %s had %v, %s has %v: %v", seed, last, before, by, parts, err)
			}
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(lostUntold) > 0 && !replaces && (by != last || all) {
			t.Fatalf("seed %d: %s had %v, and %s has %v: it is taken", seed, last, before, by, parts)
		}
		slices.Sort(lost)
		slices.Sort(p.Gone)
		if !slices.Equal(lost, p.Gone) {
			t.Fatalf("seed %d: what has gone is %q, and told is %q", seed, lost, p.Gone)
		}
		went += len(lost)
		before, last = parts, by
	}
	if refused < 5 || went < 5 {
		t.Errorf("seed %d: %d refused, %d parts went", seed, refused, went)
	}
}
