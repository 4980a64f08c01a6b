package survey

import (
	"maps"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// own is what a team has, as what the run judges: its directors, what stands in its files,
// and what it booked on the server, which a director's name or the team's tells.
func (f *Fleet) own() lint.Targets {
	t := lint.Targets{Some: true, Server: f.Elsewhere, Outside: map[string]bool{}}
	directors := map[string]bool{}
	for i := range f.Directors {
		if d := &f.Directors[i]; f.isOwn(d.At) {
			t.Owners, directors[d.Name] = append(t.Owners, plan.Owner{Director: d.Name}), true
		}
	}
	teams := f.ownTeams(directors)
	for _, pool := range f.Bookings {
		for i := range pool.Records {
			if b, err := pool.Records[i].Booking(); err == nil && teams[b.Team] {
				t.Outside[b.Owner] = true
			}
		}
	}
	return t
}

// isOwn reports whether what stands in a place is what the run judges, or part of it.
func (f *Fleet) isOwn(at place.Place) bool {
	return f.Elsewhere == "" || !strings.HasPrefix(at.File, f.Elsewhere)
}

// ownTeams are the teams by whose names the team books: those that the server names and those
// of its own pools. Where there are none, those that booked for its directors and for no others:
// an administrator's one booking makes no team's matter another one's.
func (f *Fleet) ownTeams(directors map[string]bool) map[string]bool {
	teams := map[string]bool{}
	for _, team := range f.Teams {
		teams[team] = true
	}
	for i := range f.File.Pools {
		if p := &f.File.Pools[i]; f.isOwn(p.At) {
			for _, team := range p.AllTeams() {
				teams[team] = true
			}
		}
	}
	if len(teams) == 0 {
		teams = f.teamsOfDirectors(directors)
	}
	delete(teams, "") // the pool's first, and whoever that is
	return teams
}

// teamsOfDirectors are those that booked for some directors, and for no others.
func (f *Fleet) teamsOfDirectors(directors map[string]bool) map[string]bool {
	teams, others, known := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range f.Directors {
		known[f.Directors[i].Name] = true
	}
	for _, pool := range f.Bookings {
		for i := range pool.Records {
			b, err := pool.Records[i].Booking()
			if err != nil {
				continue
			}
			switch director := plan.ReadOwnerName(b.Owner).Director; {
			case directors[director]:
				teams[b.Team] = true
			case known[director]:
				others[b.Team] = true
			}
		}
	}
	maps.DeleteFunc(teams, func(team string, _ bool) bool { return others[team] })
	return teams
}

// ownAmong are those of all directors whose failures are the run's, which may judge a file
// for another one: others are told theirs.
func (f *Fleet) ownAmong(read []judged) (list []judged) {
	for i := range read {
		if f.isOwn(f.Directors[i].At) || hasTarget(&f.Directors[i]) {
			list = append(list, read[i])
		}
	}
	return list
}
