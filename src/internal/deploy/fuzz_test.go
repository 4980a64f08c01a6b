//go:build !race

package deploy

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// seeds are pairs of cloud-config and manifest. Those of the project come
// always, the director's cases where they are.
func seeds(f *testing.F) {
	f.Add([]byte(seedCloudConfig), []byte(seedManifest), byte(0))
	f.Add([]byte(seedCreateEnv), []byte(seedCreateEnv), byte(1))
	f.Add([]byte("networks: &n [*n]\n"), []byte("{<<: {name: x}}\n"), byte(2))
	if os.Getenv("CI") != "true" && os.Getenv("IPGUARD_SHARED") == "" {
		if _, err := os.Stat(filepath.Join("..", "..", "..", "..", "shared")); err != nil {
			return
		}
	}
	folders, err := filepath.Glob(filepath.Join(sharedtest.Dir(f, "director-verdicts"), "*"))
	if err != nil {
		f.Fatal(err)
	}
	for i, folder := range folders {
		cc, err1 := os.ReadFile(filepath.Join(folder, "cloud-config.yml"))
		m, err2 := os.ReadFile(filepath.Join(folder, "manifest.yml"))
		if err1 == nil && err2 == nil {
			f.Add(cc, m, byte(i))
		}
	}
}

const (
	seedCloudConfig = `azs: [{name: z1}, {name: z2}]
networks:
- name: default
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1, z2], reserved: [10.0.0.2-10.0.0.9], static: [10.0.0.10 - 10.0.0.40], prefix: 28}
- name: six
  subnets: [{range: "2001:db8::/64", gateway: "2001:db8::1", static: ["2001:db8::10/124"], dns: [8.8.8.8]}]
- {name: pub, type: vip, subnets: [{static: [203.0.113.5]}]}
- {name: dyn, type: dynamic}
compilation: {workers: 4, network: six}
`
	seedManifest = `name: d
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000-2000, vm_strategy: create-swap-delete}
instance_groups:
- name: web
  instances: 2
  azs: [z1, z2]
  jobs: []
  networks: [{name: default, static_ips: [10.0.0.16, 10.0.0.32], default: [dns, gateway], nic_group: 1}, {name: pub}]
- {name: db, instances: 3, jobs: [], migrated_from: [{name: old}], networks: [{name: six, static_ips: ((ips))}]}
`
	seedCreateEnv = `name: bosh
networks: [{name: default, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]
resource_pools: [{name: vms, network: default}]
instance_groups: [{name: bosh, instances: 1, resource_pool: vms, networks: [{name: default, static_ips: [10.0.0.6]}]}]
cloud_provider: {mbus: "https://mbus:((pw))@10.0.0.6:6868", ssh_tunnel: {host: 10.0.0.6}}
`
)

var fuzzOptions = []bosh.Options{
	{},
	{DirectorVersion: "282.0.9", DirectorIPs: []netip.Addr{netip.MustParseAddr("10.0.0.6")}},
	{DirectorVersion: "282.1.4", IgnoreMissingGateway: true},
	{DirectorVersion: "262", NoConfigServer: true},
	{ManagedNetworks: true, Form: bosh.V1},
	{Form: bosh.CreateEnv},
}

// No input makes the readers or Check panic, run for a second, or report a
// problem without a place, or the same twice over.
func FuzzReadAndCheck(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, cloudConfig, manifest []byte, option byte) {
		ccDoc, err := source.Parse("cloud-config.yml", cloudConfig)
		if err != nil {
			return
		}
		mDoc, err := source.Parse("manifest.yml", manifest)
		if err != nil {
			return
		}
		opts := fuzzOptions[int(option)%len(fuzzOptions)]
		start := time.Now()
		cc, problems, hidden := bosh.ReadCloudConfigs([]source.Value{ccDoc.Root(), mDoc.Root()}, opts)
		m, ofManifest, hiddenInManifest := bosh.ReadManifest(mDoc.Root(), opts)
		past, _, _ := bosh.ReadManifest(ccDoc.Root(), opts)
		past.Name = m.Name
		outcome := Check(cc, m, pastOf([]*bosh.Manifest{past, m}), opts)
		found, addresses := outcome.Problems, outcome.Addresses
		whole := append(bosh.CheckNetworks(cc, []*bosh.Manifest{m}, opts), CheckCompilation(cc, opts)...)
		// Seeds run in every test, on machines that may be busy: only fuzzing
		// looks at the clock.
		if spent := time.Since(start); spent > time.Second && flag.Lookup("test.fuzz").Value.String() != "" {
			t.Errorf("took %v", spent)
		}
		for _, p := range append(append(append(problems, ofManifest...), found...), whole...) {
			if !p.At.IsValid() {
				t.Errorf("a problem without a place: %+v", p)
			}
			if p.Message == "" || p.Rule == "" {
				t.Errorf("a problem without words: %+v", p)
			}
		}
		for _, u := range append(hidden, hiddenInManifest...) {
			if !u.At.IsValid() || u.Variable == "" {
				t.Errorf("a variable without a place: %+v", u)
			}
		}
		for _, a := range addresses {
			if !a.IP.IsValid() || !a.At.IsValid() {
				t.Errorf("an address that is none: %+v", a)
			}
		}
	})
}
