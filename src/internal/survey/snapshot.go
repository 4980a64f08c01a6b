package survey

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// SnapshotFile is the file in which a director's answers were kept.
type SnapshotFile struct {
	Path string
	// At is the line of the fleet file that names it.
	At place.Place
	// MaxAge is how old it may be; 0: any age.
	MaxAge   time.Duration
	MaxAgeAt place.Place
}

// Snapshots say how snapshots are read.
type Snapshots struct {
	// Files reads them, and keeps their texts.
	Files *source.Files
	// Now is what their age is reckoned from.
	Now time.Time
	// AllowStale makes one that is too old a finding in place of a failure.
	AllowStale bool
	// CanAllow says that the user's command has a flag for that.
	CanAllow bool
	// Wanted is what they must have kept.
	Wanted snapshot.Keep

	wanted snapshot.Kept
}

// live is what a director's snapshot says, beside entries of the files' kind.
type live struct {
	head snapshot.Head
	// snapshot is all of it; nil until it is read, and once it is unfolded.
	snapshot *snapshot.Snapshot
	// needed tells whether the rest of the snapshot must be read.
	needed bool
	// unreadable are deployments whose manifest could not be collected.
	unreadable []string
	// views are older cloud-configs that deployments are pinned to, and what the
	// director has where files say otherwise.
	views []view
	// teams are cloud-configs that some deployments get beside what all get.
	teams  []view
	leases []claims.Lease
}

// view is one set of cloud-configs, and the deployments that have it.
type view struct {
	docs        []source.Value
	deployments []string
	past        string
}

// openSnapshots opens the snapshots of all directors. failures are of those that
// cannot be used, or may not be.
func (f *Fleet) openSnapshots() (failures, stale []lint.Failure) {
	results := make([]opened, len(f.Directors))
	f.Snapshots.wanted = f.Snapshots.Wanted.Kept()
	readers := sync.Pool{New: func() any { return new(snapshot.HeadReader) }}
	var whole, heads []func() // what takes longest comes first
	for i := range f.Directors {
		d := &f.Directors[i]
		switch {
		case d.Snapshot == nil:
		case !f.hasTargets() || d.needsSnapshot():
			whole = append(whole, func() { results[i] = f.open(d, f.readWhole) })
		default:
			heads = append(heads, func() {
				reader := readers.Get().(*snapshot.HeadReader)
				defer readers.Put(reader)
				results[i] = f.open(d, func(path string) (*live, error) {
					head, err := reader.Read(path)
					return &live{head: head, needed: !head.Sealed}, err
				})
			})
		}
	}
	runAll(append(whole, heads...))
	uuids := map[string]string{}
	for i, o := range results {
		failures, stale = append(failures, o.failures...), append(stale, o.stale...)
		if o.live == nil {
			continue
		}
		d := &f.Directors[i]
		d.live = o.live
		if d.Version == "" {
			d.Version = o.live.head.Director.Version
		}
		uuid := o.live.head.Director.UUID
		if other, ok := uuids[uuid]; ok && uuid != "" {
			failures = append(failures, lint.Failure{
				Message: fmt.Sprintf("directors %s and %s are one: the snapshots of both are of the UUID %s", other, d.Name, uuid),
				At:      d.Snapshot.At, Hint: "keep one of the two in the fleet file",
			})
		}
		uuids[uuid] = d.Name
	}
	return failures, stale
}

// opened is what became of opening one snapshot.
type opened struct {
	live            *live
	failures, stale []lint.Failure
}

// readWhole reads a snapshot to its end.
func (f *Fleet) readWhole(path string) (*live, error) {
	text, err := f.Snapshots.Files.Read(path)
	if err != nil {
		return nil, err
	}
	s, err := snapshot.Read(path, text)
	if err != nil {
		return nil, err
	}
	return &live{head: s.Head, snapshot: s, needed: true}, nil
}

