//go:build !race

package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// publicVars gives every variable of the public cloud-configs that an address
// depends on.
var publicVars = []string{
	"internal_cidr=10.0.0.0/20", "internal_gw=10.0.0.1", "internal_ip=10.0.0.6",
	"internal_reserved_ips=[10.0.0.2 - 10.0.0.20]", "internal_static_ips=[10.0.0.21 - 10.0.0.80]",
	"az1_vswitch_range=10.0.0.0/20", "az1_vswitch_gateway=10.0.0.1", "az1_vswitch_id=vsw-1",
	"az2_vswitch_range=10.0.16.0/20", "az2_vswitch_gateway=10.0.16.1", "az2_vswitch_id=vsw-2",
	"az3_vswitch_range=10.0.32.0/20", "az3_vswitch_gateway=10.0.32.1", "az3_vswitch_id=vsw-3",
	"z1_network_range=10.0.0.0/20", "z1_network_gateway=10.0.0.1", "z1_network_reserved_array=[10.0.0.2 - 10.0.0.9]",
	"z2_network_range=10.0.16.0/20", "z2_network_gateway=10.0.16.1", "z2_network_reserved_array=[10.0.16.2 - 10.0.16.9]",
	"z3_network_range=10.0.32.0/20", "z3_network_gateway=10.0.32.1", "z3_network_reserved_array=[10.0.32.2 - 10.0.32.9]",
	"z1_network_dns_array=[8.8.8.8]", "z2_network_dns_array=[8.8.8.8]", "z3_network_dns_array=[8.8.8.8]",
	"network_id1=net-1", "network_id2=net-2", "network_id3=net-3", "net_id=net-1", "subnet_id=subnet-1",
	"vswitch_id=vsw-1", "network=default", "subnetwork=default", "network_name=concourse", "azs=[z1]", "vnet_name=vnet", "subnet_name=subnet",
	"availability_zone1=one", "availability_zone2=two", "availability_zone3=three",
}

// TestPublicCloudConfigs lints cf-deployment with each public cloud-config: all
// is read, and no rule across directors has anything to say, but for the last
// addresses of GCP, which its cloud-config does not reserve.
func TestPublicCloudConfigs(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	var configs []string
	for _, pattern := range []string{"bosh-deployment/*/cloud-config*.yml", "cf-deployment/iaas-support/*/cloud-config.yml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, found...)
	}
	if len(configs) < 14 {
		t.Fatalf("only %d cloud-configs below %s", len(configs), dir)
	}
	if sharedtest.Short() {
		configs = everyFourth(configs)
	}
	fleetRules := map[string]bool{}
	for _, r := range lint.Rules() {
		fleetRules[r.ID] = r.Family == lint.FamilyFleet
	}
	for _, config := range configs {
		args := []string{"lint", "--no-fleet", "-c", config}
		for _, v := range publicVars {
			args = append(args, "-v", v)
		}
		_, result := runJSON(t, append(args, filepath.Join(dir, "cf-deployment/cf-deployment.yml"))...)
		if len(result.Failures) > 0 {
			t.Errorf("%s: %v", config, result.Failures)
		}
		// SoftLayer's networks are dynamic: the IaaS chooses.
		if result.Summary.Claims == 0 && !strings.Contains(config, "softlayer") {
			t.Errorf("%s: no claim at all was read", config)
		}
		for _, f := range result.Findings {
			keptByGCP := f.Rule == "kept-by-cloud" && strings.Contains(config, "/gcp/") && f.Severity == "warning"
			if fleetRules[f.Rule] && !keptByGCP {
				t.Errorf("%s: %s: %s", config, f.Rule, f.Message)
			}
		}
	}
	t.Logf("cf-deployment.yml linted with %d cloud-configs", len(configs))
}

// TestPublicPairs lints every public manifest that is complete together with a
// public cloud-config, and every create-env manifest: a director, or the CLI,
// would take them, so no rule of the director may speak.
func TestPublicPairs(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	var runs [][]string
	for _, iaas := range []string{"alicloud", "bosh-lite", "openstack", "vsphere"} {
		runs = append(runs, []string{"-c", filepath.Join(dir, "cf-deployment/iaas-support", iaas, "cloud-config.yml"),
			filepath.Join(dir, "cf-deployment/cf-deployment.yml")})
	}
	concourse := filepath.Join(dir, "concourse-bosh-deployment")
	runs = append(runs, []string{"-c", filepath.Join(concourse, "cluster/cloud_configs/vbox.yml"), filepath.Join(concourse, "cluster/concourse.yml")})
	lite, err := filepath.Glob(filepath.Join(concourse, "lite/infrastructures/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ops := range lite {
		runs = append(runs, []string{"--create-env", "-o", ops, filepath.Join(concourse, "lite/concourse.yml")})
	}
	cpis, err := filepath.Glob(filepath.Join(dir, "bosh-deployment/*/cpi.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ops := range cpis {
		runs = append(runs, []string{"--create-env", "-o", ops, filepath.Join(dir, "bosh-deployment/bosh.yml")})
	}
	if len(runs) < 20 {
		t.Fatalf("only %d pairs below %s", len(runs), dir)
	}
	if sharedtest.Short() {
		runs = everyFourth(runs)
	}
	ofDirector := map[string]bool{}
	for _, r := range lint.Rules() {
		ofDirector[r.ID] = r.Family == lint.FamilyDirector
	}
	for _, run := range runs {
		args := append([]string{"lint", "--no-fleet"}, run...)
		for _, v := range publicVars {
			args = append(args, "-v", v)
		}
		_, result := runJSON(t, args...)
		if len(result.Failures) > 0 {
			t.Errorf("%v: %v", run, result.Failures)
		}
		for _, f := range result.Findings {
			if ofDirector[f.Rule] {
				t.Errorf("%v: %s: %s", run, f.Rule, f.Message)
			}
		}
	}
	t.Logf("%d complete pairs linted", len(runs))
}

func everyFourth[T any](all []T) []T {
	var some []T
	for i := 0; i < len(all); i += 4 {
		some = append(some, all[i])
	}
	return some
}
