package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Rule is one check, with everything that can be said about it.
type Rule struct {
	// ID is stable and in kebab-case; users write it in ignores and filters.
	ID string
	// Severity of its findings, unless one finding says otherwise.
	Severity Severity
	// Family groups the rules in lists: FamilyFleet or FamilyDirector.
	Family Family
	// Title says in one line what the rule finds.
	Title string
	// Doc returns the rule's page in Markdown (page.go): what, why, examples that
	// tests run, what to do.
	Doc func() string
	// Exception says how a finding of the rule may be accepted.
	Exception Exception
	// Run reports what it finds in the facts. It must not change them.
	Run func(f *Facts, report func(Finding))
}

// Exception is a way to accept findings.
type Exception uint8

// The ways. An address in use by two, and ranges that meet, are a matter of both, so
// that a line in one side's file must not settle it.
const (
	// OnLine: by a comment on the finding's line, or as InFleetFile.
	OnLine Exception = iota
	// InFleetFile: by an entry of allow in the fleet file.
	InFleetFile
	// Never: it is about exceptions itself.
	Never
)

// Family is a group of rules.
type Family string

// The families. Fleet rules compare owners; director rules say what a single
// director, or the CLI, would say about its own files.
const (
	FamilyFleet    Family = "fleet"
	FamilyDirector Family = "director"
)

// Problem is a problem of one director's files.
type Problem struct {
	Director, Deployment string
	// Order counts, from 1, the refusals of one director as it would meet them.
	Order int
	bosh.Problem
}

// Hidden is an address that stays behind a variable.
type Hidden struct {
	Director, Deployment string
	bosh.Unresolved
}

// Facts is everything that rules may look at. It is made once per run.
type Facts struct {
	Plan  *plan.Plan
	Space *plan.Space
	// Blindness is what is not known of the plan; see Doubts.
	Blindness *plan.Blindness
	Problems  []Problem
	Hidden    []Hidden
	Targets   Targets
	// Delegations are the addresses that teams may take; if there are any, no
	// others are proposed.
	Delegations []plan.Delegation
	// Pools are those of the fleet file, for what has to be booked there.
	Pools []Pool
	// Over are bookings that ended, of their last owners: no claims any more.
	Over []plan.Claim
	// ToldBefore are the places of addresses outside of directors that the server has from a push
	// of a director of this fleet file, of which the file says nothing, with the director's name.
	ToldBefore map[place.Place]string
	// Now is the time at which bookings end or not.
	Now time.Time
	// Idle are entries of the fleet file's segments that match no subnet.
	Idle []trouble.Trouble
	// Unlisted are files that the fleet file does not name.
	Unlisted []Unlisted
	// Stale are snapshots that are older than they may be, and count all the same.
	Stale []trouble.Trouble
	// Unseen are snapshots whose directors did not show everything.
	Unseen []trouble.Trouble
	// Segments are the names of the fleet file's segments.
	Segments []string
	// Needs are how many addresses each subnet's pool must be able to hand out.
	Needs map[*plan.Subnet]int
	// Severities are those that the fleet file gives rules, by their ids.
	Severities map[string]Severity
	// Strict makes errors of hidden addresses and of what directors did not show.
	Strict bool

	// seen are the overlapping claims that a rule may care about, once paired says that they
	// are known (overlaps): a question of who has an address needs none.
	seen   []plan.Overlap
	paired bool
	// unseen are overlaps of which a variable hides whether they are in one segment;
	// Doubts tells of them, and no rule.
	unseen []plan.Overlap
	// ownHidden is, by variable, what the same manifest, or its director's list, has of
	// what may hide there.
	ownHidden map[hiddenKey]*plan.Meeting

	// Fence computes what ipguard fence would add to reserved, by subnet; nil: nobody can.
	Fence func(*plan.Plan, map[*plan.Subnet]int) map[*plan.Subnet][]netipx.IPRange
	// fence is what it computed, by subnet; nil before it is
	// asked for.
	fence map[*plan.Subnet][]netipx.IPRange
	// dynamic is what each subnet may hand out by itself; nil before it is asked for.
	dynamic map[*plan.Subnet]handedOut
	// madeFrom counts the configs of which a subnet stands at a place; nil before it is asked for.
	madeFrom map[place.Place]int
	// proposed are names for segments that have none yet (isolate.go).
	proposed map[string]string
	// isolating is what isolateLines says of two subnets, whys what whyAnd says of a
	// contact, takable what takes says of a subnet: many findings have them in common.
	isolating map[[2]*plan.Subnet]string
	whys      map[whyKey]string
	takable   map[takableKey][]netipx.IPRange
	// doubtful are the variables that Doubts found to matter; nil before.
	doubtful map[hiddenKey]bool
}

