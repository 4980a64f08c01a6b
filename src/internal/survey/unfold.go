package survey

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// unfold puts what a chosen snapshot says where that of files is.
func (f *Fleet) unfold(d *Director, loader *interpolate.Loader, to *surveyor) {
	s := d.live.snapshot
	if s == nil {
		whole, err := f.readWhole(d.Snapshot.Path)
		if err != nil {
			to.cannotRead(d.snapshotSource(), "", false, []trouble.Trouble{failure(err, d.Snapshot.At)})
			return
		}
		s = whole.snapshot
	}
	d.live.snapshot = nil
	defer d.keepOnly()
	entry := Entry{Path: d.Snapshot.Path, At: d.Snapshot.At, Deployed: true, NoRouterIDs: !s.Kept.RouterIDs}
	fromFiles := len(d.CloudConfigs) > 0 && namesOf(d.CloudConfigs) == nil
	replaced := d.replacedConfigs(s, loader)
	for _, c := range s.CloudConfigs {
		if c.Latest && c.Team == "" && !replaced[c.ID] && c.Content.Document != nil {
			entry.Document = c.Content.Document
			d.CloudConfigs = append(d.CloudConfigs, entry)
		}
	}
	judged := namesOf(d.RuntimeConfigs)
	allReplaced := len(d.RuntimeConfigs) > 0 && judged == nil
	for _, c := range s.RuntimeConfigs {
		if !allReplaced && !slices.Contains(judged, c.Name) && c.Content.Document != nil {
			entry.Document = c.Content.Document
			d.RuntimeConfigs = append(d.RuntimeConfigs, entry)
		}
	}
	for _, dep := range s.Deployments {
		if dep.Manifest.Document != nil {
			entry.Document, entry.Name = dep.Manifest.Document, dep.Name
			d.Deployments = append(d.Deployments, entry)
		}
	}
	d.live.add(s, fromFiles, replaced)
	d.withholds(s)
	d.unreadable(s, to)
}

// snapshotSource is what is unknown of the director without its snapshot.
func (d *Director) snapshotSource() claims.Source {
	if len(d.CloudConfigs) > 0 {
		return claims.LeasesSource
	}
	return claims.DirectorSource
}

// namesOf are the names of the configs that files stand in place of, nil if they
// stand in place of all.
func namesOf(entries []Entry) []string {
	var names []string
	for _, e := range entries {
		if e.Name == "" {
			return nil
		}
		names = append(names, e.Name)
	}
	return names
}

// unreadable tells of texts that a director has and that could not be read when
// they were collected.
func (d *Director) unreadable(s *snapshot.Snapshot, to *surveyor) {
	say := func(source claims.Source, deployment, what string, c snapshot.Content) {
		if c.Unreadable != "" {
			to.cannotRead(source, deployment, false, []trouble.Trouble{{
				Message: fmt.Sprintf("%s of director %s could not be collected: %s", what, d.Name, c.Unreadable), At: d.Snapshot.At,
			}})
		}
	}
	for _, c := range s.CloudConfigs {
		say(claims.CloudConfigSource, "", "config "+c.Name, c.Content)
	}
	for _, c := range s.RuntimeConfigs {
		say(claims.RuntimeConfigSource, "", "config "+c.Name, c.Content)
	}
	for _, dep := range s.Deployments {
		say(claims.DeploymentSource, dep.Name, "the manifest of "+dep.Name, dep.Manifest)
		if dep.Manifest.Unreadable != "" || dep.NeverSucceeded() {
			d.live.unreadable = append(d.live.unreadable, dep.Name)
		}
	}
}

// add takes over the views and leases.
func (l *live) add(s *snapshot.Snapshot, fromFiles bool, replaced map[string]bool) {
	vms := len(s.Orphans)
	for _, dep := range s.Deployments {
		vms += len(dep.VMs)
	}
	l.leases = make([]claims.Lease, 0, vms)
	l.told, l.orphans = toldBy(s)
	if fromFiles {
		now := view{docs: configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team == "" }), past: "as the director has it"}
		for _, dep := range s.Deployments {
			if dep.Pinned == nil && len(teamConfigs(s, dep.Teams, replaced)) == 0 {
				now.deployments = append(now.deployments, dep.Name)
			}
		}
		l.views = append(l.views, now)
	}
	for _, dep := range s.Deployments {
		if docs := teamConfigs(s, dep.Teams, replaced); len(docs) > 0 {
			l.teams = addTo(l.teams, docs, dep.Name)
		}
		pinned := configs(s, func(c snapshot.Config) bool { return slices.Contains(dep.Pinned, c.ID) })
		if len(pinned) > 0 {
			l.views = addTo(l.views, pinned, dep.Name)
		}
		for _, vm := range dep.VMs {
			l.leases = append(l.leases, lease(vm, dep.Name))
		}
	}
	for _, vm := range s.Orphans {
		orphan := lease(vm, vm.Deployment)
		orphan.Orphan = true
		l.leases = append(l.leases, orphan)
	}
}

