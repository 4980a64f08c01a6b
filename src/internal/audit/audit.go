// Package audit holds what files promise against what directors granted, address
// by address.
//
//	files ─────▶ promises ─┐
//	                       ├─▶ cells: ranges that every claim covers whole or not at all ─▶ items
//	snapshots ─▶ grants ───┘
//
// A promise is a line of a file that gives an address to somebody: static_ips, a
// virtual address, a VM of create-env. A grant is what a director said that it
// did: the address of a VM, of an orphaned VM, a virtual address in a manifest
// that it deployed.
//
// Within a cell (cells.go) each promise looks for its own grant and for those of
// others (cell.go). A grant that nobody looked for is fine if the files give its
// group addresses of a pool and the pool holds it (account.go). Else it is a
// stray, and so is, on the other side, a promise without a grant: the strays of one
// instance group are put into pairs (pair.go), since a changed address is one
// thing and not two.
//
// Bookings are a promise of their own (booked.go): what somebody else was granted is
// a drift, and so is what its owner still has after it was given back.
//
// What nobody can see is judged by nobody (blind.go). A blind spot counts if what it
// may hold can meet what was asked for.
//
// What a director has no part in says nothing about it: without a snapshot its
// promises are not judged, without files its grants are not, but as rivals of
// others they count.
package audit

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Verdict is what became of an address.
type Verdict uint8

// The verdicts.
const (
	// Agreed: files and director say the same.
	Agreed Verdict = iota + 1
	// Drift: both know the address or the machine, and say different things.
	Drift
	// Ghost: granted to a machine that no file describes.
	Ghost
	// Unprotected: promised and granted to nobody, so that the director keeps
	// nobody off it.
	Unprotected
	// Orphan: held by a VM that belongs to no instance any more.
	Orphan
)

// Verdicts are all of them, in the order in which they are counted.
func Verdicts() []Verdict { return []Verdict{Agreed, Drift, Ghost, Unprotected, Orphan} }

// String is the verdict's name on the command line and in every format.
func (v Verdict) String() string {
	switch v {
	case Agreed:
		return "agreed"
	case Drift:
		return "drift"
	case Ghost:
		return "ghost"
	case Unprotected:
		return "unprotected"
	case Orphan:
		return "orphan"
	}
	return "unknown"
}

// Reason says why a verdict is what it is.
type Reason uint8

// The reasons of Agreed.
const (
	// AsPromised: granted to whom it is promised.
	AsPromised Reason = iota + 1
	// FromPool: the files leave the choice to the director, and it chose from the
	// pool that they give it.
	FromPool
	// ByIaaS: the network is dynamic, so that the IaaS chose it.
	ByIaaS
	// MadeByCreateEnv: the VM of create-env, which no director grants or hands out.
	MadeByCreateEnv
)

// The reasons of Drift.
const (
	// OtherOwner: promised to one and granted to another.
	OtherOwner Reason = iota + 16
	// GrantedTwice: granted to two machines that may be in one segment.
	GrantedTwice
	// Moved: the file gives the group this address, the director another one.
	Moved
	// Withdrawn: the group's file names its addresses, and this is none of them.
	Withdrawn
	// NotHandedOut: the network of the files never hands it out by itself.
	NotHandedOut
	// NoNetwork: no network that the file gives the group holds it.
	NoNetwork
	// BookedByOther: granted to one, and booked by another who does not use it.
	BookedByOther
	// ReleasedInUse: its booking was given back, and its owner still has it.
	ReleasedInUse
)

// The reasons of Ghost, Unprotected and Orphan.
const (
	// NoDeployment: no file describes the deployment.
	NoDeployment Reason = iota + 32
	// NoGroup: the deployment's file has no such instance group.
	NoGroup
	// NeverDeployed: the director does not have the deployment.
	NeverDeployed
	// NotYet: the last deploy did not ask for it.
	NotYet
	// NoVM: the deployment is there, and no VM has it.
	NoVM
	// ErrandNotRun: the instance is an errand's, which gets a VM when it runs.
	ErrandNotRun
	// MayBeHandedOut: the address of a VM of create-env lies in a director's pool.
	MayBeHandedOut
	// Orphaned: the reason of Orphan.
	Orphaned
	// NeverSeen: booked, and neither promised nor granted to its owner.
	NeverSeen
)

var reasonNames = map[Reason]string{
	AsPromised: "as-promised", FromPool: "from-pool", ByIaaS: "by-iaas", MadeByCreateEnv: "create-env",
	OtherOwner: "other-owner", GrantedTwice: "granted-twice", Moved: "moved", Withdrawn: "withdrawn",
	NotHandedOut: "not-handed-out", NoNetwork: "no-network",
	NoDeployment: "no-deployment", NoGroup: "no-group", NeverDeployed: "never-deployed", NotYet: "not-yet-deployed",
	BookedByOther: "booked-by-other", ReleasedInUse: "released-in-use", NeverSeen: "booked-never-seen",
	NoVM: "no-vm", ErrandNotRun: "errand-not-run", MayBeHandedOut: "may-be-handed-out", Orphaned: "orphaned",
}

// String is the reason's name in JSON and CSV.
func (r Reason) String() string { return reasonNames[r] }

// Item is one verdict. Where files and director name different addresses, Range
// is the one that the director has.
type Item struct {
	Range   netipx.IPRange
	Verdict Verdict
	Reason  Reason
	// Severity is 0 for what is agreed. What can put two machines on one address,
	// or that no file knows of, is an error; what only waits for a deploy, a run or a
	// clean-up is less.
	Severity lint.Severity
	// Promised and Granted are the two sides; each may be empty.
	Promised, Granted []plan.Claim
	// Rivals may get it as well: pools from which a director chooses by itself.
	Rivals []plan.Claim
	// At is where the files would say it if they did; nowhere if Promised tells.
	At place.Place
	// Elsewhere names another director whose files describe a deployment of that name.
	Elsewhere string
}