// open opens a director's snapshot by read.
func (f *Fleet) open(d *Director, read func(path string) (*live, error)) (o opened) {
	l, err := read(d.Snapshot.Path)
	if err != nil {
		failed := failure(err, d.Snapshot.At)
		if failed.Hint == "" {
			failed.Hint = "ipguard collect " + d.Name + " writes it"
		}
		return opened{failures: []lint.Failure{failed}}
	}
	o.live = l
	if late, ok := f.Snapshots.tooOld(d, l.head); ok {
		if f.Snapshots.AllowStale {
			o.stale = append(o.stale, late)
		} else {
			o.failures = append(o.failures, late)
		}
	}
	if lacks := l.head.Kept.Lacks(f.Snapshots.wanted); len(lacks) > 0 {
		o.failures = append(o.failures, lint.Failure{
			Message: fmt.Sprintf("%s was written when nothing asked for %s", d.Snapshot.Path, several(lacks)),
			At:      d.Snapshot.At, Hint: "run ipguard collect " + d.Name + ", which looks for it now",
		})
	}
	return o
}

// unseen says what directors did not show.
func (f *Fleet) unseen() []lint.Failure {
	var list []lint.Failure
	for i := range f.Directors {
		if d := &f.Directors[i]; d.live != nil && len(d.live.head.Unseen) > 0 {
			list = append(list, lint.Failure{
				Message: fmt.Sprintf("director %s did not show %s", d.Name, strings.Join(d.live.head.Unseen, "; ")),
				At:      d.Snapshot.At, Hint: "run ipguard collect " + d.Name + " as a client that sees it, such as one with the scope bosh.admin",
			})
		}
	}
	return list
}

// several lists the first of many words.
func several(words []string) string {
	const most = 3
	if rest := len(words) - most; rest > 0 {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	return strings.Join(words, ", ")
}

// skew is how far two clocks may be apart.
const skew = time.Hour

// tooOld says how old a snapshot is that may not be so old. One from the future
// has no age that could be trusted.
func (s Snapshots) tooOld(d *Director, head snapshot.Head) (lint.Failure, bool) {
	age := s.Now.Sub(head.Collected).Truncate(time.Minute)
	late := lint.Failure{At: d.Snapshot.MaxAgeAt, Hint: "run ipguard collect " + d.Name}
	if s.CanAllow {
		late.Hint += ", or take it as it is with --allow-stale"
	}
	switch {
	case d.Snapshot.MaxAge == 0:
		return lint.Failure{}, false
	case age > d.Snapshot.MaxAge:
		late.Message = fmt.Sprintf("%s is %s old, and may be %s: what director %s granted since is unknown",
			d.Snapshot.Path, ageText(age), ageText(d.Snapshot.MaxAge), d.Name)
		return late, true
	case age < -skew:
		late.Message = fmt.Sprintf("%s was written at %s, which is in the future: its age is unknown", d.Snapshot.Path, head.Collected.Format(time.RFC3339))
		return late, true
	}
	return lint.Failure{}, false
}

// ageText is a length of time as the fleet file has it, in its largest unit.
func ageText(age time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case age >= day:
		if rest := age % day / time.Hour; rest > 0 {
			return fmt.Sprintf("%dd%dh", age/day, rest)
		}
		return fmt.Sprintf("%dd", age/day)
	case age >= time.Hour:
		if rest := age % time.Hour / time.Minute; rest > 0 {
			return fmt.Sprintf("%dh%dm", age/time.Hour, rest)
		}
		return fmt.Sprintf("%dh", age/time.Hour)
	}
	return fmt.Sprintf("%dm", age/time.Minute)
}

// chooseFirst decides which snapshots are read before it is known what the judged
// files claim, beside those that are read whatever they cover: those that cover
// addresses which judged directors cover.
func (f *Fleet) chooseFirst() {
	for i := range f.Directors {
		if d := &f.Directors[i]; d.live != nil && d.live.head.Covers != nil && d.hasTarget() {
			f.choose(d.live.head.Covers)
		}
	}
}

// choose chooses the snapshots whose addresses can meet the claimed ones, and
// reports whether there are any that were not chosen before.
func (f *Fleet) choose(claimed *netipx.IPSet) (more bool) {
	for i := range f.Directors {
		d := &f.Directors[i]
		if d.live == nil || d.live.needed {
			continue
		}
		d.live.needed = claimed == nil || d.live.head.Covers == nil || d.live.head.Covers.Overlaps(claimed)
		more = more || d.live.needed
	}
	return more
}

// skipped counts the deployments of snapshots that need not be read.
func (f *Fleet) skipped() int {
	n := 0
	for _, d := range f.Directors {
		if d.live != nil && !d.live.needed {
			n += d.live.head.Deployed
		}
	}
	return n
}

