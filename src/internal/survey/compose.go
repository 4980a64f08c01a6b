package survey

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// composed is what counts of one director: its files, and what its snapshot tells
// where no file stands in its place.
type composed struct {
	*fleet.Sources
	of part
	// version and cpi are as files tell them, else the director itself.
	version, cpi string
	texts        texts
	live         live
	// unread is what could not be read so far.
	unread []claims.Unread
}

// texts are those of one director, by what they are.
type texts struct {
	cloudConfigs, runtimeConfigs, deployments, createEnvs []text
}

// text is one text of a director: a file, or what its snapshot kept of one.
type text struct {
	fleet.SourceFile
	// told marks what the director told of itself: it has accepted it already.
	told bool
	// beside marks what the server has beside files, until one of them has that name.
	beside bool
	// noRouterIDs says that ids of virtual routers were left out of it when it was kept.
	noRouterIDs bool
	// noTypes says the same of the VM types and extensions that groups choose.
	noTypes bool
	// vips are the patterns of virtual addresses that count in it; nil: the fleet's.
	vips *bosh.Patterns
}

func textsOf(entries []fleet.SourceFile) []text {
	list := make([]text, len(entries))
	for i, e := range entries {
		list[i].SourceFile = e
	}
	return list
}

// live is what a director's snapshot says beside texts; nothing where it was not read.
type live struct {
	// withheld is what the director does not show of its deployments.
	withheld []trouble.Trouble
	// partly are the names of those deployments.
	partly []string
	// unreadable are deployments whose manifest could not be collected, or of which
	// there is none yet.
	unreadable []string
	// views are older cloud-configs that deployments are pinned to, and what the
	// director has where files say otherwise.
	views []view
	// teams are cloud-configs that some deployments get beside what all get.
	teams  []view
	leases []claims.Lease
	// told and orphans are the instances behind the leases, as deploys find them.
	told    []told
	orphans []deploy.Instance
	// externals are what the team that pushed it says of addresses outside of directors.
	externals []claims.External
	// bookings are those of the team's own pools.
	bookings []snapshot.Booking
}

// view is one set of cloud-configs, and the deployments that have it.
type view struct {
	docs        []source.Value
	deployments []string
	past        string
}

// compose puts a director's files and its snapshot together. A snapshot of which only
// the head was read is read to its end, unless the files alone count.
func (r reader) compose(in input) composed {
	r.loader = r.loader.Of(in.Name)
	head := in.snapshot.head
	c := composed{
		Sources: in.Sources, of: in.of, version: cmp.Or(in.Version, head.Director.Version), cpi: cmp.Or(in.CPI, head.Director.CPI),
		texts: texts{textsOf(in.CloudConfigs), textsOf(in.RuntimeConfigs), textsOf(in.Deployments), textsOf(in.CreateEnvs)},
	}
	beside := in.snapshot.pushed.whole
	if in.snapshot.there && in.of > filesOnly && (beside == nil || in.snapshot.whole != beside) {
		s := in.snapshot.whole
		var err error
		if s == nil {
			s, err = r.fleet.Snapshots.readWhole(in.Sources)
		}
		if err != nil {
			c.unread = append(c.unread, unreadOf(snapshotSource(in.Sources), "", false, failure(err, in.Sources.Snapshot.At)))
		} else {
			r.unfold(&c, s)
		}
	}
	r.putBeside(&c, in.snapshot.pushed)
	c.unread = append(c.unread, in.snapshot.lost...)
	return c
}

