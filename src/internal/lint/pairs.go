package lint

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

func foreign(o plan.Overlap) bool     { return o.Foreign() }
func onWire(o plan.Overlap) bool      { return o.OnWire() }
func sameMachine(o plan.Overlap) bool { return o.SameMachine() }

// pooled is an address in use, or a reference to one, inside a pool.
type pooled struct {
	address, pool *plan.Claim
	overlap       plan.Overlap
}

// pooledRuns joins neighbouring addresses of one owner inside pools of one
// subnet, so that a group of fifty instances is one finding.
func pooledRuns(list []pooled) []pooled {
	type key struct {
		owner plan.Owner
		kind  plan.Kind
		pool  *plan.Subnet
		mine  *plan.Subnet
		usage plan.Kind
	}
	last := map[key]int{}
	var runs []pooled
	for _, p := range list {
		k := key{p.address.Owner(), p.address.Kind, p.pool.Subnet, p.address.Subnet, p.pool.Kind}
		if i, ok := last[k]; ok {
			run := &runs[i].overlap.Range
			if p.overlap.Range.From() == run.To().Next() {
				*run = netipx.IPRangeFrom(run.From(), p.overlap.Range.To())
				continue
			}
		}
		last[k] = len(runs)
		runs = append(runs, p)
	}
	return runs
}

// rival is a director that uses addresses of a claim as well.
type rival struct {
	director string
	used     netipx.IPRange
}

// claimedTwice indexes the addresses in use that another owner uses too: for
// those, that they also lie in the other's pool is no news.
func claimedTwice(f *Facts) map[*plan.Claim][]rival {
	twice := map[*plan.Claim][]rival{}
	for _, o := range f.overlaps() {
		if o.A.Kind.InUse() && o.B.Kind.InUse() && foreign(o) {
			twice[o.A] = append(twice[o.A], rival{o.B.Owner().Director, o.Range})
			twice[o.B] = append(twice[o.B], rival{o.A.Owner().Director, o.Range})
		}
	}
	return twice
}

// uses reports whether the director of p's pool uses all of the addresses that
// p is about. Of a range it may use one and hand out the next.
func (r rival) uses(p pooled) bool {
	at := p.overlap.Range
	return r.director == p.pool.Owner().Director && r.used.Contains(at.From()) && r.used.Contains(at.To())
}

// changeFirst orders two claims: the one to change comes first. That is the one
// that is being linted; else the VM of create-env, which nothing guards; else
// the later one by place.
func (f *Facts) changeFirst(a, b *plan.Claim) (first, second *plan.Claim) {
	if f.judgesClaim(a) != f.judgesClaim(b) {
		if f.judgesClaim(b) {
			return b, a
		}
		return a, b
	}
	if weight(a.Kind) != weight(b.Kind) {
		if weight(b.Kind) < weight(a.Kind) {
			return b, a
		}
		return a, b
	}
	if b.At.Compare(a.At) < 0 {
		return b, a
	}
	return a, b
}

// weight says how easily a claim of that kind is changed; lower is easier.
func weight(k plan.Kind) int {
	switch k {
	case plan.CreateEnvVM:
		return 0
	case plan.Static, plan.VIP:
		return 1
	default:
		return 2
	}
}

// asPooled returns the overlap as something inside a pool; pools inside pools
// are another matter.
func asPooled(o plan.Overlap) (pooled, bool) {
	switch {
	case o.A.Kind.Pool() == o.B.Kind.Pool():
		return pooled{}, false
	case o.B.Kind.Pool():
		return pooled{o.A, o.B, o}, true
	default:
		return pooled{o.B, o.A, o}, true
	}
}
