//go:build !race

package cli

import (
	"slices"
	"strings"
	"testing"
)

// TestValuesOfOneFlag gives a value with several mistakes in it by a vars file, by -v and by the
// environment: each of them is told, whatever brought the value. What a flag brings has no lines
// of its own, and two mistakes in it are two all the same.
func TestValuesOfOneFlag(t *testing.T) {
	many := 0
	for mark, values := range map[string][]string{
		"static ips":          {"[10.9.0.30, 10.9.0.31, 10.9.0.32]", "[10.9.0.10, 10.9.0.2, 10.9.0.3, 10.9.0.40]", "[10.9.0.3x, 10.9.0.4x]", "[10.9.0.10, 10.9.0.10, 10.9.0.11, 10.9.0.11]", "[10.9.0.40, '{{ x }}', '<%= y %>']"},
		"networks of a group": {"[{name: default, static_ips: [10.9.0.30, 10.9.0.31]}, {name: default, static_ips: [10.9.0.32]}]", "[{name: a}, {name: b}]"},
		"groups": {
			"[{name: a, instances: 1, azs: [z1], jobs: [], vm_type: default, stemcell: default, networks: [{name: default, static_ips: [10.9.0.30]}]}," +
				" {name: b, instances: 2, azs: [z1], jobs: [], vm_type: default, stemcell: default, networks: [{name: default, static_ips: [10.9.0.31, 10.9.0.32]}]}]",
			"[{name: a, instances: 1, azs: [z1], jobs: [{name: k, properties: {vip: 10.9.0.30, vips: [10.9.0.31, 10.9.0.32]}}], vm_type: default, stemcell: default, networks: [{name: default}]}]",
		},
		"jobs":     {"[{name: k, properties: {keepalived: {vip: 10.9.0.30}}}, {name: k, properties: {keepalived: {vip: 10.9.0.31, virtual_router_id: 2}}}]", "[{name: k, properties: {vips: ['10.9.0.[5-9]', '10.9.0.*', '{{ x }}', ((y))]}}]"},
		"static":   {"[10.9.1.10, 10.9.1.11]", "[10.9.0.10, 10.9.0.1, 10.9.0.2]", "[10.9.0.1x, 10.9.0.2x]"},
		"reserved": {"[10.9.1.10, 10.9.1.11]", "[10.9.0.9 - 10.9.0.2, 10.9.0.90 - 10.9.0.20]", "['((a))', '{{ x }}', '<%= y %>']"},
		"dns":      {"[10.9.0.30, 10.9.0.31]", "[x, y]"},
		"subnets": {
			"[{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.10], dns: [10.9.1.7, 10.9.1.8]}, {range: 10.9.1.0/24, gateway: 10.9.1.1, az: z1, dns: [10.9.0.7, 10.9.0.8]}]",
			"[{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.10]}, {range: 10.9.1.0/24, gateway: 10.9.2.1, az: z1}, {range: 10.9.2.0/24, gateway: 10.9.3.1, az: z1}]",
		},
		"networks": {
			"[{name: default, type: manual, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.10], dns: [10.9.1.7]}]}," +
				" {name: other, type: manual, subnets: [{range: 10.9.1.0/24, gateway: 10.9.1.1, az: z1, dns: [10.9.0.7]}]}]",
			"[{name: default, type: manual, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.10]}]}," +
				" {name: other, type: manual, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.7, az: z1, reserved: [10.9.0.10]}]}]",
			"[{name: default, type: manual, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.10], pre: 30, sta: [10.9.0.17]}, {range: 10.9.1.0/24, gateway: 10.9.1.1, az: z1, reserv: [10.9.1.7]}]}]",
		},
	} {
		for _, value := range values {
			told := lintThrough(t, mark, value, "-l", "vars.yml")
			for _, flags := range [][]string{{"-v", "x=" + value}, {"--vars-env", "E"}} {
				if again := lintThrough(t, mark, value, flags...); !slices.Equal(again, told) {
					t.Errorf("%s: %s\nin a vars file:\n%s\nby %s:\n%s", mark, value, strings.Join(told, "\n"), flags[0], strings.Join(again, "\n"))
				}
			}
			if len(told) > 2 {
				many++
			}
		}
	}
	if many < 12 {
		t.Errorf("only %d values had several mistakes", many)
	}
}

// TestAddressesOfOneEntry: of a range in static_ips all addresses are told that are not static, so
// that whoever accepts the first accepts no other.
func TestAddressesOfOneEntry(t *testing.T) {
	value := "[10.9.0.30 - 10.9.0.32, 10.9.0.20 - 10.9.0.22, 10.9.0.4 - 10.9.0.7]"
	told := lintThrough(t, "static ips", value, "-v", "x="+value)
	for _, addresses := range []string{"10.9.0.30-10.9.0.32", "10.9.0.21-10.9.0.22", "10.9.0.4/31", "10.9.0.6/31"} {
		if !slices.Contains(told, "error static-ip-outside-pool "+addresses) {
			t.Errorf("%s is not told:\n%s", addresses, strings.Join(told, "\n"))
		}
	}
}

// withheldNames makes one of names as they are and as those are told that the environment has.
var withheldNames = strings.NewReplacer("vips of job k", "((x)) of job ((x))")

// lintThrough is what lint says of both files with a variable in the place of a mark.
func lintThrough(t *testing.T, mark, value string, flags ...string) []string {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFile(t, "vars.yml", []byte("x: "+value+"\n"))
	args := []string{"lint", "--no-fleet"}
	cloud, inCloud := filled(anywhereCloud, mark, "((x))")
	manifest, inManifest := filled(anywhereManifest, mark, "((x))")
	if inCloud == inManifest {
		t.Fatalf("the mark %q stands in one of both texts: %v, %v", mark, inCloud, inManifest)
	}
	writeFile(t, "cloud.yml", []byte(cloud))
	writeFile(t, "manifest.yml", []byte(manifest))
	code, result := runJSONIn(t, []string{"E_x=" + value}, append(append(args, "-c", "cloud.yml", "manifest.yml"), flags...)...)
	said := []string{"exit code " + string(rune('0'+code))}
	for _, f := range result.Findings {
		said = append(said, f.Severity+" "+f.Rule+" "+f.Addresses)
	}
	for _, f := range result.Failures {
		said = append(said, withheldNames.Replace(f.Message))
	}
	slices.Sort(said)
	return slices.Compact(said) // of what may not be shown, several sound alike
}
