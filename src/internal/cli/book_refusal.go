package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
)

// refusal puts a no of the ledger into words: why, what it rests on, what to do.
func (d *desk) refusal(at where, ask ledger.Ask, r *ledger.Refusal) *report.BookRefusal {
	out := &report.BookRefusal{Reason: r.Reason}
	address, pool := "", at.pool.Name
	if r.Range.IsValid() {
		address = ledger.RangeText(r.Range)
	}
	another := fmt.Sprintf("take another: ipguard book %s --for %s", pool, ask.For)
	switch r.Reason {
	case ledger.Exhausted:
		out.Message = fmt.Sprintf("pool %s has no free address left", pool)
		if r.Left > 0 {
			out.Message = fmt.Sprintf("pool %s has only %s left, and %d are wanted", pool, plural.Of(r.Left, "free address"), r.Wanted)
		}
		counts, kept := d.tally(at, ask)
		out.Lines = append(counts, d.keptBack(netip.Prefix{})...)
		out.Hint = d.nextFree(at.pool, r, kept)
		if r.Left > 0 {
			fewer := fmt.Sprintf("ask for fewer: -n %d", ask.Count-r.Wanted+r.Left)
			if r.Next == nil {
				out.Hint = fewer + "; or ask whoever plans the range for more"
			} else {
				out.Hint = fewer + "; " + out.Hint
			}
		}
	case ledger.NoRun:
		out.Message = fmt.Sprintf("no run of %s is free in pool %s", plural.Of(r.Wanted, "address"), pool)
		out.Hint = "leave --contiguous out, or ask for fewer"
	case ledger.OverQuota:
		out.Message = fmt.Sprintf("team %s has %d of the %s that it may have of pool %s, and %d more are wanted", r.Team, r.Has, plural.Of(r.Most, "address"), pool, r.Wanted)
		out.Hint = "give some back (ipguard bookings --unused), or ask for more by --beyond-quota --branch NAME and a pull request"
		if d.Central.Has(pool) {
			out.Hint = "give some back (ipguard bookings --unused), or ask the pool's owners for more: --request"
		}
	case ledger.Taken:
		out.Message = address + " is not free"
		for _, b := range r.Blocking {
			out.Lines = append(out.Lines, bookedBy(b))
		}
		out.Hint = another
	case ledger.InUse:
		out.Message = fmt.Sprintf("%s is in use by %s", address, usersText(r.Users))
		out.Hint = another
	case ledger.NotFree:
		out.Message = address + " is not free"
		if out.Lines, out.Hint = d.keptBack(r.Range), another; len(out.Lines) == 0 {
			out.Lines = d.obstacles(at.pool, ask.For.Owner, r.Range.Addr())
		}
	case ledger.NotDelegated:
		out.Message = fmt.Sprintf("pool %s does not delegate %s", pool, address)
		out.Hint = another
	case ledger.HasOthers:
		out.Message = fmt.Sprintf("%s has %s already", ask.For, blockingText(r.Blocking))
		if ask.Contiguous {
			out.Message += fmt.Sprintf(", and a run of %d is wanted", ask.Count)
			out.Hint = "give them back and ask again, or leave --contiguous out: ipguard release " + ask.For.String()
			break
		}
		out.Hint = fmt.Sprintf("to have it as well: -n %d; or give the other back: ipguard release %s", len(r.Blocking)+max(len(ask.Exactly), 1), ask.For)
	case ledger.OtherTeam:
		out.Message = fmt.Sprintf("%s is booked for %s of team %s", ledger.RangeText(r.Blocking[0].Range), r.Blocking[0].For(), r.Team)
		out.Hint = fmt.Sprintf("if that is yours: --team %s; else take another name", r.Team)
	case ledger.NotOfTeam:
		out.Message = fmt.Sprintf("pool %s is not delegated to team %s", pool, r.Team)
		out.Hint = "it is delegated to " + strings.Join(at.pool.Teams, ", ")
	}
	if address != "" && r.Reason != ledger.NotDelegated {
		if lost, file := d.lostPoolAt(r.Range); lost != "" {
			out.Lines = append(out.Lines, fmt.Sprintf("that is a booking of pool %s, which %s does not have", lost, file))
			out.Hint = nameBack
		}
	}
	return out
}

func blockingText(list []ledger.Booking) string {
	var texts []string
	for _, b := range list {
		texts = append(texts, ledger.RangeText(b.Range))
	}
	if len(texts) == 0 {
		return "others"
	}
	return strings.Join(texts, ", ")
}

