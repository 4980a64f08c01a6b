//go:build !race

package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"
)

// TestCovers reads which addresses a snapshot may claim, as texts; "?" stands for
// any.
func TestCovers(t *testing.T) {
	vm := func(ip string) []VM {
		a, ok := NewAddress(ip)
		if !ok {
			t.Fatalf("%s is no address", ip)
		}
		return []VM{{Addresses: []Address{a}}}
	}
	k := keep()
	cloud := func(text string) *Snapshot {
		return &Snapshot{CloudConfigs: []Config{{Content: k.ReduceCloudConfig(text)}}}
	}
	manifest := func(text string) *Snapshot {
		return &Snapshot{Deployments: []Deployment{{Manifest: k.ReduceManifest(text)}}}
	}
	for name, c := range map[string]struct {
		s    *Snapshot
		want string
	}{
		"nothing":              {&Snapshot{}, ""},
		"ranges":               {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24}, {range: 10.0.1.0/24}, {range: '2001:db8::/64'}]}]"), "10.0.0.0/23 2001:db8::/64"},
		"netmask":              {cloud("networks: [{name: n, subnets: [{range: 10.0.0.7/255.255.255.0}]}]"), "10.0.0.0/24"},
		"what is reserved":     {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24, reserved: [10.0.0.9], gateway: 10.0.0.2, dns: [8.8.8.8]}]}]"), "10.0.0.0/24"},
		"vip network":          {cloud("networks: [{name: n, type: vip, subnets: [{static: [192.168.9.1 - 192.168.9.2, [192.168.9.7]]}]}]"), "192.168.9.1-192.168.9.2 192.168.9.7"},
		"reversed":             {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24, static: [10.1.0.9 - 10.1.0.5]}]}]"), "10.0.0.0/24"},
		"hidden range":         {cloud("networks: [{name: n, subnets: [{range: ((range))}]}]"), "?"},
		"hidden networks":      {cloud("networks: ((networks))"), "?"},
		"hidden gateway":       {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24, gateway: ((gateway))}]}]"), "?"},
		"hidden segment":       {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24, cloud_properties: {name: ((vlan))}}]}]"), "10.0.0.0/24"},
		"odd range":            {cloud("networks: [{name: n, subnets: [{range: 10.0.0.5-9.1}]}]"), "?"},
		"address pair":         {cloud("networks: [{name: n, type: dynamic}]\nvm_types: [{name: a, cloud_properties: {allowed_address_pairs: 10.7.0.1}}]"), "10.7.0.1"},
		"hidden networks' key": {cloud("((k)): [{name: n, subnets: [{range: 10.0.0.0/24}]}]\nnetworks: [{name: m, type: dynamic}]"), "?"},
		"networks' key alone":  {cloud("((k)): [{name: n, subnets: [{range: 10.0.0.0/24}]}]"), "?"},
		"hidden subnets' key":  {cloud("networks: [{name: n, type: manual, ((k)): [{range: 10.0.0.0/24}]}, {name: m, subnets: [{range: 10.0.1.0/24}]}]"), "?"},
		"no subnets":           {cloud("networks: [{name: n, subnets: x}, {name: m, subnets: [{range: 10.0.1.0/24}]}]"), "?"},
		"no network":           {cloud("networks: [x, {name: m, subnets: [{range: 10.0.1.0/24}]}]"), "?"},
		"hidden extension":     {cloud("networks: [{name: n, type: dynamic}]\nvm_extensions: [((y))]"), "?"},
		"no extension":         {cloud("networks: [{name: n, type: dynamic}]\nvm_extensions: [y]"), "?"},
		"no YAML":              {cloud("networks: ["), "?"},
		"static":               {manifest("instance_groups: [{name: a, networks: [{name: public, static_ips: [192.168.9.1, 192.168.9.2]}]}]"), "192.168.9.1-192.168.9.2"},
		"property":             {manifest("instance_groups: [{name: a, networks: [{name: n}], jobs: [{name: k, properties: {vip: '10.0.0.9, 10.0.0.11', vips: [{ip: 10.0.0.13/24}]}}]}]"), "10.0.0.9 10.0.0.11 10.0.0.13"},
		"hidden property":      {manifest("instance_groups: [{name: a, networks: [{name: n}], jobs: [{name: k, properties: {vip: ((vip))}}]}]"), "?"},
		"router id":            {manifest("instance_groups: [{name: a, networks: [{name: n}], jobs: [{name: k, properties: {keepalived: {vip: 10.0.0.9, virtual_router_id: 61}}}]}]"), "10.0.0.9"},
		"other hidden values":  {manifest("instance_groups: [{name: a, networks: [{name: n}], jobs: [{name: k, properties: {password: ((password))}}]}]"), ""},
		"VM":                   {&Snapshot{Deployments: []Deployment{{VMs: vm("10.0.0.32/28")}}, Orphans: vm("2001:db8::7")}, "10.0.0.32/28 2001:db8::7"},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.Collected = time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
			text := c.s.Encode()
			if got := coverText(c.s); got != c.want {
				t.Errorf("got %s, want %s, of\n%s", got, c.want, text)
			}
			head, err := readHead("x", text)
			if err != nil || !sameSet(head.Uses, c.s.Uses) || !slices.Equal(head.Routers, c.s.Routers) {
				t.Errorf("read again: %v %v %v", head.Uses, head.Routers, err)
			}
		})
	}
}

