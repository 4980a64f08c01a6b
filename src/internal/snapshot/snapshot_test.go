//go:build !race

package snapshot

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

func keep() Keep { return Keep{VIPProperties: bosh.DefaultPatterns().Find} }

// exampleKeep is what the example keeps.
func exampleKeep() Keep {
	k := keep()
	k.CloudProperties = []string{"site", "deep.er"}
	return k
}

// example is a snapshot with everything in it.
func example(t testing.TB) *Snapshot {
	t.Helper()
	k := exampleKeep()
	vm := func(deployment, group, id, az string, ips ...string) VM {
		v := VM{Deployment: deployment, Group: group, ID: id, AZ: az}
		for _, ip := range ips {
			a, ok := NewAddress(ip)
			if !ok {
				t.Fatalf("%s is no address", ip)
			}
			v.Addresses = append(v.Addresses, a)
		}
		return v
	}
	s := &Snapshot{
		CloudConfigs: []Config{
			{ID: "2", Name: "default", Latest: true, Content: k.ReduceCloudConfig(cloudConfigText)},
			{ID: "10", Name: "default", Latest: false, Content: k.ReduceCloudConfig("networks: [{name: default, subnets: [{range: 10.9.0.0/24}]}]")},
			{ID: "3", Name: "odd", Team: "a", Latest: true, Content: k.ReduceCloudConfig("a: [")},
		},
		RuntimeConfigs: []Config{{ID: "7", Name: "dns", Latest: true, Content: k.ReduceRuntimeConfig(runtimeConfigText)}},
		Deployments: []Deployment{
			{Name: "web", Teams: []string{"b", "a"}, Pinned: []string{"10", "2"}, Manifest: k.ReduceManifest(manifestText), VMs: []VM{
				vm("", "web", "0f4e8a5e-0000-4000-8000-000000000002", "z2", "10.0.0.11", "192.168.9.1"),
				vm("", "web", "0f4e8a5e-0000-4000-8000-000000000001", "z1", "10.0.0.10", "10.0.0.32/28"),
			}},
			{Name: "never-deployed"},
		},
		Orphans: []VM{vm("cache", "redis", "0f4e8a5e-0000-4000-8000-000000000003", "z1", "10.0.0.77")},
	}
	s.Collected = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	s.Director = Identity{Name: "promo", UUID: "00000000-0000-4000-8000-00000000beef", Version: "283.1.3 (00000000)", CPI: "vsphere"}
	s.Unseen = []string{"orphaned VMs, which need the scope bosh.admin"}
	s.Kept = k.Kept()
	return s
}

// TestEncodeAndRead holds a written snapshot against what is read of it: to read
// and write again gives the same bytes.
func TestEncodeAndRead(t *testing.T) {
	s := example(t)
	first := s.Encode()
	read, err := Read("promo.json", first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(read.Encode())); diff != "" {
		t.Errorf("after reading and writing again (-first +second):\n%s", diff)
	}
	if got := read.Deployments[1].VMs[0].At.String(); got == "" || !strings.Contains(line(first, read.Deployments[1].VMs[0].At.Line), `"10.0.0.10"`) {
		t.Errorf("the VM stands at %s, whose line is %q", got, line(first, read.Deployments[1].VMs[0].At.Line))
	}
}

func line(text []byte, n int) string {
	return strings.Split(string(text), "\n")[n-1]
}

