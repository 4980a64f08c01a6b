// Package survey reads a fleet: every file of every director, as a deploy would
// get it, down to the facts that lint looks at.
//
//	entries ─▶ documents (ops, variables) ─▶ bosh values ─▶ claims ─▶ lint.Facts
//
// Files are read side by side, as many at a time as there are processors; what
// one file is worth is taken out of it at once, so that no more documents are
// in memory than are being read. What cannot be read is a trouble.Trouble and does
// not stop the rest.
package survey

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Entry is one file with what changes it before it is used.
type Entry struct {
	Path   string
	Inputs interpolate.Inputs
	// Lacking is why one of the inputs cannot be had; nil if all can be.
	Lacking *trouble.Trouble
	// Name is the deployment's name where it is known better than from the
	// manifest; usually empty. A config with a name stands in place of the
	// director's config of that name, one without in place of all.
	Name string
	// At is the line of the fleet file that names it; nowhere for a file named
	// on the command line.
	At place.Place
	// Document is the file if it was read already.
	Document *source.Document
	// Target marks what this run judges.
	Target bool
	// Deployed marks what a director told of itself: it has accepted it already.
	Deployed bool
	// NoRouterIDs says of such a text that ids of virtual routers were left out of
	// it when it was kept.
	NoRouterIDs bool
}

// Director is one director and the files that are known of it.
type Director struct {
	Name string
	// Version is the director's, e.g. "282.1.4"; empty means the newest.
	Version string
	// CPI is the name of the director's CPI; empty where the fleet file does not
	// tell it.
	CPI string
	// IgnoreMissingGateway, ManagedNetworks and NoConfigServer are settings of
	// the director.
	IgnoreMissingGateway, ManagedNetworks, NoConfigServer bool
	// Addresses are of the machine that the director runs on.
	Addresses    []bosh.Block
	CloudConfigs []Entry
	// RuntimeConfigs are read for virtual addresses.
	RuntimeConfigs []Entry
	Deployments    []Entry
	CreateEnvs     []Entry
	// Snapshot is what the director said about itself; nil if there is none.
	Snapshot *SnapshotFile
	// Unresolved says that the fleet file names files of this director, even if
	// none of them was found; that they are missing is said already.
	Unresolved bool
	// At is where the fleet file names the director.
	At place.Place

	live *live
	only only
	// lost are what its snapshot does not tell because it cannot be read.
	lost []claims.Unread
}

// Fleet is everything to read.
type Fleet struct {
	Directors []Director
	Externals []claims.External
	// File is the fleet file, for its segments; an empty one if there is none.
	File *fleet.File
	// VIPs are the patterns of properties that hold virtual addresses.
	VIPs bosh.Patterns
	// Severities are those that the fleet file gives rules, by their ids.
	Severities map[string]lint.Severity
	// Strict makes addresses that nobody can see errors.
	Strict bool
	// Snapshots say how those of directors are read.
	Snapshots Snapshots

	// Bookings are those that do not stand beside the fleet file, but on a server.
	Bookings []bookfile.PoolBookings

	// onlyClaims leaves out what is wrong with files.
	onlyClaims bool
}

// Survey is what was read.
type Survey struct {
	Facts *lint.Facts
	// Failures are what is wrong with the fleet as a whole. What of its directors
	// could not be read are blind spots of the plan.
	Failures []trouble.Trouble
	// Unread are the failures behind those.
	Unread []trouble.Trouble
	// Summary counts directors, deployments and claims; findings are not yet known.
	Summary lint.Summary
	// Predicted holds the addresses that each deployment's next deploy would take.
	Predicted []Prediction
}

// Prediction is the addresses that one deploy would take.
type Prediction struct {
	Director, Deployment string
	// Target says that this run judges the deployment.
	Target    bool
	Addresses []deploy.PredictedAddress
}

// memoryLimit is the size of the heap, in bytes, from which on its garbage is
// collected as often as needed.
const memoryLimit = 768 << 20

// Read reads the fleet.
func Read(f Fleet, loader *interpolate.Loader) *Survey {
	defer garbage.CollectLess(memoryLimit)()
	f.Directors = slices.Clone(f.Directors)
	opening, stale := f.openSnapshots()
	f.chooseFirst()
	r := newReading(&f, loader)
	r.read()
	p := claims.Build(r.directors, f.Externals, f.File.SegmentOf)
	if f.hasTargets() && f.choose(f.claimedBy(p)) {
		r.read()
		p = claims.Build(r.directors, f.Externals, f.File.SegmentOf)
	}
	bookings := f.readBookings()
	bookings.addTo(p)
	s := r.all()
	contradictions, idle := f.File.CheckSegments(p.Subnets)
	facts := lint.NewFacts(p)
	facts.Problems, facts.Hidden, facts.Idle, facts.Stale = s.problems, s.hidden, failures(idle), stale
	facts.Unseen = f.unseen()
	for _, segment := range f.File.Segments {
		facts.Segments = append(facts.Segments, segment.Name.Value)
	}
	facts.Targets, facts.Strict, facts.Delegations = s.targets, f.Strict, delegations(f.File)
	facts.Severities = f.Severities
	facts.Now, facts.Pools, facts.Over = f.Snapshots.Now, poolsOf(f.File), bookings.over
	return &Survey{
		Facts:     facts,
		Failures:  slices.Concat(opening, s.failures, failures(contradictions)),
		Unread:    slices.Concat(s.unreadFailures(), bookings.unread),
		Predicted: s.predicted,
		Summary:   lint.Summary{Directors: len(f.Directors), Deployments: p.Deployments + f.skipped(), Claims: len(p.Claims)},
	}
}
