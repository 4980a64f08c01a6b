package cli

import (
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/lint"
)

// anywhereCloud and anywhereManifest are a cloud-config and a manifest without a
// mistake, in which marks stand for what a row replaces.
const (
	anywhereCloud = `azs: «azs=[{name: z1}]»
networks: «networks=[{name: «net name=default», type: «net type=manual», subnets: «subnets=[{range: «range=10.9.0.0/24», gateway: «gateway=10.9.0.1», azs: «subnet azs=[z1]», static: «static=[10.9.0.10 - 10.9.0.20]», reserved: «reserved=[10.9.0.2 - 10.9.0.5]», dns: «dns=[10.9.0.2]»}]»}]»
vm_types: [{name: default}]
compilation: «compilation={workers: «workers=1», network: «compilation network=default», az: «compilation az=z1», vm_type: default}»
`
	anywhereManifest = `name: «name=web»
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: «update={canaries: 1, max_in_flight: 1, canary_watch_time: «watch=1000-2000», update_watch_time: 1000-2000}»
instance_groups: «groups=[{name: «group name=web», instances: «instances=1», azs: «azs of a group=[z1]», jobs: «jobs=[]», lifecycle: «lifecycle=service», vm_type: default, stemcell: default, migrated_from: «migrated=[]», networks: «networks of a group=[{name: «use=default», default: «default=[dns, gateway]», static_ips: «static ips=[10.9.0.10]»}]»}]»
`
)

// filled returns a text with one mark replaced, and all others as they are.
func filled(text, mark, value string) (string, bool) {
	found := false
	for {
		close := strings.Index(text, "»")
		if close < 0 {
			return text, found
		}
		open := strings.LastIndex(text[:close], "«")
		name, inner, _ := strings.Cut(text[open+len("«"):close], "=")
		if name == mark {
			inner, found = value, true
		}
		text = text[:open] + inner + text[close+len("»"):]
	}
}

// TestVariablesAnywhere puts a variable without a value into each place that one can
// stand in: nothing that depends on it is wrong. A template of another tool is
// unreadable there, and never a variable.
func TestVariablesAnywhere(t *testing.T) {
	family := map[string]lint.Family{}
	for _, r := range lint.Rules() {
		family[r.ID] = r.Family
	}
	for mark, values := range map[string][]string{
		"azs": {"((x))", "[((x))]", "[{name: ((x))}]"}, "networks": {"((x))", "[((x))]"}, "net name": {"((x))"}, "net type": {"((x))"},
		"subnets": {"((x))", "[((x))]"}, "range": {"((x))", "((x)).0/24", "10.9.0.0/((x))"}, "gateway": {"((x))", "10.9.((x)).1"},
		"subnet azs": {"((x))", "[((x))]"}, "static": {"((x))", "[((x))]", "[10.9.0.10 - ((x))]"}, "reserved": {"((x))", "[((x)) - ((y))]", "[10.9.0.2 - ((x))]"},
		"dns": {"((x))", "[((x))]"}, "compilation": {"((x))"}, "workers": {"((x))"}, "compilation network": {"((x))"}, "compilation az": {"((x))"},
		"name": {"((x))"}, "update": {"((x))"}, "watch": {"((x))"}, "groups": {"((x))", "[((x))]"}, "group name": {"((x))", "((x))-web"}, "instances": {"((x))"},
		"azs of a group": {"((x))", "[((x))]", "[((x))-z1]"}, "jobs": {"((x))"}, "lifecycle": {"((x))"}, "migrated": {"((x))", "[{name: ((x))}]"},
		"networks of a group": {"((x))", "[((x))]"}, "use": {"((x))"}, "default": {"((x))", "[((x))]"}, "static ips": {"((x))", "[((x))]", "[10.9.((x)).10]"},
	} {
		for _, value := range values {
			code, result := lintAnywhere(t, mark, value)
			if code == ExitFindings {
				t.Errorf("%s: %s: exit code 1", mark, value)
			}
			for _, f := range result.Findings {
				if f.Severity == lint.Error.String() && family[f.Rule] == lint.FamilyDirector {
					t.Errorf("%s: %s: %s: %s", mark, value, f.Rule, f.Message)
				}
			}
			if len(result.Findings)+len(result.Failures) == 0 && !hidesNothing[mark] {
				t.Errorf("%s: %s: nothing is said", mark, value)
			}
		}
	}
	for mark, value := range map[string]string{
		"range": `(( grab params.range ))`, "static ips": `(( static_ips 0 1 ))`, "gateway": `"${gateway}"`, "azs of a group": `(( grab params.azs ))`,
		"static": `["<%= first %>"]`, "reserved": `["{{ reserved }}"]`, "instances": `(( grab params.n ))`,
	} {
		code, result := lintAnywhere(t, mark, value)
		if code != ExitIncomplete || len(result.Failures) == 0 || !strings.Contains(result.Failures[0].Message, "template of") {
			t.Errorf("%s: %s: exit code %d, %v", mark, value, code, result.Failures)
		}
	}
}

// hidesNothing are the marks behind which no address and no network may hide.
var hidesNothing = map[string]bool{
	"watch": true, "update": true, "name": true, "group name": true, "migrated": true, "compilation az": true,
}

// lintAnywhere lints both files with a value in the place of a mark.
func lintAnywhere(t *testing.T, mark, value string) (int, lintJSON) {
	t.Helper()
	t.Chdir(t.TempDir())
	cloud, inCloud := filled(anywhereCloud, mark, value)
	manifest, inManifest := filled(anywhereManifest, mark, value)
	if inCloud == inManifest {
		t.Fatalf("the mark %q stands in one of both texts: %v, %v", mark, inCloud, inManifest)
	}
	writeFile(t, "cloud.yml", []byte(cloud))
	writeFile(t, "manifest.yml", []byte(manifest))
	return runJSON(t, "lint", "--no-fleet", "-c", "cloud.yml", "manifest.yml")
}
