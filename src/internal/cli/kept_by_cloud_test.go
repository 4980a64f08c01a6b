package cli

import (
	"strings"
	"testing"
)

// TestFreeLeavesOutWhatTheCloudKeeps: the first address that a director does not
// own is not free if the cloud keeps it.
func TestFreeLeavesOutWhatTheCloudKeeps(t *testing.T) {
	for gateway, want := range map[string]string{"10.40.0.1": "10.40.0.4", "10.40.0.100": "10.40.0.1"} {
		t.Chdir(t.TempDir())
		writeFile(t, "ipguard.yml", []byte("directors: [{name: aws, cloud_configs: [cc.yml]}]\n"))
		writeFile(t, "cc.yml", []byte("networks: [{name: default, subnets: [{range: 10.40.0.0/24, gateway: "+gateway+
			", reserved: [10.40.0.1 - 10.40.0.254], cloud_properties: {subnet: subnet-0a}}]}]\ncompilation: {workers: 1, network: default}\n"))
		for _, args := range [][]string{{"free", "aws/default", "-n", "250"}} {
			stdout, stderr, code := runIn(t, args...)
			offered := strings.Contains(stdout, "10.40.0.2\n") || strings.Contains(stdout, "10.40.0.2 ") || strings.Contains(stdout, "10.40.0.3 ")
			if code != ExitOK || offered == (want == "10.40.0.4") {
				t.Errorf("gateway %s, %v: exit %d, 10.40.0.2 or .3 offered: %v\n%s%s", gateway, args, code, offered, stdout, stderr)
			}
		}
	}
}

// TestHiddenCloudMayKeep: where a variable hides whether a subnet is of AWS, nobody knows
// whether the cloud keeps an address in use there, and nobody is offered one that it may keep.
func TestHiddenCloudMayKeep(t *testing.T) {
	const (
		subnet = "{range: 10.40.0.0/24, gateway: 10.40.0.1, azs: [z1], static: [10.40.0.2], cloud_properties: {subnet: ((s))}}"
		allow  = "allow: [{rule: kept-by-cloud, addresses: [10.40.0.2], owners: [a/web], until: 2999-01-01, reason: \"it is of OCI\"}]\n"
	)
	for name, c := range map[string]struct {
		old, new, fleet string
		code            int
		says            string
	}{
		"hidden":              {code: ExitIncomplete, says: "it is a subnet of AWS, which keeps 10.40.0.2, instance web/0"},
		"all hides":           {old: "{subnet: ((s))}", new: "((s))", code: ExitIncomplete, says: "hides the cloud_properties of network default"},
		"accepted":            {fleet: allow, code: ExitOK},
		"another address":     {old: "static: [10.40.0.2]", new: "static: [10.40.0.9]", code: ExitOK},
		"another gateway":     {old: "gateway: 10.40.0.1", new: "gateway: 10.40.0.100", code: ExitOK},
		"of vSphere":          {old: "subnet: ((s))", new: "name: ((s))", code: ExitOK},
		"of AWS":              {old: "((s))", new: "subnet-0a1b2c3d", code: ExitFindings, says: "kept by AWS"},
		"of OCI":              {old: "((s))", new: "backend", code: ExitOK},
		"blocks that AWS has": {old: "static: [10.40.0.2]", new: "prefix: 28, static: [10.40.0.16]", code: ExitOK},
		"blocks it has not":   {old: "static: [10.40.0.2]", new: "prefix: 30, static: [10.40.0.16]", code: ExitIncomplete, says: "which has blocks of /28 and not of /30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			address := "10.40.0.2"
			for _, other := range []string{"10.40.0.9", "10.40.0.16"} {
				if strings.Contains(c.new, other) {
					address = other
				}
			}
			writeFile(t, "ipguard.yml", []byte("directors: [{name: a, cloud_configs: [cc.yml], deployments: [web.yml]}]\n"+c.fleet))
			writeFile(t, "cc.yml", []byte("azs: [{name: z1}]\nvm_types: [{name: small}]\nnetworks: [{name: default, subnets: ["+strings.Replace(subnet, c.old, c.new, 1)+
				"]}]\ncompilation: {workers: 1, network: default, az: z1, vm_type: small}\n"))
			writeFile(t, "web.yml", []byte(strings.ReplaceAll(keptManifest, "ADDRESS", address)))
			stdout, stderr, code := runIn(t, "lint")
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit %d, want %d with %q\n%s%s", code, c.code, c.says, stdout, stderr)
			}
		})
	}
	t.Run("free", func(t *testing.T) {
		t.Chdir(t.TempDir())
		writeFile(t, "ipguard.yml", []byte("directors: [{name: a, cloud_configs: [cc.yml]}]\n"))
		writeFile(t, "cc.yml", []byte("networks: [{name: default, subnets: [{range: 10.40.0.0/24, gateway: 10.40.0.1, reserved: [10.40.0.2 - 10.40.0.9], cloud_properties: {subnet: ((s))}}]}]\ncompilation: {workers: 1, network: default}\n"))
		stdout, stderr, code := runIn(t, "free", "a/default", "-n", "250")
		if code != ExitIncomplete || strings.Contains(stdout, "10.40.0.3 ") || !strings.Contains(stdout, "10.40.0.4") {
			t.Errorf("exit %d\n%s%s", code, stdout, stderr)
		}
	})
}

const keptManifest = `name: web
releases: [{name: r, version: "1"}]
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: web, instances: 1, azs: [z1], vm_type: small, stemcell: default, jobs: [], networks: [{name: default, static_ips: [ADDRESS]}]}
`
