//go:build !race

package serve_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// wholeFleet is a fleet all of whose files are in one place: the oracle for teams that
// see their own files alone.
type wholeFleet struct {
	name  string
	files map[string][]byte
}

// exampleFleets are the fleets of the cases and pages of the command line that have
// several directors, and made ones with conflicts.
func exampleFleets(t *testing.T) []wholeFleet {
	t.Helper()
	var list []wholeFleet
	for _, pattern := range []string{"../cli/testdata/cases/*.txtar", "../../cmd/ipguard/testdata/*.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := wholeFleet{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), files: map[string][]byte{}}
			for _, file := range archive.Files {
				f.files[file.Name] = file.Data
			}
			if f.files[fleet.FileName] != nil {
				list = append(list, f)
			}
		}
	}
	for seed := range uint64(3) {
		made, err := madefleet.Make(madefleet.Size{Directors: 3 + int(seed), Deployments: 12, StaticAddresses: 150, Conflicts: 6, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		f := wholeFleet{name: fmt.Sprintf("made-%d", seed), files: map[string][]byte{}}
		for _, file := range made.Files {
			f.files[file.Path] = file.Text
		}
		speak(t, &f, rand.New(rand.NewPCG(seed, 7)))
		list = append(list, f)
	}
	return list
}

// speak adds to a made fleet what its fleet file may say beside directors: addresses
// outside of directors, some of them taken, and properties of virtual addresses that no
// usual name tells, some taken and some that are none.
func speak(t *testing.T, f *wholeFleet, random *rand.Rand) {
	t.Helper()
	var manifests []string
	var addresses []string
	for _, path := range slices.Sorted(maps.Keys(f.files)) {
		if text := string(f.files[path]); strings.Contains(text, "static_ips:") {
			manifests = append(manifests, path)
			addresses = append(addresses, anAddress.FindAllString(text, -1)...)
		}
	}
	if len(manifests) < 3 || len(addresses) < 20 {
		t.Fatalf("%s has %d manifests and %d addresses", f.name, len(manifests), len(addresses))
	}
	taken := func() string { return addresses[random.IntN(len(addresses))] }
	add := map[string]bool{}
	for _, i := range random.Perm(len(manifests))[:4] {
		path := manifests[i]
		director, _, _ := strings.Cut(path, "/")
		gate := "gate_of_" + director
		add["door."+gate] = true
		// Of its jobs, one has no properties of its own: those of the manifest are for it.
		f.files[path] = bytes.Replace(f.files[path], []byte("  jobs:\n"), []byte("  jobs:\n  - name: doorman\n"), 1)
		f.files[path] = append(f.files[path], fmt.Sprintf("\nproperties: {door: {%s: %s}, idle_vip: %s, shown: {lost_vip: %s}}\n", gate, taken(), taken(), taken())...)
	}
	f.files[fleet.FileName] = append(f.files[fleet.FileName], fmt.Sprintf("\nexternal:\n- {owner: lb, addresses: [%s, %s]}\n- {owner: nat, addresses: [%s, 10.255.0.0/30]}\n"+
		"vip_properties: {add: [%s], ignore: [idle_vip]}\n", taken(), taken(), taken(), strings.Join(slices.Sorted(maps.Keys(add)), ", "))...)
}

var anAddress = regexp.MustCompile(`\b[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\b`)

// divided is a fleet file in two: what a server knows, and what each team has of its own.
type divided struct {
	server    string
	directors []string
	teams     map[string]*yaml.Node
	// external is the team that tells of addresses outside of directors; empty: the server.
	external string
}

// ownKeys are those of a fleet file that stay with each team. What else says something of
// addresses and may stand in a team's file, too, is at random the server's, that of each
// team (vip_properties, which count for a team's own files alone) or of one (external).
var ownKeys = []string{"severities", "teams", "baseline"}

func divide(t *testing.T, text []byte, random *rand.Rand) (d divided, ok bool) {
	t.Helper()
	var doc, external yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return d, false
	}
	d.teams = map[string]*yaml.Node{}
	shared, own := &yaml.Node{Kind: yaml.MappingNode}, &yaml.Node{Kind: yaml.MappingNode}
	all := doc.Content[0]
	var directors *yaml.Node
	for i := 0; i+1 < len(all.Content); i += 2 {
		key, value := all.Content[i], all.Content[i+1]
		switch {
		case key.Value == "directors":
			directors = value
		case key.Value == "external" && random.IntN(2) == 0:
			external.Content = []*yaml.Node{key, value}
		case slices.Contains(ownKeys, key.Value), key.Value == "vip_properties" && random.IntN(2) == 0:
			own.Content = append(own.Content, key, value) // of add, each team's own: ofTeam
		default:
			shared.Content = append(shared.Content, key, value)
		}
	}
	if directors == nil || len(directors.Content) < 2 {
		return d, false
	}
	names := &yaml.Node{Kind: yaml.SequenceNode}
	whose := random.IntN(len(directors.Content))
	for i, director := range directors.Content {
		var name struct{ Name string }
		if err := director.Decode(&name); err != nil || name.Name == "" {
			return d, false
		}
		d.directors = append(d.directors, name.Name)
		entry := &yaml.Node{Kind: yaml.MappingNode}
		entry.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Value: "name"}, {Kind: yaml.ScalarNode, Value: name.Name}}
		names.Content = append(names.Content, entry)
		team := &yaml.Node{Kind: yaml.MappingNode, Content: slices.Clone(own.Content)}
		for k := range team.Content {
			team.Content[k] = ofTeam(team.Content[k], name.Name)
		}
		if i == whose {
			team.Content = append(team.Content, external.Content...)
			if d.external = name.Name; external.Content == nil {
				d.external = ""
			}
		}
		team.Content = append(team.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "directors"}, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{director}})
		d.teams[name.Name] = team
	}
	shared.Content = append([]*yaml.Node{{Kind: yaml.ScalarNode, Value: "directors"}, names}, shared.Content...)
	d.server = textOf(t, shared)
	return d, true
}

