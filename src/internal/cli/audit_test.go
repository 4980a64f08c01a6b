package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// auditFleet audits the fleet of the working directory and returns a line for
// each item, then the failures and the exit code.
func auditFleet(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), append(append([]string{"audit"}, args...), "--format", "json"), Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return collectedAt.Add(26 * time.Hour) },
	})
	var result struct {
		Items []struct {
			Addresses, Verdict, Reason, Explanation string
			Severity                                *string
		}
		NotJudged []struct{ Addresses, Note string } `json:"not_judged"`
		Hidden    []struct{ What string }
		Failures  []struct{ Message string }
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	var b strings.Builder
	for _, it := range result.Items {
		severity := "-"
		if it.Severity != nil {
			severity = *it.Severity
		}
		fmt.Fprintf(&b, "%s %s %s %s: %s\n", it.Addresses, it.Verdict, it.Reason, severity, it.Explanation)
	}
	for _, h := range result.Hidden {
		fmt.Fprintf(&b, "hidden: %s\n", h.What)
	}
	for _, f := range result.Failures {
		fmt.Fprintf(&b, "failure: %s\n", f.Message)
	}
	for _, c := range result.NotJudged {
		fmt.Fprintf(&b, "not judged: %s %s\n", c.Addresses, c.Note)
	}
	fmt.Fprintf(&b, "exit %d\n", code)
	return b.String()
}

// auditCase is a fleet of two directors, a with files and a snapshot, b with
// whatever it is given.
type auditCase struct {
	fleet string
	files map[string]string
	live  map[string]liveDirector
	args  string
	want  string
}

// fleetOf is c.fleet, or a fleet file in which all directors that have files or a snapshot
// stand with them.
func fleetOf(c auditCase) string {
	if c.fleet != "" {
		return c.fleet
	}
	var b strings.Builder
	b.WriteString("directors:\n")
	for _, name := range []string{"a", "b"} {
		_, live := c.live[name]
		keys := []string{"name: " + name}
		if live {
			keys = append(keys, "snapshot: "+name+".json")
		}
		for key, kind := range map[string]string{"cloud_configs": "cc", "deployments": "m", "create_env": "env"} {
			var paths []string
			for path := range c.files {
				if strings.HasPrefix(path, name+"/"+kind) {
					paths = append(paths, path)
				}
			}
			if len(paths) > 0 {
				keys = append(keys, key+": ["+strings.Join(paths, ", ")+"]")
			}
		}
		if len(keys) > 1 {
			b.WriteString("- {" + strings.Join(keys, ", ") + "}\n")
		}
	}
	return b.String() + "segments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"
}

