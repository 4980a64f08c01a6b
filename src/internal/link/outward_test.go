package link

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// machine builds interfaces by name, each from words such as "bridge",
// "port-of=br0", "on=eth0", "elsewhere", "default" and addresses.
func machine(lines ...string) []Interface {
	var interfaces []Interface
	index := map[string]int{}
	for n, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		index[name] = n + 1
		interfaces = append(interfaces, Interface{Index: n + 1, Name: name, Wire: true})
	}
	for n, line := range lines {
		i := &interfaces[n]
		for _, word := range strings.Fields(line)[1:] {
			key, value, _ := strings.Cut(word, "=")
			prefix, err := netip.ParsePrefix(word)
			switch {
			case err == nil:
				i.Addresses = append(i.Addresses, Address{Prefix: prefix})
			case key == "port-of":
				i.Nature.Master = index[value]
			case key == "on":
				i.Nature.Lower = index[value]
			case word == "elsewhere":
				i.Nature.Elsewhere, i.Nature.Lower = true, 99
			case word == "default":
				i.Nature.Default = true
			case word == "no-wire":
				i.Wire = false
			default:
				i.Nature.Kind = word
			}
		}
	}
	return interfaces
}

// TestReach: what leads out of this machine, by what it is.
func TestReach(t *testing.T) {
	for _, test := range []struct {
		name    string
		machine []string
		out     string
	}{
		{"a VM", []string{"lo no-wire", "eth0 10.9.0.1/24 default", "eth1 10.8.0.1/24"}, "eth0 eth1"},
		{"a docker host", []string{"eth0 10.9.0.1/24 default", "docker0 bridge 172.17.0.1/16", "br-1 bridge 172.18.0.1/16", "veth1 veth elsewhere port-of=br-1"}, "eth0"},
		{"a cell", []string{"eth0 10.9.0.1/24 default", "s-1 veth elsewhere 169.254.0.1/32", "silk-vtep vxlan on=eth0 10.255.0.0/16", "wbrdg-1 bridge 10.254.0.1/30", "w-0 veth elsewhere port-of=wbrdg-1"}, "eth0"},
		{"a hypervisor", []string{"eth0 port-of=br0", "br0 bridge 10.9.0.1/24 default", "tap0 tun port-of=br0", "virbr0 bridge 192.168.122.1/24", "tap1 tun port-of=virbr0"}, "eth0 br0"},
		{"a bridge on a vlan on a bond", []string{"eth0 port-of=bond0", "bond0 bond", "bond0.5 vlan on=bond0 port-of=br5", "br5 bridge 10.9.0.1/24", "v veth elsewhere port-of=br5"}, "eth0 bond0 bond0.5 br5"},
		{"a bond whose links are missing", []string{"bond0 bond 10.9.0.1/24"}, "bond0"},
		{"a vlan of a bridge of containers", []string{"eth0", "docker0 bridge", "docker0.7 vlan on=docker0 10.7.0.1/24"}, "eth0"},
		{"virtual routers on macvlan", []string{"eth0 10.9.0.1/24", "vrrp.51 macvlan on=eth0 10.9.0.200/32"}, "eth0 vrrp.51"},
		{"a container", []string{"lo no-wire", "eth0 veth elsewhere 10.9.0.1/24 default"}, "eth0"},
		{"a container with two networks, and docker in it", []string{"eth0 veth elsewhere 10.9.0.1/24 default", "eth1 veth elsewhere 10.8.0.1/24", "docker0 bridge 172.17.0.1/16", "v veth elsewhere port-of=docker0"}, "eth0 eth1"},
		{"a container of a cell, with containers", []string{"eth0 veth elsewhere 10.9.0.1/24", "s-1 veth elsewhere 169.254.0.1/32 fe80::1/64"}, "eth0"},
		{"a container on macvlan", []string{"eth0 macvlan elsewhere 10.9.0.1/24"}, "eth0"},
		{"a container's bridge over its link", []string{"eth0 veth elsewhere port-of=br1", "br1 bridge 10.9.0.1/24 default"}, "br1"},
		{"a container's bridge without a default route", []string{"eth0 veth elsewhere port-of=br1", "br1 bridge 10.9.0.1/24", "br2 bridge 172.17.0.1/16"}, "eth0 br1"},
		{"a host whose card has no address, and containers", []string{"eth0", "docker0 bridge 172.17.0.1/16", "v veth elsewhere port-of=docker0"}, "eth0"},
		{"a firewall in a container", []string{"eth0", "fw veth elsewhere 10.9.0.1/30 default"}, "eth0 fw"},
		{"a host joined to its bridge by a pair", []string{"eth0 port-of=br0", "br0 bridge", "in veth on=out 10.9.0.1/24", "out veth on=in port-of=br0"}, "eth0 br0 in"},
		{"a pair that joins nothing", []string{"eth0", "in veth on=out 10.9.0.1/24", "out veth on=in"}, "eth0"},
		{"an Open vSwitch with a card", []string{"eth0 port-of=ovs-system", "ovs-system openvswitch", "br-ex openvswitch 10.9.0.1/24", "br-int openvswitch"}, "eth0 ovs-system br-ex br-int"},
		{"an Open vSwitch of containers", []string{"eth0", "ovs-system openvswitch", "br-int openvswitch 10.1.0.1/24"}, "eth0"},
		{"a kind that nobody knows", []string{"eth0", "mesh0 batadv 10.9.0.1/24"}, "eth0 mesh0"},
		{"a circle", []string{"eth0", "a vlan on=b", "b vlan on=a"}, "eth0"},
	} {
		interfaces := machine(test.machine...)
		judgeReach(interfaces)
		var out []string
		for _, i := range interfaces {
			if i.Wire && i.Inside == "" {
				out = append(out, i.Name)
			}
		}
		if got := strings.Join(out, " "); got != test.out {
			t.Errorf("%s: %s lead out, want %s; %+v", test.name, got, test.out, interfaces)
		}
	}
}