// ofTeam is what a team says of virtual addresses: not what is of others by its name.
func ofTeam(n *yaml.Node, team string) *yaml.Node {
	c := *n
	c.Content = nil
	for _, child := range n.Content {
		if _, of, ok := strings.Cut(child.Value, "gate_of_"); !ok || of == team {
			c.Content = append(c.Content, ofTeam(child, team))
		}
	}
	return &c
}

func textOf(t *testing.T, n *yaml.Node) string {
	t.Helper()
	text, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// companyOf is a server and a team for each director, each with a copy of all files but
// a fleet file that names its own alone.
func companyOf(t *testing.T, f wholeFleet, d divided) map[string]*team {
	c := newCompanyOf(t, d.server)
	teams := map[string]*team{}
	for name, files := range f.files {
		c.write("whole/"+name, string(files))
	}
	for _, director := range d.directors {
		m := c.team(director, accounts.PushFor(director), accounts.Admin)
		for name, text := range f.files {
			if name != fleet.FileName {
				c.write(director+"/"+name, string(text))
			}
		}
		c.write(director+"/"+fleet.FileName, "server: "+c.server.URL+"\n"+textOf(t, d.teams[director]))
		teams[director] = m
	}
	return teams
}

// judged is what lint says, without places.
type judged struct {
	code     int
	findings map[string]bool
	failures []string
}

func (m *team) lint(folder string, args ...string) judged {
	m.t.Helper()
	var got struct {
		Findings []struct {
			Rule, Severity, Segment, Message string
			Claims                           []struct{ Director, Deployment, Kind, Addresses string }
		}
		Failures []struct{ Message string }
	}
	code, _ := m.asJSON(folder, &got, append([]string{"lint"}, args...)...)
	v := judged{code: code, findings: map[string]bool{}}
	for _, f := range got.Findings {
		if f.Rule == "unlisted-file" || strings.HasPrefix(f.Message, "nobody looked for") {
			continue // each team's folder has the files of all; what is not known is said
		}
		var parties []string
		for _, c := range f.Claims {
			parties = append(parties, c.Director+"/"+c.Deployment+" "+c.Addresses)
		}
		slices.Sort(parties)
		assumed := strings.HasSuffix(f.Segment, "(assumed)")
		v.findings[fmt.Sprintf("%s %s assumed=%t %q", f.Rule, f.Severity, assumed, slices.Compact(parties))] = true
	}
	for _, f := range got.Failures {
		v.failures = append(v.failures, f.Message)
	}
	return v
}

// ownFiles are the arguments by which lint judges the files of one director alone.
func ownFiles(folder string, team *yaml.Node, director string) []string {
	var file struct{ Directors []map[string]yaml.Node }
	if err := team.Decode(&file); err != nil {
		panic(err)
	}
	var args []string
	for _, key := range []string{"cloud_configs", "runtime_configs", "deployments", "create_env"} {
		list := file.Directors[0][key]
		for _, entry := range list.Content {
			var named struct{ Config, Manifest string }
			if entry.Kind == yaml.ScalarNode {
				named.Config = entry.Value
			} else if err := entry.Decode(&named); err != nil {
				panic(err)
			}
			matches, err := filepath.Glob(filepath.Join(folder, named.Config+named.Manifest))
			if err != nil {
				panic(err)
			}
			for _, path := range matches {
				path, _ = filepath.Rel(folder, path)
				args = append(args, path)
			}
		}
	}
	if len(args) > 0 {
		args = append(args, "--director", director)
	}
	return args
}

// refuses reports whether a finding with some words is an error.
func (j judged) refuses(words string) bool {
	for k := range j.findings {
		if strings.Contains(k, " error ") && strings.Contains(k, words) {
			return true
		}
	}
	return false
}

// concerns reports whether a team has part in a finding.
func (d *divided) concerns(team, finding string) bool {
	return strings.Contains(finding, `"`+team+"/") || strings.HasPrefix(finding, "stale-snapshot") || strings.HasPrefix(finding, "partial-snapshot") ||
		team == d.external && strings.Contains(finding, `"/ `)
}

// TestBesideFiles: whatever lint says of a fleet whose files are in one place, it says
// to each of its teams, of what they have part in, once all have pushed. It ends as lint of
// the team's files does where all are in one place.
func TestBesideFiles(t *testing.T) {
	found, seen, least := 0, 0, 10
	if sharedtest.Short() {
		least = 2
	}
	random := rand.New(rand.NewPCG(8, 36))
	for _, f := range exampleFleets(t) {
		d, ok := divide(t, f.files[fleet.FileName], random)
		// Comments stay where the files are; a name or an id that may be a secret, and a file that
		// is broken, are not pushed.
		if !ok || f.name == "comment-of-the-other-side" || f.name == "ids-kept-back" || strings.HasPrefix(f.name, "names-of-others") || strings.HasPrefix(f.name, "advice-beside-what-hides") {
			continue
		}
		if found++; sharedtest.Short() && found%8 != 0 {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			teams := companyOf(t, f, d)
			broken := false
			whole := teams[d.directors[0]].lint("whole")
			for _, name := range d.directors {
				if code, out := teams[name].run("push"); code > 1 {
					broken = true // what cannot be read is not pushed, and the others know no more than that
					if whole.code != cli.ExitIncomplete {
						t.Errorf("push of %s: %d %s", name, code, out)
					}
				}
			}
			for i, name := range d.directors {
				got := teams[name].lint(name)
				if args := ownFiles(filepath.Join(teams[name].folder, "whole"), d.teams[name], name); len(args) > 0 {
					own := teams[name].lint("whole", args...)
					if name == d.external && own.code == 0 && whole.refuses(`"/ `) {
						own.code = cli.ExitFindings // no file has these addresses
					}
					if got.code != own.code {
						t.Errorf("%s: exit code %d, with files %d %v %v", name, got.code, own.code, got.failures, own.failures)
					}
				}
				if broken {
					continue
				}
				for k := range whole.findings {
					if !got.findings[k] && d.concerns(name, k) {
						t.Errorf("%s is not told: %s", name, k)
					}
				}
				for k := range got.findings {
					if !whole.findings[k] || !d.concerns(name, k) {
						t.Errorf("%s is told, and files do not say it, or it is others': %s", name, k)
					}
				}
				if (i == 0 || i == len(d.directors)-1) && f.name != "names-through-variables" { // a push has them as they hide
					teams[name].compareAnswers()
				}
			}
			seen++
		})
	}
	if seen < least {
		t.Errorf("%d fleets were tried", seen)
	}
}