// unfold puts what a snapshot says where that of files is.
func (r reader) unfold(c *composed, s *snapshot.Snapshot) {
	c.Sources = settled(c.Sources, s.Settings)
	fromFiles := len(c.CloudConfigs) > 0 && namesOf(c.CloudConfigs) == nil
	for i := range c.texts.cloudConfigs {
		if t := &c.texts.cloudConfigs[i]; t.Name == "" {
			t.Document, _ = t.load(r.loader) // an error comes again when it is read
		}
	}
	replaced := replacedConfigs(c.texts.cloudConfigs, s)
	kept := keeper(c.Snapshot, s, false, r.fleet.patternsOf(c.Sources, s))
	for _, config := range s.CloudConfigs {
		if config.Latest && config.Team == "" && !replaced[config.ID] {
			c.texts.cloudConfigs = kept(c.texts.cloudConfigs, "", config.Content)
		}
	}
	c.unread = append(c.unread, uncollected(c.Sources, s)...)
	c.live = live{teams: teamsOf(s, replaced), withheld: withheldBy(c.Sources, s), partly: partlyOf(s), unreadable: unreadableOf(s)}
	if c.of == configsOnly {
		return
	}
	if c.of != withoutRuntime {
		judged := namesOf(c.RuntimeConfigs)
		allReplaced := len(c.RuntimeConfigs) > 0 && judged == nil
		for _, config := range s.RuntimeConfigs {
			if !allReplaced && !slices.Contains(judged, config.Name) {
				c.texts.runtimeConfigs = kept(c.texts.runtimeConfigs, "", config.Content)
			}
		}
	}
	for _, dep := range s.Deployments {
		c.texts.deployments = kept(c.texts.deployments, dep.Name, dep.Manifest)
	}
	c.unread = append(c.unread, uncollectedVMs(c.Sources, s)...)
	for _, content := range s.CreateEnvs {
		c.texts.createEnvs = kept(c.texts.createEnvs, "", content)
	}
	c.live.views, c.live.leases = viewsOf(s, fromFiles, replaced), leasesOf(s)
	c.live.told, c.live.orphans = toldBy(s)
	c.live.externals, c.live.bookings = r.fleet.externalsOf(s), s.Settings.Bookings
}

// keeper adds to a list of texts what a snapshot kept of one; vips are as in text.
func keeper(from *fleet.SnapshotFile, s *snapshot.Snapshot, beside bool, vips *bosh.Patterns) func(list []text, name string, content snapshot.Content) []text {
	return func(list []text, name string, content snapshot.Content) []text {
		if content.Document == nil {
			return list
		}
		e := fleet.SourceFile{Path: from.Shown(), At: from.At, Name: name, Document: content.Document}
		return append(list, text{SourceFile: e, told: true, beside: beside, noRouterIDs: !s.Kept.RouterIDs, noTypes: !s.Kept.Types, vips: vips})
	}
}

// settled is a director with what was told of its settings, where the fleet file does
// not say them.
func settled(d *fleet.Sources, told snapshot.Settings) *fleet.Sources {
	own := *d
	own.IgnoreMissingGateway = d.IgnoreMissingGateway || told.IgnoreMissingGateway
	own.ManagedNetworks = d.ManagedNetworks || told.ManagedNetworks
	own.NoConfigServer = d.NoConfigServer || told.NoConfigServer
	if len(d.Addresses) == 0 {
		for _, a := range told.Own {
			own.Addresses = append(own.Addresses, a.Block)
		}
	}
	if len(d.Reached) == 0 {
		via := ""
		if len(told.Proxies) == 1 {
			via = told.Proxies[0].Block.Range.From().String()
		}
		for _, a := range told.AnswersAt {
			own.Reached = append(own.Reached, fleet.ReachedAt{Block: a.Block, Via: via})
		}
		for _, a := range told.Proxies {
			own.Reached = append(own.Reached, fleet.ReachedAt{Block: a.Block, Proxy: true})
		}
	}
	return &own
}

// namesOf are the names of the configs that files stand in place of, nil if they
// stand in place of all.
func namesOf(entries []fleet.SourceFile) []string {
	var names []string
	for _, e := range entries {
		if e.Name == "" {
			return nil
		}
		names = append(names, e.Name)
	}
	return names
}

