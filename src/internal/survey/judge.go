package survey

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// judged is what the texts of one director say, and what is wrong with them.
type judged struct {
	of       part
	claims   claims.Director
	problems []lint.Problem
	hidden   []lint.Hidden
	failures []trouble.Trouble
	// unread are sources of the director that could not be read.
	unread []claims.Unread
	// owners are what of the director the run judges.
	owners []plan.Owner
	// predicted holds what each deploy would take.
	predicted []Prediction
	// withheld and unreadable are what its snapshot does not tell of its deployments.
	withheld   []trouble.Trouble
	unreadable []string
	// partly are the deployments that withheld is about.
	partly []string
	// bookings are what its team told of its own pools.
	bookings []snapshot.Booking
	// own are the names of deployments that files have.
	own []string
}

// judge turns one director's documents into claims, and finds out what is wrong.
func judge(d documents, mode mode) judged {
	j := &judged{of: d.of, unread: slices.Clone(d.unread), withheld: d.live.withheld, unreadable: d.live.unreadable, partly: d.live.partly, bookings: d.live.bookings}
	c := &j.claims
	c.Name, c.Addresses, c.Externals = d.Name, d.Addresses, d.live.externals
	for _, r := range d.Reached {
		c.Reached = append(c.Reached, claims.Reached(r))
	}
	d.deployments = d.withKnownNames(j)
	j.own = ownNames(d.deployments)
	d.leaveBeside()
	current, past := pastAside(d.deployments) // names of create-env manifests are guarded by nobody
	j.warnOneName(d.Name, current)
	createEnvs := j.manifests(d.Name, claims.CreateEnvSource, d.createEnvs)
	c.CreateEnvs = readOf(createEnvs)
	opts := d.options()
	opts.DirectorIPs = directorIPs(d.Addresses, c.CreateEnvs)
	c.CPI = d.cpiOf(c.CreateEnvs)
	vips, ofConfig := j.cloudConfigs(&d, opts)
	if slices.ContainsFunc(current, func(m manifest) bool { return m.text.noTypes }) {
		vips = vips.CountEverywhere()
	}
	ofRuntime := j.runtimeConfigs(&d)
	c.CloudVIPs, c.CloudGaps = append(vips.Found, ofRuntime.Found...), append(vips.Gaps, ofRuntime.Gaps...)
	deployments := j.manifests(d.Name, claims.DeploymentSource, current)
	c.Deployments = readOf(deployments)
	j.report(d.Name, "", ofConfig, nil)
	c.Leases, c.Indexes = d.leases(deployments), d.live.indexes()
	c.Views = d.otherViews(opts, past, deployments)
	teams := j.teams(&d, ofConfig, opts)
	c.Views = append(teams.views(c.Views), c.Views...)
	if mode == judgeAll || mode == judgeTargets && hasTarget(d.Sources) {
		j.checkEach(&d, teams, past, deployments, opts)
		var whole []*bosh.Manifest
		if d.At.IsValid() && len(deployments) == len(current) {
			whole = c.Deployments // they are all that the director has
		}
		j.report(d.Name, "", bosh.CheckNetworks(c.CloudConfig, whole, opts), nil)
		j.report(d.Name, "", deploy.CheckCompilation(c.CloudConfig, opts), nil)
	}
	for _, m := range createEnvs {
		j.report(d.Name, m.read.Name, m.problems, m.hidden)
		j.predicted = append(j.predicted, Prediction{Director: d.Name, Deployment: m.read.Name, Target: m.text.Target, Addresses: deploy.CreateEnvAddresses(m.read)})
	}
	j.missingSources(&d, current)
	j.number(len(current))
	c.Unread, c.Lost = j.unread, lostOf(d.Lost)
	return *j
}

// cpiOf is the name of the director's CPI: as the fleet file, the director itself
// or the manifest of its own VM tells it; a variable where only that hides it; empty where
// none does.
func (d *documents) cpiOf(createEnvs []*bosh.Manifest) string {
	names, hidden := []string{d.cpi}, ""
	for _, m := range createEnvs {
		if _, hides := bosh.VariableIn(m.DirectorCPI); hides {
			hidden = cmp.Or(hidden, m.DirectorCPI)
		} else {
			names = append(names, m.DirectorCPI)
		}
	}
	return cmp.Or(append(names, hidden)...)
}