// Pool is a pool of the fleet file.
type Pool struct {
	Name string
	plan.Delegation
	// Teams may take its addresses; a list for people.
	Teams string
	// Books says that each of its static addresses has to be booked.
	Books bool
	At    place.Place
}

// NewFacts returns the facts of a plan, with what rules share.
func NewFacts(p *plan.Plan) *Facts {
	return &Facts{Plan: p, Space: plan.NewSpace(p), Blindness: plan.NewBlindness(p)}
}

// overlaps are the overlapping claims that a rule may care about.
func (f *Facts) overlaps() []plan.Overlap {
	if !f.paired {
		f.seen, f.unseen = seenOnly(f.Plan.Overlaps(relevant))
		f.paired = true
	}
	return f.seen
}

// unseenOverlaps are those of which a variable hides whether they are in one segment.
func (f *Facts) unseenOverlaps() []plan.Overlap {
	f.overlaps()
	return f.unseen
}

// seenOnly parts the overlaps of which a variable hides whether they are in one
// segment from the others. The list of one director counts whatever the segment.
func seenOnly(all []plan.Overlap) (seen, unseen []plan.Overlap) {
	seen = all[:0]
	for _, o := range all {
		if o.Contact.Relation == plan.Unseen {
			unseen = append(unseen, o)
			if !o.Contact.OneList {
				continue
			}
			o.Contact.Relation = plan.Isolated
		}
		seen = append(seen, o)
	}
	return seen, unseen
}

// relevant leaves out pairs that no rule looks at: what is reserved is nobody's,
// and gateways and resolvers are shared by nature.
func relevant(a, b *plan.Claim) bool {
	if a.Kind == plan.Reserved || b.Kind == plan.Reserved || a.Kind == plan.CloudKept || b.Kind == plan.CloudKept {
		return false // kept-by-cloud looks at each subnet by itself
	}
	if a.Kind == plan.Booked || b.Kind == plan.Booked {
		return relevantToBooking(a, b)
	}
	if a.At.IsValid() && a.At == b.At && a.Owner() == b.Owner() {
		return false // one entry, of which it is not known in which network it is
	}
	if ofOneList(a, b) {
		return false
	}
	reference := func(k plan.Kind) bool { return k == plan.Gateway || k == plan.DNS }
	if reference(a.Kind) && reference(b.Kind) {
		return false
	}
	if a.Kind.Pool() && b.Kind.Pool() {
		return a.Owner().Director != b.Owner().Director || a.Owner().Deployment != b.Owner().Deployment
	}
	if a.Kind.Pool() || b.Kind.Pool() {
		return a.Subnet != b.Subnet || a.Kind == plan.VIP || b.Kind == plan.VIP || reference(a.Kind) || reference(b.Kind)
	}
	return true
}

// ofOneList reports whether both claims are of one owner outside of bosh, or of one
// deployment, and one of them a property: what stands twice there is one machine's, is shared
// by a group, or stands as static_ips to keep the director off.
func ofOneList(a, b *plan.Claim) bool {
	if a.Kind == plan.External && b.Kind == plan.External {
		return a.Owner().Property == b.Owner().Property
	}
	return a.Kind.InUse() && b.Kind.InUse() && !(leased(a) && leased(b)) &&
		a.Owner().Director == b.Owner().Director && a.Owner().Deployment == b.Owner().Deployment
}

