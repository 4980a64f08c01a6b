//go:build !race

package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Inputs that would take hours address by address, or with the square of their
// size.
func BenchmarkHostile(b *testing.B) {
	subnets := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "  - {range: 10.%d.%d.0/24, gateway: 10.%d.%d.1, az: z%d}\n", i>>8, i&255, i>>8, i&255, i)
		}
		return s.String()
	}
	zones := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "{name: z%d}, ", i)
		}
		return s.String()
	}
	addresses := func(n int, format string) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, format+", ", i>>8, i&255)
		}
		return s.String()
	}
	const head = "name: d\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}\ninstance_groups:\n"
	for _, c := range []struct{ name, cloudConfig, manifest string }{
		{"whole v6 static", "networks:\n- name: n\n  subnets: [{range: \"2001:db8::/32\", gateway: \"2001:db8::1\", static: \"2001:db8:1::/48\", reserved: \"2001:db8::/64\"}]\ncompilation: {workers: 9, network: n}",
			head + "- {name: g, instances: 9000, jobs: [], networks: [{name: n}]}\n"},
		{"5000 subnets and zones", "azs: [" + zones(5000) + "]\nnetworks:\n- name: n\n  subnets:\n" + subnets(5000) + "compilation: {workers: 9, network: n, az: z1}",
			head + "- {name: g, instances: 9000, azs: [" + strings.ReplaceAll(strings.ReplaceAll(zones(5000), "{name: ", ""), "}", "") + "], jobs: [], networks: [{name: n}]}\n"},
		{"20000 reserved and static", "networks:\n- name: n\n  subnets: [{range: 10.0.0.0/8, gateway: 10.255.0.1, reserved: [" + addresses(20000, "10.1%d.%d.7") + "], static: [" + addresses(20000, "10.2.%d.%d") + "]}]\ncompilation: {workers: 9, network: n}",
			head + "- {name: g, instances: 10000, jobs: [], networks: [{name: n, static_ips: [" + addresses(10000, "10.2.%d.%d") + "]}]}\n"},
		{"two networks, all zones", "azs: [{name: a}, {name: b}, {name: c}]\nnetworks:\n- name: n\n  subnets: [{range: 10.0.0.0/8, gateway: 10.255.0.1, azs: [a, b, c], static: [10.0.0.0/9]}]\n- name: m\n  subnets: [{range: 11.0.0.0/8, gateway: 11.255.0.1, azs: [a, b, c], static: [11.0.0.0/9]}]\ncompilation: {workers: 9, network: n, az: a}",
			head + "- {name: g, instances: 200, azs: [a, b, c], jobs: [], networks: [{name: n, static_ips: [10.1.0.0-10.1.0.199], default: [dns, gateway]}, {name: m, static_ips: [11.1.0.0-11.1.0.199]}]}\n"},
	} {
		ccDoc, err1 := source.Parse("cloud-config.yml", []byte(c.cloudConfig))
		mDoc, err2 := source.Parse("manifest.yml", []byte(c.manifest))
		if err1 != nil || err2 != nil {
			b.Fatal(err1, err2)
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				cc, _, _ := bosh.ReadCloudConfigs([]source.Value{ccDoc.Root()}, bosh.Options{})
				m, _, _ := bosh.ReadManifest(mDoc.Root(), bosh.Options{})
				Check(cc, m, Past{}, bosh.Options{})
			}
		})
	}
}