// lostOf are the sources that stand in files of some kinds.
func lostOf(kinds []fleet.Kind) (lost []claims.Source) {
	of := map[fleet.Kind]claims.Source{
		fleet.CloudConfigs: claims.CloudConfigSource, fleet.RuntimeConfigs: claims.RuntimeConfigSource,
		fleet.Deployments: claims.DeploymentSource, fleet.CreateEnv: claims.CreateEnvSource,
	}
	for _, kind := range kinds {
		lost = append(lost, of[kind])
	}
	return lost
}

func readOf(list []manifest) []*bosh.Manifest {
	var read []*bosh.Manifest
	for _, m := range list {
		read = append(read, m.read)
	}
	return read
}

// checkAll is deploy.CheckAll for manifests of which some may be of one deployment: a
// director has one of these at a time, and so each is played without the others.
func checkAll(cc *bosh.CloudConfig, manifests []*bosh.Manifest, past deploy.Past, opts bosh.Options) []deploy.Outcome {
	var first, again []int
	names := map[string]bool{}
	for i, m := range manifests {
		if m.Name != "" && names[m.Name] {
			again = append(again, i)
			continue
		}
		names[m.Name] = true
		first = append(first, i)
	}
	if len(again) == 0 {
		return deploy.CheckAll(cc, manifests, past, opts)
	}
	outcomes := make([]deploy.Outcome, len(manifests))
	play := func(indexes []int, counts func(i int) bool) {
		var list []*bosh.Manifest
		for _, i := range indexes {
			list = append(list, manifests[i])
		}
		for k, outcome := range deploy.CheckAll(cc, list, past, opts) {
			if i := indexes[k]; counts(i) {
				outcomes[i] = outcome
			}
		}
	}
	play(first, func(int) bool { return true })
	for _, i := range again {
		others := slices.DeleteFunc(slices.Clone(first), func(k int) bool { return manifests[k].Name == manifests[i].Name })
		play(append(others, i), func(k int) bool { return k == i })
	}
	return outcomes
}

// check deploys the manifests to the director's networks, one after the other,
// and reports what the director would say to each, after what it had before. What
// is judged comes last: a director knows the others already. A run that judges
// some deployments leaves the others as the director told them.
func (j *judged) check(d *documents, cc *bosh.CloudConfig, past deploy.Past, list []manifest, opts bosh.Options) {
	slices.SortStableFunc(list, func(a, b manifest) int { return lastIf(a.text.Target) - lastIf(b.text.Target) })
	someJudged := slices.ContainsFunc(list, func(m manifest) bool { return m.text.Target }) &&
		!slices.ContainsFunc(d.CloudConfigs, isTarget)
	var played []manifest
	var read []*bosh.Manifest
	for _, m := range list {
		unknown := cc == nil && m.read.Form == bosh.V2 // its networks are, which is said elsewhere
		stays := someJudged && !m.text.Target && d.live.isTold(m.name())
		if unknown || stays {
			j.report(d.Name, m.read.Name, m.problems, m.hidden)
			continue
		}
		played, read = append(played, m), append(read, m.read)
	}
	for i, outcome := range checkAll(cc, read, past, opts) {
		m := played[i]
		problems := slices.Concat(m.problems, outcome.Problems)
		if !m.text.told {
			problems = append(problems, deploy.CheckNICGroups(cc, m.read, outcome.Addresses)...)
		}
		bosh.Sort(problems)
		j.report(d.Name, m.read.Name, problems, m.hidden)
		for _, doubt := range outcome.Doubts {
			j.failures = append(j.failures, trouble.Trouble{
				Message: doubt.Message, At: doubt.At,
				Hint: "give the instances their VMs back, or delete them: bosh cloud-check; then " + strings.TrimPrefix(again(d.Sources), "run "),
			})
		}
		j.predicted = append(j.predicted, Prediction{Director: d.Name, Deployment: m.read.Name, Target: m.text.Target, Addresses: outcome.Addresses})
	}
}