// bookedBy is who has an address, and where that is written.
func bookedBy(b ledger.Booking) string {
	text := "booked for " + b.For()
	if b.State == ledger.Quarantined {
		text = "it rests after the booking for " + b.For()
	}
	if b.State == ledger.Held {
		text = "held for " + b.For()
	}
	if b.Until.IsZero() {
		text += ", without an end"
	} else {
		text += ", until " + b.Until.UTC().Format("2006-01-02 15:04 MST")
	}
	if b.By != "" {
		text += ", by " + b.By
	}
	if b.Why != "" {
		text += fmt.Sprintf(", because of %q", b.Why)
	}
	return text + placeText(b)
}

// mostKept is how many addresses are named that the server gives to nobody.
const mostKept = 3

// keptBack are the server's words about an address that it gives to nobody, or, for none,
// about the first of them, and what to do if the files here say otherwise.
func (d *desk) keptBack(address netip.Prefix) (lines []string) {
	for _, k := range d.kept {
		if address.IsValid() && k.address != address {
			continue
		}
		if lines = append(lines, "the server gives "+ledger.RangeText(k.address)+" to nobody: "+k.why); len(lines) == mostKept {
			break
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "if the files here say otherwise, tell it: ipguard push")
	}
	return lines
}

// tally is what became of the addresses of the pool. kept says that directors hand some out
// by themselves.
func (d *desk) tally(at where, ask ledger.Ask) (lines []string, kept bool) {
	look := d.look(at.pool)
	if len(look.Subnets()) == 0 {
		return []string{"no network of the fleet holds an address of it"}, false
	}
	q := look.Question(ask.For.Owner)
	q.Passes, q.OfPools = nil, true
	for _, c := range answer.Free(d.Facts.Plan, q).Tally {
		if c.Reason != answer.ReasonNotDelegated {
			lines = append(lines, c.Size.String()+" "+report.TallyText(c.Reason, c.Size))
		}
		kept = kept || c.Reason == answer.ReasonPool
	}
	return lines, kept
}

// nextFree says when there may be one more, or what makes it so.
func (d *desk) nextFree(pool *ledger.Pool, r *ledger.Refusal, kept bool) string {
	booked := func(c plan.Claim) bool { return c.Kind == plan.Booked && c.Booking().Pool == pool.Name }
	switch {
	case r.Next != nil:
	case kept && !slices.ContainsFunc(d.Facts.Plan.Claims, booked):
		return "nobody has booked any of it; directors hand the rest out: name an instance group of that director (--for DIRECTOR/DEPLOYMENT/GROUP), or have it reserved there (ipguard fence)"
	case !slices.ContainsFunc(d.Facts.Plan.Claims, booked):
		return "nobody has booked any of it: ask whoever plans the range for more"
	default:
		return "no booking of the pool has an end: ask its team to give some back (ipguard bookings --unused), or whoever plans the range for more"
	}
	b := *r.Next
	free := b.Until
	if b.State != ledger.Quarantined {
		free = b.Until.Add(pool.QuarantineLength())
	}
	return fmt.Sprintf("%s is the next that may be free, from %s on (%s)", ledger.RangeText(b.Range), free.UTC().Format("2006-01-02 15:04 MST"), b.For())
}

// obstacles are what keeps an address from an owner, by what files say.
func (d *desk) obstacles(pool *ledger.Pool, owner string, a netip.Addr) []string {
	look := d.look(pool)
	v := answer.Why(d.Facts.Plan, look.Question(owner), a)
	var lines []string
	for _, o := range v.Obstacles {
		lines = append(lines, o.Text(a))
	}
	if len(lines) == 0 {
		lines = append(lines, "the owner's director gives only addresses of its static: ranges to static_ips, and this is none")
	}
	return lines
}

// inStatic reports whether a director gives an address to static_ips.
func (d *desk) inStatic(director string, r netip.Prefix) bool {
	return slices.ContainsFunc(d.Facts.Plan.Claims, func(c plan.Claim) bool {
		return c.Kind == plan.StaticPool && c.Owner().Director == director && c.Range.Overlaps(netipx.RangeOfPrefix(r))
	})
}

// isCreateEnv reports whether an owner is a VM of create-env.
func (d *desk) isCreateEnv(owner string) bool {
	return slices.ContainsFunc(d.Facts.Plan.Claims, func(c plan.Claim) bool { return c.Kind == plan.CreateEnvVM && plan.Means(owner, &c) })
}
