package fleet

import (
	"path/filepath"
	"strings"
)

// Key is the stable name of the pool: its name, else TEAM/PURPOSE or TEAM.
func (p *Pool) Key() string {
	switch {
	case p.Name.Value != "":
		return p.Name.Value
	case p.Purpose.Value != "":
		return p.Team.Value + "/" + p.Purpose.Value
	}
	return p.Team.Value
}

// AllTeams are the teams that may take addresses, the pool's own first.
func (p *Pool) AllTeams() []string {
	teams := []string{p.Team.Value}
	for _, t := range p.Teams {
		teams = append(teams, t.Value)
	}
	return teams
}

// Books reports whether every static address of the pool has to be booked.
func (p *Pool) Books() bool { return p.Book.Value != "" }

// bookable reports whether the pool says something about bookings, so that its name
// has to be its own.
func (p *Pool) bookable() bool {
	return p.Name.Value != "" || len(p.Teams) > 0 || p.Quota.Number > 0 || p.Until.Length > 0 || p.Quarantine.Length > 0 ||
		p.Books() || p.Strategy.Value != "" || p.Block.Number > 0
}

// PoolsNamed returns the pools of that key. More than one cannot be told apart.
func (f *File) PoolsNamed(key string) []*Pool {
	var list []*Pool
	for i := range f.Pools {
		if p := &f.Pools[i]; p.Team.Value != "" && p.Key() == key {
			list = append(list, p)
		}
	}
	return list
}

// Belongs says whether somebody with an e-mail address belongs to a team. told is false
// where the file does not say who does.
func (f *File) Belongs(email, team string) (belongs, told bool) {
	for i := range f.Teams {
		if f.Teams[i].Name.Value != team {
			continue
		}
		told = true
		for _, m := range f.Teams[i].Members {
			belongs = belongs || matches(strings.ToLower(m.Value), strings.ToLower(email))
		}
	}
	return belongs, told
}

// matches reports whether a text is of a pattern, in which * stands for any part.
func matches(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	for text = text[len(head):]; ; text = text[1:] {
		if matches(rest, text) {
			return true
		}
		if text == "" {
			return false
		}
	}
}

// meaningOfTeams checks that each team stands once and has pools.
func (d *decoder) meaningOfTeams(file *File) {
	var teams, all names
	for i := range file.Pools {
		p := &file.Pools[i]
		teams = append(append(teams, p.Team), p.Teams...)
	}
	for i := range file.Teams {
		t := &file.Teams[i]
		d.unique("team", t.Name, t.At, &all)
		d.known("team", t.Name, teams)
	}
}

// Folder is the absolute path of the file's own folder.
func (f *File) Folder() (string, error) { return filepath.Abs(filepath.Dir(f.Path)) }

// meaningOfPools checks what no schema can say of pools.
func (d *decoder) meaningOfPools(file *File) {
	for i := range file.Pools {
		p := &file.Pools[i]
		for j := range i {
			if q := &file.Pools[j]; p.Team.Value != "" && p.Key() == q.Key() && (p.bookable() || q.bookable()) {
				d.fail(p.At, "give it a name: of its own", "pool %s is already defined at %s", quoted(p.Key()), q.At)
				break
			}
		}
		d.blocksOf(p)
	}
}

// blocksOf refuses blocks that are no part of the pool's addresses.
func (d *decoder) blocksOf(p *Pool) {
	for _, r := range p.Addresses {
		if bits := r.Range.From().BitLen(); r.Range.IsValid() && p.Block.Number > bits {
			d.fail(p.Block.At, "", "%s of a pool with %s is at most %d", quoted("block"), family(bits), bits)
			return
		}
	}
}

func family(bits int) string {
	if bits == 32 {
		return "IPv4"
	}
	return "IPv6"
}