func lastIf(target bool) int {
	if target {
		return 1
	}
	return 0
}

// manifests notes failures and returns the manifests that could be read.
func (j *judged) manifests(director string, source claims.Source, list []manifest) []manifest {
	var readable []manifest
	for _, m := range list {
		j.cannotRead(source, m.text.Name, m.text.Target, m.failures)
		if m.read == nil {
			j.report(director, "", m.problems, m.hidden)
			if m.text.Target && m.text.Name != "" { // without a name nothing can be said of it but that
				j.owners = append(j.owners, plan.Owner{Director: director, Deployment: m.text.Name})
			}
			continue
		}
		if m.text.Target {
			j.owners = append(j.owners, plan.Owner{Director: director, Deployment: m.read.Name})
		}
		readable = append(readable, m)
	}
	return readable
}

// cloudConfigs reads a director's cloud-configs together, as it merges them.
func (j *judged) cloudConfigs(d *documents, opts bosh.Options) (vips bosh.VIPs, problems []bosh.Problem) {
	var docs []source.Value
	opts.ConfigsUnread = slices.Contains(d.Lost, fleet.CloudConfigs)
	for _, c := range d.cloudConfigs {
		opts.ConfigsUnread = opts.ConfigsUnread || c.doc == nil
		j.cannotRead(claims.CloudConfigSource, "", c.text.Target, c.failures)
		if c.doc != nil {
			docs = append(docs, c.doc.Root())
		}
		if c.text.Target {
			j.owners = append(j.owners, plan.Owner{Director: d.Name})
		}
	}
	if len(docs) == 0 {
		return vips, nil
	}
	var hidden []bosh.Unresolved
	j.claims.CloudConfig, problems, hidden = bosh.ReadCloudConfigs(docs, opts)
	for _, doc := range docs {
		found, err := bosh.FindCloudConfigVIPs(doc)
		if err != nil {
			j.cannotRead(claims.RuntimeConfigSource, "", false, []trouble.Trouble{failure(err, place.Place{})})
		}
		vips.Found, vips.Gaps = append(vips.Found, found.Found...), append(vips.Gaps, found.Gaps...)
		hidden = append(hidden, found.Unresolved...)
	}
	bosh.Sort(problems)
	j.report(d.Name, "", nil, hidden)
	return vips, problems
}

// cannotRead notes a source that could not be read.
func (j *judged) cannotRead(source claims.Source, deployment string, judged bool, failures []trouble.Trouble) {
	for _, f := range failures {
		j.unread = append(j.unread, unreadOf(source, deployment, judged, f))
	}
}

func (j *judged) report(director, deployment string, problems []bosh.Problem, hidden []bosh.Unresolved) {
	for _, p := range problems {
		j.problems = append(j.problems, lint.Problem{Director: director, Deployment: deployment, Problem: p})
	}
	for _, h := range hidden {
		j.hidden = append(j.hidden, lint.Hidden{Director: director, Deployment: deployment, Unresolved: h})
	}
}

// number gives the refusals of a director their order: that of the director for
// the cloud-configs together with one manifest; where there are several, one
// manifest after the other.
func (j *judged) number(manifests int) {
	list := j.problems
	if manifests == 1 {
		bosh.SortBy(list, func(p lint.Problem) bosh.Problem { return p.Problem })
	}
	order := 0
	for i := range list {
		if list[i].Refusal() {
			order++
			list[i].Order = order
		}
	}
}

// pastAside parts the manifests that count from those that another one of the same name
// stands for, a linted one or, for one that the director told of, any file. A changed
// manifest is not in conflict with its own past. To a director that past is what it
// deployed before.
func pastAside(list []manifest) (current, past []manifest) {
	highest := map[string]int{}
	for _, m := range list {
		if m.read != nil {
			highest[m.name()] = max(highest[m.name()], m.rank())
		}
	}
	for _, m := range list {
		if m.read != nil && m.rank() < highest[m.name()] {
			past = append(past, m)
		} else {
			current = append(current, m)
		}
	}
	return current, past
}

