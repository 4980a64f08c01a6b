package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// readGroup reads one instance group, or a job of a v1 manifest
// (deployment_plan/instance_group_spec_parser.rb).
func (r *manifestReader) readGroup(v source.Value, index int) {
	at := func(step uint8) { r.At = Order{Stage: StageManifest, Group: index, Step: step} }
	at(stepName)
	g := &Group{At: v.Place(), AZsAt: v.Place(), Lifecycle: "service", spec: v}
	r.m.Groups = append(r.m.Groups, g)
	g.os = r.osOf(v)
	name, nameAt, ok := r.text(v, "name", required)
	if ok {
		g.Name, g.At, g.PastHidden = name, nameAt.Place(), hides(nameAt)
	}
	at(stepLifecycle)
	r.readLifecycle(v, g)
	at(stepJobs)
	r.readJobs(v, g)
	at(stepVM)
	r.readChoices(v, g)
	r.checkGroupKeys(v)
	update, _ := r.object(v, "update", optional)
	g.VMStrategy, _ = update.Field("vm_strategy").Coerced()
	r.checkUpdate(update, optional)
	r.readGroupNetworks(v, g, index)
	at(stepDefaults)
	r.checkDefaults(g)
	at(StepZones)
	r.readGroupZones(v, g)
	at(stepMigration)
	r.readMigrations(v, g)
	at(stepInstances)
	r.readInstances(v, g)
	at(stepCanonical)
	if ok {
		r.canonicalName(g.Name, nameAt, "this "+r.groupWord())
	}
}

func (r *manifestReader) readLifecycle(v source.Value, g *Group) {
	_, at, ok := r.text(v, "lifecycle", optional)
	text := wordOf(at, "service", "errand")
	switch {
	case !ok:
	case r.hidden(at, "the lifecycle of %s", g.Name):
		g.lifecycleHidden = true
		g.Lifecycle = "errand" // of which less is checked at a deploy
	case text == "service", text == "errand":
		g.Lifecycle = text
	default:
		p := r.Add(RuleInvalidValue, "JobInvalidLifecycle", at.Place(), "the lifecycle of %s is service or errand, not %q", r.groupWords(g), at)
		if near, ok := spelling.Nearest(text, []string{"service", "errand"}); ok {
			p.WithCure("lifecycle: %s", near)
		}
	}
}

// readJobs reads the names of the group's jobs, which were called templates.
func (r *manifestReader) readJobs(v source.Value, g *Group) {
	jobs := v.Field("jobs")
	for _, key := range []string{"template", "templates"} {
		old := v.Field(key)
		if !v.Has(key) || old.Kind() == source.Nil {
			continue
		}
		if r.m.Form == V2 {
			r.Add(RuleDeprecatedManifest, "V1DeprecatedTemplate", old.Place(), "%s has %s, which directors since v270 refuse", r.groupWords(g), key).
				WithCure("use jobs")
		}
		if !jobs.Present() {
			jobs = old
		}
	}
	if (!jobs.Present() || jobs.Kind() == source.Nil) && r.m.Form == V2 {
		r.Add(RuleMissingKey, classMissingField, v.Place(), "%s has no jobs", r.groupWords(g)).WithCure("jobs: []")
	}
	if jobs.Present() && jobs.Kind() != source.Nil && jobs.Kind() != source.List && r.m.Form == V2 && !r.hidden(jobs, "the jobs of %s", g.Name) {
		r.wrongType(jobs, "jobs", "a list")
	}
	for _, job := range jobs.Items() {
		if v.Has("jobs") && r.m.Form == V2 && (job.IsMap() && !job.Has("name") && !job.OpenKey().Present() || job.Kind() == source.Nil) {
			r.Add(RuleMissingKey, classMissingField, job.Place(), "a job of %s has no name", r.groupWords(g)).WithCure("name: JOB")
		}
	}
	for _, job := range append(jobs.Items(), jobs) {
		of := v.Field("release") // before there were jobs of several
		if job.IsMap() {
			if release := job.Field("release"); release.Present() {
				of = release
			}
			job = job.Field("name")
		}
		release, _ := of.Coerced()
		if name, ok := job.Coerced(); ok {
			g.addJob(job, name, release)
		}
	}
}

// checkGroupKeys reports keys of groups that left with the v1 manifests.
func (r *manifestReader) checkGroupKeys(v source.Value) {
	if r.m.Form != V2 || r.Opts.before(v1Removed) {
		return
	}
	for _, deprecated := range [...]struct{ key, class, instead string }{
		{"persistent_disk_pool", "V1DeprecatedDiskPools", "persistent_disk_type"},
		{"resource_pool", "V1DeprecatedResourcePool", "vm_type"},
	} {
		if old := v.Field(deprecated.key); v.Has(deprecated.key) && old.Kind() != source.Nil {
			r.Add(RuleDeprecatedManifest, deprecated.class, old.Place(), "directors since v270 refuse %s in an instance group", deprecated.key).
				WithCure("use %s", deprecated.instead)
		}
	}
}

// OtherZone begins what is no string and so no zone's name: no network serves it.
const OtherZone = "\x00"