func runAuditCases(t *testing.T, cases map[string]auditCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for path, text := range c.files {
				writeFile(t, path, []byte(text))
			}
			for name, d := range c.live {
				writeSnapshot(t, name+".json", d)
			}
			writeFile(t, "ipguard.yml", []byte(fleetOf(c)))
			if diff := cmp.Diff(c.want, auditFleet(t, strings.Fields(c.args)...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// liveOf is a director with the cloud-config of a and some deployments.
func liveOf(deployments ...liveDeployment) liveDirector {
	return liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Deployments: deployments}
}

// TestAudit holds one deployment's file against what its director granted.
func TestAudit(t *testing.T) {
	web := func(statics string) string { return manifestOf("web", "nginx", "1", statics) }
	two := ", static_ips: [10.0.0.10, 10.0.0.11]"
	file := func(manifest string) map[string]string {
		return map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": manifest}
	}
	one := func(deployed string, vms ...string) map[string]liveDirector {
		return map[string]liveDirector{"a": liveOf(liveDeployment{Name: "web", Manifest: deployed, VMs: vms})}
	}
	static := web(", static_ips: [10.0.0.10]")
	runAuditCases(t, map[string]auditCase{
		"as promised": {files: file(static), live: one(static, "nginx 10.0.0.10"), want: "exit 0\n"},
		"as promised, shown": {files: file(static), live: one(static, "nginx 10.0.0.10"), args: "--verdict agreed",
			want: "10.0.0.10 agreed as-promised -: granted to whom it is promised\nexit 0\n"},
		"chosen by the director": {files: file(web("")), live: one(web(""), "nginx 10.0.0.50", "nginx 10.0.0.51"), want: "exit 0\n"},
		"moved in the file": {files: file(web(", static_ips: [10.0.0.12]")), live: one(static, "nginx 10.0.0.10"),
			want: "10.0.0.10 drift moved error: the file gives the group 10.0.0.12, and the director still has 10.0.0.10\nexit 1\n"},
		"one of two moved": {files: file(manifestOf("web", "nginx", "2", ", static_ips: [10.0.0.10, 10.0.0.12]")), live: one(manifestOf("web", "nginx", "2", two), "nginx 10.0.0.10", "nginx 10.0.0.11"),
			want: "10.0.0.11 drift moved error: the file gives the group 10.0.0.12, and the director still has 10.0.0.11\nexit 1\n"},
		"scaled down in the file": {files: file(static), live: one(manifestOf("web", "nginx", "2", two), "nginx 10.0.0.10", "nginx 10.0.0.11"),
			want: "10.0.0.11 drift withdrawn error: the director still has it for nginx of deployment web, whose file does not ask for it\nexit 1\n"},
		"scaled up in the file": {files: file(manifestOf("web", "nginx", "2", two)), live: one(static, "nginx 10.0.0.10"),
			want: "10.0.0.11 unprotected not-yet-deployed warning: the director does not know of it yet\nexit 0\n"},
		"scaled up, strict": {files: file(manifestOf("web", "nginx", "2", two)), live: one(static, "nginx 10.0.0.10"), args: "--fail-on warning",
			want: "10.0.0.11 unprotected not-yet-deployed warning: the director does not know of it yet\nexit 1\n"},
		"VM is down": {files: file(static), live: one(static),
			want: "10.0.0.10 unprotected no-vm warning: the deployment is there, and no VM has it\nexit 0\n"},
		"errand that never ran": {files: file(strings.Replace(static, "jobs:", "lifecycle: errand, jobs:", 1)), live: one(strings.Replace(static, "jobs:", "lifecycle: errand, jobs:", 1)),
			want: "10.0.0.10 unprotected errand-not-run info: an errand that has not run yet, so that the director keeps nobody off it\nexit 0\n"},
		"never deployed": {files: file(static), live: map[string]liveDirector{"a": liveOf()},
			want: "10.0.0.10 unprotected never-deployed warning: director a has no deployment web\nexit 0\n"},
		"never deployed, and the director's own pool has it": {files: file(static),
			live: map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Content: cloudConfigOf("range: 10.0.0.0/24")}}}},
			want: "10.0.0.10 unprotected never-deployed error: director a has no deployment web, and network default (director a) may hand it out\nexit 1\n"},
		"group renamed": {files: file(strings.Replace(static, "name: nginx", "name: front", 1)), live: one(static, "nginx 10.0.0.10"),
			want: "10.0.0.10 drift other-owner error: promised to instance front/0 of deployment web (director a) and granted to the VM of nginx/0 of deployment web (director a)\nexit 1\n"},
		"group renamed with migrated_from": {files: file(strings.Replace(static, "name: nginx,", "name: front, migrated_from: [{name: nginx}],", 1)), live: one(static, "nginx 10.0.0.10"),
			want: "exit 0\n"},
		"dynamic group renamed": {files: file(manifestOf("web", "front", "1", "")), live: one(web(""), "nginx 10.0.0.50"),
			want: "10.0.0.50 ghost no-group error: the file of deployment web has no instance group nginx\nexit 1\n"},
		"deployment deleted from the files": {files: file(static), live: map[string]liveDirector{"a": liveOf(
			liveDeployment{Name: "web", Manifest: static, VMs: []string{"nginx 10.0.0.10"}}, liveDeployment{Name: "old", Manifest: manifestOf("old", "pg", "1", ""), VMs: []string{"pg 10.0.0.60"}})},
			want: "10.0.0.60 ghost no-deployment error: no file describes deployment old of director a\nexit 1\n"},
		"compiling": {files: file(static), live: one(static, "nginx 10.0.0.10", "compilation-8c1b8a5e-1f0c-4f3e-9f6b-0a6c5a7d9b11 10.0.0.51"), want: "exit 0\n"},
		"reserved in the file since": {files: map[string]string{"a/cc.yml": cloudConfigOf("range: 10.0.0.0/24, reserved: [10.0.0.50 - 10.0.0.254]"), "a/m1.yml": web("")}, live: one(web(""), "nginx 10.0.0.50"),
			want: "10.0.0.50 drift not-handed-out error: network default, as it is now, does not hand it out by itself\nexit 1\n"},
		"renumbered in the file": {files: map[string]string{"a/cc.yml": strings.ReplaceAll(cloudConfigOf("range: 10.9.0.0/24"), "10.0.0.1,", "10.9.0.1,"), "a/m1.yml": web("")}, live: one(web(""), "nginx 10.0.0.50"),
			want: "10.0.0.50 drift no-network error: no network that the files give nginx of deployment web holds it\nexit 1\n"},
		"networks are the director's": {files: map[string]string{"a/m1.yml": static}, live: one(static, "nginx 10.0.0.10"), want: "exit 0\n"},
		"orphaned": {files: file(static), live: map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
			Deployments: []liveDeployment{{Name: "web", Manifest: static, VMs: []string{"nginx 10.0.0.10"}}}, Orphans: []string{"web nginx 10.0.0.51"}}},
			want: "10.0.0.51 orphan orphaned warning: a VM still has it that belongs to no instance any more\nexit 0\n"},
		"orphaned and promised": {files: file(static), live: map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
			Orphans: []string{"old pg 10.0.0.10"}}},
			want: "10.0.0.10 orphan orphaned error: a VM still has it that belongs to no instance any more, and it is promised to instance nginx/0 of deployment web (director a)\nexit 1\n"},
		"hidden behind a variable": {files: file(web(", static_ips: [((ip))]")), live: one(static, "nginx 10.0.0.10"),
			want: "hidden: static_ips of nginx on network default\nnot judged: 10.0.0.10 the VM of nginx/0 of deployment web (director a)\nexit 3\n"},
		"file that cannot be read": {files: map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": "name: ["},
			live: one(static, "nginx 10.0.0.10"), want: "failure: not valid YAML: a value is missing here, or a bracket that is opened is never closed\nnot judged: 10.0.0.10 the VM of nginx/0 of deployment web (director a)\nexit 3\n"},
	})
}