// rank says which of two manifests of one deployment counts: the higher one.
func (m manifest) rank() int {
	const told, file, linted = 0, 1, 2
	switch {
	case m.text.Target:
		return linted
	case m.text.told:
		return told
	}
	return file
}

func (m manifest) name() string {
	if m.text.Name != "" {
		return m.text.Name
	}
	return m.read.Name
}

// directorIPs are the addresses of the director's machine: those that the fleet
// file tells, and those of a create-env VM that runs the director.
func directorIPs(declared []bosh.Block, createEnvs []*bosh.Manifest) []netip.Addr {
	var list []netip.Addr
	add := func(blocks []bosh.Block) {
		for _, b := range blocks {
			if b.Range.From() == b.Range.To() {
				list = append(list, b.Range.From())
			}
		}
	}
	add(declared)
	for _, m := range createEnvs {
		add(claims.DirectorMachine(m))
	}
	return list
}

// missingSources says what keeps a director from being judged at all.
func (j *judged) missingSources(d *documents, deployments []manifest) {
	of := "director " + d.Name
	if d.Name == "" {
		of = "this deployment"
	}
	t := d.texts
	if d.Damaged {
		j.cannotRead(claims.DirectorSource, "", false, []trouble.Trouble{{
			Message: fmt.Sprintf("what was pushed of %s is damaged on the server: what it has is not known", of), At: d.At,
			Hint: "whoever has it runs ipguard push " + place.Name(d.Name).String(),
		}})
		return
	}
	switch {
	case len(t.cloudConfigs)+len(t.deployments)+len(t.createEnvs) == 0:
		if d.Unresolved || d.Snapshot != nil {
			return
		}
		if d.Server != "" {
			j.cannotRead(claims.DirectorSource, "", false, []trouble.Trouble{{
				Message: fmt.Sprintf("nobody has pushed %s yet: nothing is known of its addresses", of), At: d.At, Hint: again(d.Sources),
			}})
			return
		}
		j.cannotRead(claims.DirectorSource, "", false, []trouble.Trouble{{
			Message: fmt.Sprintf("%s has no source: nothing is known of its addresses", of), At: d.At,
			Hint: "name its cloud_configs, deployments, create_env or snapshot in the fleet file",
		}})
	case len(t.cloudConfigs) == 0:
		for _, m := range deployments {
			if m.read != nil && m.read.Form == bosh.V2 {
				j.cannotRead(claims.CloudConfigSource, "", false, []trouble.Trouble{noCloudConfig(of, m.read.NameAt)})
				return
			}
		}
	}
}

// noCloudConfig says of a manifest that nobody knows its networks.
func noCloudConfig(of string, at place.Place) trouble.Trouble {
	return trouble.Trouble{
		Message: fmt.Sprintf("no cloud-config of %s is given: its networks are unknown", of), At: at,
		Hint: "name it in cloud_configs of the fleet file, or pass -c FILE",
	}
}

// warnOneName tells of files that are manifests of one deployment: its director
// has one of them, and which one, nobody knows. Both count.
func (j *judged) warnOneName(director string, list []manifest) {
	first := map[string]manifest{}
	for _, m := range list {
		if m.read == nil || m.text.told || m.name() == "" {
			continue
		}
		if _, hidden := bosh.VariableIn(m.name()); hidden {
			continue
		}
		other, twice := first[m.name()]
		if !twice {
			first[m.name()] = m
			continue
		}
		j.report(director, m.name(), []bosh.Problem{{
			Rule: bosh.RuleDuplicateName, Warning: true, At: m.read.NameAt,
			Message: fmt.Sprintf("director %s has two manifests of deployment %q, this one and %s: it deploys one in the place of the other", director, m.name(), other.text.Path),
			Cure:    "give one of the two another name, or take it out of the fleet file",
		}}, nil)
	}
}
