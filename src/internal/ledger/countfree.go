package ledger

import "go4.org/netipx"

// CountFree is how many addresses or blocks of the pool could be given now, up to
// MostAtOnce.
func CountFree(p *Pool, rs *Records, w *World) int {
	n, delegated, taken := 0, p.set(), rs.unavailable(w)
	for _, free := range w.Free {
		var set netipx.IPSetBuilder
		set.AddSet(free)
		set.Intersect(delegated)
		u := units{ranges: built(&set).Ranges(), block: p.Block, skip: taken}
		n += len(u.some(MostAtOnce - n))
	}
	return n
}
