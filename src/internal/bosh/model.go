// Package bosh reads what directors and create-env read: cloud-configs, v2 and
// v1 deployment manifests, create-env manifests.
//
// It follows the director's own code (deployment_plan/*, v283.1.6 unless said
// otherwise) in the order of its checks, but does not stop at the first one:
// what a director would refuse becomes a Problem, and the rest is read all the
// same. The result is plain values with places; nothing downstream sees YAML.
//
//	documents ──ReadCloudConfigs──▶ CloudConfig ─┐
//	document  ──ReadManifest─────▶ Manifest ─────┴─▶ deploy.Check: what a deploy would do
//
// A Problem carries the class of the error that the director would raise, and
// where in its work it would (Order): Sort brings the problems of all stages
// into that order. What the director accepts and yet is wrong is a Problem with
// Warning set; what hides behind a variable is an Unresolved and never guessed.
//
// Addresses are read and compared as Ruby's IPAddr does it (package ipaddr).
package bosh

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Form is the kind of a manifest.
type Form string

// The forms of manifests. V1 is the form of 2017 and before: networks and jobs
// stand in the manifest; CreateEnv covers bosh-init too.
const (
	V2        Form = "v2"
	V1        Form = "v1"
	CreateEnv Form = "create-env"
)

// NetworkType is a network's type as the director knows it.
type NetworkType string

// The types of networks. A manual network hands out addresses of its subnets,
// a dynamic one leaves them to the IaaS, a vip one moves given addresses.
const (
	Manual  NetworkType = "manual"
	Dynamic NetworkType = "dynamic"
	VIP     NetworkType = "vip"
)

func networkType(v source.Value) NetworkType {
	return NetworkType(wordOf(v, string(Manual), string(Dynamic), string(VIP)))
}

// CloudConfig is what a director makes of all its cloud-configs, or what a v1
// or create-env manifest says about networks.
type CloudConfig struct {
	AZs         []AZ
	Networks    []*Network
	Compilation *Compilation
	// NetworksHidden says that there may be networks beside these, or that one of
	// these has another name; ZonesHidden says the same of availability zones.
	NetworksHidden, ZonesHidden bool
	// ZoneVariable is the variable that hides a zone; empty where none does.
	ZoneVariable string
	// Gaps are what could not be read of it and may hold addresses.
	Gaps []Gap
}

// AZ is an availability zone.
type AZ struct {
	Name string
	At   place.Place
	// Rank is its number, from 1, among the zones in the order of their names, also of those
	// that may not be shown.
	Rank int
	// CPI names the cpi config entry of the zone; empty for the default one.
	CPI string
}

// Compilation says where compilation VMs get their addresses.
type Compilation struct {
	Network string
	Workers int
	AZ      string
	At      place.Place // the network's name
}

// Network is one network of a cloud-config or manifest.
type Network struct {
	Name    string
	Type    NetworkType
	At      place.Place // its name
	Subnets []*Subnet
	// Hidden says that there may be subnets beside these, or that the type hides.
	Hidden bool

	spec source.Value
	// bare says of a dynamic network that it is written without subnets.
	bare bool
}

// Subnet is one subnet of a network. Range is invalid where the director takes
// none (dynamic and vip networks) or where it could not be read; then a Problem
// or an Unresolved says why.
type Subnet struct {
	At        place.Place
	Range     netip.Prefix
	RangeAt   place.Place
	Gateway   netip.Addr
	GatewayAt place.Place
	// Reserved is never handed out by this network.
	Reserved   []Block
	ReservedAt place.Place // of the key, or of the subnet where there is none
	// Static is only handed out on request; for a vip network, in this order.
	Static   []Block
	StaticAt place.Place // of the key, or of the subnet where there is none
	DNS      []Block
	// AZs are the zones that the subnet serves. nil: it names none, which is
	// not the same as a list; a null in the list is "".
	AZs   []string
	AZsAt place.Place // of az or azs; of the subnet where there is none
	// refused are entries of reserved that the director refuses; Reserved has none of them.
	refused []place.Place
	// ZonesHidden says that some of its zones hide, or all.
	ZonesHidden bool
	// ZoneVariable is the variable that hides a zone; empty where none does.
	ZoneVariable string
	// Prefix is the length of the block that each VM gets; 32 or 128 by default.
	Prefix int
	// PrefixError is the class of the error that a director raises as soon as
	// it uses the prefix (33 for IPv4); empty where all is well.
	PrefixError string
	PrefixAt    place.Place // of the key, or of the subnet where there is none
	prefixText  string      // as it is written; empty for the default
	// Incomplete says that entries could not be read or hide behind variables:
	// what is free cannot be told.
	Incomplete bool
	// CloudProperties holds the scalars of cloud_properties by their dotted
	// path, as text. A value with an unresolved ((variable)) is kept as it is.
	CloudProperties map[string]string

	spec source.Value
}