// cloudConfigWith is a cloud-config with these networks.
func cloudConfigWith(networks string) string {
	return "azs: [{name: z1}]\nnetworks:\n" + networks + "compilation: {workers: 1, network: default, az: z1}\n"
}

const (
	defaultNetwork = "- {name: default, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, static: [10.0.0.10 - 10.0.0.49], reserved: [10.0.0.200 - 10.0.0.254]}]}\n"
	dmz            = "- {name: dmz, subnets: [{range: 192.168.5.0/24, gateway: 192.168.5.1, az: z1, static: [192.168.5.10 - 192.168.5.49]}]}\n"
	v6             = "- {name: v6, subnets: [{range: '2001:db8::/64', gateway: '2001:db8::1', az: z1, static: ['2001:db8::10 - 2001:db8::1f']}]}\n"
	floating       = "- {name: floating, type: vip}\n"
	pooledVIP      = "- {name: pooled, type: vip, subnets: [{az: z1, static: [203.0.113.20, 203.0.113.21]}]}\n"
	wide           = "- {name: wide, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1}]}\n"
	byIaaS         = "- {name: iaas, type: dynamic, subnets: [{az: z1, cloud_properties: {name: x}}]}\n"
	blocks         = "- {name: blocks, subnets: [{range: 10.4.0.0/24, gateway: 10.4.0.1, az: z1, prefix: 28, static: [10.4.0.16, 10.4.0.32]}]}\n"
)

// onNetworks is the manifest of web with one group on some networks.
func onNetworks(networks string) string {
	return strings.Replace(manifestOf("web", "nginx", "1", ""), "[{name: default}]", "["+networks+"]", 1)
}