func coverText(s *Snapshot) string {
	if s.Covers == nil {
		return "?"
	}
	return strings.Join(rangeTexts(s.Covers), " ")
}

func TestLacks(t *testing.T) {
	have := keep()
	have.CloudProperties = []string{"site", "deep.er"}
	want := keep()
	want.VIPProperties = append(want.VIPProperties, want.VIPProperties[0])
	want.CloudProperties = []string{"name", "site", "site.0", "deep", "deep.er", "colour"}
	if got := have.Kept().Lacks(want.Kept()); !slices.Equal(got, []string{"the cloud property colour", "the cloud property deep"}) {
		t.Errorf("lacks %q", got)
	}
	if got := (Kept{}).Lacks(keep().Kept()); len(got) != len(keep().VIPProperties) {
		t.Errorf("nothing lacks only %q", got)
	}
}

// TestNoNames reduces what stands where a name belongs and is none.
func TestNoNames(t *testing.T) {
	for _, no := range []string{`"a\nb"`, `"` + strings.Repeat("x", 256) + `"`, `"\0"`, `{a: b}`, `[a]`, `2027-01-31`} {
		content := keep().ReduceManifest("name: " + no)
		if kept := content.node.Content[1]; kept.Value != LeftOut && len(kept.Content) != 0 {
			t.Errorf("of %s, %q is kept", no, kept.Value)
		}
	}
	for _, yes := range []string{"a", "Größe 1", "((name))", "1", "1.5"} {
		if kept := keep().ReduceManifest("name: " + yes).node.Content[1]; kept.Value != yes {
			t.Errorf("%s became %s", yes, kept.Value)
		}
	}
}