// Director is one director from both sides.
type Director struct {
	Name string
	At   place.Place
	// Promised is what files say; nil if there are none.
	Promised *claims.Director
	// Granted is what the director said, with KeepLeases; nil if it was not asked.
	Granted *claims.Director
	// Lost is what the director could not be asked for: that its snapshot cannot be used.
	Lost []claims.Unread
	// Partial says that some files could not be read: a deployment that none of
	// the others describes may be described by these.
	Partial bool
	// Unread are deployments whose deployed manifest is not known.
	Unread []string
}

// describesDeployments reports whether files tell what was promised to deployments.
func (d *Director) describesDeployments() bool {
	return d != nil && d.Promised != nil && len(d.Promised.Deployments) > 0
}

// Result is the whole audit.
type Result struct {
	// Items are sorted by address.
	Items []Item
	// Unjudged are promises and grants of which it is not known what the other side
	// has, because something of it could not be read.
	Unjudged []plan.Claim
	// Promised and Granted are the plans of the two sides.
	Promised, Granted *plan.Plan

	comparison *comparison
}

// Compare holds promises against grants, and grants against bookings.
func Compare(directors []Director, externals []claims.External, segmentsOf claims.SegmentsOf, bookings Bookings) *Result {
	var promised, granted []claims.Director
	for i := range directors {
		if d := &directors[i]; d.Promised != nil {
			promised = append(promised, *d.Promised)
		}
		if d := &directors[i]; d.Granted != nil {
			externals = claims.Externals(externals, []claims.Director{*d.Granted})
			granted = append(granted, *d.Granted)
			granted[len(granted)-1].Externals = nil // they are no grant
		} else if len(d.Lost) > 0 {
			granted = append(granted, d.lost())
		}
	}
	c := newComparison(directors, claims.Build(promised, externals, segmentsOf), claims.Build(granted, nil, segmentsOf))
	c.bookings = bookings
	for _, cell := range cells(c.promises(), c.grants()) {
		c.judge(cell)
	}
	c.pair()
	c.book()
	return &Result{Items: c.merged(), Unjudged: c.unjudged, Promised: c.promised, Granted: c.granted, comparison: c}
}

// lost is a director of which it is not known what it granted.
func (d *Director) lost() claims.Director {
	lost := claims.Director{Name: d.Name, Unread: d.Lost}
	if d.Promised != nil {
		lost.CPI, lost.CloudConfig = d.Promised.CPI, d.Promised.CloudConfig
	}
	return lost
}

// comparison is the work of Compare.
type comparison struct {
	byName            map[string]*Director
	names             []string // of all directors, in their order
	promised, granted *plan.Plan
	bookings          Bookings
	// pools are those from which directors choose by themselves: as files have
	// them, which is where they can be changed, then as directors do.
	pools []*plan.Claim
	// filePools are the pools of each director as files have them; files are the
	// manifests, by director and deployment.
	filePools map[string][]*plan.Claim
	files     map[[2]string]*bosh.Manifest
	relations map[[2]*plan.Subnet]plan.Relation
	found     []finding
	// missing are promises without a grant, stray are grants without a promise.
	missing, stray []stray
	// exposed are promises that no grant protects.
	exposed  []exposed
	unjudged []plan.Claim
}

func newComparison(directors []Director, promised, granted *plan.Plan) *comparison {
	c := &comparison{
		byName: map[string]*Director{}, promised: promised, granted: granted, relations: map[[2]*plan.Subnet]plan.Relation{},
		filePools: map[string][]*plan.Claim{}, files: map[[2]string]*bosh.Manifest{},
	}
	for i := range directors {
		d := &directors[i]
		c.byName[d.Name] = d
		c.names = append(c.names, d.Name)
		if d.Promised == nil {
			continue
		}
		for _, m := range slices.Backward(d.Promised.Deployments) {
			c.files[[2]string{d.Name, m.Name}] = m // of two with one name, the first
		}
	}
	fromFiles := claimsOf(promised, dynamic)
	for _, p := range fromFiles {
		c.filePools[p.Owner().Director] = append(c.filePools[p.Owner().Director], p)
	}
	c.pools = slices.Concat(fromFiles, claimsOf(granted, dynamic))
	return c
}

func dynamic(k plan.Kind) bool { return k == plan.DynamicPool || k == plan.Compilation }

// promises are the claims of files that somebody shall have an address.
func (c *comparison) promises() []*plan.Claim {
	return claimsOf(c.promised, plan.Kind.InUse)
}

// grants are the claims of directors that somebody has an address. What a
// deployed manifest asks for by static_ips is none: the VM may be gone.
func (c *comparison) grants() []*plan.Claim {
	return slices.DeleteFunc(claimsOf(c.granted, plan.Kind.InUse), func(g *plan.Claim) bool { return !isGrant(g) })
}

func isGrant(c *plan.Claim) bool {
	return c.Kind == plan.Lease || c.Kind == plan.Orphan || c.Kind == plan.VIP && c.Owner().Property != ""
}

func claimsOf(p *plan.Plan, wanted func(plan.Kind) bool) []*plan.Claim {
	var list []*plan.Claim
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Range.IsValid() && wanted(c.Kind) {
			list = append(list, c)
		}
	}
	return list
}