// Block is one entry of reserved, static, static_ips or dns: an inclusive range
// of addresses of one family. Entries that mean nothing (reversed ranges) have
// no Block.
type Block struct {
	Range netipx.IPRange
	At    place.Place
}

// Span is the range as numbers.
func (b Block) Span() ipaddr.Span {
	return ipaddr.Span{First: ipaddr.NumberOf(b.Range.From()), Last: ipaddr.NumberOf(b.Range.To())}
}

// Manifest is one deployment or one create-env environment.
type Manifest struct {
	Name   string
	NameAt place.Place
	Form   Form
	// Own is what the manifest itself says about networks (V1, CreateEnv).
	Own    *CloudConfig
	Groups []*Group
	// VIPs are addresses found in job properties (see FindVIPs).
	VIPs []PropertyAddress
	// Contacts are addresses by which create-env reaches the new VM: the hosts
	// of cloud_provider.mbus and cloud_provider.ssh_tunnel.
	Contacts []PropertyAddress
	// CPI names the CPI that makes the VM of a create-env manifest, DirectorCPI
	// the one of the director on it; empty where the manifest does not tell.
	CPI, DirectorCPI string
	// MaxInFlight and VMStrategy are of the update section.
	MaxInFlight string
	VMStrategy  string
	// Gaps are what could not be read of it and may hold addresses.
	Gaps []Gap
}