// TestUses reads what of its addresses a snapshot uses, as texts; "?" stands for not
// known. The ids of virtual routers stand behind, with ? those in no known subnet.
func TestUses(t *testing.T) {
	k := keep()
	cloud := func(text string) *Snapshot {
		return &Snapshot{CloudConfigs: []Config{{Content: k.ReduceCloudConfig(text)}}}
	}
	manifest := func(properties string) *Snapshot {
		return &Snapshot{Deployments: []Deployment{{Name: "web", Manifest: k.ReduceManifest(
			"instance_groups: [{name: a, networks: [{name: n, static_ips: [10.0.0.9]}], jobs: [{name: keepalived, properties: {" + properties + "}}]}]")}}}
	}
	within := func(network, vip string) *Snapshot {
		s := manifest("keepalived: {vip: " + vip + ", virtual_router_id: 61}")
		s.CloudConfigs = cloud("networks: [{name: " + network + ", type: manual, subnets: [{range: 10.0.0.0/28, gateway: 10.0.0.1}]}]").CloudConfigs
		s.CloudConfigs[0].Latest = true
		return s
	}
	locked := manifest("")
	locked.Deployments[0].Locked = true
	for name, c := range map[string]struct {
		s    *Snapshot
		want string
	}{
		"nothing":              {&Snapshot{}, ""},
		"what is reserved":     {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/28, reserved: [10.0.0.2 - 10.0.0.7, [10.0.0.8/30], 10.0.0.13], gateway: 10.0.0.1, dns: [8.8.8.8]}]}]"), "8.8.8.8 10.0.0.0/31 10.0.0.12 10.0.0.14/31"},
		"of create-env":        {&Snapshot{CreateEnvs: []Content{k.ReduceCreateEnv("networks: [{name: n, type: manual, subnets: [{range: 10.0.0.0/30, reserved: [10.0.0.2]}]}]\ninstance_groups: [{name: vm, networks: [{name: n}]}]")}}, "10.0.0.0/30"},
		"reserved elsewhere":   {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/30}, {range: 10.0.1.0/30, reserved: [10.0.0.0/24]}]}]"), "?"},
		"a gateway, reserved":  {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/30, reserved: [10.0.0.0/30], gateway: 10.0.0.1}]}]"), "10.0.0.1"},
		"hidden reserved":      {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/30, reserved: [((r))]}]}]"), "?"},
		"odd reserved":         {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/29, reserved: ['10.0.0.1/30', '10.0.0.0/30 - 10.0.0.7', '10.0.0.3 -', ' 10.0.0.4']}]}]"), "?"},
		"static and reserved":  {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/30, reserved: [10.0.0.0/30], static: [10.0.0.2]}]}]"), "10.0.0.2"},
		"blocks":               {cloud("networks: [{name: n, subnets: [{range: 10.0.0.0/24, prefix: 28, reserved: [10.0.0.4]}]}]"), "?"},
		"blocks of a network":  {cloud("networks: [{name: n, prefix: 28, subnets: [{range: 10.0.0.0/24, reserved: [10.0.0.4]}]}]"), "?"},
		"static addresses":     {manifest(""), "10.0.0.9"},
		"a router":             {manifest("keepalived: {vip: 10.0.0.7, virtual_router_id: 61}"), "10.0.0.7 10.0.0.9 #61 #61?"},
		"a default router":     {manifest("keepalived: {vip: 10.0.0.7}"), "10.0.0.7 10.0.0.9 #1 #1?"},
		"a hidden router":      {manifest("keepalived: {vip: 10.0.0.7, virtual_router_id: ((r))}"), "?"},
		"an odd router":        {manifest("keepalived: {vip: 10.0.0.7, virtual_router_id: x}"), "?"},
		"a router in a subnet": {within("n", "10.0.0.7"), "10.0.0.0/28 #61"},
		"a router elsewhere":   {within("n", "10.0.1.7"), "10.0.0.0/28 10.0.1.7 #61 #61?"},
		"in another network":   {within("other", "10.0.0.7"), "10.0.0.0/28 #61 #61?"},
		"a locked deployment":  {locked, "?"},
		"never deployed":       {&Snapshot{Deployments: []Deployment{{Name: "web"}}}, "?"},
		"not all was shown":    {&Snapshot{Head: Head{Unseen: []string{"orphaned VMs"}}}, "?"},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.Kept = k.Kept()
			text := c.s.Encode()
			got := "?"
			if c.s.Uses != nil {
				got = strings.Join(rangeTexts(c.s.Uses), " ")
			}
			for _, id := range c.s.Routers {
				got += fmt.Sprintf(" #%d", id)
			}
			for _, id := range c.s.Unplaced {
				got += fmt.Sprintf(" #%d?", id)
			}
			if got != c.want {
				t.Errorf("got %s, want %s, of\n%s", got, c.want, text)
			}
		})
	}
}

// TestRouterIDsAreKept: the id of a virtual router is kept as it is read, as its variable, or
// as one that nobody can read: else the default would be taken for it.
func TestRouterIDsAreKept(t *testing.T) {
	for text, want := range map[string]string{
		"51": `"51"`, "'51'": `"51"`, "0x33": `"51"`, "((r))": `"((r))"`, "x": `"(left out)"`, "300": `"(left out)"`,
	} {
		for _, vip := range []string{"10.0.0.7", "((v))"} {
			s := &Snapshot{Deployments: []Deployment{{Name: "web", Manifest: keep().ReduceManifest(
				"instance_groups: [{name: a, networks: [{name: n}], jobs: [{name: keepalived, properties: {keepalived: {vip: " + vip + ", virtual_router_id: " + text + "}}}]}]")}}}
			if got := string(s.Encode()); !strings.Contains(got, `"virtual_router_id":`+want) {
				t.Errorf("%s beside %s is kept as\n%s", text, vip, got)
			}
		}
	}
}

func sameSet(a, b *netipx.IPSet) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}
