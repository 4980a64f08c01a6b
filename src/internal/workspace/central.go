package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Central is what a server knows of the whole company.
type Central struct {
	// File has what all share: segments, external addresses, pools, exceptions; and
	// the directors that were pushed, with their snapshots.
	File *fleet.File
	// Bookings are those of its pools.
	Bookings []bookfile.PoolBookings
	// Vanished is what VMs had and may have still, which their directors do not show.
	Vanished []survey.Vanished
	// Teams are those for which who asks may book.
	Teams []string
	// Troubles say why it may not be all that there is.
	Troubles []trouble.Trouble
	// URL is the server's, and AsOf when it said so, or that it is so still.
	URL  string
	AsOf time.Time
	// Unasked says that the server was not asked what it knows.
	Unasked bool
	// Stale is the server's silence, where what it said before is used; nil: it answers.
	Stale *Stale
}

// Stale is a server that does not answer, of which something is used that it said before.
type Stale struct {
	URL   string
	Since time.Time
	Why   string
}

// Has reports whether a pool is the server's.
func (c *Central) Has(pool string) bool { return c != nil && len(c.File.PoolsNamed(pool)) > 0 }

// Elsewhere is the URL of the server that tells of others, of whom a team's run is not; empty
// without one, and for a fleet file that has no director of its own: it is about all of them.
func (w *Workspace) Elsewhere() string {
	if w.Central == nil || !slices.ContainsFunc(w.Fleet.Directors, func(d fleet.Sources) bool { return !strings.HasPrefix(d.At.File, w.Central.URL) }) {
		return ""
	}
	return w.Central.URL
}

// join asks the fleet file's server, and puts what it knows beside what the file says.
// Of a director that both know the file's own word counts, and what the server has of it
// beside that.
func (w *Workspace) join(file *fleet.File, r Reading) []trouble.Trouble {
	if r.Central == nil {
		return []trouble.Trouble{{At: file.Server.At, Message: "this program asks no server, and the plan is not whole without it"}}
	}
	central, err := r.Central(file)
	if err != nil {
		t := trouble.Of(err)
		if !t.At.IsValid() {
			t.At = file.Server.At
		}
		return []trouble.Trouble{t}
	}
	w.Fleet.Shared = sharedOf(central.File)
	own := *file // the server's own names are not the team's to mend
	troubles := twice(file, central.File)
	file.Directors = inOrder(file.Directors, central.File.Directors)
	file.Segments = append(file.Segments, central.File.Segments...)
	file.External = append(file.External, central.File.External...)
	file.Pools = append(file.Pools, central.File.Pools...)
	if !central.Unasked {
		troubles = append(troubles, strangeSegments(file)...)
	}
	if len(central.File.Directors) > 0 { // else nobody can tell a mistyped name from an unknown one
		var names []string
		for i := range file.Directors {
			names = append(names, file.Directors[i].Name.Value)
		}
		own.External = file.External
		troubles = append(troubles, own.CheckNames(names, tellsExternal(central.File))...)
	}
	file.Allow = append(file.Allow, central.File.Allow...)
	file.VIPProperties.Add = append(file.VIPProperties.Add, central.File.VIPProperties.Add...)
	file.VIPProperties.Ignore = append(file.VIPProperties.Ignore, central.File.VIPProperties.Ignore...)
	w.Central, w.Fleet.Bookings, w.Fleet.Vanished, w.Fleet.Teams = central, central.Bookings, central.Vanished, central.Teams
	return append(troubles, central.Troubles...)
}

// tellsExternal looks for owners of external addresses in what was pushed, when somebody
// asks: hardly anybody does, and it is long.
func tellsExternal(central *fleet.File) func(owner string) bool {
	var owners []string
	read := false
	return func(owner string) bool {
		for i := range central.Directors {
			if path := central.Directors[i].Snapshot.Value; !read && path != "" {
				names, _ := snapshot.ReadNames(path) // what is wrong with it is told when it is read
				owners = append(owners, names.Outside...)
			}
		}
		read = true
		return slices.Contains(owners, owner)
	}
}

// inOrder are all directors in the order of the server's: who comes first is named
// first, and all teams are to be told the same. Those that the server does not know
// come last.
func inOrder(own, central []fleet.Director) []fleet.Director {
	var list []fleet.Director
	for _, d := range central {
		if i := slices.IndexFunc(own, func(o fleet.Director) bool { return o.Name.Value == d.Name.Value }); i >= 0 {
			pushed := d
			d = own[i]
			d.Damaged = pushed.Damaged
			if pushed.Snapshot.Value != "" {
				d.Pushed = &fleet.SnapshotFile{
					Path: pushed.Snapshot.Value, Server: pushed.Server, Pushed: true, At: pushed.Snapshot.At, MaxAge: pushed.MaxAge.Length, MaxAgeAt: pushed.MaxAge.At,
				}
			}
		}
		list = append(list, d)
	}
	for _, d := range own {
		if !slices.ContainsFunc(central, func(o fleet.Director) bool { return o.Name.Value == d.Name.Value }) {
			list = append(list, d)
		}
	}
	return list
}

// twice are segments and pools that the fleet file and the server both define: nobody
// could tell which is meant.
func twice(own, central *fleet.File) []trouble.Trouble {
	var list []trouble.Trouble
	for _, s := range own.Segments {
		if slices.ContainsFunc(central.Segments, func(o fleet.Segment) bool { return o.Name.Value == s.Name.Value }) {
			list = append(list, trouble.Trouble{At: s.At, Message: "segment `" + s.Name.Value + "` is defined here and on the server", Hint: "take it away here"})
		}
	}
	for i := range own.Pools {
		p := &own.Pools[i]
		if len(central.PoolsNamed(p.Key())) > 0 {
			list = append(list, trouble.Trouble{At: p.At, Message: "pool `" + p.Key() + "` is defined here and on the server", Hint: "a pool is in one place: take it away here, or there"})
			continue
		}
		for k := range central.Pools {
			if o := &central.Pools[k]; survey.DelegateBoth(p, o) {
				list = append(list, trouble.Trouble{At: p.At, Message: "pool `" + p.Key() + "` delegates addresses of the server's pool `" + o.Key() + "`: both would give them", Hint: "take them away here, or there"})
			}
		}
	}
	return append(list, strays(own, central)...)
}

// strays are bookings in git of pools that are the server's: they would count here alone.
func strays(own, central *fleet.File) []trouble.Trouble {
	var list []trouble.Trouble
	for i := range central.Pools {
		pool := central.Pools[i].Key()
		folder := filepath.Join(filepath.Dir(own.Path), bookfile.Folder, bookfile.FolderOf(pool))
		if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 && own.Path != "" {
			list = append(list, trouble.Trouble{At: place.Place{File: folder}, Message: "these bookings are of pool `" + pool + "`, which is the server's: nobody else sees them",
				Hint: "book them on the server (ipguard adopt --csv), and take the files away"})
		}
	}
	return list
}