// uncollected tells of texts that a director has and that could not be read when
// they were collected.
func uncollected(d *fleet.Sources, s *snapshot.Snapshot) []claims.Unread {
	var list []claims.Unread
	say := func(source claims.Source, deployment, what string, c snapshot.Content) {
		if c.Unreadable != "" {
			list = append(list, unreadOf(source, deployment, false, notCollected(d, what, c)))
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
	}
	return list
}

// uncollectedVMs tells of manifests for create-env that a snapshot has and that could not be
// read when it was made.
func uncollectedVMs(d *fleet.Sources, s *snapshot.Snapshot) []claims.Unread {
	var list []claims.Unread
	for _, c := range s.CreateEnvs {
		if c.Document == nil {
			list = append(list, unreadOf(claims.CreateEnvSource, "", false, notCollected(d, "a manifest for create-env", c)))
		}
	}
	return list
}

func notCollected(d *fleet.Sources, what string, c snapshot.Content) trouble.Trouble {
	return trouble.Trouble{
		Message: fmt.Sprintf("%s of director %s could not be collected: %s", what, d.Name, cmp.Or(c.Unreadable, "it is empty")), At: d.Snapshot.At,
	}
}

func unreadableOf(s *snapshot.Snapshot) []string {
	var names []string
	for _, dep := range s.Deployments {
		if dep.Manifest.Unreadable != "" || dep.NeverSucceeded() {
			names = append(names, dep.Name)
		}
	}
	return names
}

// unreadOf is a source that could not be read.
func unreadOf(source claims.Source, deployment string, judged bool, t trouble.Trouble) claims.Unread {
	return claims.Unread{Source: source, Deployment: deployment, Reason: plan.Unreadable, Judged: judged, Message: t.Message, Hint: t.Hint, Excerpt: t.Excerpt, At: t.At}
}

// withheldBy says what the director does not show of its deployments.
func withheldBy(d *fleet.Sources, s *snapshot.Snapshot) []trouble.Trouble {
	var list []trouble.Trouble
	for i := range s.Deployments {
		dep := &s.Deployments[i]
		text := dep.NotShown()
		if text == "" {
			continue
		}
		hint := again(d) + " again when the task has ended"
		if !dep.Locked {
			hint = fmt.Sprintf("deploy it, or delete it: bosh -d %s delete-deployment", dep.Name)
		}
		list = append(list, trouble.Trouble{Message: "director " + d.Name + " did not show " + text, At: d.Snapshot.At, Hint: hint})
	}
	return list
}

// partlyOf are the deployments of which the director does not show all.
func partlyOf(s *snapshot.Snapshot) []string {
	var names []string
	for i := range s.Deployments {
		if s.Deployments[i].NotShown() != "" {
			names = append(names, s.Deployments[i].Name)
		}
	}
	return names
}

// viewsOf are the cloud-configs that deployments are pinned to, and, where files have
// others, those that the director has.
func viewsOf(s *snapshot.Snapshot, fromFiles bool, replaced map[string]bool) (views []view) {
	if fromFiles {
		now := view{docs: configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team == "" }), past: "as the director has it"}
		for _, dep := range s.Deployments {
			if dep.Pinned == nil && len(teamConfigs(s, dep.Teams, replaced)) == 0 {
				now.deployments = append(now.deployments, dep.Name)
			}
		}
		views = append(views, now)
	}
	for _, dep := range s.Deployments {
		if pinned := configs(s, func(c snapshot.Config) bool { return slices.Contains(dep.Pinned, c.ID) }); len(pinned) > 0 {
			views = addTo(views, pinned, dep.Name)
		}
	}
	return views
}

func teamsOf(s *snapshot.Snapshot, replaced map[string]bool) (teams []view) {
	for _, dep := range s.Deployments {
		if docs := teamConfigs(s, dep.Teams, replaced); len(docs) > 0 {
			teams = addTo(teams, docs, dep.Name)
		}
	}
	return teams
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

// leasesOf are all addresses that the director granted.
func leasesOf(s *snapshot.Snapshot) []claims.Lease {
	vms := len(s.Orphans)
	for _, dep := range s.Deployments {
		vms += len(dep.VMs)
	}
	leases := make([]claims.Lease, 0, vms)
	for _, dep := range s.Deployments {
		for _, vm := range dep.VMs {
			leases = append(leases, lease(vm, dep.Name, false))
		}
	}
	for _, vm := range s.Orphans {
		leases = append(leases, lease(vm, vm.Deployment, true))
	}
	return leases
}

func lease(vm snapshot.VM, deployment string, orphan bool) claims.Lease {
	l := claims.Lease{Deployment: deployment, Group: vm.Group, ID: vm.ID, AZ: vm.AZ, Index: vm.Index, Orphan: orphan, Blocks: make([]bosh.Block, len(vm.Addresses))}
	for i, a := range vm.Addresses {
		l.Blocks[i] = a.Block
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

func isTarget(e fleet.SourceFile) bool { return e.Target }
