package survey

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// A director of the fleet file may be one that the server knows, too. What the files say
// is what the next deploy brings, and counts. But a checkout may have a part of a director,
// and be old: what the server has beside it counts as well, or its addresses would be free
// here and nowhere else. A part is what a push may lack: a network and what else a
// cloud-config names, an addon of a runtime config, a deployment, a machine of create-env,
// the director's own addresses. Of two snapshots of one director the newer one counts.

// pushed is what the server has of a director beside what is here.
type pushed struct {
	// whole is the snapshot of it; nil: nothing.
	whole *snapshot.Snapshot
	from  *fleet.SnapshotFile
	// untold says that the director told here, later, all that directors tell: only what no
	// director tells counts beside it.
	untold bool
	// asIs says that its networks count as they are, too, where files have them: a snapshot
	// is here, of which they do so.
	asIs bool
}

// hasFiles reports whether the fleet file has anything of the director but its name.
func hasFiles(d *fleet.Sources) bool {
	return len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnvs) > 0 || d.Unresolved
}

// openBeside opens what the server has of a director, and the snapshot of the checkout if
// there is one. It may put the newer one in its place.
func (f *Fleet) openBeside(d *fleet.Sources, wanted wanting) opened {
	from := *d.Pushed
	from.MaxAge = 0 // what grows old is what others know; files are of now
	theirs := *d
	theirs.Snapshot, theirs.Server = &from, from.Server
	read := func(d *fleet.Sources) opened {
		s, err := f.Snapshots.readWhole(d)
		var o opened
		if err == nil {
			o = opened{head: s.Head, whole: s}
		}
		return f.accept(d, o, err, wanted)
	}
	if d.Snapshot == nil {
		o := read(&theirs)
		o.pushed = pushed{whole: o.whole, from: &from}
		if o.there {
			*d = theirs
		}
		return o
	}
	mine, err := f.Snapshots.readWhole(d)
	p := read(&theirs)
	var own snapshot.Names
	if err == nil {
		own = snapshot.Names{UUID: mine.Director.UUID}
		for i := range mine.Deployments {
			own.Deployments = append(own.Deployments, mine.Deployments[i].Name)
		}
	}
	isOne := err == nil && p.there && mine.Director.UUID != "" && mine.Director.UUID == p.head.Director.UUID
	ahead := isOne && f.Snapshots.ahead(mine.Head) // and perhaps older: nobody knows
	if isOne && (ahead || p.head.Collected.After(mine.Collected)) {
		var lost []claims.Unread
		if ahead {
			lost = append(lost, unreadOf(snapshotSource(d), "", false, trouble.Trouble{Message: notYet(d, mine.Head), At: d.Snapshot.At, Hint: again(d)}))
		}
		from.MaxAge, from.MaxAgeAt = d.Snapshot.MaxAge, d.Snapshot.MaxAgeAt
		*d = theirs
		p = f.accept(d, opened{head: p.head, whole: p.whole, lost: lost}, nil, wanted)
		p.own, p.pushed = own, pushed{whole: p.whole, from: &from, asIs: true}
		return p
	}
	o := opened{}
	if err == nil {
		o = opened{head: mine.Head, whole: mine}
	}
	o = f.accept(d, o, err, wanted)
	o.own, o.lost = own, append(o.lost, p.lost...)
	o.pushed = pushed{whole: p.whole, from: &from, untold: isOne, asIs: true}
	return o
}

// putBeside puts what the server has beside files.
func (r reader) putBeside(c *composed, p pushed) {
	s := p.whole
	if s == nil {
		return
	}
	c.Sources = settled(c.Sources, s.Settings)
	theirs := *c.Sources
	theirs.Snapshot = p.from
	vips := r.fleet.patternsOf(&theirs, s)
	kept := keeper(p.from, s, true, vips)
	c.live.externals = append(c.live.externals, r.fleet.externalsBeside(s)...)
	c.live.bookings = append(c.live.bookings, r.fleet.bookingsBeside(s)...)
	c.unread = append(c.unread, uncollectedVMs(&theirs, s)...)
	for _, content := range s.CreateEnvs {
		c.texts.createEnvs = kept(c.texts.createEnvs, "", content)
	}
	if p.untold {
		return
	}
	rest := r.putConfigsBeside(c, s, kept)
	if p.asIs {
		c.live.views = append(c.live.views, view{docs: configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team == "" }), past: "as the server has it"})
	}
	deployments := kept
	if s.Director.UUID != "" { // what it told is the past of a file
		deployments = keeper(p.from, s, false, vips)
		told, orphans := toldBy(s)
		c.live.told, c.live.orphans = append(c.live.told, told...), append(c.live.orphans, orphans...)
		c.live.views, c.live.teams = append(c.live.views, viewsOf(s, false, nil)...), append(c.live.teams, teamsOf(rest, nil)...)
		c.live.leases = append(c.live.leases, leasesOf(s)...)
	}
	for _, dep := range s.Deployments {
		c.texts.deployments = deployments(c.texts.deployments, dep.Name, dep.Manifest)
	}
	c.unread = append(c.unread, uncollected(&theirs, s)...)
	c.live.withheld = append(c.live.withheld, withheldBy(&theirs, s)...)
	c.live.partly, c.live.unreadable = append(c.live.partly, partlyOf(s)...), append(c.live.unreadable, unreadableOf(s)...)
}