// compareAnswers asks what the plan is, of the files and of the server.
func (m *team) compareAnswers() {
	m.t.Helper()
	questions := [][]string{{"map"}, {"who", "0.0.0.0/0"}, {"who", "::/0"}, {"fence"}}
	var plan struct {
		Segments []struct{ Subnets []struct{ Range string } }
	}
	m.asJSON("whole", &plan, "map")
	ranges := map[string]bool{}
	for _, s := range plan.Segments {
		for _, subnet := range s.Subnets {
			if subnet.Range != "" && !ranges[subnet.Range] && len(ranges) < 3 {
				ranges[subnet.Range] = true
				questions = append(questions, []string{"free", subnet.Range, "-n", "3"})
			}
		}
	}
	for _, q := range questions {
		var files, server any
		want, _ := m.asJSON("whole", &files, q...)
		got, said := m.asJSON(m.name, &server, q...)
		if q[0] == "fence" { // each team writes into its own files
			files, server = ownChanges(files, m.name), ownChanges(server, m.name)
			got, want = 0, 0
		}
		if a, b := withoutPlaces(files), withoutPlaces(server); a != b || got != want {
			m.t.Errorf("%s: ipguard %s: exit code %d, with files %d %s\n%s", m.name, strings.Join(q, " "), got, want, said, firstDifference(a, b))
		}
	}
}

// firstDifference is where two texts part.
func firstDifference(files, server string) string {
	i := 0
	for i < min(len(files), len(server)) && files[i] == server[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-150):min(len(s), i+250)] }
	return "files:  " + cut(files) + "\nserver: " + cut(server)
}

func ownChanges(answer any, director string) any {
	list, _ := answer.(map[string]any)["changes"].([]any)
	return slices.DeleteFunc(list, func(c any) bool { return c.(map[string]any)["director"] != director })
}

var placeInText = regexp.MustCompile(`\([^ ()]+:[0-9]+:[0-9]+\)`)

// withoutPlaces is an answer as text: of lists the order does not count, and no places.
func withoutPlaces(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"file", "line", "column", "through", "last_change", "failures", "files", "snapshots", "server", "message", "suggestion"} {
			delete(v, key)
		}
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+"="+withoutPlaces(v[key]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, withoutPlaces(item))
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, "\n") + "]"
	}
	return placeInText.ReplaceAllString(fmt.Sprint(v), "(place)")
}
