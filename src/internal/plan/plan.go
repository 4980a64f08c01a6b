// Package plan is the address plan of a fleet as plain values: which director
// claims which addresses, what for, and where that was written.
//
// Nothing here knows YAML, files or directors' manners; package bosh reads
// those and package lint asks questions. A Claim is one range of addresses with
// one owner. Claims of a Subnet can meet claims of another only if the two may
// be one broadcast domain; Contact decides that (segment.go). Conflicts finds
// all claims that overlap and may meet, by a sweep over sorted ranges
// (conflict.go): it never looks at single addresses, so a /8 or a /48 costs no
// more than a /28.
package plan

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Kind says what a claim is.
type Kind uint8

// The kinds of claims. A director owns the addresses that it uses or may hand
// out (Kind.Owned); the others only say that somebody is there, or must not be.
const (
	// Static is an address that an instance asks for by static_ips.
	Static Kind = iota + 1
	// CreateEnvVM is the address of a VM made by create-env.
	CreateEnvVM
	// VIP is a virtual address: of a vip network, or found in job properties.
	VIP
	// DirectorOwn is an address of the machine that the director runs on.
	DirectorOwn
	// Lease is an address that a director granted, as it said itself.
	Lease
	// Orphan is an address still held by an orphaned VM.
	Orphan
	// External is an address that the fleet file declares as somebody else's.
	External
	// StaticPool may be handed out on request (the static list of a subnet).
	StaticPool
	// DynamicPool may be handed out at any time, lowest free address first.
	DynamicPool
	// Compilation is the dynamic pool that compilation VMs draw from.
	Compilation
	// Reserved is never handed out by this subnet.
	Reserved
	// Gateway is the subnet's gateway.
	Gateway
	// DNS is a resolver that the subnet names.
	DNS
	// CloudKept is kept by the cloud for itself: it refuses a VM with it.
	CloudKept
	// Booked is an address that somebody took before, or whether or not, a manifest
	// says so (Claim.Booking); its Owner.Property is the booking's owner.
	Booked
	// Hidden is what a blind spot may hold, where a map is drawn: no claim of a plan
	// is of this kind.
	Hidden
)

var kindNames = [...]string{
	Static: "static", CreateEnvVM: "create-env", VIP: "vip", DirectorOwn: "director",
	Lease: "lease", Orphan: "orphan", External: "external", StaticPool: "static-pool",
	DynamicPool: "dynamic-pool", Compilation: "compilation", Reserved: "reserved",
	Gateway: "gateway", DNS: "dns", CloudKept: "kept-by-cloud", Booked: "booked", Hidden: "hidden",
}

// String is the kind's name in JSON and text.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// InUse reports whether somebody answers at such an address.
func (k Kind) InUse() bool { return k >= Static && k <= External }

// Pool reports whether a director may hand such an address out.
func (k Kind) Pool() bool { return k >= StaticPool && k <= Compilation }

// Owner says whose a claim is. Empty fields do not apply.
type Owner struct {
	Director      string
	Deployment    string
	InstanceGroup string
	Network       string
	// Property is the job property that holds the address, e.g. keepalived.vip.
	Property string
}

// Claim is one range of addresses, one kind, one owner, one place. There may be
// millions of them: what many have in common is shared, and what few have is apart.
type Claim struct {
	Range netipx.IPRange
	// Holder is the claim's owner (Owner); nil for one that has none. It is shared, and
	// never changed.
	Holder *Owner
	Subnet *Subnet
	At     place.Place
	// Index is, for a Static claim or a Lease, the index of the instance that has
	// the first address, as the director counts from 0; NoIndex where nobody knows.
	Index int
	// Detail is what only a few claims have; nil for all others.
	Detail *Detail
	Kind   Kind
	// Errand says that the address is an errand's: it is reserved when that runs.
	Errand bool
	// EitherPool says of a DynamicPool that some of it may be a StaticPool: which
	// part is which hides. It is handed out one way or the other.
	EitherPool bool
	// RunsDirector says that the machine runs a director, or may: a job of its hides.
	RunsDirector bool
	// Version tells the claims of several manifests of one deployment apart, of which its
	// director has one at a time; 0 for those of the first, and of all others.
	Version uint8
}

// Detail is what only a few claims have.
type Detail struct {
	// Indexes are those of all addresses of a Static claim; nil where they follow
	// one another.
	Indexes *Indexes
	// Booking says who took a Booked address; nil for all others.
	Booking *Booking
	// Routers are, for a VIP, the virtual router that holds it, or those of which one may.
	Routers []Router
	// Instance is the id of the instance that has a Lease or an Orphan.
	Instance string
}

