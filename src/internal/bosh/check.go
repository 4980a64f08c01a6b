package bosh

import (
	"net/netip"

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
func Check(cc *CloudConfig, m *Manifest, existing []*Manifest, opts Options) ([]Problem, []PredictedAddress) {
	d := newDirector(cc, opts)
	for _, e := range existing {
		d.deploy(e, false)
	}
	d.report = report{opts: opts}
	if m != nil && m.Form == CreateEnv {
		return nil, createEnvAddresses(m)
	}
	addresses := d.deploy(m, true)
	return d.problems, addresses
}

// createEnvAddresses are those of the VM: of each static_ips the first, which is
// the only one that the CLI uses.
func createEnvAddresses(m *Manifest) []PredictedAddress {
	var list []PredictedAddress
	for _, g := range m.Groups {
		for _, n := range g.Networks {
			if len(n.Static) == 0 {
				continue
			}
			a := n.Static[0].Range.From()
			kind := StaticAddress
			if network := findNetwork(m.Own, n.Name); network != nil && network.Type == VIP {
				kind = VIPAddress
			}
			list = append(list, PredictedAddress{Network: n.Name, InstanceGroup: g.Name, IP: netip.PrefixFrom(a, a.BitLen()), Kind: kind, At: n.Static[0].At})
		}
	}
	return list
}

// CheckAll is Check for each of a director's deployments, each of them with the
// ones before it as existing. It costs as much as one Check.
func CheckAll(cc *CloudConfig, manifests []*Manifest, opts Options) ([][]Problem, [][]PredictedAddress) {
	d := newDirector(cc, opts)
	problems := make([][]Problem, len(manifests))
	addresses := make([][]PredictedAddress, len(manifests))
	for i, m := range manifests {
		d.report = report{opts: opts}
		addresses[i] = d.deploy(m, i == len(manifests)-1)
		problems[i] = d.problems
	}
	return problems, addresses
}