// addTo adds a deployment to the view that has these documents.
func addTo(views []view, docs []source.Value, deployment string) []view {
	i := slices.IndexFunc(views, func(v view) bool { return slices.Equal(v.docs, docs) })
	if i < 0 {
		i = len(views)
		views = append(views, view{docs: docs})
	}
	views[i].deployments = append(views[i].deployments, deployment)
	return views
}

func lease(vm snapshot.VM, deployment string) claims.Lease {
	l := claims.Lease{Deployment: deployment, Group: vm.Group, ID: vm.ID, AZ: vm.AZ, Index: vm.Index}
	for _, a := range vm.Addresses {
		l.Blocks = append(l.Blocks, a.Block)
	}
	return l
}

// configs returns the documents of the cloud-configs that count.
func configs(s *snapshot.Snapshot, counts func(snapshot.Config) bool) []source.Value {
	var docs []source.Value
	for _, c := range s.CloudConfigs {
		if counts(c) && c.Content.Document != nil {
			docs = append(docs, c.Content.Document.Root())
		}
	}
	return docs
}

// teamConfigs are the latest cloud-configs of some teams, but for those that files
// stand in place of.
func teamConfigs(s *snapshot.Snapshot, teams []string, replaced map[string]bool) []source.Value {
	return configs(s, func(c snapshot.Config) bool {
		return c.Latest && c.Team != "" && slices.Contains(teams, c.Team) && !replaced[c.ID]
	})
}

// asStillIs is how an older cloud-config is told from the one that counts.
func asStillIs(deployments []string) string {
	switch len(deployments) {
	case 1:
		return "as " + deployments[0] + " still has it"
	case 2:
		return "as " + deployments[0] + " and " + deployments[1] + " still have it"
	}
	return fmt.Sprintf("as %s and %s still have it", deployments[0], plural.Of(len(deployments)-1, "other"))
}

// otherViews reads the cloud-configs that count beside the one that all get: older
// ones, but not the past of what is judged. A judged cloud-config stands in place
// of all older ones, and a judged deploy leaves the one that it was made with.
func (d *Director) otherViews(opts bosh.Options, past []manifest, list []manifest) []claims.View {
	if d.live == nil || slices.ContainsFunc(d.CloudConfigs, func(e Entry) bool { return e.Target }) {
		return nil
	}
	judged := namesIn(list, func(m manifest) bool { return m.entry.Target })
	replaced := namesIn(past, func(manifest) bool { return true })
	var views []claims.View
	for _, v := range d.live.views {
		still := slices.DeleteFunc(slices.Clone(v.deployments), func(name string) bool { return judged[name] })
		if len(v.docs) == 0 || v.past == "" && len(still) == 0 {
			continue
		}
		past := v.past
		if past == "" {
			past = asStillIs(still)
		}
		cc, _, _ := bosh.ReadCloudConfigs(v.docs, opts)
		bound := slices.DeleteFunc(still, func(name string) bool { return replaced[name] })
		views = append(views, claims.View{CloudConfig: cc, Deployments: bound, Past: past})
	}
	return views
}

// namesIn are the names of the deployments that count.
func namesIn(list []manifest, counts func(manifest) bool) map[string]bool {
	names := map[string]bool{}
	for _, m := range list {
		if counts(m) {
			names[m.name()] = true
		}
	}
	return names
}

// leases are what the director granted, but for what a judged deploy gives back:
// addresses of groups that are gone, or that ask for all of theirs by static_ips.
func (d *Director) leases(deployments []manifest) []claims.Lease {
	if d.live == nil {
		return nil
	}
	judged := map[string]*bosh.Manifest{}
	for _, m := range deployments {
		if m.entry.Target {
			judged[m.read.Name] = m.read
		}
	}
	if len(judged) == 0 {
		return d.live.leases
	}
	return slices.DeleteFunc(slices.Clone(d.live.leases), func(l claims.Lease) bool {
		m, ok := judged[l.Deployment]
		return ok && !l.Orphan && !keeps(m, l.Group)
	})
}

// keeps reports whether instances of a group may keep addresses that the manifest
// does not name.
func keeps(m *bosh.Manifest, group string) bool {
	g := claims.GroupOf(m, group)
	return g != nil && slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool { return !n.StaticGiven })
}