// TestAuditOfNetworks audits groups on networks of all kinds.
func TestAuditOfNetworks(t *testing.T) {
	all := cloudConfigWith(defaultNetwork + dmz + v6 + floating + pooledVIP + byIaaS + blocks + wide)
	on := func(networks string, vms ...string) auditCase {
		return auditCase{
			files: map[string]string{"a/cc.yml": all, "a/m1.yml": onNetworks(networks)},
			live:  map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Content: all}}, Deployments: []liveDeployment{{Name: "web", Manifest: onNetworks(networks), VMs: vms}}}},
		}
	}
	want := func(c auditCase, want string) auditCase {
		c.want = want
		return c
	}
	several := "{name: default, static_ips: [10.0.0.10], default: [dns, gateway]}, {name: dmz, static_ips: [192.168.5.10]}"
	runAuditCases(t, map[string]auditCase{
		"two networks": want(on(several, "nginx 10.0.0.10 192.168.5.10"), "exit 0\n"),
		"two networks, one address moved": want(on(several, "nginx 10.0.0.10 192.168.5.11"),
			"192.168.5.11 drift moved error: the file gives the group 192.168.5.10, and the director still has 192.168.5.11\nexit 1\n"),
		"two networks, both moved": want(on(several, "nginx 10.0.0.11 192.168.5.11"),
			"10.0.0.11 drift moved error: the file gives the group 10.0.0.10, and the director still has 10.0.0.11\n"+
				"192.168.5.11 drift moved error: the file gives the group 192.168.5.10, and the director still has 192.168.5.11\nexit 1\n"),
		"to another network": want(on("{name: dmz, static_ips: [192.168.5.10]}", "nginx 10.0.0.10"),
			"10.0.0.10 drift moved error: the file gives the group 192.168.5.10, and the director still has 10.0.0.10\nexit 1\n"),
		"static here, dynamic there": want(on("{name: default, default: [dns, gateway]}, {name: dmz, static_ips: [192.168.5.10]}", "nginx 10.0.0.60 192.168.5.10"), "exit 0\n"),
		"dynamic, and another's static range": want(on("{name: default}", "nginx 10.0.0.30"),
			"10.0.0.30 drift not-handed-out error: network default, as it is now, does not hand it out by itself\nexit 1\n"),
		"in the pool of a network that the group is not on": want(on("{name: default}", "nginx 10.0.0.250"),
			"10.0.0.250 drift not-handed-out error: network default, as it is now, does not hand it out by itself\nexit 1\n"),
		"IPv6":                         want(on("{name: v6, static_ips: ['2001:DB8::10']}", "nginx 2001:db8::10"), "exit 0\n"),
		"IPv6, chosen by the director": want(on("{name: v6}", "nginx 2001:db8::99"), "exit 0\n"),
		"IPv6, moved": want(on("{name: v6, static_ips: ['2001:db8::11']}", "nginx 2001:db8::10"),
			"2001:db8::10 drift moved error: the file gives the group 2001:db8::11, and the director still has 2001:db8::10\nexit 1\n"),
		"dual stack": want(on("{name: default, static_ips: [10.0.0.10], default: [dns, gateway]}, {name: v6}", "nginx 10.0.0.10 2001:db8::77"), "exit 0\n"),
		"virtual":    want(on("{name: default, default: [dns, gateway]}, {name: floating, static_ips: [203.0.113.7]}", "nginx 10.0.0.60 203.0.113.7"), "exit 0\n"),
		"virtual, moved": want(on("{name: default, default: [dns, gateway]}, {name: floating, static_ips: [203.0.113.8]}", "nginx 10.0.0.60 203.0.113.7"),
			"203.0.113.7 drift moved error: the file gives the group 203.0.113.8, and the director still has 203.0.113.7\nexit 1\n"),
		"virtual, chosen by the director": want(on("{name: default, default: [dns, gateway]}, {name: pooled}", "nginx 10.0.0.60 203.0.113.21"), "exit 0\n"),
		"virtual, not of the pool": want(on("{name: default, default: [dns, gateway]}, {name: pooled}", "nginx 10.0.0.60 203.0.113.29"),
			"203.0.113.29 drift no-network error: no network that the files give nginx of deployment web holds it\nexit 1\n"),
		"chosen by the IaaS": want(on("{name: iaas}", "nginx 172.16.9.4"), "exit 0\n"),
		"block":              want(on("{name: blocks, static_ips: [10.4.0.16]}", "nginx 10.4.0.16/28"), "exit 0\n"),
		"single within the block of its own machine": want(on("{name: blocks, static_ips: [10.4.0.16]}", "nginx 10.4.0.16/28 10.4.0.20"), "exit 0\n"),
		"single within the block of another": want(on("{name: blocks}", "nginx 10.4.0.48/28", "nginx 10.4.0.50"),
			"10.4.0.50 drift granted-twice error: granted twice: to the VM of nginx/0 of deployment web (director a) and to the VM of nginx/1 of deployment web (director a)\nexit 1\n"),
		"block of the pool": want(on("{name: blocks}", "nginx 10.4.0.48/28"), "exit 0\n"),
		"block, moved":      want(on("{name: blocks, static_ips: [10.4.0.32]}", "nginx 10.4.0.16/28"), "10.4.0.16/28 drift moved error: the file gives the group 10.4.0.32/28, and the director still has 10.4.0.16/28\nexit 1\n"),
		"moved, beside a network of the IaaS": want(on("{name: iaas}, {name: default, static_ips: [10.0.0.10], default: [dns, gateway]}", "nginx 172.16.9.4 10.0.0.11"),
			"10.0.0.11 drift moved error: the file gives the group 10.0.0.10, and the director still has 10.0.0.11\nexit 1\n"),
		"virtual, by static_ips where the director chooses": want(on("{name: default, default: [dns, gateway]}, {name: pooled, static_ips: [203.0.113.20]}", "nginx 10.0.0.60 203.0.113.21"),
			"203.0.113.21 drift moved error: the file gives the group 203.0.113.20, and the director still has 203.0.113.21\nexit 1\n"),
		"compiling in the wrong network": want(on("{name: default}", "nginx 10.0.0.60", "compilation-8c1b8a5e-1f0c-4f3e-9f6b-0a6c5a7d9b11 192.168.5.60"),
			"192.168.5.60 drift not-handed-out error: network dmz, as it is now, does not hand it out by itself\nexit 1\n"),
		"another family": want(on("{name: default, static_ips: [10.0.0.10]}", "nginx 2001:db8::99"),
			"10.0.0.10 unprotected no-vm warning: the deployment is there, and no VM has it\n"+
				"2001:db8::99 drift no-network error: no network that the files give nginx of deployment web holds it\nexit 1\n"),
		"range of static_ips":  want(on("{name: default, static_ips: [10.0.0.12/30]}", "nginx 10.0.0.12", "nginx 10.0.0.13", "nginx 10.0.0.14", "nginx 10.0.0.15"), "exit 0\n"),
		"range, half deployed": want(on("{name: default, static_ips: [10.0.0.12/30]}", "nginx 10.0.0.12", "nginx 10.0.0.13"), "10.0.0.14/31 unprotected no-vm warning: the deployment is there, and no VM has it\nexit 0\n"),
	})
}

// jumpbox is the manifest of a VM of create-env, with one address to be put in.
const jumpbox = `name: jumpbox
releases: []
networks: [{name: private, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]
resource_pools: [{name: vms, network: private, stemcell: {url: x, sha1: y}}]
instance_groups: [{name: jumpbox, instances: 1, resource_pool: vms, jobs: [], networks: [{name: private, static_ips: [%s]}]}]
cloud_provider: {template: {name: cpi, release: cpi}, mbus: "https://x:y@%[1]s:6868", properties: {}}
`