// externalsBeside are the addresses outside of directors that a push tells and of which the
// fleet file here says nothing, neither of their owners nor of themselves: it is the only one
// that knows them, and who has them by what it said before is its own former word.
func (f *Fleet) externalsBeside(s *snapshot.Snapshot) (list []claims.External) {
	for _, e := range f.externalsOf(s) {
		if slices.ContainsFunc(f.File.External, func(o fleet.External) bool { return o.Owner.Value == e.Owner && o.At.File == f.File.Path }) {
			continue
		}
		told := e.Blocks
		e.Blocks = nil
		for _, b := range told {
			if !f.saysItself(e.Segment, b.Range) {
				e.Blocks = append(e.Blocks, b)
			}
		}
		list = append(list, e)
	}
	return list
}

// saysItself reports whether the fleet file says of all of these addresses who has them
// outside of directors.
func (f *Fleet) saysItself(segment string, addresses netipx.IPRange) bool {
	var here netipx.IPSetBuilder
	for i := range f.File.External {
		o := &f.File.External[i]
		in := o.Segment.Value
		if o.At.File != f.File.Path || in != "" && segment != "" && in != segment {
			continue
		}
		for _, a := range o.Addresses {
			here.AddRange(a.Range)
		}
	}
	set, err := here.IPSet()
	return err == nil && set.ContainsRange(addresses)
}

// putConfigsBeside puts what latest configs define that no file does. It returns the
// snapshot with no more than that in them.
func (r reader) putConfigsBeside(c *composed, s *snapshot.Snapshot, kept func([]text, string, snapshot.Content) []text) *snapshot.Snapshot {
	rest := *s
	rest.CloudConfigs = r.definedBy(c.texts.cloudConfigs).beside(s.CloudConfigs)
	rest.RuntimeConfigs = r.definedBy(slices.DeleteFunc(slices.Clone(c.texts.runtimeConfigs), func(t text) bool { return t.told })).beside(s.RuntimeConfigs)
	for _, config := range rest.CloudConfigs {
		if config.Latest && config.Team == "" {
			c.texts.cloudConfigs = kept(c.texts.cloudConfigs, "", config.Content)
		}
	}
	for _, config := range rest.RuntimeConfigs {
		c.texts.runtimeConfigs = kept(c.texts.runtimeConfigs, "", config.Content)
	}
	return &rest
}

// fileDefinitions are what the configs of files define.
type fileDefinitions struct {
	names map[string]bool
	of    defined
	// hide says that some are not known, and may be any.
	hide bool
}

// definedBy reads configs, and keeps them.
func (r reader) definedBy(list []text) fileDefinitions {
	all := fileDefinitions{names: map[string]bool{}, of: defined{}}
	for i := range list {
		t := &list[i]
		if t.Name != "" {
			all.names[t.Name] = true
		}
		if t.Document == nil {
			t.Document, _ = t.load(r.loader) // an error comes again when it is read
		}
		if t.Document == nil {
			all.hide = true
			continue
		}
		of, hides := definitions(t.Document)
		all.hide = all.hide || hides
		for d := range of {
			all.of[d] = true
		}
	}
	return all
}

// beside are configs without what files define, or may define.
func (f fileDefinitions) beside(list []snapshot.Config) []snapshot.Config {
	list = slices.Clone(list)
	for i := range list {
		config := &list[i]
		switch {
		case f.hide || f.names[config.Name] && config.Team == "":
			config.Content.Document = nil
		case config.Content.Document != nil:
			config.Content.Document = f.without(config.Content.Document)
		}
	}
	return list
}

// without is what a config defines that files do not; nil if that is nothing.
func (f fileDefinitions) without(doc *source.Document) *source.Document {
	return doc.Part(func(key string, item source.Value) bool {
		if !item.Present() {
			return !f.of[[2]string{key}]
		}
		name := sameName(key, item.Field("name").Text())
		return name == "" || !f.of[[2]string{key, name}] // earlier snapshots have no names of addons
	})
}

// leaveBeside takes away what the server has of deployments and machines of create-env
// that files have.
func (d *documents) leaveBeside() {
	own := map[string]bool{}
	for _, list := range [][]manifest{d.deployments, d.createEnvs} {
		for _, m := range list {
			if m.read != nil && !m.text.beside && (!m.text.told || m.read.Form == bosh.CreateEnv) {
				own[m.name()] = true
			}
		}
	}
	gone := func(m manifest) bool { return m.text.beside && m.read != nil && own[m.name()] }
	d.deployments, d.createEnvs = slices.DeleteFunc(d.deployments, gone), slices.DeleteFunc(d.createEnvs, gone)
}

// ownNames are those of deployments that files have.
func ownNames(list []manifest) (names []string) {
	for _, m := range list {
		if m.read != nil && !m.text.told {
			names = append(names, m.read.Name)
		}
	}
	return names
}