// TestOrderDoesNotMatter shuffles what a director answers in no certain order.
func TestOrderDoesNotMatter(t *testing.T) {
	want := example(t).Encode()
	for seed := range uint64(20) {
		s := example(t)
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(s.CloudConfigs), func(i, j int) { s.CloudConfigs[i], s.CloudConfigs[j] = s.CloudConfigs[j], s.CloudConfigs[i] })
		r.Shuffle(len(s.Deployments), func(i, j int) { s.Deployments[i], s.Deployments[j] = s.Deployments[j], s.Deployments[i] })
		for _, d := range s.Deployments {
			r.Shuffle(len(d.VMs), func(i, j int) { d.VMs[i], d.VMs[j] = d.VMs[j], d.VMs[i] })
			for _, vm := range d.VMs {
				r.Shuffle(len(vm.Addresses), func(i, j int) { vm.Addresses[i], vm.Addresses[j] = vm.Addresses[j], vm.Addresses[i] })
			}
		}
		if diff := cmp.Diff(string(want), string(s.Encode())); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// TestPlaces holds the places of the parser against those of a YAML reader, for
// which JSON is YAML.
func TestPlaces(t *testing.T) {
	text := example(t).Encode()
	got, err := parse("promo.json", text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := source.Parse("promo.json", text)
	if err != nil {
		t.Fatal(err)
	}
	var flatten func(n *yaml.Node, into *[]yaml.Node)
	flatten = func(n *yaml.Node, into *[]yaml.Node) {
		*into = append(*into, yaml.Node{Kind: n.Kind, Tag: n.ShortTag(), Value: n.Value, Line: n.Line, Column: n.Column})
		for _, c := range n.Content {
			flatten(c, into)
		}
	}
	var mine, theirs []yaml.Node
	flatten(got.root, &mine)
	withoutVMs(doc.Node())
	flatten(doc.Node(), &theirs)
	if len(mine) < 100 {
		t.Fatalf("only %d values", len(mine))
	}
	if diff := cmp.Diff(theirs, mine); diff != "" {
		t.Errorf("(-yaml.v3 +parse):\n%s", diff)
	}
}

// withoutVMs empties lists of VMs, which parse reads into something else.
func withoutVMs(n *yaml.Node) {
	for i, c := range n.Content {
		if i > 0 && (n.Content[i-1].Value == "vms" || n.Content[i-1].Value == "orphaned_vms") {
			c.Content = nil
		}
		withoutVMs(c)
	}
}

// TestPlacesOfVMs holds the places of VMs and addresses against their lines.
func TestPlacesOfVMs(t *testing.T) {
	text := example(t).Encode()
	s, err := Read("promo.json", text)
	if err != nil {
		t.Fatal(err)
	}
	vms := append(slices.Clone(s.Deployments[1].VMs), s.Orphans...)
	if len(vms) != 3 {
		t.Fatalf("%d VMs", len(vms))
	}
	behind := func(at place.Place) string { return line(text, at.Line)[at.Column-1:] }
	for _, vm := range vms {
		if got := behind(vm.At); !strings.HasPrefix(got, "{") || !strings.Contains(got, vm.ID) {
			t.Errorf("VM %s is at %s", vm.ID, got)
		}
		for _, a := range vm.Addresses {
			if got := behind(a.At); !strings.HasPrefix(got, `"`+a.Text+`"`) {
				t.Errorf("%s is at %s", a.Text, got)
			}
		}
	}
}

// unsealed takes the checksums out, so that a changed text can be read on.
func unsealed(t *testing.T, data []byte) string {
	t.Helper()
	before, behind, ok := strings.Cut(string(data), `"rest":`)
	_, behind, ended := strings.Cut(behind, `"cloud_configs"`)
	if !ok || !ended {
		t.Fatalf("no checksum in %s", data)
	}
	return before + `"cloud_configs"` + behind
}

// TestBroken reads texts that are no snapshot.
func TestBroken(t *testing.T) {
	sealed := string(example(t).Encode())
	whole := unsealed(t, []byte(sealed))
	for name, c := range map[string]struct{ text, want string }{
		"changed":          {strings.Replace(sealed, `"10.0.0.77"`, `"10.0.0.78"`, 1), "promo.json:1:1: this snapshot is not as it was written: its checksum is another one"},
		"empty":            {"", "promo.json:1:1: this is no complete snapshot: it ends in the middle"},
		"cut":              {whole[:len(whole)/2], "this is no complete snapshot: "},
		"cut at the end":   {strings.TrimSuffix(whole, "}\n"), "this is no complete snapshot: it ends in the middle"},
		"two":              {whole + "{}", "this is no complete snapshot: "},
		"merge conflict":   {strings.Replace(whole, "\"deployments\"", "<<<<<<< HEAD\n\"deployments\"", 1), "this is no complete snapshot: invalid character '<'"},
		"YAML":             {"directors: []", "promo.json:1:1: this is no complete snapshot: invalid character 'd'"},
		"other JSON":       {`{"name": "x"}`, "promo.json:1:1: this is no snapshot"},
		"list":             {`[]`, "promo.json:1:1: a mapping belongs here"},
		"newer":            {strings.Replace(whole, `"ipguard_snapshot":1`, `"ipguard_snapshot":2`, 1), "this snapshot has version 2 of its form, and this ipguard reads version 1"},
		"wrong type":       {strings.Replace(whole, `"deployed":2`, `"deployed":"2"`, 1), "a number belongs here"},
		"wrong address":    {strings.Replace(whole, `"10.0.0.77"`, `"10.0.0.777"`, 1), "an address belongs here"},
		"nameless":         {strings.Replace(whole, `{"name":"never-deployed"}`, `{}`, 1), "a deployment has no name"},
		"no list":          {strings.Replace(whole, `"orphaned_vms":[`, `"orphaned_vms":{"a":[`, 1), "a list belongs here"},
		"wrong cover":      {strings.Replace(whole, `"kept":`, `"covers":["x"],"kept":`, 1), "covers must be a list of addresses"},
		"deeply nested":    {strings.Replace(whole, `"kept":`, `"x":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`,"kept":`, 1), "it is nested more than 100 levels deep"},
		"no VM":            {strings.Replace(whole, `"vms":[`, `"vms":["x",`, 1), "a mapping belongs here"},
		"no list of VMs":   {strings.Replace(whole, `"vms":[`, `"vms":1,"x":[`, 1), "a list belongs here"},
		"no name of a VM":  {strings.Replace(whole, `"group":"web","id":"`, `"group":"web","id":1,"x":"`, 1), "a string belongs here"},
		"no flag":          {strings.Replace(whole, `"group":"web","id":"`, `"inactive":{},"group":"web","id":"`, 1), "true or false belongs here"},
		"many addresses":   {strings.Replace(whole, `"ips":[`, `"ips":[`+strings.Repeat(`"10.0.0.1",`, MaxAddresses), 1), "a VM has no more than 4096 addresses"},
		"many values":      {strings.Replace(whole, `"deployments":[`, `"deployments":[`+strings.Repeat(`0,`, maxRead), 1), "a snapshot has no more than 2000000 values"},
		"many VMs":         {strings.Replace(whole, `"vms":[`, `"vms":[`+strings.Repeat(`{},`, maxRead), 1), "a snapshot has no more than 2000000 values"},
		"scalar for a map": {strings.Replace(whole, `{"name":"never-deployed"}`, `"x"`, 1), "a mapping belongs here"},
	} {
		if sharedtest.Short() && len(c.text) > 1<<20 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, err := Read("promo.json", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzRead reads any text. What can be read can be written, and is then read as
// the same.
func FuzzRead(f *testing.F) {
	f.Add(example(f).Encode())
	f.Add([]byte(`{"ipguard_snapshot":1,"collected":"2027-01-31T12:00:00Z","deployments":[{"name":"a","vms":[{"ips":["::1/64"]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("x", data)
		if err != nil {
			return
		}
		first := s.Encode()
		again, err := Read("x", first)
		if err != nil {
			t.Fatalf("%v:\n%s", err, first)
		}
		if second := again.Encode(); !bytes.Equal(first, second) {
			t.Errorf("written twice:\n%s\n%s", first, second)
		}
	})
}
