package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// teamFor is the team for which whoever books may take addresses of a pool: the one that
// was asked for, else the first of the pool's that they belong to, else the first of
// which the fleet file does not say who belongs to it. no says why they may not.
func (d *desk) teamFor(pool *ledger.Pool, asked string) (team, no string) {
	teams := pool.Teams
	if asked != "" {
		teams = []string{asked}
	}
	if asked == "" && d.Central.Has(pool.Name) {
		for _, t := range teams {
			if d.may("teams", t, "book") {
				return t, ""
			}
		}
	}
	email := d.by[strings.LastIndexByte(d.by, '<')+1:]
	email = strings.TrimSuffix(email, ">")
	open := ""
	for _, t := range teams {
		belongs, told := d.Fleet.File.Belongs(email, t)
		if belongs {
			return t, ""
		}
		if !told && open == "" {
			open = t
		}
	}
	if open != "" || len(teams) == 0 {
		return open, ""
	}
	return "", fmt.Sprintf("%s is not a member of %s, whose pool %s is", d.by, strings.Join(teams, " or "), pool.Name)
}

// may reports whether whoever books has a scope on the server, such as ipguard.teams.promo.book.
func (d *desk) may(kind, name, what string) bool {
	for _, n := range []string{name, "*"} {
		if slices.Contains(d.scopes, "ipguard."+kind+"."+n+"."+what) {
			return true
		}
	}
	return slices.Contains(d.scopes, "ipguard.admin")
}

// noMember is what somebody can do who belongs to no team of a pool.
const noMember = "ask somebody of the team, or whoever keeps teams: of the fleet file; git config user.email is who you are"

// notAMember ends a command that would change bookings of a team that whoever runs it
// does not belong to.
func (d *desk) notAMember(pool *ledger.Pool) error {
	if _, no := d.teamFor(pool, ""); no != "" {
		return end(ExitFindings, noMember, "%s", no)
	}
	return nil
}
