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
	// Index is the one that the director gives the instance, or counts compilation
	// workers from 0. It is Untold where several new instances get dynamic addresses
	// in one zone: which of them gets which depends on ids that the director draws.
	Index int
	AZ    string // empty for none
	IP    netip.Prefix
	// Unsure says that IP is only one that it may be: instances without a VM may hold
	// some of the network, and the director does not show them.
	Unsure bool
	Kind   AddressKind
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

// Outcome is what one deploy would do.
type Outcome struct {
	// Problems are what the readers could not know, in no certain order (see
	// bosh.Sort).
	Problems []bosh.Problem
	// Addresses are those that its instances would have then, and compilation VMs.
	// Where something is hidden behind a variable, none is predicted for the
	// networks that it touches.
	Addresses []PredictedAddress
	// Doubts are what decides about the deploy and is not shown by the director: where
	// there are any, an outcome without refusals is not known to be none.
	Doubts []Doubt
}

// Doubt is one thing that is not known.
type Doubt struct {
	Message string
	At      place.Place
}

// Check judges a manifest against the networks that it would be deployed to, as a
// director does from the reading of its groups to the reservation of its
// addresses. past is what the director has by then, the deployment itself
// included.
func Check(cc *bosh.CloudConfig, m *bosh.Manifest, past Past, opts bosh.Options) Outcome {
	return CheckAll(cc, []*bosh.Manifest{m}, past, opts)[0]
}

// CheckAll is Check for each of a director's deployments, each of them with what
// the ones before it left. It costs as much as one Check.
func CheckAll(cc *bosh.CloudConfig, manifests []*bosh.Manifest, past Past, opts bosh.Options) []Outcome {
	d := newDirector(cc, opts)
	d.restore(past)
	d.guess(past)
	outcomes := make([]Outcome, len(manifests))
	for i, m := range manifests {
		d.Report, d.doubts = bosh.Report{Opts: opts}, nil
		if m != nil && m.Form == bosh.CreateEnv {
			outcomes[i].Addresses = CreateEnvAddresses(m)
			continue
		}
		outcomes[i].Addresses = d.deploy(m, i == len(manifests)-1)
		outcomes[i].Problems, outcomes[i].Doubts = d.Problems, d.doubts
	}
	return outcomes
}

// CreateEnvAddresses are those of a create-env manifest's VM: of each static_ips the first, which is
// the only one that the CLI uses.
func CreateEnvAddresses(m *bosh.Manifest) []PredictedAddress {
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
