// Package deploy plays a deploy against the tables of a director: what it would
// refuse, and which addresses it would take.
//
// It follows the director's own code (deployment_plan/*, v283.1.6 unless said
// otherwise): groups find their networks (run.go), instances are placed in zones
// (placement.go, static_placement.go), then get their addresses (reserve.go,
// pool.go). Sets of addresses are sorted spans: the size of a range costs nothing.
package deploy

import (
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
)

// PredictedAddress is one address, or block with prefix delegation, that a
// deploy would take.
type PredictedAddress struct {
	Network       string
	InstanceGroup string // empty for compilation
	// Index counts the group's instances from 0, or the compilation workers.
	// Which instance of a group gets which dynamic address is random in a real
	// director; the set of addresses is not.
	Index int
	AZ    string // empty for none
	IP    netip.Prefix
	Kind  AddressKind
	// At is the entry of static_ips, or the group's use of the network.
	At place.Place
}

// AddressKind says where a predicted address comes from.
type AddressKind string

// The kinds of predicted addresses.
const (
	StaticAddress      AddressKind = "static"
	DynamicAddress     AddressKind = "dynamic"
	CompilationAddress AddressKind = "compilation"
	VIPAddress         AddressKind = "vip"
)

// Check judges a manifest against the networks that it would be deployed to,
// as a director does from the reading of its groups to the reservation of its
// addresses. existing are the other deployments of the same director, in the
// order in which they came; one of the same name is the manifest's own past.
//
// It returns what the readers could not know, and the addresses that the deploy
// would take. Where something is hidden behind a variable, no address is
// predicted for the networks that it touches.
func Check(cc *bosh.CloudConfig, m *bosh.Manifest, existing []*bosh.Manifest, opts bosh.Options) ([]bosh.Problem, []PredictedAddress) {
	d := newDirector(cc, opts)
	for _, e := range existing {
		d.deploy(e, false)
	}
	d.Report = bosh.Report{Opts: opts}
	if m != nil && m.Form == bosh.CreateEnv {
		return nil, createEnvAddresses(m)
	}
	addresses := d.deploy(m, true)
	return d.Problems, addresses
}

// createEnvAddresses are those of the VM: of each static_ips the first, which is
// the only one that the CLI uses.
func createEnvAddresses(m *bosh.Manifest) []PredictedAddress {
	var list []PredictedAddress
	for _, g := range m.Groups {
		for _, n := range g.Networks {
			if len(n.Static) == 0 {
				continue
			}
			a := n.Static[0].Range.From()
			kind := StaticAddress
			if network := m.Own.Network(n.Name); network != nil && network.Type == bosh.VIP {
				kind = VIPAddress
			}
			list = append(list, PredictedAddress{Network: n.Name, InstanceGroup: g.Name, IP: netip.PrefixFrom(a, a.BitLen()), Kind: kind, At: n.Static[0].At})
		}
	}
	return list
}

// CheckAll is Check for each of a director's deployments, each of them with the
// ones before it as existing. It costs as much as one Check.
func CheckAll(cc *bosh.CloudConfig, manifests []*bosh.Manifest, opts bosh.Options) ([][]bosh.Problem, [][]PredictedAddress) {
	d := newDirector(cc, opts)
	problems := make([][]bosh.Problem, len(manifests))
	addresses := make([][]PredictedAddress, len(manifests))
	for i, m := range manifests {
		d.Report = bosh.Report{Opts: opts}
		addresses[i] = d.deploy(m, i == len(manifests)-1)
		problems[i] = d.Problems
	}
	return problems, addresses
}