// Owner says whose the claim is.
func (c *Claim) Owner() Owner {
	if c.Holder == nil {
		return Owner{}
	}
	return *c.Holder
}

// Held is the owner as a claim's Holder.
func (o Owner) Held() *Owner { return &o }

// SetIndexes says which instances have the addresses. It leaves copies of the claim
// as they are.
func (c *Claim) SetIndexes(list *Indexes) {
	if list == nil && c.Indexes() == nil {
		return
	}
	changed := *c.detail()
	changed.Indexes = list
	c.Detail = &changed
}

// detail is the claim's, or an empty one.
func (c *Claim) detail() *Detail {
	if c.Detail == nil {
		return &Detail{}
	}
	return c.Detail
}

// Indexes are those of the instances that have a Static claim's addresses; nil where
// they follow one another.
func (c *Claim) Indexes() *Indexes { return c.detail().Indexes }

// Booking says who took a Booked address; nil for all others.
func (c *Claim) Booking() *Booking { return c.detail().Booking }

// Routers are the virtual router that holds a VIP, or those of which one may.
func (c *Claim) Routers() []Router { return c.detail().Routers }

// Instance is the id of the instance that has a Lease or an Orphan, or empty.
func (c *Claim) Instance() string { return c.detail().Instance }

// Router is a virtual router (VRRP): machines of a segment that have one ID in
// common take each other for one.
type Router struct {
	// ID is from 1 to 255; 0 where it is not known or there is none.
	ID int
	// Variable hides the ID; where that is known, whether this is the router at all.
	Variable string
	// At is where the ID is written, or the virtual address where it is a default.
	At place.Place
	// Of tells one virtual router of a group from another.
	Of      place.Place
	Default bool
}

// Subnet is one subnet of one director's network: the unit that is or is not
// in the same segment as another.
type Subnet struct {
	Director   string
	Deployment string // of a v1 or create-env manifest; empty for a cloud-config's
	Network    string
	// Range is invalid for vip networks and addresses of no known network.
	Range netip.Prefix
	// RangeHidden is the variable that hides the range, or what else stands there that is
	// not known; empty where nothing does.
	RangeHidden string
	// RangeWithin is the block that the range lies in whatever hides it is; not valid where
	// nobody knows.
	RangeWithin netip.Prefix
	// Prefix is the length of the block that each VM gets, the full length for
	// single addresses; 0 where nothing is handed out by range.
	Prefix int
	// PrefixAt is where that length is written.
	PrefixAt place.Place
	// Gateway is the subnet's gateway; invalid where it has none.
	Gateway netip.Addr
	// Incomplete says that a part of the subnet could not be read or hides
	// behind a variable: what it hands out is not known for certain.
	Incomplete bool
	At         place.Place
	// ReservedAt is where a reserved: line would go or be extended.
	ReservedAt place.Place
	// Segment is the name that the fleet file gives it; empty if it gives none.
	Segment string
	// Perhaps are the segments that the fleet file may give it.
	Perhaps Perhaps
	// Identity says what cloud_properties tell about the segment.
	Identity Identity
	// CloudProperties are the scalars of cloud_properties by dotted path.
	CloudProperties map[string]string
	// Among says of an address that may lie in any of several subnets in which
	// ones; nothing but Director is set beside it.
	Among []*Subnet
	// Past says of a subnet of an older cloud-config whose it still is: a clause,
	// such as "as web still has it". Empty for the one that counts now.
	Past string
}

// Plan is the address plan of a fleet.
type Plan struct {
	// Directors are the names of all directors, sorted.
	Directors []string
	// Deployments counts deployments and create-env manifests.
	Deployments int
	Subnets     []*Subnet
	// Unseen stand for subnets that hide as a whole, or stand where nothing could be read:
	// there may be any number of them.
	Unseen []*Subnet
	Claims []Claim
	// BlindSpots are what is not known of the fleet.
	BlindSpots []BlindSpot
	// Withheld are deployments of which their directors did not show all.
	Withheld []Owner
}

// Indexes are the indexes of the instances that have the addresses of one claim, from
// the first address to the last.
type Indexes []int

// NoIndex is the index of an instance of which nobody told it.
const NoIndex = -1

// IndexAt is the index of the instance that has the nth address of a claim, from 0;
// NoIndex where nobody knows.
func (c *Claim) IndexAt(n int) int {
	switch {
	case c.Indexes() != nil && n < len(*c.Indexes()):
		return (*c.Indexes())[n]
	case c.Index == NoIndex || c.Indexes() != nil:
		return NoIndex
	}
	return c.Index + n
}