// claimedBy returns the addresses of all subnets and claims of the directors that
// are judged.
func (f *Fleet) claimedBy(p *plan.Plan) *netipx.IPSet {
	judged := map[string]bool{}
	for i := range f.Directors {
		if f.Directors[i].hasTarget() {
			judged[f.Directors[i].Name] = true
		}
	}
	var set netipx.IPSetBuilder
	for _, s := range p.Subnets {
		if judged[s.Director] && s.Range.IsValid() {
			set.AddPrefix(s.Range)
		}
	}
	for _, c := range p.Claims {
		if judged[c.Owner.Director] && c.Range.IsValid() {
			set.AddRange(c.Range)
		}
	}
	all, err := set.IPSet()
	if err != nil {
		return nil // then every snapshot is read
	}
	return all
}

// unfold puts what a chosen snapshot says where that of files is.
func (f *Fleet) unfold(d *Director) []lint.Failure {
	s := d.live.snapshot
	if s == nil {
		whole, err := f.readWhole(d.Snapshot.Path)
		if err != nil {
			return []lint.Failure{failure(err, d.Snapshot.At)}
		}
		s = whole.snapshot
	}
	d.live.snapshot = nil
	defer d.keepOnly()
	entry := Entry{Path: d.Snapshot.Path, At: d.Snapshot.At, Deployed: true}
	named := namesOf(d.CloudConfigs)
	fromFiles := len(d.CloudConfigs) > 0 && named == nil
	for _, c := range s.CloudConfigs {
		if c.Latest && c.Team == "" && !fromFiles && !slices.Contains(named, c.Name) && c.Content.Document != nil {
			entry.Document = c.Content.Document
			d.CloudConfigs = append(d.CloudConfigs, entry)
		}
	}
	judged := namesOf(d.RuntimeConfigs)
	replaced := len(d.RuntimeConfigs) > 0 && judged == nil
	for _, c := range s.RuntimeConfigs {
		if !replaced && !slices.Contains(judged, c.Name) && c.Content.Document != nil {
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
	d.live.add(s, fromFiles)
	return d.unreadable(s)
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
func (d *Director) unreadable(s *snapshot.Snapshot) (failures []lint.Failure) {
	say := func(what string, c snapshot.Content) {
		if c.Unreadable != "" {
			failures = append(failures, lint.Failure{
				Message: fmt.Sprintf("%s of director %s could not be collected: %s", what, d.Name, c.Unreadable), At: d.Snapshot.At,
			})
		}
	}
	for _, c := range slices.Concat(s.CloudConfigs, s.RuntimeConfigs) {
		say("config "+c.Name, c.Content)
	}
	for _, dep := range s.Deployments {
		say("the manifest of "+dep.Name, dep.Manifest)
		if dep.Manifest.Unreadable != "" {
			d.live.unreadable = append(d.live.unreadable, dep.Name)
		}
	}
	return failures
}

// add takes over the views and leases.
func (l *live) add(s *snapshot.Snapshot, fromFiles bool) {
	vms := len(s.Orphans)
	for _, dep := range s.Deployments {
		vms += len(dep.VMs)
	}
	l.leases = make([]claims.Lease, 0, vms)
	if fromFiles {
		now := view{docs: configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team == "" }), past: "as the director has it"}
		for _, dep := range s.Deployments {
			if dep.Pinned == nil {
				now.deployments = append(now.deployments, dep.Name)
			}
		}
		l.views = append(l.views, now)
	}
	for _, dep := range s.Deployments {
		if docs := teamConfigs(s, dep.Teams); len(docs) > 0 && !fromFiles {
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
	l := claims.Lease{Deployment: deployment, Group: vm.Group, ID: vm.ID, AZ: vm.AZ}
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

// teamConfigs are the latest cloud-configs of some teams.
func teamConfigs(s *snapshot.Snapshot, teams []string) []source.Value {
	return configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team != "" && slices.Contains(teams, c.Team) })
}

// asStillIs is how an older cloud-config is told from the one that counts.
func asStillIs(deployments []string) string {
	switch len(deployments) {
	case 1:
		return "as " + deployments[0] + " still has it"
	case 2:
		return "as " + deployments[0] + " and " + deployments[1] + " still have it"
	}
	return fmt.Sprintf("as %s and %d others still have it", deployments[0], len(deployments)-1)
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