func (r *manifestReader) readGroupZones(v source.Value, g *Group) {
	items, at, ok := r.list(v, "azs", optional)
	if at.Present() {
		g.AZsAt = at.Place()
	}
	if !ok {
		g.AZsUnknown = at.Present()
		return
	}
	g.AZs = make([]string, 0, len(items))
	// That the networks serve the zones is tested before this, by Check.
	r.At.Entry = 1
	if len(items) == 0 {
		r.Add(RuleAvailabilityZone, "JobMissingAvailabilityZones", at.Place(), "azs of %s is empty", r.groupWords(g)).
			WithCure("name a zone, or remove azs")
	}
	for _, item := range items {
		switch item.Kind() {
		case source.String:
			if r.hidden(item, "an availability zone of %s", g.Name) {
				g.AZsUnknown = true
			}
			g.AZs = append(g.AZs, item.Text())
			continue
		case source.Nil:
			g.AZs = append(g.AZs, "")
		case source.List:
			r.readNestedZones(item, g)
			continue
		default:
			g.AZs = append(g.AZs, OtherZone+item.Text())
		}
		r.Add(RuleAvailabilityZone, "JobInvalidAvailabilityZone", item.Place(), "azs of %s holds %s where a name belongs", r.groupWords(g), item.Kind()).
			WithCure("quote it: %q", item)
	}
}

// readNestedZones reads a list in the list of zones. Whether the networks serve them
// is asked of what is in it; that it is no name is found out behind that.
func (r *manifestReader) readNestedZones(list source.Value, g *Group) {
	for _, item := range list.Items() {
		switch item.Kind() {
		case source.String:
			g.AZs = append(g.AZs, item.Text())
		case source.List:
			r.readNestedZones(item, g)
			continue
		default:
			g.AZs = append(g.AZs, OtherZone+item.Text())
		}
	}
	r.Add(RuleAvailabilityZone, "JobInvalidAvailabilityZone", list.Place(), "azs of %s holds a list where a name belongs", r.groupWords(g)).
		WithCure("write the names of the inner list into azs itself")
}

func (r *manifestReader) readMigrations(v source.Value, g *Group) {
	items, list, _ := r.list(v, "migrated_from", optional)
	g.PastHidden = g.PastHidden || hides(list)
	for _, item := range items {
		if !r.isObject(item, "an element of migrated_from") {
			g.PastHidden = g.PastHidden || hides(item)
			continue
		}
		name, nameAt, ok := r.text(item, "name", required)
		az, azAt, hasAZ := r.text(item, "az", optional)
		if ok && r.hidden(nameAt, "a name that %s migrates from", g.Name) {
			g.PastHidden, ok = true, false
		}
		if hasAZ && !slices.Contains(g.AZs, az) && !g.AZsUnknown && !hasVariable(az) {
			r.Add(RuleMigratedFrom, "DeploymentInvalidMigratedFromJob", azAt.Place(),
				"%s takes over %q from availability zone %q, which is not among its azs", r.groupWords(g), name, az)
		}
		if ok {
			g.MigratedFrom = append(g.MigratedFrom, Migration{Name: name, AZ: az, At: nameAt.Place()})
		}
	}
}

// readInstances reads the number of instances and compares it with each list of
// static_ips.
func (r *manifestReader) readInstances(v source.Value, g *Group) {
	n, at, ok := r.integer(v, "instances", required)
	if !ok {
		return
	}
	const most = 1 << 30
	g.Instances, g.InstancesAt = int(min(max(n, -most), most)), at.Place()
	if !at.MayBeShown() {
		g.instancesShown = at.Shown()
	}
	for _, network := range g.Networks {
		if !network.StaticGiven || network.Incomplete {
			continue
		}
		count := CountOf(network.Static)
		if count == (ipaddr.Low(uint64(max(n, 0)))) && n >= 0 {
			continue
		}
		r.Add(RuleInstanceCount, "InstanceGroupNetworkInstanceIpMismatch", countPlace(g, network),
			"%s has %s and %s on network %q: each instance needs one", r.groupWords(g), g.InstancesText(), addressCount(count), network.Name).
			WithCure("give each instance one address, or change instances")
	}
}

// countPlace is the list, which is what most people have to change.
func countPlace(g *Group, n *GroupNetwork) place.Place {
	if n.StaticAt.IsValid() {
		return n.StaticAt
	}
	return g.InstancesAt
}

func addressCount(n ipaddr.Number) string {
	if n.Hi == 0 && n.Lo < 1<<31 {
		return plural.Of(int(n.Lo), "static address")
	}
	return n.String() + " static addresses"
}

// InstancesText is how many instances the group has, as it may be shown.
func (g *Group) InstancesText() string {
	if g.instancesShown != "" {
		return g.instancesShown + " instances"
	}
	return plural.Of(g.Instances, "instance")
}

// CountOf is the number of addresses in a list of blocks.
func CountOf(list []Block) ipaddr.Number {
	var n ipaddr.Number
	for _, b := range list {
		s := b.Span()
		n = n.Plus(s.Last.Minus(s.First).Inc())
	}
	return n
}
