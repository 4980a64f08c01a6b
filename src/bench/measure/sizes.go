//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// pairs is how many pairs of directors split a range; every pair is a segment
// of its own, so that all may have the same range.
const pairs = 100

// measureSizes compares fleets that differ in nothing but the size of their
// ranges, as a whole program and without reading.
func measureSizes(s *settings, t *table) error {
	ranges := []string{"10.0.0.0/28", "10.0.0.0/8", "fd00::/124", "fd00::/48"}
	var lints []command
	walls := make([][]time.Duration, len(ranges))
	for i, r := range ranges {
		members := splitRange(netip.MustParsePrefix(r))
		folder := filepath.Join(s.work, "sizes", fmt.Sprint(i))
		if err := writeMembers(folder, members); err != nil {
			return err
		}
		lints = append(lints, command{args: []string{s.ipguard, "lint"}, folder: folder})
	}
	for range s.runs {
		for i, r := range ranges {
			wall, err := timePairs(splitRange(netip.MustParsePrefix(r)))
			if err != nil {
				return err
			}
			walls[i] = append(walls[i], wall)
		}
	}
	results, err := sideBySide(s.runs, lints...)
	if err != nil {
		return err
	}
	// Large to small within a family, and IPv6 to IPv4, whose addresses are
	// longer to write, to parse and to compare.
	for _, pair := range [][2]int{{1, 0}, {3, 2}, {3, 0}} {
		large, small := pair[0], pair[1]
		what := ranges[large] + " and " + ranges[small]
		t.durations(what+", ipguard lint", results[large].walls, results[small].walls, 1.2)
		t.durations(what+", without reading", walls[large], walls[small], 1.2)
	}
	return nil
}

// splitRange makes pairs of directors, each with half of the range and with two
// static addresses.
func splitRange(prefix netip.Prefix) []member {
	list := make([]member, 2*pairs)
	for i := range list {
		list[i] = member{number: i, prefix: prefix, property: "name", value: fmt.Sprintf("VLAN-%d", i/2), share: shareOf(prefix, i%2, 2), static: 2}
	}
	return list
}

// timePairs times everything after reading; nothing may be found.
func timePairs(members []member) (time.Duration, error) {
	segments := map[string]string{}
	for _, m := range members {
		segments[m.name()] = m.value
	}
	wall, _, findings := afterReading(members, func(s *plan.Subnet) (string, plan.Perhaps) { return segments[s.Director], plan.Perhaps{} })
	if len(findings) > 0 {
		return 0, fmt.Errorf("%d findings in %s split in two, the first: %s; %w", len(findings), members[0].prefix, findings[0].Message, errNotComparable)
	}
	return wall, nil
}

// writeMembers writes the members as files, each pair a segment.
func writeMembers(folder string, members []member) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var fleet, segments bytes.Buffer
	fleet.WriteString("directors:\n")
	for i, m := range members {
		name := m.name()
		fmt.Fprintf(&fleet, "- {name: %s, cloud_configs: [%s-cloud.yml], deployments: [%s-web.yml]}\n", name, name, name)
		if i%2 == 0 {
			fmt.Fprintf(&segments, "- name: %s\n  subnets: [{cloud_properties: {name: %s}}]\n", m.value, m.value)
		}
		if err := os.WriteFile(filepath.Join(folder, name+"-cloud.yml"), m.cloudConfig(), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+"-web.yml"), m.manifest(), 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(&fleet, "segments:\n%s", segments.Bytes())
	return os.WriteFile(filepath.Join(folder, "ipguard.yml"), fleet.Bytes(), 0o644)
}

func (m member) cloudConfig() []byte {
	subnet := m.director().CloudConfig.Networks[0].Subnets[0]
	var b bytes.Buffer
	fmt.Fprintf(&b, "azs: [{name: z1}]\ncompilation: {workers: 1, az: z1, network: default}\nnetworks:\n- name: default\n  type: manual\n")
	fmt.Fprintf(&b, "  subnets:\n  - range: %s\n    gateway: %s\n    az: z1\n", subnet.Range, subnet.Gateway)
	fmt.Fprintf(&b, "    cloud_properties: {%s: %s}\n    static: [\"%s\"]\n    reserved:\n", m.property, m.value, subnet.Static[0].Range)
	for _, r := range subnet.Reserved {
		fmt.Fprintf(&b, "    - %q\n", fmt.Sprintf("%s - %s", r.Range.From(), r.Range.To()))
	}
	return b.Bytes()
}

func (m member) manifest() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "name: web\nreleases: [{name: web, version: 1}]\nstemcells: [{alias: default, os: ubuntu-jammy, version: 1}]\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}\ninstance_groups:\n- name: web\n  azs: [z1]\n  instances: %d\n  vm_type: default\n  stemcell: default\n  jobs: [{name: web, release: web}]\n", m.static)
	fmt.Fprintf(&b, "  networks:\n  - name: default\n    static_ips:\n")
	a := m.share.From()
	for range m.static {
		fmt.Fprintf(&b, "    - %q\n", a)
		a = a.Next()
	}
	return b.Bytes()
}
