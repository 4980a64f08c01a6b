package lint

import (
	"fmt"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

var staticIPTwice = Rule{
	ID:        "static-ip-twice",
	Severity:  Error,
	Family:    FamilyFleet,
	Title:     "one director is asked for the same address twice",
	Doc:       page("static-ip-twice"),
	Exception: InFleetFile,
	Run:       runStaticIPTwice,
}

func runStaticIPTwice(f *Facts, report func(Finding)) {
	refusals := f.inUse()
	for i, o := range f.overlaps() {
		if !o.A.Kind.InUse() || !o.B.Kind.InUse() || foreign(o) || sameMachine(o) || ofTwoVersions(o) {
			continue
		}
		if ofOneEnv(o) {
			report(f.envTwice(o))
			continue
		}
		known := leased(o.A) && leased(o.B)
		if !known && (!onWire(o) || o.A.Kind == plan.VIP && o.B.Kind == plan.VIP) {
			continue // the director knows of no properties; vip-claimed-twice tells of two
		}
		if !known {
			report(f.usedTwice(&f.seen[i], "the director does not know of the virtual address; both will answer for it"))
			continue
		}
		if errandOnly(o, refusals) {
			finding := f.usedTwice(&f.seen[i], "the director takes both, since it reserves an errand's address when the errand runs, and refuses that run while the other has it")
			finding.Severity = Warning
			report(finding)
			continue
		}
		report(f.refusedTwice(&f.seen[i], refusals))
	}
	for _, ofEntry := range refusals {
		for _, r := range ofEntry {
			if !r.told {
				report(problemFinding(r.problem))
			}
		}
	}
	reportProblems(f, bosh.RuleStaticIPTwice, func(finding Finding) {
		if finding.DirectorError != alreadyInUse {
			report(finding)
		}
	})
}

// ofTwoVersions reports whether both claims are of one deployment's manifests, of which
// the director has one in the place of the other.
func ofTwoVersions(o plan.Overlap) bool {
	return sameDeployment(o) && o.A.Version != o.B.Version
}

// errandOnly reports whether one of the two is an errand's, which a deploy does not
// reserve (deployment_plan/assembler.rb, instance_groups_starting_on_deploy), and
// nothing that is there already has the address.
func errandOnly(o plan.Overlap, refusals refusals) bool {
	return (o.A.Errand || o.B.Errand) && len(refusals.of(o.A, o.Range)) == 0 && len(refusals.of(o.B, o.Range)) == 0
}

// ofOneEnv reports whether both claims are static_ips of one create-env manifest,
// which no director sees.
func ofOneEnv(o plan.Overlap) bool {
	env := o.A.Kind == plan.CreateEnvVM || o.B.Kind == plan.CreateEnvVM
	return env && leased(o.A) && leased(o.B) && sameDeployment(o) && o.A.Owner().Deployment != "" && o.A.Owner().Network != o.B.Owner().Network
}

// envTwice tells of one address for two networks of a create-env VM.
func (f *Facts) envTwice(o plan.Overlap) Finding {
	first, second := o.A, o.B
	if first.Kind == plan.CreateEnvVM { // the address of the VM stays, that of a vip network goes
		first, second = second, first
	}
	vm := "the create-env VM " + first.Owner().Deployment
	on := func(c *plan.Claim) string { return "on network " + c.Owner().Network }
	return Finding{
		Range: o.Range, Segment: segmentText(o.Contact),
		Message:    fmt.Sprintf("%s asks for %s twice: %s and %s", vm, plan.RangeText(o.Range), on(second), on(first)),
		Claims:     []Party{party(first, on(first)), party(second, on(second))},
		Why:        "the CLI passes both on, and the CPI gives one machine the same address on two networks, or refuses it in the middle of create-env",
		Suggestion: fmt.Sprintf("give network %s an address of its own, or take it out of %s", first.Owner().Network, first.Owner().InstanceGroup),
	}
}

// alreadyInUse is the director's answer to an address that another instance has.
const alreadyInUse = "NetworkReservationAlreadyInUse"

// refusal is a director's own word about an address that is in use; the plan
// often knows who uses it.
type refusal struct {
	problem *Problem
	told    bool
}

// refusals are those of one entry of static_ips: it may have several addresses, and one file
// be that of several directors and deployments.
type refusals map[refusedEntry][]*refusal

type refusedEntry struct {
	director, deployment string
	at                   place.Place
}

// inUse returns the refusals of addresses that are in use.
func (f *Facts) inUse() refusals {
	list := refusals{}
	for i := range f.Problems {
		if p := &f.Problems[i]; p.Rule == bosh.RuleStaticIPTwice && p.Class == alreadyInUse {
			entry := refusedEntry{p.Director, p.Deployment, p.At}
			list[entry] = append(list[entry], &refusal{problem: p})
		}
	}
	return list
}

// of returns the refusals of a claim's addresses among some.
func (r refusals) of(c *plan.Claim, among netipx.IPRange) []*refusal {
	var list []*refusal
	for _, refused := range r[refusedEntry{c.Owner().Director, c.Owner().Deployment, c.At}] {
		if refused.problem.Range.Overlaps(among) {
			list = append(list, refused)
		}
	}
	return list
}

// refusedTwice tells of two claims of which a director refuses the later one.
func (f *Facts) refusedTwice(o *plan.Overlap, refusals refusals) Finding {
	first, second := f.changeFirst(o.A, o.B)
	if len(refusals.of(first, o.Range)) == 0 && len(refusals.of(second, o.Range)) > 0 {
		first, second = second, first
	}
	finding := f.usedTwiceBy(first, second, o, "the director gives it to one of the two and refuses the other in the middle of a deploy")
	if first.Kind == plan.CreateEnvVM { // two environments of one manifest
		finding.Why = "no director sees the two; both will answer for it"
		return finding
	}
	finding.DirectorError = alreadyInUse
	for _, r := range slices.Backward(refusals.of(first, o.Range)) {
		r.told = true
		finding.Order = r.problem.Order // of the first
	}
	return finding
}

// leased reports whether the director itself hands the address out: an address
// in a property is unknown to it.
func leased(c *plan.Claim) bool { return c.Owner().Property == "" }