// Targets are what a run judges: findings in which they have no part are left
// out. The zero value is the whole fleet.
type Targets struct {
	// Some says that only Owners are judged, be there none.
	Some bool
	// Owners are deployments; one without a deployment stands for everything of
	// its director.
	Owners []plan.Owner
	// Server is the URL of the server that tells of others, in a run that judges all that a
	// team has: Owners are its directors. What lies between others alone is found, too, and
	// Apart tells it from the team's. Empty in a run that judges some files.
	Server string
	// Outside are the owners outside of directors that are the team's though the server
	// tells of them.
	Outside map[string]bool
}

// Part reports whether the run judges some files, not all that there are.
func (t Targets) Part() bool { return t.Some && t.Server == "" }

// Match reports whether o is judged. What has no director is the team's if it stands in its
// own files, or is a booking for one of its directors.
func (t Targets) Match(o plan.Owner, at place.Place) bool {
	switch {
	case !t.Some:
		return true
	case t.Server != "" && o.Director == "":
		director, _, _ := strings.Cut(o.Property, "/")
		return !strings.HasPrefix(at.File, t.Server) || t.Outside[o.Property] || t.haveDirector(director)
	}
	return slices.ContainsFunc(t.Owners, func(target plan.Owner) bool {
		return target.Director == o.Director && (target.Deployment == "" || target.Deployment == o.Deployment)
	})
}

// concern reports whether a target has part in the finding. What makes a
// director refuse its cloud-config, or hides there, concerns each of its
// deploys.
func (t Targets) concern(f Finding) bool {
	if f.Rule == staleSnapshotID || f.Rule == partialSnapshotID {
		return true
	}
	ofCloudConfig := f.Order > 0 || f.Rule == HiddenAddressID || f.Severity == Warning && (f.Rule == keptByCloudID || f.Rule == bosh.RuleCompilation)
	return slices.ContainsFunc(f.Claims, func(p Party) bool {
		return t.Match(p.Owner, p.At) || ofCloudConfig && p.Owner.Deployment == "" && t.haveDirector(p.Owner.Director)
	})
}

// Apart parts findings from those that lie between others alone. A run that judges some
// files finds none of these.
func (t Targets) Apart(all []Finding) (own, elsewhere []Finding) {
	for _, f := range all {
		if t.Part() || t.concern(f) {
			own = append(own, f)
		} else {
			elsewhere = append(elsewhere, f)
		}
	}
	return own, elsewhere
}

func (t Targets) haveDirector(name string) bool {
	return slices.ContainsFunc(t.Owners, func(o plan.Owner) bool { return o.Director == name })
}

// Run applies the rules to the facts. The findings are sorted; those that no
// target has part in are left out in a run that judges some files.
func Run(f *Facts, rules []Rule) []Finding {
	var findings []Finding
	for _, rule := range rules {
		rule.Run(f, func(finding Finding) {
			finding.Rule = rule.ID
			if finding.Severity == 0 {
				finding.Severity = rule.Severity
			}
			if !f.Targets.Part() || f.Targets.concern(finding) {
				finding.Severity = f.severity(&rule, finding.Severity)
				findings = append(findings, finding)
			}
		})
	}
	findings = Sort(findings)
	tellApart(findings)
	count := map[string]int{}
	for i := range findings {
		if findings[i].advise == nil {
			continue
		}
		rule := findings[i].Rule
		if count[rule]++; count[rule] <= mostAdvised {
			findings[i] = findings[i].Advised()
		}
	}
	return findings
}

// mostAdvised is how many findings of one rule are given their suggestions at once. Of
// the others those are that are shown (Folded): there may be a million.
const mostAdvised = 300

// Validate refuses a list with a rule that is incomplete or named twice.
func Validate(rules []Rule) error {
	seen := map[string]bool{}
	for _, r := range rules {
		switch {
		case r.ID == "" || strings.ToLower(r.ID) != r.ID || strings.ContainsAny(r.ID, " _"):
			return fmt.Errorf("rule %q: the id is not in kebab-case", r.ID)
		case seen[r.ID]:
			return fmt.Errorf("rule %q stands in the list twice", r.ID)
		case r.Title == "" || r.Doc == nil || r.Run == nil || r.Severity == 0 || r.Family == "":
			return fmt.Errorf("rule %q lacks a title, a page, a severity, a family or a function", r.ID)
		}
		seen[r.ID] = true
	}
	return nil
}