// TestReachNeverHides makes machines at random. What must hold whatever stands
// beside it: hardware, and what a default route leaves by, is never left out, nor
// what stands on it; more containers never change what leads out.
func TestReachNeverHides(t *testing.T) {
	kinds := slices.Concat([]string{"", "", "bond", "bridge", "openvswitch", "team"}, stacked, pairs, selfContained)
	for seed := range uint64(5000) {
		random := rand.New(rand.NewPCG(seed, 2))
		var interfaces []Interface
		for n := range 1 + random.IntN(8) {
			interfaces = append(interfaces, Interface{Index: n + 1, Name: fmt.Sprint("i", n+1), Wire: random.IntN(6) > 0, Nature: Nature{
				Kind: kinds[random.IntN(len(kinds))], Lower: random.IntN(9), Master: random.IntN(9),
				Elsewhere: random.IntN(3) == 0, Default: random.IntN(6) == 0,
			}})
		}
		judgeReach(interfaces)
		for _, i := range interfaces {
			lower := byIndex(interfaces, i.Nature.Lower)
			obvious := i.Nature.Kind == "" || i.Nature.Default ||
				slices.Contains(stacked, i.Nature.Kind) && !i.Nature.Elsewhere && lower != nil && lower.Index != i.Index && lower.Nature.Kind == ""
			for _, port := range interfaces {
				obvious = obvious || i.Nature.Kind == "bridge" && port.Nature.Master == i.Index && port.Nature.Kind == ""
			}
			if obvious && i.Inside != "" {
				t.Errorf("seed %d: %+v is left out of %+v", seed, i, interfaces)
			}
		}
		before := slices.Clone(interfaces)
		for n := range 3 {
			interfaces = append(interfaces, Interface{Index: 100 + n, Name: fmt.Sprint("c", n), Wire: true,
				Nature:    Nature{Kind: []string{"veth", "bridge", "vxlan"}[n], Elsewhere: true, Lower: 1, Master: 101},
				Addresses: []Address{{Prefix: netip.MustParsePrefix("169.254.0.1/32")}}})
		}
		judgeReach(interfaces)
		for n, i := range before {
			if i.Inside != interfaces[n].Inside {
				t.Errorf("seed %d: containers changed %+v to %q", seed, i, interfaces[n].Inside)
			}
		}
	}
}
