//go:build !race

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// publicValues stand for the variables of public cloud-configs and manifests. A
// name that is not here gets a word.
var publicValues = map[string]string{
	"internal_cidr": "10.0.0.0/20", "internal_gw": "10.0.0.1", "az1_range": "10.0.0.0/20", "az1_gateway": "10.0.0.1",
	"az2_range": "10.1.0.0/20", "az2_gateway": "10.1.0.1", "az3_range": "10.2.0.0/20", "az3_gateway": "10.2.0.1",
	"internal_ip": "10.0.0.6", "internal_reserved_ips": "10.0.0.2-10.0.0.9", "internal_static_ips": "[10.0.0.10-10.0.0.50]",
	"dns_recursor_ip": "10.0.0.2", "network_name": "default", "azs": "[z1]",
	"az1_vswitch_range": "10.0.0.0/20", "az1_vswitch_gateway": "10.0.0.1", "az2_vswitch_range": "10.1.0.0/20", "az2_vswitch_gateway": "10.1.0.1",
	"az3_vswitch_range": "10.2.0.0/20", "az3_vswitch_gateway": "10.2.0.1",
	"z1_network_range": "10.0.0.0/20", "z1_network_gateway": "10.0.0.1", "z1_network_reserved_array": "[10.0.0.2]", "z1_network_dns_array": "[8.8.8.8]",
	"z2_network_range": "10.1.0.0/20", "z2_network_gateway": "10.1.0.1", "z2_network_reserved_array": "[10.1.0.2]", "z2_network_dns_array": "[8.8.8.8]",
	"z3_network_range": "10.2.0.0/20", "z3_network_gateway": "10.2.0.1", "z3_network_reserved_array": "[10.2.0.2]", "z3_network_dns_array": "[8.8.8.8]",
}

var anyVariable = regexp.MustCompile(`\(\(!?([-/.\w]+)\)\)`)

// readPublic reads a file with values for all its variables.
func readPublic(t *testing.T, path string) source.Value {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	filled := anyVariable.ReplaceAllStringFunc(string(text), func(v string) string {
		name := anyVariable.FindStringSubmatch(v)[1]
		if value, ok := publicValues[name]; ok {
			return value
		}
		return "value-of-" + strings.NewReplacer("/", "-", ".", "-").Replace(name)
	})
	doc, err := source.Parse(filepath.Base(path), []byte(filled))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

// A director has nothing to say against the public cloud-configs and manifests,
// and neither have we: no problem, no warning.
func TestPublicPairsAreSound(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	var cloudConfigs, manifests []string
	for _, pattern := range []string{"bosh-deployment/*/cloud-config.yml", "cf-deployment/iaas-support/*/cloud-config.yml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		cloudConfigs = append(cloudConfigs, found...)
	}
	for _, pattern := range []string{"cf-deployment/cf-deployment.yml", "concourse-bosh-deployment/cluster/concourse.yml"} {
		manifests = append(manifests, filepath.Join(dir, pattern))
	}
	for _, c := range cloudConfigs {
		for _, f := range manifests {
			name := fmt.Sprintf("%s with %s", strings.TrimPrefix(c, dir), strings.TrimPrefix(f, dir))
			cc, problems, _ := bosh.ReadCloudConfigs([]source.Value{readPublic(t, c)}, bosh.Options{})
			m, more, _ := bosh.ReadManifest(readPublic(t, f), bosh.Options{Form: bosh.V2})
			outcome := Check(cc, m, Past{}, bosh.Options{})
			found, addresses := outcome.Problems, outcome.Addresses
			problems = append(append(append(problems, more...), found...), bosh.CheckNetworks(cc, nil, bosh.Options{})...)
			for _, p := range problems {
				t.Errorf("%s: %s: %s %s: %s", name, p.At, p.Rule, p.Class, p.Message)
			}
			if len(addresses) == 0 && cc.Networks[0].Type == bosh.Manual {
				t.Errorf("%s: no addresses predicted", name)
			}
		}
	}
	t.Logf("%d pairs", len(cloudConfigs)*len(manifests))
	if len(cloudConfigs) < 10 {
		t.Errorf("%d cloud-configs only", len(cloudConfigs))
	}
}

// Public create-env manifests pass the checks of the CLI; what an operations file
// would still give is missing from most.
func TestPublicCreateEnvManifests(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	m, problems, _ := bosh.ReadManifest(readPublic(t, filepath.Join(dir, "bosh-deployment/bosh.yml")), bosh.Options{Form: bosh.CreateEnv})
	if len(m.Groups) != 1 || m.Groups[0].Name != "bosh" {
		t.Errorf("groups: %+v", m.Groups)
	}
	for _, p := range problems {
		t.Errorf("%s: %s: %s", p.At, p.Rule, p.Message)
	}
	const ip = "10.0.0.6"
	if len(m.Contacts) != 1 || m.Contacts[0].Range.From().String() != ip || m.Groups[0].Networks[0].Static[0].Range.From().String() != ip {
		t.Errorf("contacts %v, network %+v", m.Contacts, m.Groups[0].Networks[0])
	}
}