// Group returns the group of that name, nil if there is none.
func (m *Manifest) Group(name string) *Group {
	for _, g := range m.Groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Group is an instance group (v2) or job (v1).
type Group struct {
	Name      string
	At        place.Place
	Instances int
	// InstancesAt is invalid where the number could not be read.
	InstancesAt place.Place
	Lifecycle   string // service or errand
	// Jobs are the group's jobs (v1: templates).
	Jobs []Job
	// HiddenJob is the first job whose name hides; nil where none does.
	HiddenJob *Gap
	// AZs are the zones of the group; nil where it names none. An element that
	// is no string cannot be a zone's name and begins with a NUL.
	AZs        []string
	AZsAt      place.Place // of azs; of the group where there is none
	AZsUnknown bool        // azs could not be read or hides behind a variable
	Networks   []*GroupNetwork
	// NetworksHidden says that there may be networks beside these, or other
	// defaults.
	NetworksHidden bool
	MigratedFrom   []Migration
	// PastHidden says that its name, or some name that it migrates from, hides: instances
	// of any former name may be its own.
	PastHidden bool
	VMStrategy string

	// lifecycleHidden says that the lifecycle hides; os is the operating system of the
	// stemcell, empty where no file tells.
	lifecycleHidden bool
	// runsDirector and passesOn are of jobs whose names may not be shown, too.
	runsDirector, passesOn bool

	os string
	// choices are what it chooses of the cloud-config's lists, by their keys.
	choices map[string]choice

	// instancesShown is what is shown of a number that may not be shown itself.
	instancesShown string

	spec source.Value
}

// Job is a job of a release.
type Job struct {
	Name string
	// Release is empty where no file tells it.
	Release string
}

// hides reports whether its name does.
func (j Job) hides() bool { return isHiddenJob(j.Name) }

// isHiddenJob reports whether the name of a job hides.
func isHiddenJob(name string) bool { return hasVariable(name) || name == LeftOut }

// DirectorJob is the job of the bosh release that is a director.
const DirectorJob = "director"

// RunsDirector reports whether the group's machines run a director.
func (g *Group) RunsDirector() bool {
	return g.runsDirector || slices.ContainsFunc(g.Jobs, func(j Job) bool { return j.Name == DirectorJob })
}

// MayRunDirector reports whether they do, or a job of theirs hides.
func (g *Group) MayRunDirector() bool {
	return g.RunsDirector() || slices.ContainsFunc(g.Jobs, Job.hides)
}

// passOn are parts of the names of jobs that pass on to other machines what is sent to theirs.
var passOn = []string{"proxy", "router", "nginx", "envoy", "traefik", "caddy", "balancer", "gateway", "ingress", "forward", "tunnel", "vpn", "iptables"}

// MayPassOn reports whether a job of the group is one, by its name, that passes connections
// on: behind the address of its machine another one may answer.
func (g *Group) MayPassOn() bool {
	return g.passesOn || slices.ContainsFunc(g.Jobs, func(job Job) bool { return passesOn(job.Name) })
}

func passesOn(job string) bool {
	return slices.ContainsFunc(passOn, func(part string) bool { return strings.Contains(strings.ToLower(job), part) })
}

// addJob adds a job, named by a text, of a release.
func (g *Group) addJob(name source.Value, text, release string) {
	g.Jobs = append(g.Jobs, Job{text, release})
	g.runsDirector = g.runsDirector || name.Raw() == DirectorJob
	g.passesOn = g.passesOn || passesOn(name.Raw())
	if g.HiddenJob == nil && (hides(name) || text == LeftOut) {
		g.HiddenJob = &Gap{What: "the name of a job of " + g.Name, At: name.Place()}
		g.HiddenJob.isBehind(text)
	}
}

// Migration is one entry of migrated_from.
type Migration struct {
	Name, AZ string
	At       place.Place
}

// GroupNetwork is a group's use of a network.
type GroupNetwork struct {
	Name string
	At   place.Place // its name
	// Static holds the requested addresses in order; StaticGiven tells an
	// empty list from no list.
	Static      []Block
	StaticGiven bool
	// StaticAt is the place of static_ips, also where its value is null.
	StaticAt place.Place
	// Incomplete says that entries of static_ips could not be read or hide
	// behind variables.
	Incomplete bool
	Default    []string
	// NICGroup joins networks on one network card; nil where the key is absent.
	NICGroup *int

	spec source.Value
}

// PropertyAddress is an address, or a range of them, found in a property.
type PropertyAddress struct {
	Range    netipx.IPRange // of one address, where no range is written
	Property string         // dotted path, e.g. keepalived.vip
	Group    string         // instance group, empty for a manifest-wide property
	Job      string
	At       place.Place
	// Routers are the virtual router that holds the address, or those of which one may; none
	// where none is known.
	Routers []Router
	// Placement says which groups have it, of an addon or a cloud-config; nil: all, or it is
	// of neither.
	Placement *Placement
}

// Unresolved is an address that cannot be known because a variable stands in
// its place.
type Unresolved struct {
	Variable string // without parentheses
	What     string // what it hides: "static_ips of web on network default"
	At       place.Place
}

// Problem is something that a director (or the CLI, for create-env) would
// refuse, or accept though it cannot be meant.
type Problem struct {
	// Rule is the id of the lint rule that reports it.
	Rule string
	// Class is the director's error class without its module, e.g.
	// NetworkStaticIpOutOfRange; empty where the director says nothing.
	Class   string
	Message string
	// Cure says what to write instead; may be empty.
	Cure string
	// Instead says what would get another address, and from where; nil where none
	// would help.
	Instead *Instead
	// Warning marks what the director accepts, Info what it accepts and may be as it
	// should.
	Warning, Info bool
	At            place.Place
	// Range is the address or range at stake; invalid where there is none.
	Range netipx.IPRange

	order Order // see Sort
}

// Instead is a wish for another address than the one that a problem is about.
type Instead struct {
	// For is what gets it, Network the network that it is of, and Subnets the ranges
	// that it may come from.
	For, Network string
	// Group is the instance group; empty: the VM of create-env.
	Group   string
	Subnets []netip.Prefix
	// Else is the cure where no address is free.
	Else string
}