// TestAuditOfFleets audits two directors.
func TestAuditOfFleets(t *testing.T) {
	static := manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]")
	ofB10 := manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.100]")
	filesOf := func(more ...string) map[string]string {
		files := map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": static}
		for i := 0; i+1 < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	a := liveOf(liveDeployment{Name: "web", Manifest: static, VMs: []string{"nginx 10.0.0.10"}})
	b := func(deployments ...liveDeployment) liveDirector {
		return liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}, Deployments: deployments}
	}
	old := "range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.149, 10.0.0.160 - 10.0.0.254]"
	runAuditCases(t, map[string]auditCase{
		"one deployment's name twice": {
			files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", ofB10),
			live:  map[string]liveDirector{"a": a, "b": b(liveDeployment{Name: "web", Manifest: ofB10, VMs: []string{"nginx 10.0.0.100"}})},
			want:  "exit 0\n"},
		"deployed to the wrong director": {
			files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", manifestOf("db", "pg", "1", "")),
			live:  map[string]liveDirector{"a": liveOf(), "b": b(liveDeployment{Name: "web", Manifest: ofB10, VMs: []string{"nginx 10.0.0.100"}})},
			want: "10.0.0.10 unprotected never-deployed warning: director a has no deployment web\n" +
				"10.0.0.100 ghost no-deployment error: no file describes deployment web of director b; director a has a file for it, and no such deployment\nexit 1\n"},
		"granted by the other": {
			files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", manifestOf("db", "pg", "1", "")),
			live:  map[string]liveDirector{"a": liveOf(), "b": b(liveDeployment{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.10"}})},
			want:  "10.0.0.10 drift other-owner error: promised to instance nginx/0 of deployment web (director a) and granted to the VM of pg/0 of deployment db (director b)\nexit 1\n"},
		"granted by both": {
			files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", manifestOf("db", "pg", "1", "")),
			live:  map[string]liveDirector{"a": a, "b": b(liveDeployment{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.10"}})},
			want:  "10.0.0.10 drift granted-twice error: granted twice: to the VM of nginx/0 of deployment web (director a) and to the VM of pg/0 of deployment db (director b)\nexit 1\n"},
		"create-env that a director granted": {
			files: filesOf("b/env.yml", fmt.Sprintf(jumpbox, "10.0.0.60")),
			live:  map[string]liveDirector{"a": liveOf(liveDeployment{Name: "web", Manifest: static, VMs: []string{"nginx 10.0.0.10", "nginx 10.0.0.60"}})},
			want:  "10.0.0.60 drift other-owner error: promised to the create-env VM jumpbox (director b) and granted to the VM of nginx/1 of deployment web (director a)\nexit 1\n"},
		"create-env in a pool": {files: filesOf("b/env.yml", fmt.Sprintf(jumpbox, "10.0.0.60")), live: map[string]liveDirector{"a": a},
			want: "10.0.0.60 unprotected may-be-handed-out error: made by create-env, which no director knows of, and network default (director a) may hand it out\nexit 1\n"},
		"create-env that is kept off": {files: filesOf("b/env.yml", fmt.Sprintf(jumpbox, "10.0.0.5")), live: map[string]liveDirector{"a": a}, want: "exit 0\n"},
		"pinned to an older cloud-config": {
			files: map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": manifestOf("web", "nginx", "1", "")},
			live: map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Old: true, Content: cloudConfigOf(old)}, {ID: "2", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Pinned: []string{"1"}, Manifest: manifestOf("web", "nginx", "1", ""), VMs: []string{"nginx 10.0.0.155"}}}}},
			want: "10.0.0.155 drift not-handed-out error: network default, as it is now, does not hand it out by itself\nexit 1\n"},
		"pinned, and the address is in both": {
			files: map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": manifestOf("web", "nginx", "1", "")},
			live: map[string]liveDirector{"a": {Configs: []liveConfig{{ID: "1", Old: true, Content: cloudConfigOf("range: 10.0.0.0/24")}, {ID: "2", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Pinned: []string{"1"}, Manifest: manifestOf("web", "nginx", "1", ""), VMs: []string{"nginx 10.0.0.60"}}}}},
			want: "exit 0\n"},
		"without a snapshot": {files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", ofB10), live: map[string]liveDirector{"a": a},
			want: "failure: director b has no snapshot: what it granted is unknown\nexit 3\n"},
		"without a snapshot, and not asked about": {files: filesOf("b/cc.yml", cloudConfigOf(ofB), "b/m1.yml", ofB10), live: map[string]liveDirector{"a": a}, args: "--director a",
			want: "exit 0\n"},
		"without files": {files: filesOf(), live: map[string]liveDirector{"a": a, "b": b(liveDeployment{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.150"}})},
			want: "failure: no file describes a deployment of director b: what was promised is unknown\nexit 3\n"},
		"without files, and with another's address": {
			files: filesOf(), live: map[string]liveDirector{"a": liveOf(), "b": b(liveDeployment{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.10"}})},
			want: "10.0.0.10 drift other-owner error: promised to instance nginx/0 of deployment web (director a) and granted to the VM of pg/0 of deployment db (director b)\n" +
				"failure: no file describes a deployment of director b: what was promised is unknown\nexit 1\n"},
		"director that shows less": {files: filesOf(), live: map[string]liveDirector{"a": {Configs: a.Configs, Deployments: a.Deployments, Unseen: "orphaned VMs"}},
			want: "failure: director a did not show orphaned VMs\nexit 3\n"},
		"director that shows less, taken as it is": {files: filesOf(), live: map[string]liveDirector{"a": {Configs: a.Configs, Deployments: a.Deployments, Unseen: "orphaned VMs"}}, args: "--allow-unseen",
			want: "exit 0\n"},
	})
}

// withVIP is web with a virtual address in a job property.
func withVIP(address string) string {
	return strings.Replace(manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]"), "jobs: []",
		"jobs: [{name: keepalived, release: x, properties: {keepalived: {vip: "+address+"}}}]", 1)
}

// TestAuditBesideInstances audits what is no address of an instance, or of none
// that the fleet's directors made.
func TestAuditBesideInstances(t *testing.T) {
	static := manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]")
	fleet := func(a, rest string) string {
		return "directors:\n- {name: a, snapshot: a.json, cloud_configs: [cc.yml], deployments: [m.yml]" + a + "}\n" + rest
	}
	on := func(file, deployed, more, fleetFile, want string) auditCase {
		vms := append([]string{"nginx 10.0.0.10"}, strings.Split(more, ",")...)
		if more == "" {
			vms = vms[:1]
		}
		return auditCase{
			fleet: fleetFile, want: want,
			files: map[string]string{"cc.yml": cloudConfigOf(ofA), "m.yml": file},
			live:  map[string]liveDirector{"a": liveOf(liveDeployment{Name: "web", Manifest: deployed, VMs: vms})},
		}
	}
	plain := fleet("", "")
	runtime := func(file, want string) auditCase {
		const config = "addons: [{name: lb, jobs: [{name: keepalived, properties: {vip: %s}}]}]"
		return on(static, static, "", fleet(", runtime_configs: [rc.yml]", ""), want).
			with("rc.yml", fmt.Sprintf(config, file)).
			liveA(func(d *liveDirector) { d.Runtime = fmt.Sprintf(config, "10.0.0.160") })
	}
	runAuditCases(t, map[string]auditCase{
		"virtual address": on(withVIP("10.0.0.40"), withVIP("10.0.0.40"), "", plain, "exit 0\n"),
		"virtual address moved": on(withVIP("10.0.0.41"), withVIP("10.0.0.40"), "", plain,
			"10.0.0.40 drift moved error: the file gives keepalived.vip 10.0.0.41, and the director still has 10.0.0.40\nexit 1\n"),
		"virtual address not deployed": on(withVIP("10.0.0.40"), static, "", plain,
			"10.0.0.40 unprotected not-yet-deployed warning: the director does not know of it yet\nexit 0\n"),
		"virtual address in a pool, not deployed": on(withVIP("10.0.0.60"), static, "", plain,
			"10.0.0.60 unprotected not-yet-deployed error: the director does not know of it yet, and network default (director a) may hand it out\nexit 1\n"),
		"virtual address withdrawn": on(static, withVIP("10.0.0.40"), "", plain,
			"10.0.0.40 drift withdrawn error: the director still has it for nginx of deployment web, whose file does not ask for it\nexit 1\n"),
		"virtual address parked as static": on(withVIP("10.0.0.10"), withVIP("10.0.0.10"), "", plain, "exit 0\n"),
		"virtual address that another VM has": on(withVIP("10.0.0.40"), withVIP("10.0.0.40"), "", fleet("", "- {name: b, snapshot: b.json, deployments: [db.yml]}\n"),
			"10.0.0.40 drift granted-twice error: granted twice: to the virtual address keepalived.vip of deployment web (director a) and to the VM of pg/0 of deployment db (director b)\nexit 1\n").
			with("db.yml", manifestOf("db", "pg", "1", "")).
			live2(liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}, Deployments: []liveDeployment{{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.40"}}}}),
		"hidden virtual address": on(withVIP("((vip))"), withVIP("10.0.0.40"), "", plain, "hidden: property keepalived.vip of job keepalived in nginx\nnot judged: 10.0.0.40 the virtual address keepalived.vip of deployment web (director a)\nexit 3\n"),
		"somebody else's address, granted": on(manifestOf("web", "nginx", "2", ""), manifestOf("web", "nginx", "2", ""), "nginx 10.0.0.60",
			fleet("", "external: [{owner: load balancer, addresses: [10.0.0.60]}]\n"),
			"10.0.0.10 drift not-handed-out error: network default, as it is now, does not hand it out by itself\n"+
				"10.0.0.60 drift other-owner error: promised to load balancer (outside of bosh) and granted to the VM of nginx/1 of deployment web (director a)\nexit 1\n"),
		"somebody else's address, not granted": on(static, static, "", fleet("", "external: [{owner: load balancer, addresses: [10.0.0.60]}]\n"), "exit 0\n"),
		"machine of a director that another one made": on(static, static, "", fleet("", "- {name: b, director_ips: [10.0.0.10], cloud_configs: [b.yml]}\n"),
			"failure: director b has no snapshot: what it granted is unknown\nexit 3\n").with("b.yml", cloudConfigOf(ofB)),
		"machine of a director, granted to others": on(static, static, "nginx 10.0.0.60", fleet("", "- {name: b, director_ips: [10.0.0.60], cloud_configs: [b.yml]}\n"),
			"10.0.0.60 drift other-owner error: promised to the machine of director b and granted to the VM of nginx/1 of deployment web (director a)\n"+
				"failure: director b has no snapshot: what it granted is unknown\nexit 1\n").with("b.yml", cloudConfigOf(ofB)),
		"the same address in an isolated network": on(static, static, "", fleet("", "- {name: b, snapshot: b.json, deployments: [db.yml]}\nsegments:\n- {name: here, subnets: [{director: a, network: default}]}\n- {name: there, subnets: [{director: b, network: default}]}\n"), "exit 0\n").
			with("db.yml", manifestOf("db", "pg", "1", ", static_ips: [10.0.0.10]")).
			live2(liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Deployments: []liveDeployment{{Name: "db", Manifest: manifestOf("db", "pg", "1", ", static_ips: [10.0.0.10]"), VMs: []string{"pg 10.0.0.10"}}}}),
		"too old":             on(static, static, "", fleet(", max_age: 1d", ""), "failure: a.json is 1d2h old, and may be 1d: what director a granted since is unknown\nexit 3\n"),
		"too old, as it is":   withArgs(on(static, static, "", fleet(", max_age: 1d", ""), "exit 0\n"), "--allow-stale"),
		"unreadable manifest": on(static, "name: [", "", plain, "failure: the manifest of web of director a could not be collected: its line 1 is not valid YAML\nexit 3\n"),
		"jumpbox in another segment": on(static, static, "nginx 10.0.0.60",
			fleet(", create_env: [jumpbox.yml]", "segments:\n- {name: here, subnets: [{director: a, network: default}]}\n- {name: there, subnets: [{director: a, network: private}]}\n"),
			"10.0.0.60 drift withdrawn error: the director still has it for nginx of deployment web, whose file does not ask for it\nexit 1\n").
			with("jumpbox.yml", fmt.Sprintf(jumpbox, "10.0.0.60")),
		"virtual address of a runtime config": on(static, static, "", plain, "exit 0\n").
			liveA(func(d *liveDirector) {
				d.Runtime = "addons: [{name: lb, jobs: [{name: keepalived, properties: {vip: 10.0.0.160}}]}]"
			}),
		"runtime config in a file": runtime("10.0.0.160", "exit 0\n"),
		"runtime config in a file, not updated": runtime("10.0.0.170",
			"10.0.0.160 drift moved error: the file gives vip 10.0.0.170, and the director still has 10.0.0.160\nexit 1\n"),
		"runtime config in a file, without the address": runtime("[]",
			"10.0.0.160 drift withdrawn error: a config of the director has it, and none of the files does\nexit 1\n"),
		"runtime config in a file, hidden": runtime("((vip))",
			"hidden: property vip of job keepalived\nnot judged: 10.0.0.160 the virtual address vip (director a)\nexit 3\n"),
		"dynamic, and the missing file may describe it": on(static, static, "", strings.Replace(plain, "[m.yml]", "[m.yml, none.yml]", 1),
			"failure: none.yml: no such file\nnot judged: 10.0.0.60 the VM of redis/0 of deployment cache (director a)\nexit 3\n").
			liveA(func(d *liveDirector) {
				d.Deployments = append(d.Deployments, liveDeployment{Name: "cache", Manifest: manifestOf("cache", "redis", "1", ""), VMs: []string{"redis 10.0.0.60"}})
			}),
		"file that is missing": on(static, static, "old 10.0.0.60", strings.Replace(plain, "[m.yml]", "[m.yml, none.yml]", 1),
			"10.0.0.60 ghost no-group error: the file of deployment web has no instance group old\nfailure: none.yml: no such file\nexit 1\n"),
		"deployment that the missing file may describe": on(strings.Replace(static, "name: web", "name: other", 1), static, "", strings.Replace(plain, "[m.yml]", "[m.yml, none.yml]", 1),
			"10.0.0.10 drift other-owner error: promised to instance nginx/0 of deployment other (director a) and granted to the VM of nginx/0 of deployment web (director a)\nfailure: none.yml: no such file\nexit 1\n"),
	})
}

func withArgs(c auditCase, args string) auditCase {
	c.args = args
	return c
}

// with is the case with one more file.
func (c auditCase) with(path, text string) auditCase {
	c.files[path] = text
	return c
}

// liveA is the case with a change of what director a says.
func (c auditCase) liveA(change func(*liveDirector)) auditCase {
	d := c.live["a"]
	change(&d)
	c.live["a"] = d
	return c
}

// live2 is the case with a snapshot of director b.
func (c auditCase) live2(d liveDirector) auditCase {
	c.live["b"] = d
	return c
}

// TestAuditOfTeams gives one deployment the cloud-config of its team.
func TestAuditOfTeams(t *testing.T) {
	extra := "networks: [{name: extra, subnets: [{range: 10.7.0.0/24, gateway: 10.7.0.1, az: z1, static: [10.7.0.10]}]}]"
	manifest := strings.Replace(manifestOf("web", "nginx", "1", ""), "name: default}", "name: extra}", 1)
	of := func(vm, want string) auditCase {
		return auditCase{files: map[string]string{"a/m1.yml": manifest}, want: want, live: map[string]liveDirector{"a": {
			Configs:     []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}, {ID: "2", Name: "extra", Team: "t", Content: extra}},
			Deployments: []liveDeployment{{Name: "web", Teams: []string{"t"}, Manifest: manifest, VMs: []string{vm}}}}}}
	}
	runAuditCases(t, map[string]auditCase{
		"of the team's pool": of("nginx 10.7.0.20", "exit 0\n"),
		"of none":            of("nginx 10.0.0.60", "10.0.0.60 drift no-network error: no network that the files give nginx of deployment web holds it\nexit 1\n"),
	})
}

// TestAuditOfV1Manifests audits a manifest that brings its own networks.
func TestAuditOfV1Manifests(t *testing.T) {
	manifest := func(static string) string {
		return "name: old\ndirector_uuid: x\nreleases: []\nnetworks: [{name: own, type: manual, subnets: [{range: 10.6.0.0/24, gateway: 10.6.0.1, static: [10.6.0.10 - 10.6.0.20]}]}]\n" +
			"resource_pools: [{name: small, network: own, stemcell: {name: x, version: 1}}]\ncompilation: {workers: 1, network: own}\n" +
			"update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}\n" +
			"jobs: [{name: pg, instances: 1, resource_pool: small, templates: [], networks: [{name: own" + static + "}]}]\n"
	}
	of := func(file, deployed, vm, want string) auditCase {
		return auditCase{files: map[string]string{"a/m1.yml": manifest(file)}, want: want,
			live: map[string]liveDirector{"a": {Deployments: []liveDeployment{{Name: "old", Manifest: manifest(deployed), VMs: []string{vm}}}}}}
	}
	runAuditCases(t, map[string]auditCase{
		"as promised": of(", static_ips: [10.6.0.10]", ", static_ips: [10.6.0.10]", "pg 10.6.0.10", "exit 0\n"),
		"dynamic":     of("", "", "pg 10.6.0.30", "exit 0\n"),
		"moved": of(", static_ips: [10.6.0.11]", ", static_ips: [10.6.0.10]", "pg 10.6.0.10",
			"10.6.0.10 drift moved error: the file gives the group 10.6.0.11, and the director still has 10.6.0.10\nexit 1\n"),
	})
}

// recordedAnswer reads the body of an answer that a real director gave.
func recordedAnswer(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(sharedtest.Dir(t, "director-api"), file))
	if err != nil {
		t.Fatal(err)
	}
	parts := bytes.SplitN(data, []byte("\n\n"), 3)
	if len(parts) != 3 {
		t.Fatalf("%s is no recorded answer", file)
	}
	if err := json.Unmarshal(parts[2], into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// recordedCase is the director whose answers were recorded, with its own manifests
// and cloud-configs as the files.
func recordedCase(t *testing.T) auditCase {
	t.Helper()
	c := auditCase{files: map[string]string{}, live: map[string]liveDirector{}}
	var d liveDirector
	var configs []struct{ Content, ID, Name string }
	recordedAnswer(t, "14-configs-latest-true-type-cloud.http", &configs)
	for _, config := range configs {
		d.Configs = append(d.Configs, liveConfig{ID: config.ID, Name: config.Name, Content: config.Content})
		c.files["a/cc-"+config.Name+".yml"] = config.Content
	}
	for name, files := range map[string][2]string{
		"web":   {"12-deployments-web-read-scope.http", "24-deployments-web-instances.http"},
		"cache": {"10-deployments-cache.http", "25-deployments-cache-instances.http"},
	} {
		var manifest struct{ Manifest string }
		recordedAnswer(t, files[0], &manifest)
		var instances []struct {
			Job string
			IPs []string
		}
		recordedAnswer(t, files[1], &instances)
		live := liveDeployment{Name: name, Manifest: manifest.Manifest}
		for _, i := range instances {
			live.VMs = append(live.VMs, i.Job+" "+strings.Join(i.IPs, " "))
		}
		d.Deployments = append(d.Deployments, live)
		c.files["a/m-"+name+".yml"] = manifest.Manifest
	}
	c.live["a"] = d
	return c
}

// TestAuditOfARealDirector audits what a real director granted.
func TestAuditOfARealDirector(t *testing.T) {
	changed := func(want, file, from, to string) auditCase {
		c := recordedCase(t)
		c.want = want
		if c.files[file] = strings.Replace(c.files[file], from, to, 1); file != "" && !strings.Contains(c.files[file], to) {
			t.Fatalf("%s: %q is not there to be changed", file, from)
		}
		delete(c.files, "")
		return c
	}
	all := changed("10.244.0.10 agreed as-promised -: granted to whom it is promised\n"+
		"10.244.0.64 agreed from-pool -: chosen by the director from the pool that its group has\n"+
		"10.244.0.65 agreed from-pool -: chosen by the director from the pool that its group has\n"+
		"10.244.1.2 agreed from-pool -: chosen by the director from the pool that its group has\n"+
		"10.244.1.10 agreed as-promised -: granted to whom it is promised\n"+
		"192.168.50.30 agreed as-promised -: granted to whom it is promised\n"+
		"192.168.50.31 agreed as-promised -: granted to whom it is promised\nexit 0\n", "", "", "")
	all.args = "--verdict all"
	runAuditCases(t, map[string]auditCase{
		"as it is":  changed("exit 0\n", "", "", ""),
		"all of it": all,
		"address moved": changed("10.244.1.10 drift moved error: the file gives the group 10.244.1.12, and the director still has 10.244.1.10\nexit 1\n",
			"a/m-web.yml", "10.244.0.10, 10.244.1.10", "10.244.0.10, 10.244.1.12"),
		"network taken away": changed("192.168.50.30 drift no-network error: no network that the files give nginx of deployment web holds it\n"+
			"192.168.50.31 drift no-network error: no network that the files give nginx of deployment web holds it\nexit 1\n",
			"a/m-web.yml", "  - name: dmz\n    static_ips: [192.168.50.30-192.168.50.31]\n", ""),
		"deployment renamed": changed("10.244.0.64 ghost no-deployment error: no file describes deployment cache of director a\n"+
			"10.244.0.65 ghost no-deployment error: no file describes deployment cache of director a\n"+
			"10.244.1.2 ghost no-deployment error: no file describes deployment cache of director a\nexit 1\n",
			"a/m-cache.yml", "name: cache", "name: store"),
	})
}
